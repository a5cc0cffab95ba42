from collections.abc import Iterator

import pytest

from winddown.domain.authorization import Power
from winddown.ports import SupportsSanitise, ability

from .ability_suites import FreezeSuite, MinimiseSuite, SanitiseSuite
from .desk import Desk
from .postgresql_subject import BYTES_KEY, COMPOSITE, Database, PostgresSubject
from .subject import work
from .suite import FieldSuite, ReturnSuite, StoreSuite


@pytest.fixture(params=[COMPOSITE, BYTES_KEY], ids=["composite_key", "bytes_key"])
def subject(request: pytest.FixtureRequest, database: Database, desk: Desk) -> Iterator[PostgresSubject]:
    found = PostgresSubject(database, desk, request.param)
    yield found
    found.drop()


class TestPostgres(StoreSuite, FieldSuite, ReturnSuite, FreezeSuite, SanitiseSuite, MinimiseSuite):
    pass


def test_the_key_and_its_order_are_the_tables_own(subject: PostgresSubject) -> None:
    assert subject.collection.key == subject.shape.key
    assert set(subject.shape.fields) <= set(subject.collection.field_names())


def test_nothing_of_ours_stays_after_the_last_sanitise(subject: PostgresSubject, database: Database) -> None:
    planned = work(subject)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
    query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'winddown_quarantine'"
    assert database.admin.execute(query).fetchone() == (0,)
