"""Reads a SQLite file's catalogue: fields, keys, references, and what acts on a table by itself.

A table whose rows no key names is named by their ``rowid``. It is no part of their content; VACUUM may number such rows
anew, and a plan that is older then finds others in their place, which it refuses.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from winddown.domain.canonical import digest
from winddown.domain.inventory import Collection, CollectionRef, Field, ForeignKey, Medium
from winddown.stores.sql.catalogue import quoted_name
from winddown.stores.sql.expressions import definitions, named_after
from winddown.stores.sql.faults import told

ACTING = "winddown_acting"
"""Table that has a row only inside a transaction of ours; the triggers of a freeze let such a transaction pass."""
FREEZING = "winddown_freeze_"
ROWID_NAMES = ("rowid", "_rowid_", "oid")
_WAIT_SECONDS = 10
_TYPE = re.compile(r"[A-Za-z]+[0-9]{0,2}(?: [A-Za-z]+)*(?: ?\([0-9]{1,5}(?: ?, ?[0-9]{1,3})?\))?(?: [A-Za-z]+)*")
_PRIMARY = "SELECT name FROM pragma_table_info(?) WHERE pk > 0"
_NAMED = r"""(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*'|[^\s"'`\[]+)"""
# The event is told by the statement alone. What cannot be read so is taken for a trigger that acts on whatever happens.
_ON_CHANGE = re.compile(rf"CREATE\s+TRIGGER\s+{_NAMED}\s+(?:BEFORE\s+|AFTER\s+)?UPDATE\s", re.IGNORECASE)
_MOVES_OTHERS = ("CASCADE", "SET NULL", "SET DEFAULT")


def opened(path: Path, *, writing: bool) -> sqlite3.Connection:
    """Open a file that is there, outside any transaction.

    Text that is not UTF-8 is read as GB18030. What is written leaves nothing on free pages, and no temporary file.
    """
    if not writing:
        _undo_what_was_broken_off(path)
    connection = _connected(path, "rw" if writing else "ro")
    connection.text_factory = decoded
    connection.execute("PRAGMA temp_store = MEMORY")
    if writing:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)


def _undo_what_was_broken_off(path: Path) -> None:
    """Let SQLite roll back what a process left half-written when it was killed: who only reads may not, and is refused.

    A journal of a process that is alive is left alone, as any reader leaves it.
    """
    journal = path.resolve().with_name(path.resolve().name + "-journal")
    with suppress(FileNotFoundError, sqlite3.OperationalError):  # no journal; why it cannot be done, the reading tells
        if journal.stat().st_size:
            with closing(_connected(path, "rw")) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def pragma(connection: sqlite3.Connection, name: str) -> Any:
    """The value of a setting."""
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether there is a table of exactly this name."""
    query = "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def table_name(ref: CollectionRef) -> str:
    """The table's own name in the file."""
    return ref.name.partition(".")[2]


def hazards(
    connection: sqlite3.Connection, ref: CollectionRef, *, on_changes: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield ``trigger`` or ``cascade`` and the name of each that acts by itself when rows go, or when they change."""
    for name, is_on_change in _triggers(connection, ref):
        if on_changes or not is_on_change:
            yield "trigger", told(name)
    # What follows a change of a primary key never acts, because no order changes one; "" refers to it.
    primary = {"", *(row[0].lower() for row in connection.execute(_PRIMARY, (table_name(ref),)))}
    for child, field, deleting, updating in references(connection, ref):
        if deleting in _MOVES_OTHERS or (updating in _MOVES_OTHERS and field.lower() not in primary):
            yield "cascade", told(child)


def _triggers(connection: sqlite3.Connection, ref: CollectionRef) -> list[tuple[str, bool]]:
    """Triggers of a table but those of a freeze, and whether it is certain that each acts on changes alone."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY name"
    found = connection.execute(query, (table_name(ref),)).fetchall()
    return [(name, bool(_ON_CHANGE.match(said or ""))) for name, said in found if not name.startswith(FREEZING)]


def references(connection: sqlite3.Connection, ref: CollectionRef) -> list[tuple[str, str, str, str]]:
    """Table, referred field, and what it does on delete and on update, of every reference to a table."""
    query = (
        "SELECT m.name, coalesce(f.\"to\", ''), upper(f.on_delete), upper(f.on_update) "
        "FROM sqlite_master m, pragma_foreign_key_list(m.name) f "
        "WHERE m.type = 'table' AND f.\"table\" = ? COLLATE NOCASE ORDER BY 1, 2"
    )
    return connection.execute(query, (table_name(ref),)).fetchall()


def computed(connection: sqlite3.Connection, ref: CollectionRef) -> frozenset[str]:
    """Generated columns."""
    query = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden IN (2, 3)"
    return frozenset(row[0] for row in connection.execute(query, (table_name(ref),)))


def describe(connection: sqlite3.Connection, ref: CollectionRef, *, count: int = -1, size: int = 0) -> Collection:
    """Describe one table as it is now; one without fields when it is gone."""
    name = table_name(ref)
    columns = connection.execute(
        'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)', (name,)
    ).fetchall()
    numbered = _rowid(columns)
    nullable = {row[0] for row in columns if not row[2] and row[0] not in numbered}
    ties = _ties(connection, ref, [row[0] for row in columns], nullable)
    sources = _sources(connection, name, columns)
    fields = tuple(
        Field(
            row[0],
            _declared(row[1]),
            row[0] in nullable,
            tied="a computation" if sources.get(row[0]) == () else ", ".join(ties.get(row[0], ())),
            computed_from=sources.get(row[0], ()),
        )
        for row in columns
    )
    primary = tuple(row[0] for row in sorted(columns, key=lambda row: row[3]) if row[3])
    key = primary if primary and not nullable & set(primary) else _unique(connection, name, nullable)
    key = key or _number(columns)
    schema: list[Any] = [list(key), [[field.name, field.type, field.nullable] for field in fields]]
    return Collection(
        ref=ref,
        medium=Medium.TABLE,
        format="table",
        key=key,
        fields=fields,
        foreign_keys=_foreign_keys(connection, ref),
        record_count=count,
        byte_count=size,
        version_count=0,
        fingerprint=digest([*schema, count]),
    )


def _number(columns: Sequence[Any]) -> tuple[str, ...]:
    """A name of the row's number that no field has taken."""
    taken = {row[0].lower() for row in columns}
    return next(((name,) for name in ROWID_NAMES if columns and name not in taken), ())


def _ties(
    connection: sqlite3.Connection, ref: CollectionRef, names: Sequence[str], nullable: set[str]
) -> dict[str, list[str]]:
    """What SQLite may refuse an empty value for, by field."""
    found: dict[str, list[str]] = {}
    for definition in definitions(_statement(connection, table_name(ref))):
        for name in named_after("check", definition, names):
            found.setdefault(name, []).append("a check")
    for child, field, _, _ in references(connection, ref):
        for name in names:
            if name.lower() == field.lower():
                found.setdefault(name, []).append(f"a reference of {told(child)}")
    for trigger, is_on_change in _triggers(connection, ref):
        for name in names if is_on_change else ():
            found.setdefault(name, []).append(f"trigger {told(trigger)}")
    unique = (
        "SELECT i.name, c.name FROM pragma_index_list(?) i, pragma_index_info(i.name) c "
        'WHERE i."unique" ORDER BY i.seq, c.seqno'
    )
    for index, field in connection.execute(unique, (table_name(ref),)).fetchall():
        if field is not None and field not in nullable:
            found.setdefault(field, []).append(f"unique index {told(index)}")
    return found


def _sources(connection: sqlite3.Connection, name: str, columns: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """The fields that each computed field is computed from; none where that cannot be told."""
    written = definitions(_statement(connection, name))
    names = [row[0] for row in columns]
    return {
        row[0]: named_after("as", definition, [other for other in names if other != row[0]])
        for row, definition in zip(columns, written, strict=False)
        if row[4] in {2, 3}
    }


def _statement(connection: sqlite3.Connection, name: str) -> str:
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
    found = connection.execute(query, (name,)).fetchone()
    return found[0] or "" if found else ""


def _declared(kind: str) -> str:
    """A declared type. SQLite takes any words for one, so what does not look like a type is not repeated.

    >>> _declared("DECIMAL(10, 5)"), _declared("UNSIGNED BIG INT"), _declared(""), _declared("13800000000")
    ('DECIMAL(10, 5)', 'UNSIGNED BIG INT', 'any', 'other')
    """
    return kind if _TYPE.fullmatch(kind) else "other" if kind else "any"


def _rowid(columns: Sequence[Any]) -> tuple[str, ...]:
    """A sole INTEGER PRIMARY KEY is the row's number and never NULL, whatever is declared; other keys may be NULL."""
    primary = [row for row in columns if row[3]]
    return (primary[0][0],) if len(primary) == 1 and primary[0][1].upper() == "INTEGER" else ()


def _unique(connection: sqlite3.Connection, name: str, nullable: set[str]) -> tuple[str, ...]:
    query = "SELECT name FROM pragma_index_list(?) WHERE \"unique\" AND NOT partial ORDER BY origin <> 'pk', seq DESC"
    for (index,) in connection.execute(query, (name,)).fetchall():
        found = connection.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,)).fetchall()
        fields = tuple(row[0] for row in found)
        if fields and None not in fields and not nullable & set(fields):
            return fields
    return ()


def _foreign_keys(connection: sqlite3.Connection, ref: CollectionRef) -> tuple[ForeignKey, ...]:
    query = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq'
    links: dict[int, list[Any]] = {}
    for row in connection.execute(query, (table_name(ref),)).fetchall():
        links.setdefault(row[0], []).append(row)
    return tuple(_foreign_key(connection, ref, rows) for rows in links.values())


def _foreign_key(connection: sqlite3.Connection, ref: CollectionRef, rows: Sequence[Any]) -> ForeignKey:
    """One reference, as the target itself is written; without fields of the target, its primary key is meant."""
    written = rows[0][1]
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
    found = connection.execute(query, (written,)).fetchone()
    target = found[0] if found else written
    primary = "SELECT name FROM pragma_table_xinfo(?) WHERE pk ORDER BY pk"
    meant = [row[3] for row in rows]
    if None in meant:
        meant = [name for (name,) in connection.execute(primary, (target,)).fetchall()]
    return ForeignKey(tuple(row[2] for row in rows), CollectionRef(ref.store, f"main.{target}"), tuple(meant))


def beginning(name: str, longest: int) -> str:
    """The expression for a field's value, of which a long one is read by its beginning."""
    column = quoted_name(name)
    return (
        f"CASE WHEN typeof({column}) IN ('text', 'blob') AND length({column}) > {longest} "
        f"THEN substr({column}, 1, {longest + 1}) ELSE {column} END"
    )


def decoded(text: bytes) -> str:
    """Text as it is read from a file in UTF-8, whatever some program wrote into it."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("gb18030", "surrogateescape")  # what is neither is refused when it becomes a batch
