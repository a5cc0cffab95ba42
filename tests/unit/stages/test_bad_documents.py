"""Documents of which one value is wrong: each is refused with a message, none is taken and none ends in a traceback.

Every node of a valid document gets every value of another type that it cannot have. WINDDOWN_TEST_BAD_INPUTS=all tries
all of them and every file of the rule packs; a sample is tried by default.
"""

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from tallied import tally
from winddown import rules
from winddown.connections import FileConnections
from winddown.domain.errors import WinddownError
from winddown.rules.documents import RuleDocument
from winddown.rules.loader import load_pack
from winddown.rules.yaml_text import read_yaml, validated
from winddown.stages.case_file import parse_case, read_case_file
from winddown.stages.hold_file import read_hold_file

RULES = Path(rules.__file__).parent

EVERYTHING = os.environ.get("WINDDOWN_TEST_BAD_INPUTS") == "all"
Place = tuple[str | int, ...]
WRONG: dict[type, tuple[Any, ...]] = {
    str: (7, 1.5, True, [], [["x"]], {}, {"x": 1}, date(2026, 1, 1), b"x", "\x00", "x" * 70_000, "\ud800"),
    int: ("x", "", 1.5, -(2**70), [], ["x"], {}, {"x": 1}, b"x", date(2026, 1, 1)),
    bool: ("x", "", 7, 1.5, [], {}, {"x": 1}, b"x", date(2026, 1, 1)),
    date: ("x", "", "2026-13-01", "2026-02-30", 7, 1.5, True, [], {}, b"x", "9" * 400),
    list: ("x", 7, 1.5, True, {}, {"x": 1}, [[]], [None], [{}], ["\x00"], b"x"),
    dict: ("x", 7, 1.5, True, [], ["x"], {"x": 1}, {7: 8}, {"": ""}, b"x"),
}


def nodes(document: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    yield place, document
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, value in inside:
        yield from nodes(value, (*place, name))


def replaced(document: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    bent = copy.copy(document)
    bent[place[0]] = replaced(document[place[0]], place[1:], value)  # type: ignore[index]
    return bent


def bent(document: Any) -> list[tuple[Place, Any, Any]]:
    found = [
        (place, wrong, replaced(document, place, wrong))
        for place, value in nodes(document)
        for wrong in WRONG.get(type(value), ())
    ]
    return found if EVERYTHING else random.Random(5).sample(found, min(300, len(found)))  # noqa: S311


def taken(documents: list[tuple[Place, Any, Any]], read: Callable[[Any], object]) -> list[str]:
    """Those that were not refused, or not by a message."""
    found = []
    for place, wrong, document in documents:
        try:
            read(document)
        except WinddownError:
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, a user would see a traceback
            found.append(f"{place} {str(wrong)[:30]!r}: {type(error).__name__}")
        else:
            found.append(f"{place} {str(wrong)[:30]!r}: taken")
    return found


def test_case_files(case_document: dict[str, Any], write_case: Any) -> None:
    folder = write_case(case_document).parent
    parse_case(case_document, folder)
    found = bent(case_document)
    assert taken(found, lambda document: parse_case(document, folder)) == []
    tally("bad inputs", len(found))


def test_hold_files(case_document: dict[str, Any], write_case: Any) -> None:
    path = write_case(case_document)
    case, (hold,) = read_case_file(path).case, case_document["holds"]
    file = path.parent / "hold.yaml"

    def read(document: Any) -> object:
        file.write_text(yaml.dump(document), "utf-8", "surrogatepass")
        return read_hold_file(file, case)

    read(hold)
    found = bent(hold)
    assert taken(found, read) == []
    tally("bad inputs", len(found))


def test_rules() -> None:
    """What no rule can be. A wrong text in a field of free text is a sentence, and for people to judge."""
    found = []
    for path in sorted(RULES.glob("*/*.yaml")):
        content = read_yaml(path)
        for rule in content.get("rules", ()) if isinstance(content, dict) else ():
            validated(RuleDocument, rule, path.name).to_rule()
            found += [one for one in bent(rule) if not isinstance(one[1], str) and one[1] not in ([], -(2**70))]
            if not EVERYTHING:
                break
    assert taken(found, lambda document: validated(RuleDocument, document, "rules").to_rule()) == []
    tally("bad inputs", len(found))


def test_connections(tmp_path: Path) -> None:
    file = tmp_path / "connections.json"
    good = {"shop": {"url": "postgresql://reader@db/shop"}, "files": {"endpoint_url": "http://s3", "region": "r"}}

    def read(document: Any) -> object:
        file.write_text(json.dumps(document, default=repr))
        file.chmod(0o600)
        found = FileConnections(file)
        return [found.find("shop"), found.find("files")]

    read(good)
    # A long text may be an address.
    found = [one for one in bent(good) if not isinstance(one[1], date | bytes) and one[1] != "x" * 70_000]
    assert taken(found, read) == []
    tally("bad inputs", len(found))


TEXTS = {
    "nothing": b"",
    "no UTF-8": b"case: \xff",
    "a tab": b"case:\n\t- x",
    "an end without a beginning": b"]",
    "a tag": b"case: !!python/object/apply:os.system ['true']",
    "a day that does not exist": b"case: 2026-13-41",
    "a name for a part": b"case: &a [1]\nstores: *a",
    "a circle": b"case: &a [*a]",
    "a laugh": b"a: &a [x]\n" + b"".join(b"%c: &%c [%s]\n" % (n + 1, n + 1, b"*%c," % n * 9) for n in range(97, 120)),
    "too deep": b"[" * 1_000,
    "deep and closed": b"[" * 1_000 + b"]" * 1_000,
    "so deep that the parser would end the process": b"[" * 300_000 + b"]" * 300_000,
    "lists in lists": b"- " * 300_000,
    "two documents": b"a: 1\n---\na: 2",
    "twice": b"case: a\ncase: b",
    "NUL": b"case: \x00",
    "a mapping as a name": b"? {a: 1}\n: 2",
    "a merge": b"<<: {case: x}",
}


@pytest.mark.parametrize("name", TEXTS)
def test_files_that_are_no_document(name: str, case_document: dict[str, Any], write_case: Any, tmp_path: Path) -> None:
    case = read_case_file(write_case(case_document)).case
    file = tmp_path / "bad.yaml"
    file.write_bytes(TEXTS[name])
    file.chmod(0o600)
    for read in (read_case_file, lambda path: read_hold_file(path, case), FileConnections):
        with pytest.raises(WinddownError):
            read(file)
    root = tmp_path / "packs"
    (root / "cn").mkdir(parents=True)
    (root / "cn" / "pack.yaml").write_bytes(TEXTS[name])
    with pytest.raises(WinddownError):
        load_pack("cn", root)
    tally("bad inputs", 4)
