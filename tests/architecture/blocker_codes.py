"""Reads from the source which blocker codes the product can emit.

A code is the first argument of ``Blocker``, ``stop`` or ``_store_blocker``. Where it is not a literal, the
place must be known here, with where its literals stand; a new such place fails the test instead of hiding a code.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

# file → the expression that stands for a code → names of the dicts that hold its literals. An empty list means that
# the literals stand in the callers, or that the code is a rule's id.
INDIRECT: dict[str, dict[str, list[str]]] = {
    "domain/deletion.py": {"rule.id": [], "EXPIRY_RULE": []},
    "domain/duties.py": {"rule.id": []},
    "domain/undecided.py": {"*_UNDECIDED_CLASSES[label.record_class]": ["_UNDECIDED_CLASSES"], "found.code": []},
    "stages/discover.py": {"code": []},
    "stores/files/blockers.py": {"code": ["_WORDS"]},
    "stores/objects/refusals.py": {"code": ["codes"]},
    "stores/sql/hazards.py": {"row.hazard": ["hazards"]},
    "stores/sql/limits.py": {"hazard": ["_BY_ITSELF"]},
    "stores/sql/mysql_catalogue.py": {"hazard": ["_SAID"]},
}


def emitted_codes(package: Path) -> set[str]:
    """All blocker codes in the package's source; AssertionError for a code that cannot be traced."""
    codes: set[str] = set()
    for path in sorted(package.rglob("*.py")):
        name = str(path.relative_to(package))
        if not name.startswith("demo/"):
            codes |= _of_module(ast.parse(path.read_text("utf-8")), name)
    return codes


def _of_module(tree: ast.Module, name: str) -> set[str]:
    codes: set[str] = set()
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not _makes_blocker(call.func):
            continue
        given = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "code")]
        for first in given[:1]:
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                codes.add(first.value)
                continue
            written = ast.unparse(first)
            known = INDIRECT.get(name, {})
            assert written in known, f"{name}:{call.lineno}: where do the codes of {written!r} stand?"
            for holder in known[written]:
                found = set(_literals(tree, holder))
                assert found, f"{name}: {holder} holds no codes any more"
                codes |= found
    return codes


def _makes_blocker(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id in {"Blocker", "stop", "_store_blocker"}


def _literals(tree: ast.Module, holder: str) -> Iterator[str]:
    """Keys of a dict named ``holder``, or the first elements of its tuples."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == holder for t in node.targets):
            assert isinstance(node.value, ast.Dict)
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                first = value.elts[0] if isinstance(value, ast.Tuple) else key
                if isinstance(first, ast.Constant):
                    yield str(first.value)
