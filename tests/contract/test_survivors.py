"""Tables of PostgreSQL that are emptied but for what stays: they remain the same tables, with what stays as it was."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Transient
from winddown.domain.plan import Method
from winddown.domain.receipt import Whereabouts
from winddown.ports import SupportsSurvivors, ability
from winddown.stages.survivors import in_two
from winddown.stores.sql import survivors
from winddown.stores.sql.escrowed import EscrowedBatch

from .ability_suites import SanitiseSuite, WatchSuite
from .desk import Desk
from .postgresql_subject import COMPOSITE, Database, Shape, SurvivorsSubject
from .subject import Work, work
from .suite import ReturnSuite, StoreSuite

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE
REFERRING = Shape(
    """(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "a%%b:c" text NOT NULL, above bigint, note text)""",
    ("id",),
    ("id", "a%%b:c", "above", "note"),  # to psycopg two percent signs are one
    tuple(
        (number, f"客户{number}", number - 1 if number % 3 != 1 else None, "x" * 3000 * number)
        for number in range(1, 10)
    ),
    ("a%%b:c",),
)


@pytest.fixture
def none_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survivors, "BY_ROWS_MAX", 0)


@pytest.mark.usefixtures("none_by_rows")
class TestSurvivors(StoreSuite, ReturnSuite, SanitiseSuite, WatchSuite):
    @pytest.fixture
    def subject(self, database: Database, desk: Desk) -> Iterator[SurvivorsSubject]:
        found = SurvivorsSubject(database, desk, COMPOSITE)
        yield found
        found.drop()


@pytest.fixture
def subject(database: Database, desk: Desk) -> Iterator[SurvivorsSubject]:
    found = SurvivorsSubject(database, desk, REFERRING)
    yield found
    found.drop()


def most(subject: SurvivorsSubject) -> Work:
    """Six of nine rows, with all that refer to them."""
    return work(subject, chosen=[str(number) for number in range(4, 10)], size=10)


def orphans(subject: SurvivorsSubject, planned: Work) -> int:
    return len(subject.desk.escrow(subject.ref.store).names(planned.order.id, 0))


def quoted(subject: SurvivorsSubject) -> str:
    return subject.table.as_string(subject._admin)


def file_number(subject: SurvivorsSubject) -> int:
    return int(subject._run("SELECT relfilenode FROM pg_class WHERE oid = to_regclass(%s)", (quoted(subject),))[0][0])


# -- what it is for --------------------------------------------------------------------------------------------------


def test_a_few_rows_go_one_by_one_before_all_others_go_at_once(database: Database, desk: Desk) -> None:
    rows = tuple((number, f"客户{number}") for number in range(300))
    subject = SurvivorsSubject(database, desk, Shape("(id int PRIMARY KEY, name text)", ("id",), ("id", "name"), rows))
    content, first = subject.content(), file_number(subject)
    inner = subject.planned_keys
    subject.planned_keys = lambda *given, **named: (next(in_two([inner(*given, **named)[0]])), Method.KEEP_SURVIVORS)  # type: ignore[method-assign]
    planned = work(subject, chosen=[str(number) for number in range(280)], size=10)
    assert [batch.records for batch in planned.batches] == [10, 270]
    marks = subject.marks()
    planned.act(QUARANTINE, 0)
    assert file_number(subject) == first
    assert subject.marks().items() <= marks.items()
    planned.act(QUARANTINE, 1)
    assert file_number(subject) != first
    assert subject.content() == {str(number): content[str(number)] for number in range(280, 300)}
    planned.act(RESTORE, 1)
    planned.act(RESTORE, 0)
    assert subject.content() == content
    subject.drop()


@pytest.mark.usefixtures("none_by_rows")
def test_it_stays_the_same_table(subject: SurvivorsSubject) -> None:
    schema = sql.Identifier(subject.schema)
    subject._run("ALTER TABLE {t} ADD FOREIGN KEY (above) REFERENCES {t}")
    subject._run("COMMENT ON TABLE {t} IS 'of the shop'; CREATE INDEX own ON {t} (above) WHERE above > 1")
    subject._run("ALTER TABLE {t} ALTER note SET STATISTICS 7, ADD gone int DEFAULT 1, ADD CHECK (id > 0)")
    subject._run(
        "ALTER TABLE {t} DROP gone, REPLICA IDENTITY FULL; CREATE VIEW {s}.shown AS SELECT * FROM {t}", s=schema
    )
    subject._run("CREATE MATERIALIZED VIEW {s}.copied AS SELECT id FROM {t}", s=schema)
    body = sql.Literal("BEGIN RAISE EXCEPTION 'it fired'; END")
    subject._run("CREATE FUNCTION {s}.fail() RETURNS trigger LANGUAGE plpgsql AS {b}", s=schema, b=body)
    subject._run("CREATE TRIGGER failing BEFORE INSERT OR TRUNCATE ON {t} EXECUTE FUNCTION {s}.fail()", s=schema)
    subject._run("ALTER TABLE {t} DISABLE TRIGGER failing; CREATE POLICY own ON {t} USING (id > 2)")
    of_table = (
        "SELECT c.oid, c.relowner, c.relacl::text, c.relreplident, c.reltoastrelid, obj_description(c.oid), "
        "(SELECT array_agg(a::text ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid), "
        "(SELECT array_agg(k::text ORDER BY k.oid) FROM pg_constraint k WHERE k.conrelid = c.oid), "
        "(SELECT array_agg(g.oid || g.tgenabled::text ORDER BY g.oid) FROM pg_trigger g WHERE g.tgrelid = c.oid), "
        "(SELECT array_agg(p::text) FROM pg_policy p WHERE p.polrelid = c.oid), "
        "(SELECT array_agg(i::text ORDER BY i.indexrelid) FROM pg_index i WHERE i.indrelid = c.oid), "
        "pg_get_viewdef({v}::regclass) FROM pg_class c WHERE c.oid = to_regclass(%s)"
    )
    view = sql.Literal(f"{subject.schema}.shown")

    def described() -> list[tuple[Any, ...]]:
        return subject._run(of_table, (quoted(subject),), v=view)

    subject._run("ALTER TABLE {t} ALTER id RESTART WITH 10")
    before, grants = described(), subject.grants()
    subject._run('INSERT INTO {t} ("a%%b:c") VALUES (%s)', ("later",))
    content = subject.content()
    planned = most(subject)
    planned.act(QUARANTINE)
    left = {name: row for name, row in content.items() if name not in planned.chosen}
    assert (described(), subject.content(), subject.grants()) == (before, left, grants)
    assert sorted(subject._run("SELECT id FROM {s}.shown", s=schema)) == [(1,), (2,), (3,), (10,)]
    assert len(subject._run("SELECT id FROM {s}.copied", s=schema)) == len(REFERRING.rows)
    subject._run('INSERT INTO {t} ("a%%b:c") VALUES (%s)', ("next",))
    assert "11" in subject.content()
    planned.act(RESTORE)
    assert subject.content().items() >= content.items()
    assert described() == before


@pytest.mark.usefixtures("none_by_rows")
def test_a_table_of_which_everything_goes_is_left_empty(subject: SurvivorsSubject) -> None:
    content = subject.content()
    planned = work(subject, chosen=content.keys(), size=10)
    planned.act(QUARANTINE)
    assert subject.content() == {}
    planned.act(RESTORE)
    assert subject.content() == content


@pytest.mark.usefixtures("none_by_rows")
def test_readers_read_on_while_rows_are_written_into_escrow(
    subject: SurvivorsSubject, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, inner = most(subject), EscrowedBatch.lay_down
    refused = []

    def lay_down(*given: Any, **named: Any) -> Any:
        with psycopg.connect(database.url, autocommit=True) as other:
            other.execute("SET lock_timeout = '100ms'")
            rows = other.execute(sql.SQL("SELECT count(*) FROM {t}").format(t=subject.table)).fetchone()
            assert rows == (len(REFERRING.rows),)
            try:
                other.execute(sql.SQL("UPDATE {t} SET note = 'anew'").format(t=subject.table))
            except psycopg.errors.LockNotAvailable:
                refused.append(True)
        return inner(*given, **named)

    monkeypatch.setattr(EscrowedBatch, "lay_down", lay_down)
    planned.act(QUARANTINE)
    assert refused == [True]


# -- what stands against it ------------------------------------------------------------------------------------------

AGAINST: dict[str, tuple[str, str]] = {
    "foreign key": (
        "CREATE TABLE {s}.child (of bigint REFERENCES {t})",
        r"foreign key of contract_\w+\.child",
    ),
    "publication": ("CREATE PUBLICATION contract_out FOR TABLE {t}", "publication contract_out"),
    "event trigger": (
        """CREATE FUNCTION {s}.seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
           CREATE EVENT TRIGGER contract_seen ON ddl_command_end EXECUTE FUNCTION {s}.seen()""",
        "event trigger contract_seen",
    ),
    "unlogged": ("ALTER TABLE {t} SET UNLOGGED", "relation of kind ru"),
}


def said_against(subject: SurvivorsSubject) -> tuple[str, ...]:
    store = ability(subject.store, SupportsSurvivors)
    assert store is not None
    return store.survivors(subject.collection, going=6).against


@pytest.mark.usefixtures("none_by_rows")
@pytest.mark.parametrize("name", AGAINST)
def test_what_would_see_more_than_that_rows_go_stands_against_it(subject: SurvivorsSubject, name: str) -> None:
    statement, expected = AGAINST[name]
    assert said_against(subject) == ()
    planned, content, before = most(subject), subject.content(), file_number(subject)
    subject._run(statement, s=sql.Identifier(subject.schema))
    try:
        (said,) = said_against(subject)
        with pytest.raises(Refused, match=rf"{expected} came to the table") as refused:
            planned.act(QUARANTINE)
    finally:
        subject._run("DROP EVENT TRIGGER IF EXISTS contract_seen; DROP PUBLICATION IF EXISTS contract_out")
    assert said in refused.value.message
    assert subject.content() == content
    assert file_number(subject) == before or name == "unlogged"
    assert orphans(subject, planned) == 0, "looked at before anything is written"


@pytest.mark.usefixtures("none_by_rows")
def test_a_trigger_that_came_in_the_last_moment_is_seen_under_the_lock(
    subject: SurvivorsSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, content = most(subject), subject.content()
    inner = survivors.SurvivorsPosition._require_rights

    def rights(position: Any, oid: int) -> None:
        subject.watch()
        inner(position, oid)

    monkeypatch.setattr(survivors.SurvivorsPosition, "_require_rights", rights)
    with pytest.raises(Refused, match="trigger noted came to the table"):
        planned.act(QUARANTINE)
    assert subject.content() == content


@pytest.mark.usefixtures("none_by_rows")
def test_a_marking_role_that_may_not_empty_the_table_is_told_the_grant(subject: SurvivorsSubject) -> None:
    planned, content = most(subject), subject.content()
    subject._run("ALTER TABLE {t} OWNER TO postgres; GRANT SELECT, DELETE, INSERT, UPDATE ON {t} TO contract_owner")
    with pytest.raises(Refused, match="may not empty the table") as refused:
        planned.act(QUARANTINE)
    assert refused.value.next_step == f'GRANT TRUNCATE ON {quoted(subject)} TO "winddown_contract_marker"'
    assert subject.content() == content
    subject._run(refused.value.next_step.replace("{", "{{").replace("%", "%%"))
    planned.act(QUARANTINE)
    assert planned.set_aside() == 6


WORTH = "CREATE OR REPLACE FUNCTION {s}.worth(bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS {b}"


def computed_otherwise(subject: SurvivorsSubject) -> None:
    """What is computed when a row is written again is not what it was."""
    subject._run(WORTH, s=sql.Identifier(subject.schema), b=sql.Literal("SELECT $1 + 1"))


def refers_to_what_goes(subject: SurvivorsSubject) -> None:
    """A row that stays has come to refer to one that goes."""
    subject._run("ALTER TABLE {t} ADD FOREIGN KEY (above) REFERENCES {t}; UPDATE {t} SET above = 5 WHERE id = 2")


@pytest.mark.usefixtures("none_by_rows")
@pytest.mark.parametrize(
    ("happens", "said"),
    [(computed_otherwise, "3 were to stay and 3 would, not all of them as they were"),
     (refers_to_what_goes, "SQLSTATE 23503")],
)  # fmt: skip
def test_what_would_not_stay_as_it_was_stops_all_of_it(
    subject: SurvivorsSubject, happens: Callable[[SurvivorsSubject], None], said: str
) -> None:
    schema = sql.Identifier(subject.schema)
    subject._run(WORTH, s=schema, b=sql.Literal("SELECT $1"))
    subject._run("ALTER TABLE {t} ADD worth bigint GENERATED ALWAYS AS ({s}.worth(id)) STORED", s=schema)
    planned = most(subject)
    happens(subject)
    content = subject.content()
    with pytest.raises(Refused, match=said):
        planned.act(QUARANTINE)
    assert (subject.content(), planned.set_aside()) == (content, 0)
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.LIVE
    assert orphans(subject, planned) == 1, "written before, and of no use"


@pytest.mark.usefixtures("none_by_rows")
def test_a_reader_that_does_not_let_go_is_not_waited_for_long(
    subject: SurvivorsSubject, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survivors, "_EXCLUSIVE_WAIT", "200ms")
    planned, content = most(subject), subject.content()
    with psycopg.connect(database.url) as reader:
        reader.execute(sql.SQL("SELECT FROM {t}").format(t=subject.table))
        with pytest.raises(Transient, match="SQLSTATE 55P03"):
            planned.act(QUARANTINE)
    assert subject.content() == content
    planned.act(QUARANTINE)
    assert (planned.set_aside(), orphans(subject, planned)) == (6, 1)
