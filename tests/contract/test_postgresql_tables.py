"""Whole tables and partitions of PostgreSQL: they move to a schema of their own, come back exactly, or are dropped."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy import Engine, event

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Method
from winddown.domain.receipt import Whereabouts
from winddown.ports import SupportsFreeze, SupportsSanitise, SupportsWholeTables, ability

from .desk import Desk
from .postgresql_subject import BYTES_KEY, COMPOSITE, STORE, Database, PostgresSubject, Shape
from .postgresql_tables_subject import PartitionSubject, WholeTableSubject, shape_of
from .subject import Work, read_all, work
from .suite import AuthorizationSuite, EffectSuite, ReturnSuite

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE


class TestPartitions(EffectSuite, AuthorizationSuite, ReturnSuite):
    """Two partitions go, one and the default partition stay."""

    @pytest.fixture
    def subject(self, database: Database, desk: Desk) -> Iterator[PartitionSubject]:
        found = PartitionSubject(database, desk)
        yield found
        found.drop()


class TestWholeTable(EffectSuite, ReturnSuite):
    """One table goes: its order has one batch, so what the suite does to a second one does not apply."""

    test_quarantine_hides_exactly_the_batch = None  # type: ignore[assignment]
    test_purge_destroys_the_batch_and_nothing_else = None  # type: ignore[assignment]

    @pytest.fixture(params=[COMPOSITE, BYTES_KEY], ids=["composite_key", "bytes_key"])
    def subject(self, request: pytest.FixtureRequest, database: Database, desk: Desk) -> Iterator[WholeTableSubject]:
        found = WholeTableSubject(database, desk, request.param)
        yield found
        found.drop()


@pytest.fixture(params=[WholeTableSubject, PartitionSubject], ids=["table", "partition"])
def subject(request: pytest.FixtureRequest, database: Database, desk: Desk) -> Iterator[WholeTableSubject]:
    found: WholeTableSubject = request.param(database, desk)
    yield found
    found.drop()


def test_a_table_leaves_its_schema_and_nobody_else_may_reach_it(subject: WholeTableSubject) -> None:
    by_default = "ALTER DEFAULT PRIVILEGES FOR ROLE winddown_contract_marker {} ON SCHEMAS {} contract_clerk, PUBLIC"
    planned, content = work(subject), subject.content()
    subject._run(by_default.format("GRANT USAGE", "TO"))
    assert planned.act(QUARANTINE).records == planned.batches[0].records
    subject._run(by_default.format("REVOKE USAGE", "FROM"))
    assert subject.content() == {name: row for name, row in content.items() if name not in planned.names[0]}
    assert (planned.remaining(), planned.set_aside()) == (0, planned.batches[0].records)
    held = subject._run(
        "SELECT r.rolname FROM pg_namespace n CROSS JOIN pg_roles r WHERE starts_with(n.nspname, %s) "
        "AND NOT r.rolsuper AND has_schema_privilege(r.oid, n.oid, 'USAGE')",
        ("winddown_quarantine_",),
    )
    inside = {"winddown_contract_marker", "winddown_contract_purger", "winddown_contract_inspector"}
    assert {name for (name,) in held} <= {*inside, "pg_read_all_data", "pg_write_all_data", "pg_database_owner"}


def test_whatever_the_catalogue_says_comes_back(subject: WholeTableSubject) -> None:
    subject._run("COMMENT ON TABLE {t} IS 'of the shop'")
    column = sql.Identifier(subject.shape.fields[0])
    subject._run("CREATE INDEX own ON {t} ({c})", c=column)
    subject._run("ALTER TABLE {t} ADD CONSTRAINT filled CHECK ({c} IS NOT NULL)", c=column)
    subject._run("GRANT SELECT ON {t} TO contract_clerk WITH GRANT OPTION")
    before, content, grants = shape_of(subject), subject.content(), subject.grants()
    planned = work(subject)
    for _ in range(2):
        planned.act_all(QUARANTINE)
        assert shape_of(subject) != before
        for index in reversed(range(len(planned.batches))):
            planned.act(RESTORE, index)
        assert shape_of(subject) == before
        assert (subject.content(), subject.grants()) == (content, grants)


def test_purge_leaves_nothing_after_the_last_sanitise(subject: WholeTableSubject, database: Database) -> None:
    planned = work(subject)
    planned.act_all(QUARANTINE)
    planned.act_all(PURGE)
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    right = subject.desk.mint_for(Power.SANITISE, subject.ref.store)
    receipt = store.sanitise(right, [subject.ref], settled=[planned.order.id])
    assert receipt.records == 1
    for query in (
        "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'winddown_quarantine')",
        "SELECT count(*) FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace)",
    ):
        assert database.admin.execute(query.encode()).fetchone() == (0,)
    assert planned.remaining() == planned.leftovers() == 0
    assert {subject.store.locate(planned.order, batch) for batch in planned.batches} == {Whereabouts.GONE}


def test_what_the_catalogue_said_of_a_dropped_table_is_gone_from_the_files(database: Database, desk: Desk) -> None:
    marks = {name: f"marked-{name}-{secrets.token_hex(8)}" for name in ("cell", "comment", "default", "check", "bound")}
    rows = ((marks["bound"], 1, marks["cell"]),)
    note = f"note text DEFAULT '{marks['default']}' CHECK (note <> '{marks['check']}')"
    ddl = f"""(region text NOT NULL, no bigint, {note},
              PRIMARY KEY (region, no)) PARTITION BY LIST (region)"""
    shape = Shape(ddl, ("region", "no"), ("region", "no", "note"), (), ("note",))
    subject = WholeTableSubject(database, desk, shape)
    subject.method = Method.DETACH_PARTITION
    part = sql.Identifier(subject.schema, "part")
    subject._run("CREATE TABLE {p} PARTITION OF {t} FOR VALUES IN ({v})", p=part, v=sql.Literal(marks["bound"]))
    subject._run("COMMENT ON TABLE {p} IS {c}", p=part, c=sql.Literal(marks["comment"]))
    subject._run("ALTER TABLE {p} OWNER TO contract_owner; ANALYZE {t}", p=part)
    subject._insert(rows[0])
    planned = work(subject)
    planned.act_all(QUARANTINE)
    planned.act_all(PURGE)
    # What the table itself says stays with it.
    subject._run(
        "ALTER TABLE {t} DROP CONSTRAINT {c}", c=sql.Identifier(f"{subject.ref.name.partition('.')[2]}_note_check")
    )
    subject._run("ALTER TABLE {t} ALTER note DROP DEFAULT")
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    receipt = store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
    assert "pg_class" in dict(receipt.details)["catalogue_rewritten"]
    found = subject.inspector.search_bytes([mark.encode() for mark in marks.values()])
    assert (found.reached, found.found, found.where) == (True, 0, ())
    subject.drop()


def test_sanitise_keeps_a_table_that_is_in_quarantine(subject: WholeTableSubject) -> None:
    planned, content = work(subject), subject.content()
    planned.act_all(QUARANTINE)
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
    for index in reversed(range(len(planned.batches))):
        planned.act(RESTORE, index)
    assert subject.content() == content


def test_a_freeze_that_is_run_again_passes_over_what_is_in_quarantine(subject: WholeTableSubject) -> None:
    store, before = ability(subject.store, SupportsFreeze), subject.grants()
    assert store is not None
    remembered = store.remember_writers([subject.ref], None)
    store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
    planned = work(subject)
    planned.act_all(QUARANTINE)
    again = store.remember_writers([subject.ref], remembered)
    assert again == remembered
    store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), again)
    for index in reversed(range(len(planned.batches))):
        planned.act(RESTORE, index)
    store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), again)
    assert subject.grants() == before


# -- killed at every statement ---------------------------------------------------------------------------------------


class KilledError(Exception):
    """The worker is no more."""


def kill_at(subject: PostgresSubject, planned: Work, power: Power, number: int) -> bool:
    """Act, and die before the statement of this number; whether it came to that."""
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise KilledError

    unlock, steps = subject.store._unlock, ("before_cursor_execute", "commit")
    engines: list[Engine] = []

    def watched(authorization: Any) -> Any:
        engines.append(unlock(authorization))
        for step in steps:
            event.listen(engines[-1], step, count)
        return engines[-1]

    subject.store._unlock = watched
    try:
        planned.act(power)
    except KilledError:
        return True
    finally:
        subject.store._unlock = unlock
        for engine in engines:
            for step in steps:
                event.remove(engine, step, count)
    return False


@pytest.mark.parametrize(
    ("power", "before", "after"),
    [
        (QUARANTINE, Whereabouts.LIVE, Whereabouts.QUARANTINED),
        (RESTORE, Whereabouts.QUARANTINED, Whereabouts.LIVE),
        (PURGE, Whereabouts.QUARANTINED, Whereabouts.GONE),
    ],
)
def test_killed_at_any_statement_nothing_is_half_done(
    subject: WholeTableSubject, power: Power, before: Whereabouts, after: Whereabouts
) -> None:
    planned, content = work(subject), subject.content()
    count = planned.batches[0].records
    if before is Whereabouts.QUARANTINED:
        planned.act(QUARANTINE)
    now, shape = subject.content(), shape_of(subject)
    number = 1
    while kill_at(subject, planned, power, number):
        assert subject.store.locate(planned.order, planned.batches[0]) is before
        assert (subject.content(), shape_of(subject)) == (now, shape)
        assert (planned.unchanged(), planned.set_aside()) == ((count, 0) if before is Whereabouts.LIVE else (0, count))
        number += 1
    assert number > 5, "there were statements to die at"
    assert subject.store.locate(planned.order, planned.batches[0]) is after
    if after is Whereabouts.LIVE:
        assert subject.content() == content


# -- how long it takes, and what is proven ---------------------------------------------------------------------------

MANY = 200_000
PLAIN = Shape("(id bigint PRIMARY KEY, name text, note text)", ("id",), ("id", "name"), ((0, "a"),), ("name",))


def filled(database: Database, desk: Desk, rows: int) -> WholeTableSubject:
    found = WholeTableSubject(database, desk, PLAIN)
    found._run("INSERT INTO {t} SELECT g, 'name ' || g, repeat('x', 30) FROM generate_series(1, %s) g", (rows - 1,))
    # What a session wrote shows in the statistics when it has told them, at the latest when it ends.
    found._run("SELECT pg_stat_force_next_flush()")
    return found


def test_one_row_and_many_take_alike(database: Database, desk: Desk) -> None:
    took: dict[tuple[int, Power], float] = {}
    for rows in (1, MANY):
        subject = filled(database, desk, rows)
        planned = work(subject)
        assert planned.batches[0].records == rows
        for power in (QUARANTINE, PURGE):
            began = time.perf_counter()
            planned.act(power)
            took[rows, power] = time.perf_counter() - began
        assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.GONE
        subject.drop()
    for power in (QUARANTINE, PURGE):
        assert took[MANY, power] < 1
        assert took[MANY, power] < 10 * took[1, power] + 0.2, took


def written_behind(database: Database, subject: PostgresSubject, statement: str) -> None:
    """Write in a session that ends at once, so that its statistics are told."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(database.url, autocommit=True) as session:
        session.execute(sql.SQL(statement).format(t=subject.table))
    time.sleep(0.3)


def test_a_big_table_is_compared_when_somebody_wrote_to_it(database: Database, desk: Desk) -> None:
    subject = filled(database, desk, MANY)
    planned = work(subject)
    written_behind(database, subject, "UPDATE {t} SET name = 'anew' WHERE id = 7")
    with pytest.raises(Refused, match="0 of 200000 planned records are there unchanged"):
        planned.act(QUARANTINE)
    written_behind(database, subject, "UPDATE {t} SET name = 'name 7' WHERE id = 7")
    planned.act(QUARANTINE)
    assert planned.set_aside() == MANY
    planned.act(RESTORE)
    assert planned.unchanged() == MANY
    subject.drop()


def test_what_the_statistics_did_not_tell_the_inspector_sees(database: Database, desk: Desk) -> None:
    subject = filled(database, desk, MANY)
    planned = work(subject)
    subject._run("UPDATE {t} SET name = 'anew' WHERE id = 7")  # by a session that goes on, and told nothing yet
    planned.act(QUARANTINE)
    assert planned.leftovers() == MANY
    assert planned.set_aside() == 0, "so the effect is not closed as done, and no purge is authorised"
    planned.act(RESTORE)
    assert (planned.leftovers(), planned.remaining(), planned.unchanged()) == (0, MANY, 0)
    subject.drop()


# -- what stands against it ------------------------------------------------------------------------------------------

AGAINST = {
    "view {s}.shown": "CREATE VIEW {s}.shown AS SELECT * FROM {t}",
    "view {s}.copied": "CREATE MATERIALIZED VIEW {s}.copied AS SELECT * FROM {t}",
    "function {s}.counted": (
        "CREATE FUNCTION {s}.counted() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM {t}; END"
    ),
    "use in {s}.typed": "CREATE TABLE {s}.typed (id int, whole {t})",
    "publication contract_out": "CREATE PUBLICATION contract_out FOR TABLE {t}",
    "row security of t": "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
    "inheritance with {s}.child": "CREATE TABLE {s}.child () INHERITS ({t})",
    "default of {s}.other": "CREATE TABLE {s}.other (id bigint DEFAULT nextval('{s}.t_no_seq'))",
    "event trigger contract_watch": (
        "CREATE EVENT TRIGGER contract_watch ON ddl_command_end EXECUTE FUNCTION {s}.watch()"
    ),
    "policy seen": (
        "CREATE TABLE {s}.guarded (id int); CREATE POLICY seen ON {s}.guarded USING (id IN (SELECT no FROM {t}))"
    ),
}
SIMPLE = Shape("(no bigserial PRIMARY KEY, name text)", ("no",), ("no", "name"), ((1, "a"), (2, "b")), ("name",))


@pytest.fixture
def simple(database: Database, desk: Desk) -> Iterator[WholeTableSubject]:
    found = WholeTableSubject(database, desk, SIMPLE)
    schema = sql.Identifier(found.schema)
    found._run("ALTER TABLE {t} RENAME TO t")
    found.table = sql.Identifier(found.schema, "t")
    found.ref = replace(found.ref, name=f"{found.schema}.t")
    found._run('ALTER SEQUENCE {s}."客户 ""A"".x (:y)_no_seq" RENAME TO t_no_seq', s=schema)
    found._run(
        "CREATE FUNCTION {s}.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'", s=schema
    )  # fmt: skip
    yield found
    found._run("DROP PUBLICATION IF EXISTS contract_out")
    found._run("DROP EVENT TRIGGER IF EXISTS contract_watch")
    found.drop()


@pytest.mark.parametrize("named", AGAINST)
def test_what_would_keep_on_using_the_table_is_named(simple: WholeTableSubject, named: str) -> None:
    planned, content, located = work(simple), simple.content(), read_all(simple)
    simple._run(AGAINST[named].replace("{s}", simple.schema))
    expected = named.replace("{s}", simple.schema)
    store = ability(simple.store, SupportsWholeTables)
    assert store is not None
    found = store.whole_tables(simple.collection, located, whole=True)
    assert expected in found.against
    assert (found.keys.num_rows, found.rest.num_rows) == (0, 2)
    with pytest.raises(Refused, match="came to the table after the plan was made"):
        planned.act(QUARANTINE)
    assert simple.content() == content


def test_what_belongs_to_the_table_goes_with_it(simple: WholeTableSubject) -> None:
    simple._run("ALTER TABLE {t} ADD FOREIGN KEY (no) REFERENCES {t}; CREATE INDEX ON {t} (name)")
    simple._run("CREATE STATISTICS {s}.both ON no, name FROM {t}", s=sql.Identifier(simple.schema))
    simple._run("CREATE FUNCTION {s}.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
                "CREATE TRIGGER kept BEFORE DELETE ON {t} FOR EACH ROW EXECUTE FUNCTION {s}.keep()",
                s=sql.Identifier(simple.schema))  # fmt: skip
    before, content = shape_of(simple), simple.content()
    planned = work(simple)
    planned.act(QUARANTINE)
    planned.act(RESTORE)
    assert (shape_of(simple), simple.content()) == (before, content)
    planned.act(QUARANTINE)
    planned.act(PURGE)
    assert planned.leftovers() == 0


def referring(simple: WholeTableSubject, name: str, target: str) -> WholeTableSubject:
    """Another table, in the same schema, all of whose rows refer to a table."""
    other = object.__new__(WholeTableSubject)
    other.__dict__.update(simple.__dict__)
    other.table = sql.Identifier(simple.schema, name)
    other.ref = replace(simple.ref, name=f"{simple.schema}.{name}")
    other._run(
        "CREATE TABLE {t} (no bigint PRIMARY KEY REFERENCES {o}, name text)", o=sql.Identifier(simple.schema, target)
    )
    other._run("INSERT INTO {t} VALUES (1, 'x'), (2, 'y'); ALTER TABLE {t} OWNER TO contract_owner")
    other._run("GRANT SELECT ON {t} TO winddown_contract_reader")
    return other


def test_a_table_that_others_refer_to_goes_after_them(simple: WholeTableSubject) -> None:
    early = work(simple)
    child = referring(simple, "child", "t")
    with pytest.raises(Refused, match=r"foreign key of contract_\w+\.child came"):
        early.act(QUARANTINE)
    parents, children = work(simple), work(child)
    store = ability(simple.store, SupportsWholeTables)
    assert store is not None
    found = store.whole_tables(simple.collection, read_all(simple), whole=True)
    assert found.referred_by == (child.ref,)
    children.act(QUARANTINE)
    parents.act(QUARANTINE)
    assert (simple.content(), child.content()) == ({}, {})
    parents.act(RESTORE)
    children.act(RESTORE)
    assert (len(simple.content()), len(child.content())) == (2, 2)
    for planned in (children, parents):
        planned.act(QUARANTINE)
    for planned in (children, parents):
        planned.act(PURGE)
        assert planned.leftovers() == 0


def test_tables_that_refer_to_each_other_go_whole(simple: WholeTableSubject) -> None:
    other = referring(simple, "other", "t")
    simple._run("ALTER TABLE {t} ADD CONSTRAINT back FOREIGN KEY (no) REFERENCES {o}", o=other.table)
    before, content = shape_of(simple), (simple.content(), other.content())
    first, second = work(simple), work(other)
    first.act(QUARANTINE)
    second.act(QUARANTINE)
    second.act(RESTORE)
    first.act(RESTORE)
    assert (shape_of(simple), (simple.content(), other.content())) == (before, content)
    first.act(QUARANTINE)
    second.act(QUARANTINE)
    first.act(PURGE)
    with pytest.raises(Residual, match=r"its foreign key .* went with the table that it refers to"):
        second.act(RESTORE)
    assert second.set_aside() == 2
    second.act(PURGE)
    assert first.leftovers() == second.leftovers() == 0


def test_undo_is_possible_before_anything_moves(simple: WholeTableSubject) -> None:
    planned, content = work(simple), simple.content()
    simple._run(
        "ALTER SCHEMA {s} OWNER TO postgres; GRANT USAGE ON SCHEMA {s} TO contract_owner",
        s=sql.Identifier(simple.schema),
    )
    with pytest.raises(Refused, match=r"could not move .* back"):
        planned.act(QUARANTINE)
    assert simple.content() == content


# -- rows of partitioned tables --------------------------------------------------------------------------------------


def test_rows_of_a_partitioned_table_move_through_it(database: Database, desk: Desk) -> None:
    subject = PartitionSubject(database, desk)
    content, shape = subject.content(), shape_of(subject)
    located = read_all(subject)
    some = [row["region"] != "north" and row["no"] == "1" for row in located.to_pylist()]
    store = ability(subject.store, SupportsWholeTables)
    assert store is not None
    found = store.whole_tables(subject.collection, located.filter(some), whole=False)
    assert found.method is Method.DETACH_PARTITION
    assert (found.of, found.keys.num_rows, found.rest.num_rows) == (4, 1, 2), "south is alone in the default partition"
    planned = replaced_by_rows(subject, located.filter(some))
    planned.act(QUARANTINE)
    assert len(subject.content()) == len(content) - 3
    assert (planned.remaining(), planned.set_aside()) == (0, 3)
    planned.act(RESTORE)
    assert (subject.content(), shape_of(subject)) == (content, shape)
    planned.act(QUARANTINE)
    planned.act(PURGE)
    assert len(subject.content()) == len(content) - 3
    subject.drop()


def replaced_by_rows(subject: WholeTableSubject, located: Any) -> Work:
    """Plan these records as rows."""
    plain = object.__new__(PostgresSubject)
    plain.__dict__.update(subject.__dict__)
    names = ["|".join((row["region"], row["no"])) for row in located.to_pylist()]
    planned = work(plain, chosen=names, size=10)
    assert planned.order.method is Method.ESCROW_ROWS
    return planned


def test_a_trigger_on_a_partition_is_the_tables_own(database: Database, desk: Desk) -> None:
    subject = PartitionSubject(database, desk)
    subject._run("CREATE FUNCTION {s}.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
                 "CREATE TRIGGER kept BEFORE DELETE ON {s}.north FOR EACH ROW EXECUTE FUNCTION {s}.keep()",
                 s=sql.Identifier(subject.schema))  # fmt: skip
    found = [(one.code, one.subject) for one in subject.store.discover().blockers]
    assert ("trigger", str(subject.ref)) in found
    subject.drop()


def test_a_published_table_without_replica_identity_is_blocked(simple: WholeTableSubject) -> None:
    simple._run("CREATE PUBLICATION contract_out FOR TABLE {t}")
    assert not [one for one in simple.store.discover().blockers if one.code == "no-replica-identity"]
    simple._run("ALTER TABLE {t} REPLICA IDENTITY NOTHING")
    found = [one for one in simple.store.discover().blockers if one.code == "no-replica-identity"]
    assert [one.subject for one in found] == [f"{STORE}:{simple.schema}.t"]
