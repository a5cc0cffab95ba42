"""A key whose column takes values for equal that the key itself tells apart: only the planned rows go."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.authorization import Power
from winddown.domain.plan import Act

from .desk import Desk
from .duckdb_subject import DuckDbSubject
from .sqlite_subject import SqliteSubject
from .subject import work
from .table_subject import Shape

PAIRS = (("a", "13800000001"), ("A", "13800000002"), ("b", None), ("B", None), ("c", "x"))
TRAILING = (("a", "1"), ("a ", "2"), ("b ", None), ("b", None), ("c", "x"))
KINDS: dict[str, tuple[str, tuple[tuple[Any, ...], ...]]] = {
    "nocase": ("(id TEXT NOT NULL COLLATE NOCASE, mobile TEXT, PRIMARY KEY (id COLLATE BINARY))", PAIRS),
    "nocase without rowid": (
        "(id TEXT NOT NULL COLLATE NOCASE, mobile TEXT, PRIMARY KEY (id COLLATE BINARY)) WITHOUT ROWID",
        PAIRS,
    ),
    "rtrim": ("(id TEXT NOT NULL COLLATE RTRIM, mobile TEXT, PRIMARY KEY (id COLLATE BINARY))", TRAILING),
    "duckdb": ("(id VARCHAR COLLATE NOCASE PRIMARY KEY, mobile VARCHAR)", PAIRS),
}


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, desk: Desk, folder: Path) -> Iterator[Any]:
    ddl, rows = KINDS[request.param]
    shape = Shape(ddl, ("id",), ("id", "mobile"), rows, ("mobile",))
    if request.param == "duckdb":
        yield DuckDbSubject(folder, desk, shape)
        return
    found = SqliteSubject(folder, desk, shape)
    yield found
    found.close()


@pytest.mark.parametrize("act", [Act.ERASE, Act.MINIMISE])
def test_only_the_planned_one_of_two_that_the_column_takes_for_equal_goes(subject: Any, act: Act) -> None:
    content = subject.content()
    planned = work(subject, chosen=list(content)[:4:2], act=act, size=5)
    planned.act(Power.QUARANTINE)
    left = subject.content()
    changed = {name: row | {"mobile": None} for name, row in content.items() if name in planned.chosen}
    assert left == {
        name: changed.get(name, row) for name, row in content.items() if act is Act.MINIMISE or name not in changed
    }
    assert planned.set_aside() == 2
    planned.act(Power.RESTORE)
    assert subject.content() == content
    planned.act(Power.QUARANTINE)
    planned.act(Power.PURGE)
    assert subject.content() == left
