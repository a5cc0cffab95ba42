"""One table on whatever engine there is a store of tables for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .desk import Desk
from .duckdb_subject import DuckDbSubject
from .mysql_subject import MySqlSubject
from .postgresql_subject import PostgresSubject
from .postgresql_subject import Shape as PostgresShape
from .sqlite_subject import SqliteSubject
from .table_subject import Shape
from .test_generic import GenericSubject

ENGINES = ["postgresql", "generic", "mariadb", "sqlite", "duckdb"]


@contextmanager
def subject_on(engine: str, request: pytest.FixtureRequest, desk: Desk, folder: Path, shape: Shape) -> Iterator[Any]:
    """The table of a shape, whose DDL every engine understands; dropped with all that we made for it."""
    match engine:
        case "sqlite":
            found: Any = SqliteSubject(folder, desk, shape)
        case "duckdb":
            found = DuckDbSubject(folder, desk, shape)
        case "mariadb":
            found = MySqlSubject(request.getfixturevalue("mariadb_url"), desk, shape)
        case _:
            kind = PostgresSubject if engine == "postgresql" else GenericSubject
            own = PostgresShape(shape.ddl, shape.key, shape.fields, shape.rows, shape.minimise)
            found = kind(request.getfixturevalue("database"), desk, own)
    try:
        yield found
    finally:
        if engine == "sqlite":
            found.close()
        elif engine != "duckdb":
            found.drop()
