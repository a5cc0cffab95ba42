"""Compares the tables of the shop's database, row by row, with what the truth expects."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from winddown.demo.schema import TABLES, Table
from winddown.demo.tally import Expected, Tally, Wrong
from winddown.demo.truth import Fate, digest, read_truth

ROWS_A_FETCH = 5_000
OTHER_TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY 1, 2
"""


def compare_tables(directory: Path, url: str, tally: Tally) -> None:
    """Read every table of the database and count the mistakes; a row in a table of unknown name is wrongly kept.

    Args:
        directory: the case folder, for the truth.
        url: a login that may read every table, those of schemas made during the case included.
        tally: takes the counts.
    """
    with psycopg.connect(url) as database:
        database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        present = {f"{schema}.{name}" for schema, name in database.execute(OTHER_TABLES).fetchall()}
        for table in TABLES:
            expected = {
                line["key"]: tally.expect(line, table=table.name)
                for line in read_truth(directory, collection=table.collection)
            }
            for row in _rows(database, table) if table.name in present else ():
                _judge(table, row, expected.pop(str(row[table.key]), None), tally)
            for left in expected.values():
                if left.fate is not Fate.GONE:
                    tally.wrong(Wrong.DESTROYED, table.collection, left.fate)
        for name in sorted(present - {table.name for table in TABLES}):
            quoted = ".".join(f'"{part}"' for part in name.split("."))
            found = database.execute(f"SELECT count(*) FROM {quoted}".encode()).fetchone()
            tally.wrong(Wrong.KEPT, f"shop_db:{name}", "unknown table", count=found[0] if found else 0)


def canonical(value: Any) -> Any:
    """Return a database value in the form that the truth digests: see ``rows``."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _rows(database: psycopg.Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the rows with the table's original columns; a column that was dropped since reads as null."""
    described = database.execute(f"SELECT * FROM {table.name} LIMIT 0".encode()).description or ()
    names = [column.name for column in described if column.name in table.columns]
    blank = dict.fromkeys(table.columns)
    with database.cursor(name="winddown_compare") as cursor:
        cursor.itersize = ROWS_A_FETCH
        cursor.execute(f"SELECT {', '.join(names)} FROM {table.name}".encode())
        for values in cursor:
            yield blank | dict(zip(names, map(canonical, values), strict=True))


def _judge(table: Table, row: dict[str, Any], expected: Expected | None, tally: Tally) -> None:
    if expected is None:
        tally.wrong(Wrong.KEPT, table.collection, "unknown record")
    elif expected.fate is Fate.GONE:
        tally.wrong(Wrong.KEPT, table.collection, expected.fate)
    elif expected.shape is None:
        if digest(list(row.values())) != expected.digest:
            tally.wrong(Wrong.CHANGED, table.collection, expected.fate)
    elif any(row[name] not in {None, ""} for name in expected.shape.cleared):
        tally.wrong(Wrong.KEPT, table.collection, expected.fate)
    elif digest([row[name] for name in expected.shape.kept]) != expected.digest:
        tally.wrong(Wrong.CHANGED, table.collection, expected.fate)
