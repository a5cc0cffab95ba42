"""The generic store, over PostgreSQL as a dialect of which it knows nothing in particular."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from winddown import bootstrap
from winddown.connections import ConnectionParameters
from winddown.domain.authorization import Power
from winddown.domain.blocker import Blocker
from winddown.domain.plan import Act
from winddown.inspection.generic import GenericInspector
from winddown.ports import SupportsFreeze, SupportsSanitise, ability
from winddown.stores.sql.generic_store import GenericStore

from .ability_suites import MinimiseSuite
from .desk import Desk
from .postgresql_subject import STORE, Database, PostgresSubject, Shape
from .subject import work
from .suite import FieldSuite, ReturnSuite, StoreSuite

COMPOSITE = Shape(
    """(region text, no bigint, "na""me" text NOT NULL, "a.b" text, 电话 text, photo bytea, seen_at timestamptz,
        amount numeric(12, 2), ratio float8, born date, tags text[], "x:y" boolean,
        upper text GENERATED ALWAYS AS (upper("na""me")) STORED, PRIMARY KEY (region, no))""",
    ("region", "no"),
    ("region", "no", 'na"me', "a.b", "电话", "photo", "seen_at", "amount", "ratio", "born", "tags", "x:y"),
    (
        ("", 0, "欧阳娜娜", "", "13800000000", b"\x00\xff\r\n" * 40, "2024-02-29 23:59:59.123456+08", "0.00", 0.1,
         "1990-02-28", ["a, b", None], True),
        ("华东", 0, 'O\'Brien \\ "x"', None, None, b"", None, None, None, None, None, None),
        ("华东", 1, "", "line\none\ttwo", "", None, "1969-12-31 00:00:00+00", "-1.50", -0.5, "0001-01-01", [], False),
        ('{a,"b"}\\', 2, "NULL", "%s :x $1", "０", b"x", None, "9999999999.99", 1e300, "9999-12-31", ["NULL"], None),
        ("NULL", 3, "𠮷野", "a", "b", None, None, None, None, None, None, None),
        (" pad ", 4, "z", None, "c", None, None, None, 0.1 + 0.2, None, ["a", "b, c"], None),
        ("north", -5, "y", "q", None, None, None, None, None, None, None, None),
    ),
    ('na"me', "a.b", "电话", "photo", "seen_at", "tags", "upper"),
)  # fmt: skip
DAYS = Shape(
    '(day date, "select" text NOT NULL, PRIMARY KEY (day))',
    ("day",),
    ("day", "select"),
    tuple((f"{1900 + number}-01-02", f"值{number}") for number in range(250)),
    ("select",),
)


def connection(database: Database, suffix: str) -> ConnectionParameters:
    url = database.connections[STORE + suffix].url
    return ConnectionParameters(url=url.replace("postgresql://", "postgresql+psycopg://"))


class GenericSubject(PostgresSubject):
    def __init__(self, database: Database, desk: Desk, shape: Shape) -> None:
        super().__init__(database, desk, shape)
        connect = partial(bootstrap._any_engine, STORE)
        connections = {STORE + suffix: connection(database, suffix) for suffix in ("", "__mark", "__purge")}
        unlock = desk.unlock(STORE, connections, connect)
        self.store = GenericStore(STORE, reader=connect(connections[STORE]), unlock=unlock, tokens=desk.tokens())  # type: ignore[assignment]
        self.inspector = GenericInspector(  # type: ignore[assignment]
            STORE, engine=connect(connection(database, "__inspect")), token_key=desk.tokens().key
        )
        self._run(
            f"ALTER DEFAULT PRIVILEGES FOR ROLE winddown_contract_marker IN SCHEMA {self.schema} "
            "GRANT SELECT ON TABLES TO winddown_contract_reader"
        )
        self.plan_systems()


FEW_DAYS = replace(DAYS, rows=DAYS.rows[:20])


@pytest.fixture(params=[COMPOSITE, FEW_DAYS], ids=["composite_key", "days"])
def subject(request: pytest.FixtureRequest, database: Database, desk: Desk) -> Iterator[GenericSubject]:
    found = GenericSubject(database, desk, request.param)
    yield found
    found.drop()


class TestGeneric(StoreSuite, FieldSuite, ReturnSuite, MinimiseSuite):
    pass


def test_what_is_not_promised_is_said(subject: GenericSubject) -> None:
    facts = {fact.name: fact.value for fact in subject.store.discover().facts}
    assert "no freeze" in facts["not_promised"]
    planned = work(subject)
    planned.act(Power.QUARANTINE)
    assert dict(planned.act(Power.PURGE).details)["not_promised"] == facts["not_promised"]
    assert ability(subject.store, SupportsFreeze) is None
    assert ability(subject.store, SupportsSanitise) is None
    assert not subject.inspector.search_bytes([b"value"]).reached
    assert subject.inspector.writers([subject.ref]) != ()


def test_quarantine_tables_are_no_collections(subject: GenericSubject) -> None:
    before = [found.ref for found in subject.store.discover().collections]
    work(subject).act(Power.QUARANTINE)
    assert [found.ref for found in subject.store.discover().collections] == before


def test_many_keys_are_asked_for_in_parts(database: Database, desk: Desk) -> None:
    subject = GenericSubject(database, desk, DAYS)
    content = subject.content()
    planned = work(subject, chosen=content.keys(), size=250)
    assert planned.unchanged() + planned.unchanged(1) == len(content) == 250
    planned.act_all(Power.QUARANTINE)
    assert subject.content() == {}
    for index in (1, 0):
        planned.act(Power.RESTORE, index)
    assert subject.content() == content
    subject.drop()


@pytest.mark.filterwarnings("ignore:Did not recognize type")
@pytest.mark.parametrize(
    ("ddl", "reason"),
    [
        ("(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x text)", "the engine alone numbers id"),
        ("(id int4range PRIMARY KEY, x text)", "its key is of a kind that is not read"),
        ("(id bigint PRIMARY KEY, x pg_lsn)", "does not know the types"),
    ],
)
def test_rows_that_could_not_be_put_back_are_a_blocker(database: Database, desk: Desk, ddl: str, reason: str) -> None:
    subject = GenericSubject(database, desk, Shape(ddl, ("id",), ("id", "x"), (), ("x",)))
    if "range" in ddl:
        subject._run("INSERT INTO {t} VALUES ('[1,2)', 'x')")
    found = subject.store.method(subject.collection, Act.ERASE, whole=True)
    assert isinstance(found, Blocker)
    assert found.code == "cannot-restore-here"
    assert reason in found.explanation
    subject.drop()
