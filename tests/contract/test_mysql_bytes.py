"""Where purged rows are still found in the files of a MariaDB server with a binary log, and what clears them."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from winddown import bootstrap
from winddown.domain.authorization import Power
from winddown.domain.receipt import Receipt
from winddown.inspection.mysql_files import is_servers
from winddown.ports import ByteSearch, SupportsSanitise, ability
from winddown.stores.sql import mysql_leftovers

from .desk import Desk
from .mariadb_server import mariadb
from .mysql_subject import MySqlSubject
from .subject import work
from .table_subject import Shape

pytestmark = pytest.mark.servers
COUNT = 200
NAMES = [f"marker-{number * 7919:08}" for number in range(COUNT)]
PLACES = [f"address-{number * 7907:08}" for number in range(COUNT)]
NUMBER = 13_800_138_000  # of one row; a histogram without it is shorter than the one with it
KEPT = tuple((f"kept-{number:05}", f"place-{number:05}", "z" * 200, 0) for number in range(2_000))
VALUES = [value.encode() for value in (*NAMES, *PLACES, str(NUMBER))]
MARKED = Shape(
    "(id varchar(40) PRIMARY KEY, address varchar(60), filler varchar(200), mobile bigint, KEY (address)) "
    "CHARSET utf8mb4",
    ("id",),
    ("id", "address", "filler", "mobile"),
    (
        *(
            (name, place, "y" * 200, 0 if at else NUMBER)
            for at, (name, place) in enumerate(zip(NAMES, PLACES, strict=True))
        ),
        *KEPT,
    ),
    ("address",),
)
OPTIONS = ("--log-bin", "--server-id=7", "--performance-schema=ON", "--histogram-type=JSON_HB")


@pytest.fixture(scope="module", params=[pytest.param("off", marks=pytest.mark.thorough), "on"])
def logging_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with mariadb(*OPTIONS, f"--innodb-immediate-scrub-data-uncompressed={request.param}") as url:
        yield url


@pytest.fixture
def subject(logging_url: str, desk: Desk) -> Iterator[MySqlSubject]:
    found = MySqlSubject(logging_url, desk, MARKED)
    yield found
    found.drop()


def search(subject: MySqlSubject) -> ByteSearch:
    """Search when every page is in its file."""
    subject.run("SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0")
    subject.run("SET GLOBAL innodb_max_dirty_pages_pct = 0")
    while int(subject.run("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")[0][1]):
        pass
    subject.run("SET GLOBAL innodb_max_dirty_pages_pct = 90")
    return subject.inspector.search_bytes(VALUES)


def kinds(found: ByteSearch) -> set[str]:
    """The files by what they are."""
    return {name.rpartition("/")[2].split(".")[0].split("-")[0] for name in found.where}


@contextmanager
def registered_replica(subject: MySqlSubject) -> Iterator[None]:
    """A session that registers as a replica does."""
    with subject.connect("root", "") as session:
        empty = b"\0"  # host, user and password
        session._execute_command(0x15, struct.pack("<I", 99) + empty * 3 + struct.pack("<HII", 3306, 0, 0))
        session._read_ok_packet()
        yield


def sanitised(subject: MySqlSubject) -> Receipt:
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    return store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])


def test_purged_rows_are_found_in_files_before_and_after_sanitising_only_where_the_receipt_says(
    subject: MySqlSubject,
) -> None:
    subject.run(f"ANALYZE TABLE {subject.table} PERSISTENT FOR ALL")
    planned = work(subject, chosen=NAMES, size=50)
    before = search(subject)
    assert (before.reached, before.found) == (True, len(VALUES))
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    purged = search(subject)
    assert purged.found == len(VALUES), "a purge alone leaves everything"
    assert {"ib_logfile0", "ibdata1", "column_stats", "pid"} <= kinds(purged), "the binary log is called after the pid"
    receipt = sanitised(subject)
    details = dict(receipt.details)
    after = search(subject)
    is_scrubbing = subject.run("SELECT @@innodb_immediate_scrub_data_uncompressed") == [(1,)]
    assert after.reached
    assert set(after.where) <= (set() if is_scrubbing else {"ibdata1"})
    assert ("undo pages in the system tablespace" in details["not_reached"]) is not is_scrubbing
    assert details["tasks"] == "none"
    assert "files of replicas" in details["not_reached"]
    assert len(subject.content()) == len(KEPT)


def test_what_the_account_may_not_do_is_a_task_and_is_still_found(subject: MySqlSubject) -> None:
    purger = f"winddown_{subject.schema}_purger"
    planned = work(subject, chosen=NAMES, size=COUNT)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    subject.run(f"REVOKE PROCESS, RELOAD, SUPER, BINLOG ADMIN, BINLOG MONITOR ON *.* FROM {purger}")
    subject.run(f"REVOKE INSERT ON {subject.schema}.* FROM {purger}")
    details = dict(sanitised(subject).details)
    for task in (
        "OPTIMIZE TABLE",
        "PURGE BINARY LOGS BEFORE NOW()",
        "SET GLOBAL innodb_log_file_size",
        "GRANT PROCESS",
    ):
        assert task in details["tasks"]
    for left in ("binary log, for ever", "redo log", "deleted rows in the tablespace", "old snapshots"):
        assert left in details["not_reached"]
    assert search(subject).found > 0, "and so it is"


def test_a_snapshot_that_still_reads_the_rows_is_named(subject: MySqlSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_leftovers, "_HISTORY_SECONDS", 0.5)
    planned = work(subject, chosen=NAMES, size=COUNT)
    with subject.connect("root", "") as reader, reader.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        planned.act_all(Power.QUARANTINE)
        planned.act_all(Power.PURGE)
        details = dict(sanitised(subject).details)
    assert "rows that a transaction may still read" in details["not_reached"]
    assert "end the oldest transaction" in details["tasks"]


def test_binary_logs_stay_while_a_replica_is_registered(subject: MySqlSubject) -> None:
    planned = work(subject, chosen=NAMES, size=COUNT)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    with registered_replica(subject):
        details = dict(sanitised(subject).details)
    assert "when every replica has read them" in details["tasks"]
    assert "binary log, which replicas may need" in details["not_reached"]


def test_files_of_another_server_are_not_searched_in_its_place(subject: MySqlSubject, tmp_path: Path) -> None:
    variables = dict(subject.run("SHOW GLOBAL VARIABLES"))
    engine = bootstrap._mysql_engine("db", subject.connections["mysql_db__inspect"])
    with engine.connect() as connection:
        assert is_servers(connection, Path(variables["datadir"]), variables)
        (tmp_path / "ib_logfile0").write_bytes(b"\0" * 20_000)
        assert not is_servers(connection, tmp_path, variables)
        assert not is_servers(connection, tmp_path / "nowhere", variables)
        (tmp_path / "auto.cnf").write_text("[auto]\nserver-uuid=one\n")
        assert is_servers(connection, tmp_path, variables | {"server_uuid": "one"})
        assert not is_servers(connection, tmp_path, variables | {"server_uuid": "other"})
