"""Any schema on every engine in which records are destroyed."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from winddown import bootstrap
from winddown.domain.inventory import CollectionRef
from winddown.inspection.postgresql import PostgresInspector
from winddown.stores.sql.postgresql import PostgresStore

from .any_schema import AnySchema, CrashError, Ground, Table, Value, columns_of
from .desk import Desk
from .postgresql_subject import STORE, Database

EXAMPLES = int(os.environ.get("WINDDOWN_TEST_EXAMPLES", "6"))


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
        unlock = desk.unlock(STORE, database.connections, bootstrap._engine)
        self.store = PostgresStore(STORE, reader=database.engine(STORE), unlock=unlock)
        self.inspector = PostgresInspector(STORE, engine=database.engine(f"{STORE}__inspect"))

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

    def run(self, statement: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        names = {f"any{number}": f"{self.schema}.any{number}" for number in range(4)}
        cursor = self._admin.execute(statement.format(**names).replace("?", "%s").encode(), values)
        return cursor.fetchall() if cursor.description else []

    @contextmanager
    def failing(self, calls: int) -> Iterator[None]:
        with failing(self.store, calls):
            yield


@pytest.fixture
def postgresql(database: Database, desk: Desk) -> Iterator[PostgresGround]:
    found = PostgresGround(database, desk)
    yield found
    found.clear()


@pytest.mark.parametrize("engine", ["postgresql"])
def test_exactly_the_ordered_records_go_whatever_happens(request: pytest.FixtureRequest, engine: str) -> None:
    ground: Ground = request.getfixturevalue(engine)
    machine = type("Machine", (AnySchema,), {"ground": ground})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
