"""What only MySQL and MariaDB can do wrong, or in another way than the plan has it."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
import pymysql
import pytest

from winddown import bootstrap
from winddown.domain.authorization import Power
from winddown.domain.batch import RANK
from winddown.domain.blocker import Blocker
from winddown.domain.case import StoreDeclaration
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act
from winddown.domain.receipt import NOT_GIVEN_BACK, Whereabouts
from winddown.ports import Strain, SupportsFreeze, SupportsSanitise, SupportsSideBySide, SupportsStrain, ability
from winddown.stages.lanes import in_lanes
from winddown.stages.manifests import split
from winddown.stores.sql import mysql_store
from winddown.stores.sql.mysql_store import MySqlStore
from winddown.stores.sql.readable import ReadableStore

from .desk import Desk, Known
from .mysql_subject import STORE, TABLE, MySqlSubject
from .subject import keys_of, read_all, work
from .table_subject import Shape

pytestmark = pytest.mark.servers
PLAIN = Shape(
    "(id varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, name varchar(40), above varchar(20) COLLATE "
    "utf8mb4_general_ci, seen timestamp(6) NOT NULL DEFAULT '2001-01-01' ON UPDATE CURRENT_TIMESTAMP(6)) "
    "CHARSET utf8mb4",
    ("id",),
    ("id", "name", "above"),
    tuple((f"k{number}", f"值{number}", f"k{number - 1}" if number else None) for number in range(7)),
    ("name",),
)


@pytest.fixture
def subject(mariadb_url: str, desk: Desk) -> Iterator[MySqlSubject]:
    found = MySqlSubject(mariadb_url, desk, PLAIN)
    yield found
    found.drop()


def blockers(subject: MySqlSubject) -> dict[str, str]:
    return {found.code: found.explanation for found in subject.store.discover().blockers}


def frozen(subject: MySqlSubject) -> dict[str, str]:
    store = ability(subject.store, SupportsFreeze)
    assert store is not None
    remembered = store.remember_writers([subject.ref], None)
    return dict(store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered).details)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ("SELECT * FROM {t} FOR UPDATE", "UPDATE {t} SET name = 'anew'"),
        ("SELECT * FROM {t}", "ALTER TABLE {t} COMMENT 'x'"),
    ],
    ids=["rows", "table"],
)
def test_sessions_that_wait_for_locks_are_strain(subject: MySqlSubject, held: str, wanted: str) -> None:
    store = ability(subject.store, SupportsStrain)
    assert store is not None
    assert store.strain() == Strain(waiting=0, lag_seconds=0.0)
    with ThreadPoolExecutor(1) as pool, closing(subject.connect("root", subject._url.password or "")) as holder:
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(held.format(t=subject.table))
        waiter = pool.submit(subject.run, wanted.format(t=subject.table))
        until = time.monotonic() + 10
        while not (strain := store.strain()).waiting and time.monotonic() < until:
            time.sleep(0.2)  # InnoDB tells what it knew before, as long as it is asked within a tenth of a second
        holder.rollback()
        waiter.result(timeout=10)
    assert strain.waiting == 1
    until = time.monotonic() + 10
    while (waiting := store.strain().waiting) and time.monotonic() < until:
        time.sleep(0.2)
    assert waiting == 0


def wide(subject: MySqlSubject, act: Act = Act.ERASE) -> int:
    store = ability(subject.store, SupportsSideBySide)
    assert store is not None
    return store.side_by_side(work(subject, act=act).order)


def test_batches_of_rows_go_side_by_side(subject: MySqlSubject, mariadb_url: str, desk: Desk) -> None:
    assert (wide(subject), wide(subject, Act.MINIMISE)) == (2, 1)
    planned, content = work(subject, chosen=[*subject.content()][1:], size=1), subject.content()
    for powers in ((Power.QUARANTINE, Power.RESTORE), (Power.QUARANTINE, Power.PURGE)):
        assert subject.content() == content
        for power in powers:
            pieces = [partial(planned.act, power, index) for index in range(len(planned.batches))]
            assert sum(receipt.records for receipt in in_lanes(pieces, lanes=2, alone=0)) == 6
    assert [subject.store.locate(planned.order, batch) for batch in planned.batches] == [Whereabouts.GONE] * 6
    assert list(subject.content()) == ["k0"]
    subject.run(f"ALTER TABLE {subject.table} ADD FOREIGN KEY (above) REFERENCES {subject.table} (id)")
    assert wide(subject) == 1
    subject.run("SET GLOBAL binlog_format = 'STATEMENT'")  # where gaps between rows are locked
    try:
        other = MySqlSubject(mariadb_url, desk, PLAIN)
        assert wide(other) == 1
        other.drop()
    finally:
        subject.run("SET GLOBAL binlog_format = 'MIXED'")


def test_rows_that_refer_to_others_of_their_batch_go_first_and_come_back_last(subject: MySqlSubject) -> None:
    subject.run(f"ALTER TABLE {subject.table} ADD FOREIGN KEY (above) REFERENCES {subject.table} (id)")
    content, collection = subject.content(), subject.collection
    located = read_all(subject)
    ranks = pa.array([7 - int(row["id"][1:]) for row in located.to_pylist()], pa.int64())
    keys = keys_of(subject.store, collection, located.append_column(RANK, ranks), size=4)
    planned = work(subject, chosen=content.keys(), size=4)
    # Parents first, as the order of the keys has it:
    with pytest.raises(Refused, match=r"error 1451 constraint .+ of .+, which refers to"):
        planned.act_all(Power.QUARANTINE)
    assert subject.content() == content
    planned = replace(planned, batches=tuple(split([keys])))
    planned.act_all(Power.QUARANTINE)
    assert subject.content() == {}
    for index in reversed(range(len(planned.batches))):
        planned.act(Power.RESTORE, index)
    assert subject.content() == content


def test_a_key_that_the_collation_takes_for_another_is_another(subject: MySqlSubject) -> None:
    planned = work(subject, chosen=["k1", "k2"])
    subject.run(f"UPDATE {subject.table} SET id = 'K1 ', seen = seen WHERE id = 'k1'")
    assert planned.unchanged() == 1
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.MIXED
    with pytest.raises(Refused, match="1 of 2 planned records"):
        planned.act(Power.QUARANTINE)
    subject.run(f"UPDATE {subject.table} SET id = 'k1', seen = seen WHERE id = 'K1 '")
    planned.act(Power.QUARANTINE)
    planned.act(Power.PURGE)
    subject.run(f"INSERT INTO {subject.table} (id) VALUES ('K1')")
    assert (planned.remaining(), subject.store.locate(planned.order, planned.batches[0])) == (0, Whereabouts.GONE)


def test_what_acts_on_a_table_by_itself_blocks_it_and_stops_a_plan_that_is_older(subject: MySqlSubject) -> None:
    assert blockers(subject) == {}
    planned = work(subject)
    other = f"{subject.schema}_other"
    subject.run(f"CREATE DATABASE {other}")
    subject.run(
        f"CREATE TABLE {other}.child (id varchar(20) COLLATE utf8mb4_general_ci, CONSTRAINT follows FOREIGN KEY (id) "
        f"REFERENCES {subject.table} (id) ON DELETE CASCADE) CHARSET utf8mb4"
    )
    assert "follows" in blockers(subject)["cascade"], "also from a database that the account may not read"
    with pytest.raises(Refused, match="cascade follows"):
        planned.act(Power.QUARANTINE)
    subject.run(f"DROP TABLE {other}.child")
    key = "id varchar(20) COLLATE utf8mb4_general_ci, CONSTRAINT follows FOREIGN KEY (id)"
    child = f"CREATE TABLE {other}.child ({key} REFERENCES {subject.table} (id) ON UPDATE CASCADE) CHARSET utf8mb4"
    subject.run(child)
    assert blockers(subject) == {}, "no order changes a primary key"
    subject.run(f"DROP TABLE {other}.child")
    subject.run(f"ALTER TABLE {subject.table} DROP PRIMARY KEY, ADD UNIQUE (id)")
    subject.run(child)
    assert "follows" in blockers(subject)["cascade"]
    subject.run(f"DROP DATABASE {other}")
    subject.run(f"ALTER TABLE {subject.table} ADD PRIMARY KEY (id)")
    subject.run(
        f"CREATE TRIGGER {subject.schema}.acts BEFORE DELETE ON {subject.table} FOR EACH ROW SET @winddown_seen = 1"
    )
    assert "acts" in blockers(subject)["trigger"]
    with pytest.raises(Refused, match="trigger acts"):
        planned.act(Power.QUARANTINE)
    subject.run(f"DROP TRIGGER {subject.schema}.acts")
    planned.act(Power.QUARANTINE)


@pytest.mark.parametrize("lacking", ["PROCESS ON *.*", "TRIGGER ON {s}.*"])
def test_what_the_account_may_not_see_is_a_hazard(subject: MySqlSubject, lacking: str) -> None:
    planned = work(subject)
    for role in ("reader", "marker"):
        subject.run(f"REVOKE {lacking} FROM winddown_{subject.schema}_{role}".replace("{s}", subject.schema))
    assert "may not see" in blockers(subject)["unseen"]
    with pytest.raises(Refused, match="unseen"):
        planned.act(Power.QUARANTINE)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("ENGINE = MyISAM", "relation-stays"),
        ("ENGINE = Aria", "relation-stays"),
        ("ADD SYSTEM VERSIONING", "relation-stays"),
        ("ADD ratio double, DROP PRIMARY KEY, ADD PRIMARY KEY (id, ratio)", "values-not-comparable"),
    ],
)
def test_tables_in_which_nothing_can_be_moved_exactly_are_named(subject: MySqlSubject, change: str, code: str) -> None:
    subject.run(f"ALTER TABLE {subject.table} {change}")
    for act in (Act.ERASE, Act.MINIMISE):
        answer = subject.store.method(subject.collection, act, whole=True)
        assert isinstance(answer, Blocker)
        assert answer.code == code
        assert answer.next_step


def test_emptying_a_field_touches_no_other(subject: MySqlSubject) -> None:
    content = subject.content()
    planned = work(subject, act=Act.MINIMISE)
    planned.act_all(Power.QUARANTINE)
    for name, row in subject.content().items():
        whole = content[name]
        assert isinstance(row, dict)
        assert isinstance(whole, dict)
        assert row["seen"] == whole["seen"], "ON UPDATE would have set it to now"


def test_a_value_as_long_as_half_a_packet_is_bound_and_moved(subject: MySqlSubject) -> None:
    (allowed,) = subject.run("SELECT @@max_allowed_packet")[0]
    subject.run(f"ALTER TABLE {subject.table} ADD body longtext")
    subject.run(f"UPDATE {subject.table} SET body = repeat('z', {allowed // 2 + 1}), seen = seen WHERE id = 'k1'")
    before = subject.run(f"SELECT sha2(body, 256) FROM {subject.table} WHERE id = 'k1'")
    planned = work(subject, chosen=["k1"])
    assert planned.unchanged() == 1
    planned.act(Power.QUARANTINE)
    planned.act(Power.RESTORE)
    assert subject.run(f"SELECT sha2(body, 256) FROM {subject.table} WHERE id = 'k1'") == before


def test_rows_are_looked_up_by_their_keys_whatever_the_batch(subject: MySqlSubject) -> None:
    values = ", ".join(f"('n{number:05}', 'x', NULL)" for number in range(5_000))
    subject.run(f"INSERT INTO {subject.table} (id, name, above) VALUES {values}")
    planned = work(subject, chosen=[f"n{number:05}" for number in range(0, 5_000, 5)], size=1_000)
    reads = "SELECT rows_read FROM information_schema.table_statistics WHERE table_schema = ? AND table_name = ?"
    named = (subject.schema, subject.ref.name.partition(".")[2])
    subject.run("SET GLOBAL userstat = 1")
    subject.run("FLUSH TABLE_STATISTICS")
    planned.act(Power.QUARANTINE)
    (read,) = subject.run(reads, named)[0]
    subject.run("SET GLOBAL userstat = 0")
    assert read <= 4 * 1_000, "a scan would read 5,000 rows for each of two statements"


def test_a_connection_for_the_inspector_is_what_makes_it_a_store_of_effects(subject: MySqlSubject) -> None:
    declaration = StoreDeclaration(STORE, kind="mysql", connection=STORE, region="")
    known = partial(
        bootstrap._database, declaration, escrow=lambda: subject.desk.escrow(STORE), tokens=subject.desk.tokens()
    )
    store, inspector = known(Known(subject.connections), subject.desk.authority)
    assert isinstance(store, MySqlStore)
    assert inspector is not None
    assert inspector.identity() == store.discover().identity == subject.store.discover().identity
    store, inspector = known(Known({STORE: subject.connections[STORE]}), subject.desk.authority)
    assert isinstance(store, ReadableStore)
    assert not isinstance(store, MySqlStore)
    assert inspector is None


# -- freeze ----------------------------------------------------------------------------------------------------------


def test_a_grant_that_covers_other_tables_is_the_administrators_task(subject: MySqlSubject) -> None:
    other = subject.schema.replace("_", "x", 1)
    subject.run(f"CREATE DATABASE {other}")  # the grant's underscore stands for any character
    wide = f"wide_{subject.schema}"
    subject.run(f"CREATE USER {wide}")
    subject.run(f"GRANT INSERT, SELECT ON *.* TO {wide}")
    before = subject.run(f"SHOW GRANTS FOR {wide}"), subject.run(f"SHOW GRANTS FOR {subject.accounts()[0]}")
    tasks = frozen(subject)["tasks"]
    assert f"REVOKE INSERT ON *.* FROM `{wide}`@`%`" in tasks
    assert f"REVOKE UPDATE ON `{subject.schema}`.* FROM `app_{subject.schema}`@`%`" in tasks
    assert (subject.run(f"SHOW GRANTS FOR {wide}"), subject.run(f"SHOW GRANTS FOR {subject.accounts()[0]}")) == before
    named = " ".join(subject.inspector.writers([subject.ref]))
    assert wide in named
    assert f"app_{subject.schema}" in named
    assert f"clerk_{subject.schema}" not in named, "what covers this table alone was taken"
    subject.run(f"DROP USER {wide}")
    subject.run(f"DROP DATABASE {other}")


def test_a_table_that_is_not_frozen_keeps_its_databases_grants(subject: MySqlSubject) -> None:
    subject.run(f"CREATE TABLE {subject.schema}.unread (id int PRIMARY KEY)")
    assert f"FROM `app_{subject.schema}`@`%`" in frozen(subject)["tasks"]
    assert subject.can_write()


def test_grants_that_may_not_be_seen_or_taken_are_said(subject: MySqlSubject) -> None:
    subject.run(f"REVOKE GRANT OPTION ON {subject.schema}.* FROM winddown_{subject.schema}_marker")
    assert "REVOKE DELETE ON" in frozen(subject)["tasks"]
    assert subject.can_write()
    subject.run(f"REVOKE SELECT ON mysql.db FROM winddown_{subject.schema}_reader")
    store = ability(subject.store, SupportsFreeze)
    assert store is not None
    remembered = store.remember_writers([subject.ref], None)
    assert remembered.records == 0
    assert "GRANT SELECT on mysql.db" in dict(remembered.details)["tasks"]


def test_sessions_that_write_on_after_a_freeze_are_told(subject: MySqlSubject) -> None:
    write = f"DELETE FROM {subject.table} WHERE false".replace("%", "%%")
    with subject.connect(f"app_{subject.schema}", "app") as session, session.cursor() as cursor:
        cursor.execute(f"USE {subject.schema}")
        subject.run(f"REVOKE DELETE ON {subject.table} FROM PUBLIC")
        tasks = frozen(subject)["tasks"]
        assert f"end the 1 sessions of app_{subject.schema}" in tasks
        cursor.execute(write, ())  # the server looks a database's grants up when it is chosen
        cursor.execute(f"USE {subject.schema}")
        with pytest.raises(pymysql.err.OperationalError):
            cursor.execute(write, ())
    assert not subject.can_write()


def test_what_is_gone_is_not_created_by_a_thaw_and_keeps_nothing_else_from_coming_back(subject: MySqlSubject) -> None:
    store = ability(subject.store, SupportsFreeze)
    assert store is not None
    refs = [subject.ref, CollectionRef(STORE, f"{subject.schema}.a_other")]  # its grants are given back first
    app, clerk, role = subject.accounts()
    subject.run(f"CREATE TABLE {subject.schema}.a_other (x int)")
    subject.run(f"ALTER TABLE {subject.table} ADD added int")
    before = subject.grants()
    subject.run(f"GRANT INSERT, UPDATE ON {subject.schema}.a_other TO {clerk}")
    subject.run(f"GRANT INSERT (added) ON {subject.table} TO {role}")
    remembered = store.remember_writers(refs, None)
    store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
    subject.run(f"DROP USER {app}")
    subject.run(f"DROP TABLE {subject.schema}.a_other")
    subject.run(f"ALTER TABLE {subject.table} DROP COLUMN added")
    again = store.remember_writers(refs, remembered)
    store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), again)
    receipt = store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), again)
    created = subject.run("SELECT count(*) FROM mysql.user WHERE user = ?", [f"app_{subject.schema}"])
    subject.run(f"CREATE OR REPLACE USER {app}")
    lost = f"`{subject.schema}`"
    assert dict(receipt.details)[NOT_GIVEN_BACK].partition(", ")[2] == (
        f"for want of a column of {lost}.`{TABLE}`, account app_{subject.schema}, table {lost}.`a_other`"
    )
    assert created == [(0,)]
    assert subject.grants()[1:] == before[1:]


def test_a_freeze_that_may_not_see_grants_any_more_forgets_none_that_were_taken(subject: MySqlSubject) -> None:
    store, before = ability(subject.store, SupportsFreeze), subject.grants()
    assert store is not None
    remembered = store.remember_writers([subject.ref], None)
    store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
    subject.run(f"REVOKE SELECT ON mysql.db FROM winddown_{subject.schema}_reader")
    again = store.remember_writers([subject.ref], remembered)
    assert again.records == 0
    store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), again)
    store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), again)
    assert subject.grants() == before


def test_what_may_not_be_given_back_is_a_task_and_is_counted(subject: MySqlSubject) -> None:
    store = ability(subject.store, SupportsFreeze)
    assert store is not None
    remembered = store.remember_writers([subject.ref], None)
    store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
    subject.run(f"REVOKE GRANT OPTION ON {subject.schema}.* FROM winddown_{subject.schema}_marker")
    details = dict(store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered).details)
    assert "GRANT DELETE ON" in details["tasks"]
    assert details[NOT_GIVEN_BACK].endswith(", for want of the right to grant")


# -- sanitise --------------------------------------------------------------------------------------------------------


def test_nothing_of_ours_stays_after_the_last_sanitise(subject: MySqlSubject) -> None:
    planned = work(subject)
    planned.act_all(Power.QUARANTINE)
    planned.act_all(Power.PURGE)
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    right = subject.desk.mint_for(Power.SANITISE, subject.ref.store)
    store.sanitise(right, [subject.ref], settled=[planned.order.id])
    assert subject.run("SHOW DATABASES LIKE 'winddown%'") == []
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.GONE


def test_a_limit_that_the_server_sets_to_statements_stops_no_act(subject: MySqlSubject) -> None:
    planned, (before,) = work(subject), subject.run("SELECT @@global.max_statement_time")[0]
    subject.run("SET GLOBAL max_statement_time = 0.0005")
    try:
        for power in (Power.QUARANTINE, Power.RESTORE, Power.QUARANTINE, Power.PURGE):
            planned.act_all(power)
        assert planned.remaining() == planned.leftovers() == 0
    finally:
        subject.run("SET STATEMENT max_statement_time = 0 FOR SET GLOBAL max_statement_time = ?", (before,))


# -- a worker that is lost -------------------------------------------------------------------------------------------


def test_a_session_that_says_nothing_any_more_keeps_nobody_waiting_for_long(
    subject: MySqlSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_store, "_SILENT_SECONDS", 1)
    planned, content = work(subject), subject.content()
    order, batch = planned.order, planned.batches[0]
    right = subject.desk.mint(Power.QUARANTINE, order, batch)
    lost: Any = ExitStack()
    turn = lost.enter_context(subject.store.open_turn(right, Power.QUARANTINE, order, batch))
    assert turn.set_aside() == batch.records
    assert planned.act(Power.QUARANTINE).records == batch.records, "it is the next one's turn"
    with pytest.raises(Transient):
        lost.close()
    planned.act(Power.RESTORE)
    assert subject.content() == content


def test_a_server_that_is_lost_is_soon_missed(subject: MySqlSubject) -> None:
    engine = bootstrap._mysql_engine(STORE, subject.connections[f"{STORE}__mark"])
    with engine.connect() as connection:
        found: Any = connection.connection.driver_connection
        assert found._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert found._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
