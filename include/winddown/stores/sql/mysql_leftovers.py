"""Clears what a purge leaves in the files of MySQL or MariaDB, as far as the account may.

Deleted rows stay in the tablespace until it is rebuilt, in undo pages until other transactions use them, in the redo
log until it is written anew, in the binary log until that is purged, and in statistics that hold samples of values.
Each step says by itself what became of it: done, a statement for the administrator, or what stays and until when. What
a replica keeps, and where it reads on, is none of ours: a binary log that a replica may need stays.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.errors import Transient
from winddown.domain.inventory import CollectionRef
from winddown.stores.sql.copy_then_delete import JOURNAL as JOURNAL_TABLE
from winddown.stores.sql.copy_then_delete import is_aside
from winddown.stores.sql.mysql_catalogue import DENIED, JOURNAL, QUARANTINE
from winddown.stores.sql.mysql_rows import has_table
from winddown.stores.sql.mysql_values import quoted, table_name

PREPARING = "winddown preparing"
"""Lock of whoever creates our tables and of whoever drops those that are empty."""
_HISTORY_SECONDS = 60
_FLUSH_SECONDS = 60
_LOGS_SECONDS = 30
_FILLER = f"{QUARANTINE}.winddown_filler"
_TRANSACTIONS = 300  # more than twice the 128 rollback segments, which take their turns
_ROWS, _NAME_BYTES, _BODY_BYTES = 24, 700, 7000  # of a transaction: more than one undo page of either kind
_BIG_ROWS = 4000  # of one big transaction: about 28 MB of undo, over pages that were given back
_NO_SUCH_STATEMENT = 1064
_UNKNOWN = frozenset({1109, 1146, 1193})  # no such table or variable
_NEVER = ("files of replicas", "backups", "copies of binary logs", "blocks of the file system")

Detail = tuple[str, str]


class _Report:
    """What was done, what the administrator is to do, and what stays."""

    def __init__(self) -> None:
        self.done: list[Detail] = []
        self.tasks: list[str] = []
        self.left: list[str] = []

    @contextmanager
    def may(self, *statements: str, left: str) -> Iterator[None]:
        """Run a step; where the account may not, its statements become a task, and what stays is named."""
        try:
            yield
        except DBAPIError as error:
            arguments = error.orig.args if error.orig is not None else (0,)
            if arguments[0] not in DENIED:
                raise
            self.tasks += statements
            self.left.append(left)

    def details(self) -> tuple[Detail, ...]:
        """As a receipt has them."""
        tasks = "; ".join(dict.fromkeys(self.tasks)) or "none"
        return (*self.done, ("tasks", tasks), ("not_reached", "; ".join([*self.left, *_NEVER])))


def cleared(connection: Connection, collections: Sequence[CollectionRef]) -> tuple[Detail, ...]:
    """Clear the server's files of purged records; return the receipt's details."""
    report = _Report()
    connection.execute(text("SET SESSION lock_wait_timeout = 30"))
    report.done.append(("quarantine_tables_dropped", str(_drop_emptied(connection))))
    _await_history(connection, report)
    for ref in collections:
        _rebuild(connection, ref, report)
    _forget_samples(connection, collections, report)
    _overwrite_undo(connection, report)
    _rewrite_redo(connection, report)
    _purge_binary_logs(connection, report)
    _forget_statements(connection, report)
    _name_logs(connection, report)
    return report.details()


# -- our own tables --------------------------------------------------------------------------------------------------


def _drop_emptied(connection: Connection) -> int:
    """Drop quarantine tables without rows, and our databases when nothing is left in them; return how many tables.

    Nobody can fill a table that is empty now: whoever acts has looked at it in a transaction that still runs, for which
    the lock on the table waits, or waits for the lock on preparing.
    """
    if connection.execute(text("SELECT GET_LOCK(:name, 30)"), {"name": PREPARING}).scalar() != 1:
        raise Transient("another session of ours prepares to move records", next_step="run again when it is done")
    dropped = 0
    for name in _tables(connection, QUARANTINE):
        table = f"{QUARANTINE}.{quoted(name)}"
        connection.execute(text(f"LOCK TABLES {table} WRITE"))
        if connection.execute(text(f"SELECT NOT EXISTS (SELECT 1 FROM {table})")).scalar():
            connection.execute(text(f"DROP TABLE {table}"))
            dropped += is_aside(name)
        connection.execute(text("UNLOCK TABLES"))
    if not _tables(connection, QUARANTINE):
        # The journal is only needed while something is in quarantine.
        if has_table(connection, JOURNAL, JOURNAL_TABLE):
            connection.execute(text(f"DROP TABLE {JOURNAL}.{JOURNAL_TABLE}"))
        for database in (JOURNAL, QUARANTINE):
            connection.execute(text(f"DROP DATABASE IF EXISTS {database}"))
    connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": PREPARING})
    return dropped


def _tables(connection: Connection, schema: str) -> list[str]:
    query = text("SELECT table_name FROM information_schema.tables WHERE table_schema = :s ORDER BY 1")
    return [str(name) for name in connection.execute(query, {"s": schema}).scalars()]


# -- tables, statistics ----------------------------------------------------------------------------------------------


def _await_history(connection: Connection, report: _Report) -> None:
    """Wait until InnoDB has removed the rows that were only marked as deleted: an old snapshot keeps them."""
    length = "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'"

    def is_empty() -> bool:
        return int(connection.execute(text(length)).scalar_one()) == 0

    with report.may(
        "GRANT PROCESS ON *.* TO the purging account", left="rows that old snapshots keep, if there are any"
    ):
        if not _within(_HISTORY_SECONDS, is_empty):
            oldest = connection.execute(text("SELECT min(trx_started) FROM information_schema.innodb_trx")).scalar()
            report.left.append(
                f"rows that a transaction may still read, until it ends (the oldest began at {oldest or 'unknown'})"
            )
            report.tasks.append("end the oldest transaction, then sanitise again")


def _rebuild(connection: Connection, ref: CollectionRef, report: _Report) -> None:
    """Rebuild a table and its indexes, on replicas as well, because the statement is in the binary log."""
    statement = f"OPTIMIZE TABLE {table_name(ref)}"
    with report.may(statement, left=f"deleted rows in the tablespace of {ref.name}"):
        rows = connection.exec_driver_sql(statement.replace("%", "%%")).all()
        failed = [row for row in rows if str(row[2]).lower() == "error"]
        if failed or connection.execute(text("SELECT @@innodb_optimize_fulltext_only")).scalar():
            report.tasks.append(f"ALTER TABLE {table_name(ref)} FORCE")
            report.left.append(f"deleted rows in the tablespace of {ref.name}")
        else:
            report.done.append(("table_rebuilt", ref.name))


def _forget_samples(connection: Connection, collections: Sequence[CollectionRef], report: _Report) -> None:
    """Take statistics that hold values anew: MariaDB's column_stats, MySQL's histograms."""
    for ref in collections:
        schema, _, name = ref.name.partition(".")
        where = {"s": schema, "n": name}
        table = table_name(ref)
        anew = f"ANALYZE TABLE {table} PERSISTENT FOR ALL"
        with report.may(
            f"{anew}; OPTIMIZE TABLE mysql.column_stats", left=f"sample values in mysql.column_stats of {ref.name}"
        ):
            query = "SELECT count(*) FROM mysql.column_stats WHERE db_name = :s AND table_name = :n"
            if _asked(connection, query, where) not in ([], [0]):
                connection.exec_driver_sql(anew.replace("%", "%%")).all()
                connection.exec_driver_sql("OPTIMIZE TABLE mysql.column_stats").all()
                report.done.append(("statistics_taken_anew", ref.name))
        histograms = (
            "SELECT column_name FROM information_schema.column_statistics WHERE schema_name = :s AND table_name = :n"
        )
        for column in map(str, _asked(connection, histograms, where)):
            statement = f"ANALYZE TABLE {table} DROP HISTOGRAM ON {quoted(column)}"
            with report.may(statement, left=f"a histogram with values of {ref.name}"):
                connection.exec_driver_sql(statement.replace("%", "%%")).all()


# -- logs ------------------------------------------------------------------------------------------------------------


def _overwrite_undo(connection: Connection, report: _Report) -> None:
    """Write over undo pages that were given back or wait for the next transaction of their rollback segment."""
    left = "undo pages that no later transaction has used"
    with report.may(f"CREATE DATABASE {QUARANTINE} and write there, as the purging account", left=left):
        fresh = not _exists(connection, QUARANTINE)
        connection.execute(text(f"CREATE DATABASE IF NOT EXISTS {QUARANTINE} CHARACTER SET utf8mb4"))
        connection.execute(text(f"DROP TABLE IF EXISTS {_FILLER}"))
        connection.execute(
            text(
                f"CREATE TABLE {_FILLER} (name varbinary({_NAME_BYTES}) PRIMARY KEY, body varbinary({_BODY_BYTES})) "
                "ENGINE = InnoDB ROW_FORMAT = DYNAMIC"
            )
        )
        for number in range(_TRANSACTIONS):
            with _transaction(connection):
                _fill(connection, number, _ROWS)
                connection.execute(text(f"UPDATE {_FILLER} SET body = repeat('g', {_BODY_BYTES}) LIMIT 4"))
                connection.execute(text(f"DELETE FROM {_FILLER}"))
        with _transaction(connection):
            for number in range(_BIG_ROWS // 100):
                _fill(connection, number, 100)
            connection.execute(text(f"UPDATE {_FILLER} SET body = repeat('g', {_BODY_BYTES})"))
        connection.execute(text(f"DROP TABLE {_FILLER}"))
        if fresh:
            connection.execute(text(f"DROP DATABASE {QUARANTINE}"))
        report.done.append(("undo_transactions", str(_TRANSACTIONS + 1)))
    if _asked(connection, "SELECT @@innodb_immediate_scrub_data_uncompressed", {}) == [0]:
        report.done.append(
            ("freed_pages", "not scrubbed by the server; innodb_immediate_scrub_data_uncompressed is off")
        )
        report.left.append("undo pages in the system tablespace that were given back and not used again")


def _fill(connection: Connection, number: int, rows: int) -> None:
    values = ", ".join(
        f"(rpad('{number}-{row}', {_NAME_BYTES}, 'n'), repeat('f', {_BODY_BYTES}))" for row in range(rows)
    )
    connection.execute(text(f"INSERT INTO {_FILLER} VALUES {values}"))


def _rewrite_redo(connection: Connection, report: _Report) -> None:
    """Flush all pages, then let the server write a new redo log by giving it another size, and its own again."""
    for name, step in (("innodb_log_file_size", 4 << 20), ("innodb_redo_log_capacity", 16 << 20)):
        sizes = _asked(connection, f"SELECT @@{name}", {})
        if not sizes:
            continue
        size = int(sizes[0])
        statements = (f"SET GLOBAL {name} = {size + step}", f"SET GLOBAL {name} = {size}")
        with report.may("flush all pages (a clean restart does), then " + ", then ".join(statements), left="redo log"):
            _flush(connection, report)
            for statement in statements:
                connection.exec_driver_sql(statement)
            report.done.append(("redo_log", f"written anew by {name}"))
            return
        return
    report.left.append("redo log, until the server has written it round once")


def _flush(connection: Connection, report: _Report) -> None:
    """Write every changed page to its file, where the old content still is."""
    names = ("innodb_max_dirty_pages_pct_lwm", "innodb_max_dirty_pages_pct")
    before = {name: connection.exec_driver_sql(f"SELECT @@{name}").scalar() for name in names}
    dirty = "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'"
    try:
        for name in names:
            connection.exec_driver_sql(f"SET GLOBAL {name} = 0")
        if not _within(_FLUSH_SECONDS, lambda: int(connection.exec_driver_sql(dirty.replace("%", "%%")).one()[1]) == 0):
            report.left.append("pages that were not written to their files yet, until the server has flushed them")
    finally:
        for name in reversed(names):
            connection.exec_driver_sql(f"SET GLOBAL {name} = {before[name]}")


def _purge_binary_logs(connection: Connection, report: _Report) -> None:
    """Begin a new binary log and purge those before it, unless a replica is registered that may still need them."""
    if not connection.execute(text("SELECT @@log_bin")).scalar():
        report.done.append(("binary_logs", "the server writes none"))
        return
    seconds = sum(_asked(connection, "SELECT @@binlog_expire_logs_seconds", {}))
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

        _within(_LOGS_SECONDS, kept_alone)
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


def _forget_statements(connection: Connection, report: _Report) -> None:
    """Empty what the performance schema remembers of statements; it is in memory, and statements may quote values."""
    if not connection.execute(text("SELECT @@performance_schema")).scalar():
        return
    names = _asked(
        connection,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'performance_schema' AND (table_name "
        "LIKE 'events_statements_history%' OR table_name LIKE 'events_statements_summary_by_digest%') ORDER BY 1",
        {},
    )
    for name in names:
        statement = f"TRUNCATE TABLE performance_schema.{name}"
        with report.may(statement, left=f"statements in performance_schema.{name}, until the server restarts"):
            connection.exec_driver_sql(statement)


def _name_logs(connection: Connection, report: _Report) -> None:
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


# -- asking ----------------------------------------------------------------------------------------------------------


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """A transaction on a session that otherwise commits each statement."""
    connection.execute(text("START TRANSACTION"))
    yield
    connection.execute(text("COMMIT"))


def _within(seconds: float, is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _exists(connection: Connection, schema: str) -> bool:
    query = text("SELECT count(*) FROM information_schema.schemata WHERE schema_name = :s")
    return bool(connection.execute(query, {"s": schema}).scalar())


def _asked(connection: Connection, query: str, values: dict[str, str]) -> list[Any]:
    """Values of a query's first column; none where the engine does not have what is asked for. Raises when denied."""
    try:
        return list(connection.execute(text(query), values).scalars())
    except DBAPIError as error:
        if error.orig is not None and error.orig.args[0] in _UNKNOWN:
            return []
        raise
