"""Of values in records that stay, a part or a token stays; on every engine, against an oracle of the test's own."""

import base64
import hmac
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy import Engine, event

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Act
from winddown.domain.receipt import Whereabouts

from .desk import TOKEN_KEY, Desk
from .duckdb_subject import DuckDbSubject
from .every_engine import ENGINES, subject_on
from .postgresql_subject import PostgresSubject
from .sqlite_subject import SqliteSubject
from .subject import Subject, Work, work
from .table_subject import Shape
from .test_generic import GenericSubject

DDL = (
    "(id integer PRIMARY KEY, mobile varchar(20) NOT NULL UNIQUE, idno varchar(18), born date, visited varchar(30), "
    "age integer, nick varchar(40), note varchar(60))"
)
FIELDS = ("id", "mobile", "idno", "born", "visited", "age", "nick", "note")
ROWS = (
    (1, "13800000001", "310101199001011234", "1990-05-06", "2025-03-02 08:00:00", 27, "欧阳娜娜", "called twice"),
    (2, "13800000002", "440305198502291234", "1985-02-28", "2024-12-31", 30, "欧阳娜娜", "x"),
    (3, "13800000003", None, None, None, None, None, None),
    (4, "13800000004", "", "2000-02-29", "", -5, "", ""),
    (5, "13800000005", "310101", "2001-01-01", "2025-01-01", 0, "O'Brien \\ %s", "y"),
    (6, "13800000006", "110101199001011234", "1990-12-31", "2020-06-30", 99, "n", "z"),
)
PARTS = (
    ("mobile", "token"),
    ("idno", "region:6"),
    ("born", "month"),
    ("visited", "year"),
    ("age", "band:10"),
    ("nick", "token"),
)
LOSING = ("mobile", "idno", "born", "visited", "age", "nick", "note")
GOING = ("1", "2", "3", "4", "5")


def token(value: str, length: int) -> str:
    digest = hmac.digest(TOKEN_KEY, value.encode(), "sha256")
    return ("~" + base64.b32encode(digest).decode().lower()[:26])[:length]


def left(row: tuple[Any, ...], room: int) -> dict[str, str | None]:
    """``room`` is that of the column ``mobile`` for a token; DuckDB knows no lengths."""
    _, mobile, idno, born, visited, age, nick, _ = row
    return {
        "mobile": token(mobile, room),
        "idno": idno and idno[:6],
        "born": born and born[:8] + "01",
        "visited": visited and visited[:4],
        "age": None if age is None else str(age // 10 * 10),
        "nick": nick and token(nick, 27),
        "note": None,
    }


def whole(row: tuple[Any, ...]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in zip(FIELDS[1:], row[1:], strict=True)}


def live(subject: Subject) -> dict[str, dict[str, str | None]]:
    found: dict[str, Any] = subject.content()
    return {
        key: {name: None if row[name] is None else str(row[name]) for name in FIELDS[1:]} for key, row in found.items()
    }


def write(subject: Any, key: str, name: str, value: Any) -> None:
    """Write into one field behind the store's back."""
    if isinstance(subject, PostgresSubject):
        subject._run("UPDATE {t} SET {f} = %s WHERE id = %s", (value, int(key)), f=sql.Identifier(name))
    else:
        subject.run(f"UPDATE {subject.table} SET {name} = ? WHERE id = ?", (value, int(key)))


@pytest.fixture(params=ENGINES)
def subject(request: pytest.FixtureRequest, desk: Desk, tmp_path: Path) -> Iterator[Subject]:
    with subject_on(request.param, request, desk, tmp_path, Shape(DDL, ("id",), FIELDS, ROWS, LOSING)) as found:
        found.parts = PARTS
        yield found


def planned_of(subject: Subject) -> Work:
    return work(subject, chosen=GOING, act=Act.MINIMISE, size=3)


def room_of(subject: Subject) -> int:
    return 27 if isinstance(subject, DuckDbSubject) else 20


def expected(subject: Subject, gone: frozenset[str] = frozenset()) -> dict[str, dict[str, str | None]]:
    room = room_of(subject)
    return {str(row[0]): left(row, room) if str(row[0]) in gone else whole(row) for row in ROWS}


def test_exactly_the_part_stays_and_comes_back_whole(subject: Subject) -> None:
    planned = planned_of(subject)
    assert live(subject) == expected(subject)
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.LIVE
    for _ in range(2):
        assert planned.act(Power.QUARANTINE).records == planned.batches[0].records
        assert live(subject) == expected(subject, planned.names[0])
        assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.QUARANTINED
        assert (planned.remaining(), planned.set_aside()) == (0, planned.batches[0].records)
        assert planned.leftovers() == planned.batches[0].records
    planned.act(Power.QUARANTINE, 1)
    assert live(subject) == expected(subject, planned.chosen)
    assert live(subject)["1"]["nick"] == live(subject)["2"]["nick"], "the same value has the same token"
    for index in (1, 0):
        planned.act(Power.RESTORE, index)
    assert live(subject) == expected(subject)
    assert (planned.leftovers(), planned.set_aside()) == (0, 0)


def test_what_was_left_stays_after_the_purge(subject: Subject) -> None:
    planned = planned_of(subject)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    assert live(subject) == expected(subject, planned.chosen)
    for index in range(2):
        assert subject.store.locate(planned.order, planned.batches[index]) is Whereabouts.GONE
        assert (planned.remaining(index), planned.leftovers(index)) == (0, 0)


@pytest.mark.parametrize(
    ("name", "value", "is_like"),
    [
        ("mobile", "13900000001", False),
        ("mobile", "~aaa", True),
        ("idno", "310101199001011234", False),
        ("idno", "310102", True),
        ("born", "1990-05-06", False),
        ("born", "1990-06-01", True),
        ("age", 27, False),
        ("age", 30, True),
        ("note", "called twice", False),
    ],
)
def test_what_is_written_in_grace_is_seen_by_both_and_never_overwritten(
    subject: Subject, name: str, value: Any, is_like: bool
) -> None:
    planned = planned_of(subject)
    planned.act(Power.QUARANTINE)
    if value == "~aaa":
        value = "~" + "a" * (room_of(subject) - 1)
    write(subject, "1", name, value)
    content, left_over = live(subject), planned.leftovers()
    assert planned.remaining() == (0 if is_like else 1)
    assert planned.set_aside() == planned.batches[0].records - 1, "it is not what was to stay of the value"
    where = subject.store.locate(planned.order, planned.batches[0])
    assert where is (Whereabouts.QUARANTINED if is_like else Whereabouts.MIXED)
    with pytest.raises(Residual):
        planned.act(Power.RESTORE)
    assert (live(subject), planned.leftovers()) == (content, left_over)


def test_what_is_written_in_other_letters_is_not_overwritten(subject: Subject) -> None:
    planned = planned_of(subject)
    planned.act(Power.QUARANTINE)
    write(subject, "1", "nick", token("欧阳娜娜", 27).upper())
    content = live(subject)
    with pytest.raises(Residual):
        planned.act(Power.RESTORE)
    assert live(subject) == content


def test_a_row_that_changed_after_the_plan_keeps_its_values(subject: Subject) -> None:
    planned = planned_of(subject)
    write(subject, "2", "age", 31)
    content = live(subject)
    with pytest.raises(Refused, match="2 of 3 planned records"):
        planned.act(Power.QUARANTINE)
    assert live(subject) == content


@pytest.mark.parametrize("subject", ["postgresql", "generic", "mariadb"], indirect=True)  # files log nothing
def test_no_statement_has_the_key_or_a_value_that_a_token_stands_for(subject: Subject) -> None:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        seen.append(f"{statement} {values!r}")

    planned = planned_of(subject)
    event.listen(Engine, "before_cursor_execute", note)
    try:
        planned.act(Power.QUARANTINE)
        if not isinstance(subject, GenericSubject):  # which has nothing but values to write back
            planned.act(Power.RESTORE)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    said = "\n".join(seen)
    assert token("13800000001", 20) in said
    for secret in ("13800000001", "欧阳娜娜", TOKEN_KEY.decode(), TOKEN_KEY.hex(), "310101199001011234"):
        assert secret not in said
        assert secret.encode().hex() not in said


@pytest.mark.parametrize("engine", ["postgresql", "generic", "mariadb"])
def test_blanks_that_a_column_of_a_fixed_length_adds_are_no_part_of_a_value(
    engine: str, request: pytest.FixtureRequest, desk: Desk, tmp_path: Path
) -> None:
    ddl = "(id integer PRIMARY KEY, city char(20), who char(40))"
    rows = ((1, "San Francisco", "欧阳娜娜"), (2, "Los Angeles", ""), (3, None, "O'Brien"))
    shape = Shape(ddl, ("id",), ("id", "city", "who"), rows, ("city", "who"))
    with subject_on(engine, request, desk, tmp_path, shape) as subject:
        subject.parts = (("city", "first:4"), ("who", "token"))
        before = subject.content()
        planned = work(subject, chosen=("1", "2", "3"), act=Act.MINIMISE, size=3)
        planned.act(Power.QUARANTINE)
        found = {
            key: [str(row[name] or "").rstrip() for name in ("city", "who")] for key, row in subject.content().items()
        }
        assert found["1"] == ["San", token("欧阳娜娜", 27)]
        assert found["2"] == ["Los", ""]
        assert (planned.remaining(), planned.set_aside()) == (0, 3)
        assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.QUARANTINED
        planned.act(Power.RESTORE)
        assert subject.content() == before


def test_a_token_is_that_of_the_text_whatever_its_encoding_in_the_file(desk: Desk, tmp_path: Path) -> None:
    rows = ((1, "欧阳娜娜".encode("gb18030")), (2, "欧阳娜娜"), (3, "欧阳娜娜".encode()))
    shape = Shape("(id integer PRIMARY KEY, who TEXT)", ("id",), ("id", "who"), rows, ("who",))
    subject = SqliteSubject(tmp_path, desk, shape)
    subject.run(f"UPDATE {subject.table} SET who = CAST(who AS TEXT) WHERE id = 1")
    try:
        subject.parts = (("who", "token"),)
        planned = work(subject, chosen=("1", "2", "3"), act=Act.MINIMISE, size=3)
        planned.act(Power.QUARANTINE)
        found = dict(subject.run(f"SELECT id, who FROM {subject.table}"))
        assert found[1] == found[2] == token("欧阳娜娜", 27)
        assert found[3] == token(base64.b64encode("欧阳娜娜".encode()).decode(), 27), "bytes are read as base64"
        assert (planned.remaining(), planned.set_aside()) == (0, 3)
        planned.act(Power.RESTORE)
        assert subject.run(f"SELECT who, typeof(who) FROM {subject.table} WHERE id = 3") == [(rows[2][1], "blob")]
    finally:
        subject.close()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16be"])
def test_a_part_is_that_of_the_text_whatever_its_encoding_in_the_file(
    desk: Desk, tmp_path: Path, encoding: str
) -> None:
    """As SQLite counts characters, it cuts those of GB18030 in two, and counts the bytes of what is no text."""
    old = ["欧阳娜娜", "张三丰", "李四光"] if encoding == "UTF-8" else []
    rows: list[tuple[int, Any]] = list(enumerate([*old, "欧阳娜娜", "𠮷野家", "O'Brien", 12345, b"\xc5\xb7\xd1\xf4"]))
    with closing(sqlite3.connect(tmp_path / "a 100% file?#.sqlite")) as made:
        made.execute(f"PRAGMA encoding = '{encoding}'")
        made.execute("CREATE TABLE first (x)")
    shape = Shape("(id integer PRIMARY KEY, who TEXT)", ("id",), ("id", "who"), tuple(rows), ("who",))
    subject = SqliteSubject(tmp_path, desk, shape)
    for number, name in enumerate(old):
        written = (name.encode("gb18030"), number)
        subject.run(f"UPDATE {subject.table} SET who = CAST(? AS TEXT) WHERE id = ?", written)
    stored = f"SELECT id, CAST(who AS BLOB), typeof(who) FROM {subject.table} ORDER BY id"
    before = subject.run(stored)
    try:
        subject.parts = (("who", "first:2"),)
        planned = work(subject, chosen=[str(number) for number, _ in rows], act=Act.MINIMISE, size=20)
        planned.act(Power.QUARANTINE)
        read = (base64.b64encode(value).decode() if isinstance(value, bytes) else str(value) for _, value in rows)
        assert subject.run(f"SELECT id, who FROM {subject.table} ORDER BY id") == [
            (number, value[:2]) for number, value in enumerate(read)
        ]
        assert (planned.remaining(), planned.set_aside(), planned.leftovers()) == (0, len(rows), len(rows))
        assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.QUARANTINED
        planned.act(Power.RESTORE)
        assert subject.run(stored) == before
    finally:
        subject.close()
