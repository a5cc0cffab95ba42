"""Any schema on every engine in which records are destroyed."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Act, Method
from winddown.inspection.postgresql import PostgresInspector
from winddown.stores.sql import survivors as of_survivors
from winddown.stores.sql.postgresql import PostgresStore

from .any_schema import AnySchema, CrashError, Ground, Table, Value, columns_of
from .desk import Desk
from .duckdb_subject import LABELS_KEY, DuckDbSubject
from .mysql_subject import DECIMAL_KEY, MySqlSubject
from .postgresql_subject import STORE, Database
from .sqlite_subject import NUMBERED, SqliteSubject
from .table_subject import TableSubject

EXAMPLES = int(os.environ.get("WINDDOWN_TEST_EXAMPLES", "4"))


class Failing:
    """A turn that ends the process at one of its calls."""

    def __init__(self, turn: Any, calls: int) -> None:
        self._turn = turn
        self._left = calls

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._turn, name)

        def counted(*given: Any) -> Any:
            if self._left == 0:
                raise CrashError
            self._left -= 1
            return call(*given)

        return counted


@contextmanager
def failing(store: Any, calls: int) -> Iterator[None]:
    """Let the turns of a store fail; after the last call of a turn, its transaction is still open."""
    inner = store._turn

    @contextmanager
    def turn(*given: Any) -> Iterator[Any]:
        with inner(*given) as opened:
            counted = Failing(opened, calls)
            yield counted
            if counted._left == 0:
                raise CrashError  # before the commit

    store._turn = turn
    try:
        yield
    finally:
        store._turn = inner


class PostgresGround:
    schema = "any_schema"

    def __init__(self, database: Database, desk: Desk) -> None:
        self.desk, self._admin = desk, database.admin
        unlock = desk.unlock(STORE, database.connections, database.opened)
        escrow = desk.escrow(STORE)
        self.store = PostgresStore(
            STORE, reader=database.engine(STORE), unlock=unlock, escrow=escrow, tokens=desk.tokens()
        )
        self.inspector = PostgresInspector(
            STORE, engine=database.engine(f"{STORE}__inspect"), escrow=escrow, token_key=desk.tokens().key
        )

    def ref(self, table: str) -> CollectionRef:
        return CollectionRef(STORE, f"{self.schema}.{table}")

    def begin(self) -> None:
        self.clear()
        self._admin.execute(f"CREATE SCHEMA {self.schema} AUTHORIZATION contract_owner".encode())
        self._admin.execute(f"GRANT USAGE ON SCHEMA {self.schema} TO PUBLIC".encode())
        self.desk.identities[STORE] = self.store.discover().identity

    def clear(self) -> None:
        self._admin.execute(f"DROP SCHEMA IF EXISTS {self.schema}, winddown_quarantine CASCADE".encode())

    def create(self, table: Table) -> None:
        kinds = {"number": "integer", "text": "text", "key": "text"}
        self.run(f"CREATE TABLE {{{table.name}}} ({columns_of(table, kinds)})")
        self.run(f"ALTER TABLE {{{table.name}}} OWNER TO contract_owner")
        self.run(f"GRANT SELECT ON {{{table.name}}} TO winddown_contract_reader, winddown_contract_marker")

    def method(self, collection: Collection) -> Method | Blocker:
        return self.store.method(collection, Act.ERASE, whole=False)

    def run(self, statement: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        names = {f"any{number}": f"{self.schema}.any{number}" for number in range(4)}
        cursor = self._admin.execute(statement.format(**names).replace("?", "%s").encode(), values)
        return cursor.fetchall() if cursor.description else []

    @contextmanager
    def failing(self, calls: int) -> Iterator[None]:
        with failing(self.store, calls):
            yield


class SurvivorsGround(PostgresGround):
    """Every table to which no other refers is emptied but for what stays."""

    def method(self, collection: Collection) -> Method | Blocker:
        against = self.store.survivors(collection, going=collection.record_count).against
        assert all(said.startswith("foreign key of any_schema.") for said in against)
        return Method.ESCROW_ROWS if against else Method.KEEP_SURVIVORS


class SubjectGround:
    """Beside the table of a subject, by its store, inspector and connection."""

    def __init__(self, subject: TableSubject, kinds: Mapping[str, str], *, options: str = "") -> None:
        self.subject, self.kinds, self.options = subject, kinds, options
        self.desk, self.store, self.inspector = subject.desk, subject.store, subject.inspector
        self._schema = subject.ref.name.partition(".")[0]

    def ref(self, table: str) -> CollectionRef:
        return CollectionRef(self.subject.ref.store, f"{self._schema}.{table}")

    def begin(self) -> None:
        for number in reversed(range(4)):
            self.run(f"DROP TABLE IF EXISTS {{any{number}}}")
        self.subject.plan_systems()

    def create(self, table: Table) -> None:
        self.run(f"CREATE TABLE {{{table.name}}} ({columns_of(table, self.kinds)}) {self.options}")

    def method(self, collection: Collection) -> Method | Blocker:
        return self.store.method(collection, Act.ERASE, whole=False)

    def run(self, statement: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        names = {f"any{number}": f"{self._schema}.any{number}" for number in range(4)}
        # Where a reference names a schema, SQLite takes it for a part of the name.
        target = {name: name if self._schema == "main" else full for name, full in names.items()}
        head, references, rest = statement.partition(" REFERENCES ")
        return self.subject.run(head.format(**names) + (references + rest).format(**target), values)

    @contextmanager
    def failing(self, calls: int) -> Iterator[None]:
        with failing(self.store, calls):
            yield


@pytest.fixture
def sqlite(desk: Desk, tmp_path: Path) -> Iterator[SubjectGround]:
    subject = SqliteSubject(tmp_path, desk, NUMBERED)
    yield SubjectGround(subject, {"number": "INTEGER", "text": "TEXT", "key": "TEXT"})
    subject.close()


@pytest.fixture
def duckdb(desk: Desk, tmp_path: Path) -> SubjectGround:
    subject = DuckDbSubject(tmp_path, desk, LABELS_KEY)
    return SubjectGround(subject, {"number": "INTEGER", "text": "VARCHAR", "key": "VARCHAR"})


@pytest.fixture
def mariadb(desk: Desk, mariadb_url: str) -> Iterator[SubjectGround]:
    subject = MySqlSubject(mariadb_url, desk, DECIMAL_KEY)
    kinds = {"number": "integer", "text": "text", "key": "varchar(40)"}
    yield SubjectGround(subject, kinds, options="CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    subject.drop()


@pytest.fixture
def postgresql(database: Database, desk: Desk) -> Iterator[PostgresGround]:
    found = PostgresGround(database, desk)
    yield found
    found.clear()


@pytest.fixture
def survivors(database: Database, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[SurvivorsGround]:
    monkeypatch.setattr(of_survivors, "BY_ROWS_MAX", 0)
    found = SurvivorsGround(database, desk)
    yield found
    found.clear()


@pytest.mark.parametrize("engine", ["postgresql", "survivors", "mariadb", "sqlite", "duckdb"])
def test_exactly_the_ordered_records_go_whatever_happens(request: pytest.FixtureRequest, engine: str) -> None:
    ground: Ground = request.getfixturevalue(engine)
    machine = type("Machine", (AnySchema,), {"ground": ground})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, EXAMPLES // 3) if engine == "duckdb" else EXAMPLES,  # it opens the file anew each time
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
