import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql
from sqlalchemy import text

from winddown import bootstrap
from winddown.domain.authorization import Power
from winddown.domain.batch import CONTENT, RANK
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act
from winddown.domain.receipt import NOT_GIVEN_BACK, Receipt, Whereabouts
from winddown.inspection.postgresql import _is_cluster
from winddown.ports import Strain, SupportsSanitise, SupportsSideBySide, SupportsStrain, ability
from winddown.stages.manifests import split
from winddown.stores.sql import kept_open
from winddown.stores.sql.copy_out import handed_out
from winddown.stores.sql.escrow_position import RowsPosition
from winddown.stores.sql.position import prepare
from winddown.stores.sql.postgresql import PostgresStore

from .ability_suites import FreezeSuite, MinimiseSuite, SanitiseSuite, WatchSuite
from .desk import Desk
from .postgresql_subject import BYTES_KEY, COMPOSITE, ROLES, STORE, Database, PostgresSubject, Shape
from .subject import keys_of, read_all, work
from .suite import FieldSuite, ReturnSuite, StoreSuite


@pytest.fixture(params=[COMPOSITE, BYTES_KEY], ids=["composite_key", "bytes_key"])
def subject(request: pytest.FixtureRequest, database: Database, desk: Desk) -> Iterator[PostgresSubject]:
    found = PostgresSubject(database, desk, request.param)
    yield found
    found.drop()


class TestPostgres(StoreSuite, FieldSuite, ReturnSuite, FreezeSuite, SanitiseSuite, MinimiseSuite, WatchSuite):
    pass


def test_every_batch_is_seen_by_the_inspector_and_what_changed_in_it(subject: PostgresSubject) -> None:
    planned = work(subject, chosen=subject.content().keys())
    indexes = range(len(planned.batches))
    assert len(indexes) > 2
    subject.alter(min(planned.names[1]))
    subject.spoil(min(planned.names[2]))
    records = [batch.records for batch in planned.batches]
    lost = [1 if index in {1, 2} else 0 for index in indexes]
    gone = [1 if index == 2 else 0 for index in indexes]
    assert [planned.unchanged(index) for index in indexes] == [a - b for a, b in zip(records, lost, strict=True)]
    assert [planned.remaining(index) for index in indexes] == [a - b for a, b in zip(records, gone, strict=True)]


def test_a_field_is_emptied_only_where_its_row_is_as_planned(subject: PostgresSubject) -> None:
    planned = work(subject, chosen=subject.content().keys(), act=Act.MINIMISE)
    subject.alter(min(planned.names[1]))
    content = subject.content()
    with pytest.raises(Refused, match="1 of 2 planned records"):
        planned.act(Power.QUARANTINE, 1)
    assert subject.content() == content
    planned.act(Power.QUARANTINE, 0)
    assert (planned.set_aside(0), planned.remaining(0)) == (2, 0)


def test_a_batch_in_quarantine_is_found_by_an_index(subject: PostgresSubject, database: Database) -> None:
    planned = work(subject, act=Act.MINIMISE)
    planned.act(Power.QUARANTINE)
    query = (
        "SELECT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
        "WHERE c.relnamespace = to_regnamespace('winddown_quarantine') AND c.relname <> 'journal'"
    )
    assert database.admin.execute(query).fetchall() == [("winddown_batch",)]


def test_the_key_and_its_order_are_the_tables_own(subject: PostgresSubject) -> None:
    assert subject.collection.key == subject.shape.key
    assert set(subject.shape.fields) <= set(subject.collection.field_names())


def test_nothing_of_ours_stays_after_the_last_sanitise(subject: PostgresSubject, database: Database) -> None:
    planned = work(subject)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    right = subject.desk.mint_for(Power.SANITISE, subject.ref.store)
    store.sanitise(right, [subject.ref], settled=[planned.order.id])
    query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'winddown_quarantine'"
    assert database.admin.execute(query).fetchone() == (0,)


def test_a_renamed_field_is_another_one(subject: PostgresSubject) -> None:
    planned = work(subject)
    first, second = subject.shape.minimise[:2] if len(subject.shape.minimise) > 1 else (subject.shape.minimise[0], "x")
    for old, new in ((first, "between"), (second, first), ("between", second)) if second != "x" else ((first, "x"),):
        subject._run("ALTER TABLE {t} RENAME COLUMN {o} TO {n}", o=sql.Identifier(old), n=sql.Identifier(new))
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.MIXED
    assert planned.unchanged() == 0
    content = subject.content()
    with pytest.raises(Refused, match="0 of 2 planned records"):
        planned.act(Power.QUARANTINE)
    assert subject.content() == content


def test_statistics_of_an_emptied_table_hold_nothing(subject: PostgresSubject) -> None:
    subject._run("ANALYZE {t}")
    planned = work(subject, chosen=subject.content().keys())
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    query = "SELECT attname FROM pg_stats WHERE schemaname = %s AND tablename = %s ORDER BY 1"
    named = (subject.schema, subject.ref.name.partition(".")[2])
    assert len(subject._run(query, named)) >= len(subject.shape.fields)
    receipt = store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
    # What a generated column reads cannot be cleared, and is said.
    read = ['na"me'] if 'na"me' in subject.shape.fields else []
    assert [name for (name,) in subject._run(query, named)] == read
    said = dict(receipt.details)["statistics_left"]
    assert said == (", ".join(f"{subject.ref.name}.{name}" for name in read) or "none")


def test_files_of_another_cluster_are_not_searched_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "global").mkdir()
    (tmp_path / "global" / "pg_control").write_bytes((7).to_bytes(8, sys.byteorder) + b"rest")
    assert _is_cluster(tmp_path, 7)
    assert not _is_cluster(tmp_path, 8)
    assert not _is_cluster(tmp_path / "nowhere", 7)


SHADOWS = """
    CREATE TYPE public.contract_mood AS ENUM ('good', 'bad');
    CREATE FUNCTION public.shadow_equal(varchar, varchar) RETURNS boolean LANGUAGE plpgsql
        AS $$BEGIN RAISE EXCEPTION 'a shadow was called'; END$$;
    CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.shadow_equal);
    CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE plpgsql
        AS $$BEGIN RAISE EXCEPTION 'a shadow was called'; END$$;
    CREATE FUNCTION public.hashtext(text) RETURNS integer LANGUAGE plpgsql
        AS $$BEGIN RAISE EXCEPTION 'a shadow was called'; END$$;
    CREATE FUNCTION public.to_regclass(text) RETURNS regclass LANGUAGE plpgsql
        AS $$BEGIN RAISE EXCEPTION 'a shadow was called'; END$$;
    CREATE VIEW public.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false;
    GRANT SELECT ON public.pg_class TO PUBLIC;
"""
WITH_USER_TYPES = Shape(
    "(code varchar(20) PRIMARY KEY, name varchar(40), mood public.contract_mood, of_type regtype)",
    ("code",),
    ("code", "name", "mood", "of_type"),
    tuple((f"k{number}", f"值{number}", "good", "public.contract_mood") for number in range(4)),
    ("name",),
)


@pytest.fixture
def shadowed(database: Database, desk: Desk) -> Iterator[PostgresSubject]:
    """A table in a database whose ``public`` schema shadows what we call, for roles that look there first."""
    admin = database.admin
    admin.execute(SHADOWS.encode())
    for role in ROLES:
        path = "public, pg_catalog" if role != "inspector" else "pg_catalog"
        admin.execute(f"ALTER ROLE winddown_contract_{role} SET search_path = {path}".encode())
    found = PostgresSubject(database, desk, WITH_USER_TYPES)
    yield found
    found.drop()
    for role in ROLES:
        admin.execute(f"ALTER ROLE winddown_contract_{role} RESET search_path".encode())
    admin.execute(b"DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")


def test_nothing_that_the_database_plants_is_called_in_place_of_the_servers_own(shadowed: PostgresSubject) -> None:
    content = shadowed.content()
    assert read_all(shadowed).num_rows == len(content)
    assert sum(batch.num_rows for batch in shadowed.store.cells(shadowed.collection)) == len(content)
    for act in (Act.MINIMISE, Act.ERASE):
        planned = work(shadowed, act=act)
        assert planned.unchanged() == planned.batches[0].records, "roles write a type's name the same way"
        planned.act_all(Power.QUARANTINE)
        assert planned.remaining() == 0
        assert planned.set_aside() == planned.batches[0].records
        planned.act_all(Power.RESTORE)
        assert shadowed.content() == content
        planned.act_all(Power.QUARANTINE)
        planned.act_all(Power.PURGE)
        assert planned.leftovers() == 0
        content = shadowed.content()
    store = ability(shadowed.store, SupportsSanitise)
    assert store is not None
    store.sanitise(shadowed.desk.mint_for(Power.SANITISE, shadowed.ref.store), [shadowed.ref])


def test_a_key_of_a_type_that_is_not_the_servers_own_names_rows(database: Database, desk: Desk) -> None:
    try:
        database.admin.execute(b"CREATE EXTENSION vector SCHEMA public")
    except psycopg.errors.FeatureNotSupported as error:
        pytest.skip(f"the server has no such type: {error}")
    rows = tuple((f"[{number},1]", f"值{number}") for number in range(4))
    shape = Shape("(spot public.vector PRIMARY KEY, name text)", ("spot",), ("spot", "name"), rows, ("name",))
    subject = PostgresSubject(database, desk, shape)
    content = subject.content()
    for act in (Act.MINIMISE, Act.ERASE):
        planned = work(subject, act=act)
        planned.act(Power.QUARANTINE)
        assert (planned.remaining(), planned.set_aside()) == (0, planned.batches[0].records)
        planned.act(Power.RESTORE)
        assert subject.content() == content
    subject.drop()
    database.admin.execute(b"DROP EXTENSION vector")


def test_batches_of_a_table_that_refers_to_itself_take_children_first(database: Database, desk: Desk) -> None:
    rows = tuple((number, number - 1 or None) for number in range(1, 8))
    shape = Shape("(id bigint PRIMARY KEY, above bigint)", ("id",), ("id", "above"), rows, ("above",))
    subject = PostgresSubject(database, desk, shape)
    subject._run("ALTER TABLE {t} ADD FOREIGN KEY (above) REFERENCES {t}")
    content, collection = subject.content(), subject.collection
    located = read_all(subject)
    ranks = pa.array([8 - int(row["id"]) for row in located.to_pylist()], pa.int64())
    keys = keys_of(subject.store, collection, located.append_column(RANK, ranks), size=2)
    assert keys.column_names == ["id", CONTENT, "batch"]
    planned = work(subject, chosen=content.keys())
    with pytest.raises(Refused, match="SQLSTATE 23503"):  # parents first, as the order of the keys has it
        planned.act_all(Power.QUARANTINE)
    assert subject.content() == content
    batches = tuple(split([keys]))
    planned = replace(planned, batches=batches)
    wide = ability(subject.store, SupportsSideBySide)
    assert wide is not None
    assert wide.side_by_side(planned.order) == 1
    planned.act_all(Power.QUARANTINE)
    assert subject.content() == {}
    for index in reversed(range(len(batches))):
        planned.act(Power.RESTORE, index)
    assert subject.content() == content
    subject.drop()


# -- what is only stored ---------------------------------------------------------------------------------------------


def shut(subject: PostgresSubject, earlier: Receipt | None = None) -> Receipt:
    remembered = subject.store.remember_readers([subject.ref], earlier)
    subject.store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
    return remembered


def test_sessions_that_wait_for_locks_are_strain(subject: PostgresSubject, database: Database) -> None:
    store = ability(subject.store, SupportsStrain)
    assert store is not None
    assert store.strain() == Strain(waiting=0, lag_seconds=0.0)
    with psycopg.connect(database.url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute(sql.SQL("LOCK TABLE {t}").format(t=subject.table))
        waiter = pool.submit(subject._run, "SELECT count(*) FROM {t}")
        until = time.monotonic() + 10
        while not (strain := store.strain()).waiting and time.monotonic() < until:
            time.sleep(0.01)
        assert strain.waiting == 1
        holder.rollback()
        waiter.result(timeout=10)
    assert store.strain().waiting == 0


def test_batches_of_rows_go_side_by_side(subject: PostgresSubject) -> None:
    wide = ability(subject.store, SupportsSideBySide)
    assert wide is not None
    assert wide.side_by_side(work(subject).order) == 2
    assert wide.side_by_side(work(subject, act=Act.MINIMISE).order) == 1


def test_a_credential_that_may_not_log_in_any_more_is_refused_and_nothing_is_lost(
    database: Database, desk: Desk
) -> None:
    shape = Shape("(id integer PRIMARY KEY, t text)", ("id",), ("id", "t"), ((1, "x"), (2, "y")), ("t",))
    subject = PostgresSubject(database, desk, shape)
    try:
        planned = work(subject, chosen=("1", "2"), size=1)
        planned.act(Power.QUARANTINE)
        database.admin.execute("ALTER ROLE winddown_contract_marker NOLOGIN")
        for power, index in ((Power.QUARANTINE, 1), (Power.RESTORE, 0)):
            with pytest.raises(Refused) as refused:
                planned.act(power, index)
            assert refused.value.rule == "credentials"
        database.admin.execute("ALTER ROLE winddown_contract_marker LOGIN")
        planned.act(Power.RESTORE)
        assert set(subject.content()) == {"1", "2"}
    finally:
        database.admin.execute("ALTER ROLE winddown_contract_marker LOGIN")
        subject.drop()


def test_whoever_stops_reading_leaves_a_connection_that_can_be_used(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("SELECT 1")
        messages = handed_out(connection, "COPY (SELECT g FROM generate_series(1, 1000000) g) TO STDOUT")
        assert bytes(next(messages)) == b"1\n"
        messages.close()
        connection.rollback()
        assert sum(1 for _ in handed_out(connection, "COPY (SELECT 1 UNION ALL SELECT 2) TO STDOUT")) == 2
        with pytest.raises(psycopg.errors.DivisionByZero):
            list(handed_out(connection, "COPY (SELECT 1 / (g - 500) FROM generate_series(1, 1000) g) TO STDOUT"))
        connection.rollback()
        with pytest.raises(psycopg.errors.UndefinedTable):
            list(handed_out(connection, "COPY nowhere TO STDOUT"))


def test_reads_are_taken_from_applications_and_come_back_exactly(subject: PostgresSubject) -> None:
    subject._run("GRANT SELECT ({f}) ON {t} TO contract_clerk", f=sql.Identifier(subject.shape.fields[0]))
    subject._run("ALTER ROLE contract_app LOGIN")
    before = subject.grants()
    assert "contract_app" in subject.inspector.readers([subject.ref])
    remembered = shut(subject)
    assert "contract_app" not in subject.inspector.readers([subject.ref])
    assert subject.inspector.writers([subject.ref]) != (), "writes are another matter"
    batches = list(subject.store.read(subject.collection))
    assert sum(batch.num_rows for batch in batches) == len(subject.shape.rows), "we read on"
    again = shut(subject, remembered)
    subject.store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), again)
    assert subject.grants() == before


def test_a_view_that_still_shows_it_is_named(subject: PostgresSubject) -> None:
    view = sql.Identifier(subject.schema, "shown")
    subject._run("CREATE VIEW {v} AS SELECT * FROM {t}", v=view)
    shut(subject)
    assert f"view {subject.schema}.shown" in subject.inspector.readers([subject.ref])


def test_what_is_gone_keeps_nothing_else_from_coming_back(subject: PostgresSubject) -> None:
    subject._run("ALTER TABLE {t} ADD added text")
    subject._run("CREATE ROLE contract_gone")
    subject._run("GRANT INSERT, DELETE ON {t} TO contract_gone")
    subject._run("GRANT INSERT (added) ON {t} TO contract_app")
    remembered = subject.store.remember_writers([subject.ref], None)
    subject.store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
    subject._run("DROP ROLE contract_gone")
    subject._run("ALTER TABLE {t} DROP COLUMN added")
    again = subject.store.remember_writers([subject.ref], remembered)
    subject.store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), again)
    assert not subject.can_write()
    receipt = subject.store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), again)
    assert subject.can_write()
    wanted = f'3, for want of column "added" of {subject.ref.name}, role contract_gone'
    assert dict(receipt.details)[NOT_GIVEN_BACK] == wanted
    assert dict(receipt.details)["grants"] == dict(again.details)["grants"]


def test_rights_on_a_column_that_is_gone_are_not_remembered(subject: PostgresSubject) -> None:
    subject._run("ALTER TABLE {t} ADD added text")
    subject._run("GRANT INSERT (added) ON {t} TO contract_app")
    subject._run("ALTER TABLE {t} DROP COLUMN added")
    remembered = subject.store.remember_writers([subject.ref], None)
    assert "dropped" not in dict(remembered.details)["grants"]


def test_a_table_that_is_gone_keeps_no_other_from_coming_back(subject: PostgresSubject) -> None:
    other = CollectionRef(STORE, f"{subject.schema}.other")
    subject._run("CREATE TABLE {s}.other (x int)", s=sql.Identifier(subject.schema))
    subject._run("ALTER TABLE {s}.other OWNER TO contract_owner", s=sql.Identifier(subject.schema))
    subject._run("GRANT INSERT ON {s}.other TO PUBLIC", s=sql.Identifier(subject.schema))
    before = subject.grants()
    remembered = subject.store.remember_writers([subject.ref, other], None)
    subject.store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
    subject._run("DROP TABLE {s}.other", s=sql.Identifier(subject.schema))
    receipt = subject.store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)
    assert subject.grants() == before
    assert dict(receipt.details)[NOT_GIVEN_BACK] == f"1, for want of table {other.name}"


def test_our_own_reading_is_not_taken_with_the_applications(subject: PostgresSubject) -> None:
    subject._run("REVOKE SELECT ON {t} FROM winddown_contract_reader")
    subject._run("GRANT SELECT ON {t} TO PUBLIC")
    before = subject.grants()
    with pytest.raises(Refused, match=r"winddown_contract_reader on .* by rights that applications share"):
        shut(subject)
    assert subject.grants() == before


@pytest.mark.parametrize("options", [{"isolation_level": "AUTOCOMMIT"}, {"postgresql_readonly": True}], ids=str)
def test_a_session_that_nobody_uses_is_closed_and_one_in_use_is_not(
    database: Database, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(kept_open, "_IDLE_SECONDS", 1)
    engine = bootstrap._engine(database.connections[STORE])
    query, sessions = text("SELECT pg_backend_pid()"), "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    for _ in range(2):
        with engine.connect() as raw:
            connection = raw.execution_options(**options)
            number = connection.execute(query).scalar()
            time.sleep(1.5)
            assert connection.execute(query).scalar() == number
        until = time.monotonic() + 10
        while database.admin.execute(sessions, [number]).fetchone() != (0,):
            assert time.monotonic() < until, "nobody closed it"
            time.sleep(0.1)
    engine.dispose()


def test_no_session_is_handed_out_that_is_older_than_an_authorization_may_be(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_open, "_OLDEST_SECONDS", 1)
    engine = bootstrap._engine(database.connections[f"{STORE}__purge"])

    def session() -> object:
        with engine.connect() as connection:
            return connection.execute(text("SELECT pg_backend_pid()")).scalar()

    first = session()
    assert session() == first
    time.sleep(1.1)
    assert session() != first
    engine.dispose()


def test_an_act_finds_nothing_of_the_one_before_in_its_session(database: Database) -> None:
    engine = bootstrap._engine(database.connections[f"{STORE}__mark"])
    left = (
        "SELECT pg_backend_pid(), current_setting('work_mem'), to_regclass('pg_temp.rest')::text, "
        "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
    )
    with engine.connect() as connection:
        before = connection.execute(text(left)).one()
        connection.execute(
            text("SET work_mem = '1MB'; CREATE TEMPORARY TABLE rest (x int); SELECT pg_advisory_lock(7)")
        )
        connection.commit()
    with engine.connect() as connection:
        assert connection.execute(text(left)).one() == before
    engine.dispose()


def test_a_look_finds_nothing_of_the_one_before_in_its_session(database: Database) -> None:
    engine = bootstrap._engine(database.connections[f"{STORE}__inspect"])
    left = "SELECT pg_backend_pid(), current_setting('work_mem'), current_setting('enable_seqscan'), now()"

    def look(*settings: str) -> Any:
        with engine.connect().execution_options(postgresql_readonly=True) as connection:
            found = connection.execute(text(left)).one()
            for setting in settings:
                connection.execute(text(setting))
            connection.connection.driver_connection.commit()  # type: ignore[union-attr]
            return found

    before = look("SET work_mem = '1MB'", "SET LOCAL enable_seqscan = off")
    after = look()
    assert after[:3] == before[:3]
    assert after.now > before.now, "a transaction of its own"
    engine.dispose()


def test_workers_that_come_first_at_the_same_time_have_one_journal(
    subject: PostgresSubject, database: Database
) -> None:
    order, begun = work(subject).order, Barrier(3)
    database.admin.execute("DROP SCHEMA IF EXISTS winddown_quarantine CASCADE")
    engine = database.engine(f"{STORE}__mark")

    def come(_: int) -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            begun.wait(30)
            prepare(connection, order)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(come, range(3)))
    assert database.admin.execute("SELECT count(*) FROM winddown_quarantine.journal").fetchone() == (0,)


def test_a_session_that_was_lost_is_opened_anew(database: Database) -> None:
    engine = bootstrap._engine(database.connections[f"{STORE}__mark"])
    numbers = []
    for _ in range(3):
        with engine.connect() as connection:
            numbers.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        database.admin.execute("SELECT pg_terminate_backend(%s, 5000)", [numbers[-1]])
    assert len(set(numbers)) == 3
    engine.dispose()


def test_a_worker_whose_machine_is_lost_is_soon_missed(subject: PostgresSubject, database: Database) -> None:
    planned = work(subject)
    order, batch = planned.order, planned.batches[0]
    store, right = subject.store, subject.desk.mint(Power.QUARANTINE, order, batch)
    assert isinstance(store, PostgresStore)
    with store.open_turn(right, Power.QUARANTINE, order, batch) as turn:
        assert isinstance(turn, RowsPosition)
        names = ("idle", "interval", "count")
        asked = ", ".join(f"current_setting('tcp_keepalives_{name}')" for name in names)
        found = turn._connection.execute(text(f"SELECT {asked}, current_setting('tcp_user_timeout')")).one()
    assert tuple(found) == ("30", "10", "3", "60000")
    engine = bootstrap._engine(database.connections[f"{STORE}__mark"])
    with engine.connect() as connection:
        known: Any = connection.connection.driver_connection
        told = known.info.get_parameters()
        assert (told["keepalives_idle"], told["tcp_user_timeout"]) == ("30", "60000")
        assert connection.execute(text("SHOW tcp_keepalives_idle")).scalar_one() != "30", "an act's alone"
    engine.dispose()


def test_a_limit_that_the_database_sets_to_statements_stops_no_act(
    subject: PostgresSubject, database: Database
) -> None:
    store, planned = ability(subject.store, SupportsSanitise), work(subject)
    assert store is not None
    roles = [f"winddown_contract_{role}" for role in ROLES]
    try:
        for role in roles:
            database.admin.execute(sql.SQL("ALTER ROLE {} SET statement_timeout = 1").format(sql.Identifier(role)))
        for power in (Power.QUARANTINE, Power.RESTORE, Power.QUARANTINE, Power.PURGE):
            planned.act_all(power)
        store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
        assert planned.remaining() == planned.leftovers() == 0
    finally:
        for role in roles:
            database.admin.execute(sql.SQL("ALTER ROLE {} RESET statement_timeout").format(sql.Identifier(role)))
