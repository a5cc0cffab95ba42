"""What a sanitise says of what it did not reach, on a PostgreSQL that keeps as much as it can, and what is found."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from winddown.demo.servers import EmbeddedPostgres
from winddown.domain.authorization import Power
from winddown.ports import SupportsSanitise, ability
from winddown.stores.sql import leftovers

from .desk import Desk
from .postgresql_subject import Database, PostgresSubject, Shape, create_database
from .subject import Work, work

pytestmark = pytest.mark.servers
COUNT = 60
NAMES = [f"marker-{number * 7919:08}" for number in range(COUNT)]
ROWS = tuple((name, f"address-{number * 7907:08}") for number, name in enumerate(NAMES))
KEPT = tuple((f"kept-{number:05}", f"place-{number:05}") for number in range(COUNT))
MARKED = Shape("(id text PRIMARY KEY, address text)", ("id",), ("id", "address"), (*ROWS, *KEPT), ("address",))
PROBES = [value.encode() for row in ROWS for value in row]


@contextmanager
def remembering_server() -> Iterator[str]:
    """A PostgreSQL of Debian's that archives, keeps slots, prepares transactions and remembers statements."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not tools:
        lacking = "needs Debian's postgresql (pg_stat_statements is not in the embedded server)"
        if os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)
    folder = Path(tempfile.mkdtemp(prefix="winddown-postgresql-"))
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    (folder / "archive").mkdir(mode=0o777)
    (folder / "archive").chmod(0o777)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = (
        f"port = {port}",
        "listen_addresses = '127.0.0.1'",
        f"unix_socket_directories = '{folder}'",
        "shared_preload_libraries = 'pg_stat_statements'",
        "archive_mode = on",
        f"archive_command = 'sleep 0.3; cp %p {folder}/archive/%f'",
        "wal_level = replica",
        "max_prepared_transactions = 4",
        "max_wal_size = 64MB",
        "min_wal_size = 32MB",
        "log_statement = 'mod'",
        "log_min_duration_statement = 0",
    )

    def run(tool: str, *arguments: str | Path) -> None:
        command = [*as_user, tools[-1] / tool, "-D", data, *arguments]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    data = folder / "data"
    run("initdb", "-A", "trust", "-U", "postgres")
    with (data / "postgresql.conf").open("a") as file:
        file.write("\n".join(["", *settings, ""]))
    run("pg_ctl", "-w", "-l", data / "server.log", "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def remembering() -> Iterator[Database]:
    with remembering_server() as url:
        found = create_database(url)
        yield found
        found.admin.close()


@pytest.fixture(scope="module")
def forgetful() -> Iterator[Database]:
    """An embedded server, which keeps nothing beyond its files."""
    folder = Path(tempfile.mkdtemp(prefix="winddown-"))
    server = EmbeddedPostgres(folder / "data")
    found = create_database(server.start())
    yield found
    found.admin.close()
    server.stop()


@contextmanager
def marked(database: Database, desk: Desk) -> Iterator[PostgresSubject]:
    subject = PostgresSubject(database, desk, MARKED)
    subject._run("ANALYZE {t}")
    yield subject
    subject.drop()


@pytest.fixture
def subject(remembering: Database, desk: Desk) -> Iterator[PostgresSubject]:
    with marked(remembering, desk) as found:
        yield found


def purged(subject: PostgresSubject) -> Work:
    planned = work(subject, chosen=NAMES, size=COUNT)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    return planned


def sanitised(subject: PostgresSubject) -> dict[str, str]:
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    receipt = store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
    return dict(receipt.details)


def test_nothing_is_found_and_nothing_asked_for_on_a_server_that_keeps_nothing(forgetful: Database, desk: Desk) -> None:
    with marked(forgetful, desk) as subject:
        assert subject.inspector.search_bytes(PROBES).found == len(PROBES)
        purged(subject)
        assert subject.inspector.search_bytes(PROBES).found == len(PROBES), "a purge alone leaves everything"
        details = sanitised(subject)
        search = subject.inspector.search_bytes(PROBES)
        assert (search.reached, search.found, search.where) == (True, 0, ())
        assert (details["tables_rewritten"], details["wal_segments_left"], details["tasks"]) == ("1", "0", "none")
        assert details["statistics_rewritten"] == "pg_statistic, pg_statistic_ext_data"
        assert "log_min_error_statement = error" in details["not_reached"]
        for absent in ("replication slot", "archived", "old snapshots", "pg_stat_statements"):
            assert absent not in details["not_reached"]


def test_logs_and_archive_are_named_with_the_settings_that_make_them(subject: PostgresSubject) -> None:
    purged(subject)
    details = sanitised(subject)
    left, tasks = details["not_reached"], details["tasks"]
    assert "log_destination = stderr, log_statement = mod, log_min_duration_statement = 0" in left
    assert "archived write-ahead log (archive_mode = on)" in left
    assert "pg_rotate_logfile" in tasks
    assert "remove from the archive the write-ahead log before 0" in tasks
    # The archive is beside the data directory, which is what is searched; the log is in it.
    assert details["wal_segments_left"] == "0"
    assert subject.inspector.search_bytes(PROBES).where == ("server.log",), "and so it is"


def test_remembered_statements_are_emptied_where_that_is_allowed(
    subject: PostgresSubject, remembering: Database
) -> None:
    texts = f"SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%{NAMES[0]}%'".encode()
    quoting = f"DO $$BEGIN PERFORM '{NAMES[0]}'; END$$".encode()
    purged(subject)
    assert "CREATE EXTENSION pg_stat_statements" in sanitised(subject)["tasks"], "nobody can reach them from here"
    remembering.admin.execute(b"CREATE EXTENSION pg_stat_statements")
    # What another one planted under that name is not called.
    remembering.admin.execute(
        b"CREATE FUNCTION public.pg_stat_statements_reset() RETURNS void LANGUAGE plpgsql "
        b"AS $$BEGIN RAISE EXCEPTION 'a shadow was called'; END$$"
    )
    remembering.admin.execute(quoting)
    assert remembering.admin.execute(texts).fetchone() != (0,)
    denied = sanitised(subject)
    assert "SELECT pg_stat_statements_reset()" in denied["tasks"]
    assert "texts of statements in pg_stat_statements" in denied["not_reached"]
    assert remembering.admin.execute(texts).fetchone() != (0,), "and so they are"
    remembering.admin.execute(
        b"GRANT EXECUTE ON FUNCTION pg_stat_statements_reset(oid, oid, bigint) TO winddown_contract_purger"
    )
    allowed = sanitised(subject)
    assert allowed["statement_statistics"] == "pg_stat_statements emptied"
    assert "pg_stat_statements" not in allowed["not_reached"]
    quoted = b"SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%PERFORM%'"
    assert remembering.admin.execute(quoted).fetchone() == (0,)
    remembering.admin.execute(b"DROP FUNCTION public.pg_stat_statements_reset(); DROP EXTENSION pg_stat_statements")


def test_a_slot_that_keeps_the_log_is_named_with_its_lag(subject: PostgresSubject, remembering: Database) -> None:
    remembering.admin.execute(b"SELECT pg_create_physical_replication_slot('warehouse', true)")
    purged(subject)
    details = sanitised(subject)
    remembering.admin.execute(b"SELECT pg_drop_replication_slot('warehouse')")
    assert (
        "the write-ahead log that replication slot warehouse keeps, until it moves (restart_lsn 0/"
        in (details["not_reached"])
    )
    assert int(details["wal_segments_left"]) > 0
    assert "let the reader of replication slot warehouse read on" in details["tasks"]
    again = sanitised(subject)
    assert "replication slot" not in again["not_reached"]
    assert again["wal_segments_left"] == "0"


def test_rows_that_an_old_snapshot_keeps_are_counted_and_not_claimed(
    subject: PostgresSubject, remembering: Database
) -> None:
    with psycopg.connect(remembering.url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        purged(subject)
        kept = sanitised(subject)
        assert f"{COUNT} dead rows of " in kept["not_reached"]
        assert "may still be read by a transaction of postgres;" in kept["not_reached"], "since when, it may not see"
        assert "when nothing keeps them any more: VACUUM (FULL, ANALYZE)" in kept["tasks"]
        assert set(subject.inspector.search_bytes(PROBES).where) > {"server.log"}, "and so they are"
        remembering.admin.execute(b"GRANT pg_read_all_stats TO winddown_contract_purger")
        assert "dead rows" in (named := sanitised(subject)["not_reached"])
        assert "a transaction of postgres since 2" in named
        remembering.admin.execute(b"REVOKE pg_read_all_stats FROM winddown_contract_purger")
    assert "dead rows" not in sanitised(subject)["not_reached"]


def test_a_reader_that_is_nobodys_session_is_told_without_a_name(remembering: Database) -> None:
    """A vacuum that the server starts by itself has no account, and what kind it is few accounts may see."""
    engine = create_engine(remembering.url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        # Temporary relations are found before the catalogue's own.
        connection.execute(
            text(
                "CREATE TEMP VIEW pg_stat_activity AS SELECT 0 AS pid, NULL AS usename, NULL AS backend_type, "
                "'1'::xid AS backend_xmin, NULL::timestamptz AS xact_start, NULL AS datname"
            )
        )
        assert leftovers._readers(connection) == "a transaction of the server itself"
    engine.dispose()


def test_a_prepared_transaction_that_keeps_rows_is_named(subject: PostgresSubject, remembering: Database) -> None:
    with psycopg.connect(remembering.url, autocommit=True) as other:
        other.execute("CREATE TABLE elsewhere (n int)")
        other.execute("BEGIN; INSERT INTO elsewhere VALUES (1); PREPARE TRANSACTION 'nightly'")
        purged(subject)
        kept = sanitised(subject)["not_reached"]
        other.execute("ROLLBACK PREPARED 'nightly'; ")
        other.execute("DROP TABLE elsewhere")
    assert f"{COUNT} dead rows of " in kept
    assert "the prepared transaction nightly of 2" in kept
    assert "dead rows" not in sanitised(subject)["not_reached"]


def test_what_the_account_may_not_do_is_a_task_and_is_not_claimed(
    subject: PostgresSubject, remembering: Database
) -> None:
    purged(subject)
    admin = remembering.admin
    admin.execute(b"ALTER DATABASE winddown_contract OWNER TO postgres")
    admin.execute(b"REVOKE pg_checkpoint FROM winddown_contract_purger")
    details = sanitised(subject)
    admin.execute(b"ALTER DATABASE winddown_contract OWNER TO winddown_contract_purger")
    admin.execute(b"GRANT pg_checkpoint TO winddown_contract_purger")
    assert details["statistics_rewritten"] == "none"
    assert "VACUUM (FULL) pg_catalog.pg_statistic" in details["tasks"]
    assert "SELECT pg_switch_wal(); CHECKPOINT" in details["tasks"]
    assert (
        "deleted rows in the heap, the indexes and the long values of pg_catalog.pg_statistic"
        in (details["not_reached"])
    )
    assert "the write-ahead log, until it is written round" in details["not_reached"]
    assert "wal_switches" not in details
    assert details["tables_rewritten"] == "1"


def test_log_that_a_setting_or_a_broken_archive_keeps_is_named(subject: PostgresSubject, remembering: Database) -> None:
    admin = remembering.admin
    changed = {"wal_keep_size": "'64MB'", "archive_command": "'false'"}
    for name, value in changed.items():
        admin.execute(f"ALTER SYSTEM SET {name} = {value}".encode())
    admin.execute(b"SELECT pg_reload_conf()")
    purged(subject)
    admin.execute(b"SELECT pg_switch_wal()")
    failing = "SELECT count(*) FROM pg_stat_archiver WHERE last_failed_time > coalesce(last_archived_time, '-infinity')"
    until = time.monotonic() + 30
    while admin.execute(failing.encode()).fetchone() != (1,) and time.monotonic() < until:
        time.sleep(0.1)
    details = sanitised(subject)
    for name in changed:
        admin.execute(f"ALTER SYSTEM RESET {name}".encode())
    admin.execute(b"SELECT pg_reload_conf()")
    assert "wal_keep_size = 64 MB keeps" in details["not_reached"]
    assert "waits to be archived" in details["not_reached"]
    assert "ALTER SYSTEM SET wal_keep_size = 0" in details["tasks"]
    assert "repair archiving, which failed last at 2" in details["tasks"]
    assert int(details["wal_segments_left"]) > 0
