"""The small changes that are made to a guard's source, one at a time: each is a mistake that somebody could make.

What only changes words for people, annotations and assertions for type checkers is left alone.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_OPERATORS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}
_CALLS = {"any": "all", "all": "any", "min": "max", "max": "min"}
_WORDS = (ast.Raise, ast.JoinedStr, ast.Assert)
_NO_CODE = {"annotation", "returns", "decorator_list", "type_"}
_CONDITIONS = {"test", "ifs", "guard"}
_SHOWN_MAX = 160
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change.

    Attributes:
        name: file, function and change in words; the same after lines moved.
        first, last: the lines that are changed.
        number: of the change among those of its file.
        function: qualified name and first line of the outermost function that is changed; None for what runs on import.
        is_of_class: whether it runs on import and is not a statement of the module itself.
    """

    path: Path
    name: str
    first: int
    last: int
    number: int
    function: tuple[str, int] | None
    is_of_class: bool


@dataclass(frozen=True, slots=True)
class _Edit:
    """A node's field, or one of a list, that gets another value."""

    parent: ast.AST
    field: str
    index: int | None
    old: ast.AST
    new: ast.AST
    names: tuple[str, ...]
    function: Function | None

    def make(self) -> None:
        """Change the tree."""
        ast.copy_location(self.new, self.old)
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.index] = self.new

    def words(self) -> str:
        """What becomes of what."""
        if (
            isinstance(self.old, ast.Call)
            and isinstance(self.new, ast.Call)
            and len(self.new.args) < len(self.old.args)
        ):
            gone = next(one for one in self.old.args if one not in self.new.args)
            return f"where without {_shown(gone)}"
        before, after = _shown(self.old), _shown(self.new)
        return (
            f"{self.field}: {before} -> {after}" if self.field in {"test", "ifs", "guard"} else f"{before} -> {after}"
        )


def mutants(path: Path, name: str) -> list[Mutant]:
    """Every change of a file, in the order of its source; ``name`` is what the file is called in theirs."""
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    for number, edit in enumerate(_loaded(path)[1]):
        words = f"{name} {'.'.join(edit.names) or 'on import'}: {edit.words()}"
        seen[words] += 1
        words += f" (no. {seen[words]})" if seen[words] > 1 else ""
        function = None
        if edit.function is not None:
            depth = _depth(edit)
            starts = [edit.function.lineno, *(one.lineno for one in edit.function.decorator_list)]
            function = (".".join(edit.names[:depth]), min(starts))
        first, last = getattr(edit.old, "lineno", 0), getattr(edit.old, "end_lineno", 0)
        is_of_class = function is None and bool(edit.names)
        found.append(Mutant(path, words, first, last, number, function, is_of_class))
    return found


def mutated(mutant: Mutant) -> ast.Module:
    """The changed source; changes what is in memory, so a process asks for one change alone."""
    tree, edits = _loaded(mutant.path)
    edits[mutant.number].make()
    return ast.fix_missing_locations(tree)


def readers(mutant: Mutant) -> set[int]:
    """First lines of the functions that read what a changed statement of a module defines, or what is made of that."""
    tree = _loaded(mutant.path)[0]
    defined = set()
    for statement in tree.body:
        if statement.lineno <= mutant.first <= (statement.end_lineno or 0):
            defined = _names(statement, ast.Store)
    while more := {name for one in tree.body if _names(one, ast.Load) & defined for name in _assigned(one)} - defined:
        defined |= more
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and _names(one, ast.Load) & defined]
    return {min([one.lineno, *(found.lineno for found in one.decorator_list)]) for one in functions}


def _assigned(statement: ast.stmt) -> set[str]:
    is_assignment = isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign)
    return _names(statement, ast.Store) if is_assignment else set()


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, context)}


@cache
def _loaded(path: Path) -> tuple[ast.Module, list[_Edit]]:
    tree = ast.parse(path.read_bytes())
    return tree, list(_within(tree, names=(), function=None))


def _depth(edit: _Edit) -> int:
    assert edit.function is not None  # noqa: S101 - asked of changes in functions alone
    return edit.names.index(edit.function.name) + 1


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"


def _within(node: ast.AST, *, names: tuple[str, ...], function: Function | None) -> Iterator[_Edit]:
    """Changes of everything inside a node."""
    for field, value in ast.iter_fields(node):
        if field in _NO_CODE or (isinstance(node, ast.keyword) and node.arg in _NO_CODE):
            continue
        # Defaults of arguments are worked out where the function is defined.
        scope = None if field == "args" and node is function else function
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST):
                continue
            if isinstance(child, ast.Raise) and isinstance(node, ast.If) and len(value) == 1 and not node.orelse:
                continue  # Without it, it is the same as a condition that never holds.
            for new in _alternatives(child, node, field, function):
                yield _Edit(node, field, index, child, new, names, scope)
            if isinstance(child, _WORDS) or _is_text(child):
                continue
            if isinstance(child, Function | ast.ClassDef):
                if child.name in {"__repr__", "__str__"}:
                    continue
                inner = function or (child if isinstance(child, Function) else None)
                yield from _within(child, names=(*names, child.name), function=inner)
            else:
                yield from _within(child, names=names, function=scope)


def _alternatives(node: ast.AST, parent: ast.AST, field: str, function: Function | None) -> Iterator[ast.AST]:
    """What may stand in a node's place."""
    if field in _CONDITIONS and not _is_text(parent):
        yield from (ast.Constant(value) for value in (True, False) if not (value and isinstance(parent, ast.While)))
    if isinstance(node, ast.stmt):
        yield from _other_statements(node, function)
    else:
        yield from _other_values(node)


def _other_statements(node: ast.stmt, function: Function | None) -> Iterator[ast.stmt]:
    match node:
        case ast.Raise() | ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.Return(value=None):
            yield ast.Pass()
        case ast.Return(value=value) if value is not None and function is not None:
            yield from (ast.Return(other) for other in _returned(value, function))
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def _other_values(node: ast.AST) -> Iterator[ast.expr]:  # noqa: C901 - a case for each kind
    match node:
        case ast.Compare(ops=operators):
            for place, operator in enumerate(operators):
                for other in _OPERATORS[type(operator)]:
                    new = copy.deepcopy(node)
                    new.ops[place] = other()
                    yield new
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as number):
            yield from (ast.Constant(number + 1), ast.Constant(number - 1))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY and not _is_listed(node):
            yield ast.BinOp(left, _BINARY[type(op)](), right)
        case ast.Call(func=ast.Name(id=called), args=arguments, keywords=keywords) if called in _CALLS:
            yield ast.Call(ast.Name(_CALLS[called], ast.Load()), arguments, keywords)
        case ast.Call(func=ast.Attribute(attr="where"), args=conditions, keywords=keywords):
            yield from (ast.Call(node.func, left_over, keywords) for left_over in _without_one(conditions))
        case ast.Set(elts=members):
            yield from (ast.Set(left_over) if left_over else _empty("set") for left_over in _without_one(members))


def _without_one(members: list[ast.expr]) -> Iterator[list[ast.expr]]:
    yield from ([*members[:place], *members[place + 1 :]] for place in range(len(members)))


def _returned(value: ast.expr, function: Function) -> Iterator[ast.expr]:
    """A value of the same kind that says nothing, or the opposite."""
    kind = "" if function.returns is None else ast.unparse(function.returns)
    if kind == "bool":
        if not isinstance(value, ast.Constant):
            yield ast.UnaryOp(ast.Not(), value)
        return
    name = kind.partition("[")[0]
    empty: ast.expr = ast.Constant(None)
    if name in {"list", "tuple", "dict", "set", "frozenset"} and not kind.endswith("None"):
        empty = _empty(name)
    elif kind in {"str", "int"}:
        empty = ast.Constant("" if kind == "str" else 0)
    if ast.dump(empty) != ast.dump(value) and not (isinstance(value, ast.Tuple | ast.List) and not value.elts):
        yield empty


def _empty(name: str) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), [], [])


def _is_text(node: ast.AST) -> bool:
    """Whether it makes up a sentence."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _is_text(left) or _is_text(right)
        case ast.IfExp(body=body, orelse=other):
            return _is_text(body) and _is_text(other)
    return False


def _is_listed(node: ast.BinOp) -> bool:
    """Whether it joins texts or lists, which have no difference."""
    ends = (node.left, node.right)
    return any(_is_text(one) or isinstance(one, ast.List | ast.ListComp | ast.Tuple) for one in ends) or any(
        isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add) and _is_listed(one) for one in ends
    )
