"""Clears what purged rows leave in undo pages, in the redo log, in the binary log and in what remembers statements.

Undo pages keep old rows until other transactions use them, the redo log until it is written anew, the binary log until
it is purged.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.stores.sql.clearing import Report
from winddown.stores.sql.mysql_catalogue import QUARANTINE
from winddown.stores.sql.mysql_own import CLEARING, alone, quarantine_database
from winddown.stores.sql.mysql_report import asked, transaction, within
from winddown.stores.sql.mysql_rows import has_table
from winddown.stores.sql.mysql_settings import changed, give_back

_FLUSH_SECONDS = 60
_LOGS_SECONDS = 30
_FILLER_NAME = "winddown_filler"
_FILLER = f"{QUARANTINE}.{_FILLER_NAME}"
_TRANSACTIONS = 300  # more than twice the 128 rollback segments, which take their turns
_ROWS, _NAME_BYTES, _BODY_BYTES = 24, 700, 7000  # of a transaction: more than one undo page of either kind
_BIG_ROWS = 4000  # of one big transaction: about 28 MB of undo, over pages that were given back
_SIZES = {"innodb_redo_log_capacity": 16 << 20, "innodb_log_file_size": 4 << 20}
"""Settings by a change of which the redo log is written anew, with by how much; MySQL has both, and obeys the first."""
_NO_SUCH_STATEMENT, _READ_ONLY = 1064, 1238


@contextmanager
def clearing(connection: Connection, report: Report) -> Iterator[None]:
    """Wait for whoever else clears this server, and undo first what somebody who was killed has left."""
    with alone(connection, CLEARING):
        give_back(connection, report)
        if has_table(connection, QUARANTINE, _FILLER_NAME):
            connection.execute(text(f"DROP TABLE {_FILLER}"))
        yield


def overwrite_undo(connection: Connection, report: Report) -> None:
    """Write over undo pages that were given back or wait for the next transaction of their rollback segment."""
    left = "undo pages that no later transaction has used"
    task = f"CREATE DATABASE {QUARANTINE} and write there, as the purging account"
    with report.may(task, left=left), quarantine_database(connection):
        connection.execute(
            text(
                f"CREATE TABLE {_FILLER} (name varbinary({_NAME_BYTES}) PRIMARY KEY, body varbinary({_BODY_BYTES})) "
                "ENGINE = InnoDB ROW_FORMAT = DYNAMIC"
            )
        )
        with _old_snapshot(connection):
            for number in range(_TRANSACTIONS):
                with transaction(connection):
                    _fill(connection, number, _ROWS)
                    connection.execute(text(f"UPDATE {_FILLER} SET body = repeat('g', {_BODY_BYTES}) LIMIT 4"))
                    connection.execute(text(f"DELETE FROM {_FILLER}"))
            with transaction(connection):
                for number in range(_BIG_ROWS // 100):
                    _fill(connection, number, 100)
                connection.execute(text(f"UPDATE {_FILLER} SET body = repeat('g', {_BODY_BYTES})"))
        connection.execute(text(f"DROP TABLE {_FILLER}"))
        report.done.append(("undo_transactions", str(_TRANSACTIONS + 1)))
    if asked(connection, "SELECT @@innodb_immediate_scrub_data_uncompressed", {}) == [0]:
        report.done.append(
            ("freed_pages", "not scrubbed by the server; innodb_immediate_scrub_data_uncompressed is off")
        )
        report.left.append("undo pages in the system tablespace that were given back and not used again")


@contextmanager
def _old_snapshot(connection: Connection) -> Iterator[None]:
    """Keep what is filled from being given back and filled again, so that other pages are taken."""
    with connection.engine.connect() as other:
        other.execute(text("START TRANSACTION WITH CONSISTENT SNAPSHOT"))
        yield


def _fill(connection: Connection, number: int, rows: int) -> None:
    values = ", ".join(
        f"(rpad('{number}-{row}', {_NAME_BYTES}, 'n'), repeat('f', {_BODY_BYTES}))" for row in range(rows)
    )
    connection.execute(text(f"INSERT INTO {_FILLER} VALUES {values}"))


def rewrite_redo(connection: Connection, report: Report) -> None:
    """Flush all pages, then let the server write a new redo log by giving it another size, and its own again."""
    sizes = [(name, int(size)) for name in _SIZES for size in asked(connection, f"SELECT @@{name}", {})]
    name, size = sizes[0] if sizes else ("", 0)
    if not name:
        report.left.append("redo log, until the server has written it round once")
        return
    statements = (f"SET GLOBAL {name} = {size + _SIZES[name]}", f"SET GLOBAL {name} = {size}")
    task = "flush all pages (a clean restart does), then " + ", then ".join(statements)
    try:
        with report.may(task, left="redo log"), quarantine_database(connection):
            _flush(connection, report)
            with changed(connection, report, {name: size + _SIZES[name]}):
                report.done.append(("redo_log", f"written anew by {name}"))
    except DBAPIError as error:
        if error.orig is None or error.orig.args[0] != _READ_ONLY:
            raise
        report.tasks.append(f"restart the server with another {name}, then with its own")
        report.left.append("redo log, until the server has written it round once")


def _flush(connection: Connection, report: Report) -> None:
    """Write every changed page to its file, where the old content still is."""
    settings = ("innodb_max_dirty_pages_pct_lwm", "innodb_max_dirty_pages_pct")
    dirty = "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'"
    with changed(connection, report, dict.fromkeys(settings, 0)):
        if not within(_FLUSH_SECONDS, lambda: int(connection.exec_driver_sql(dirty.replace("%", "%%")).one()[1]) == 0):
            report.left.append("pages that were not written to their files yet, until the server has flushed them")


def purge_binary_logs(connection: Connection, report: Report) -> None:
    """Begin a new binary log and purge those before it, unless a replica is registered that may still need them."""
    if not connection.execute(text("SELECT @@log_bin")).scalar():
        report.done.append(("binary_logs", "the server writes none"))
        return
    seconds = sum(asked(connection, "SELECT @@binlog_expire_logs_seconds", {}))
    until = f"until {seconds} seconds after it was written" if seconds else "for ever, since no expiry is set"
    purge = "FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW()"
    with report.may(purge, left=f"binary log, {until}"):
        if _replicas(connection):
            report.tasks.append(f"when every replica has read them: {purge}")
            report.left.append(f"binary log, which replicas may need, {until}")
            return
        connection.exec_driver_sql("FLUSH BINARY LOGS")
        names = [str(row[0]) for row in connection.exec_driver_sql("SHOW BINARY LOGS").all()]

        def kept_alone() -> bool:
            # A log that recovery may still need, or that somebody reads, is kept without a word.
            connection.exec_driver_sql(f"PURGE BINARY LOGS TO '{names[-1]}'")
            return len(connection.exec_driver_sql("SHOW BINARY LOGS").all()) == 1

        within(_LOGS_SECONDS, kept_alone)
        kept = len(connection.exec_driver_sql("SHOW BINARY LOGS").all())
        report.done.append(("binary_logs", f"{len(names) - kept} purged, {kept} kept"))
        if kept > 1:
            report.tasks.append(purge)
            report.left.append(f"binary log that is still being read, {until}")


def _replicas(connection: Connection) -> int:
    """How many replicas are registered; newer versions of MySQL have another word for it."""
    for statement in ("SHOW SLAVE HOSTS", "SHOW REPLICAS"):
        try:
            return len(connection.exec_driver_sql(statement).all())
        except DBAPIError as error:
            if error.orig is None or error.orig.args[0] != _NO_SUCH_STATEMENT:
                raise
    return 0


def forget_statements(connection: Connection, report: Report) -> None:
    """Empty what the performance schema remembers of statements; it is in memory, and statements may quote values."""
    if not connection.execute(text("SELECT @@performance_schema")).scalar():
        return
    names = asked(
        connection,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'performance_schema' AND (table_name "
        "LIKE 'events_statements_history%' OR table_name LIKE 'events_statements_summary_by_digest%') ORDER BY 1",
        {},
    )
    for name in names:
        statement = f"TRUNCATE TABLE performance_schema.{name}"
        with report.may(statement, left=f"statements in performance_schema.{name}, until the server restarts"):
            connection.exec_driver_sql(statement)


def name_logs(connection: Connection, report: Report) -> None:
    """Say of each log of statements that is written that it is left as it is."""
    outputs = str(connection.execute(text("SELECT @@log_output")).scalar())
    for switch, name in (("general_log", "general_log"), ("slow_query_log", "slow_log")):
        if not connection.execute(text(f"SELECT @@{switch}")).scalar():
            continue
        if "TABLE" in outputs:
            report.tasks.append(f"TRUNCATE TABLE mysql.{name}")
        if "FILE" in outputs:
            report.tasks.append(
                f"FLUSH {switch.removesuffix('_query_log').removesuffix('_log').upper()} LOGS, and remove the old file"
            )
        report.left.append(f"statements in the {name.replace('_', ' ')}, until it is rotated")
