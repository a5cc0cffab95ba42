"""Clears what a purge leaves in the files of MySQL or MariaDB, as far as the account may.

Deleted rows stay in the tablespace until it is rebuilt, in statistics that hold samples of values, and in logs
(``mysql_logs``). Each step says by itself what became of it: done, statements for the administrator, or what stays and
until when. What a replica keeps, and where it reads on, is none of ours: a binary log that a replica may need stays.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from winddown.archive.escrow import Escrow
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import OrderId
from winddown.stores.sql import mysql_logs
from winddown.stores.sql.clearing import Detail, Report
from winddown.stores.sql.copy_then_delete import JOURNAL as JOURNAL_TABLE
from winddown.stores.sql.copy_then_delete import forgetting, is_aside
from winddown.stores.sql.mysql_catalogue import JOURNAL, QUARANTINE
from winddown.stores.sql.mysql_own import PREPARING, alone, drop_unused, tables_of
from winddown.stores.sql.mysql_report import asked, new_report, within
from winddown.stores.sql.mysql_rows import has_table
from winddown.stores.sql.mysql_values import quoted, table_name

_HISTORY_SECONDS = 60


def cleared(
    connection: Connection, collections: Sequence[CollectionRef], *, escrow: Escrow, settled: Sequence[OrderId]
) -> tuple[Detail, ...]:
    """Clear the server's files and the escrow of purged records; return the receipt's details."""
    report = new_report()
    connection.execute(text("SET SESSION lock_wait_timeout = 30"))
    with mysql_logs.clearing(connection, report), alone(connection, PREPARING):
        _drop_emptied(connection, report, escrow, settled)
    _await_history(connection, report)
    for ref in collections:
        _rebuild(connection, ref, report)
        _forget_samples(connection, ref, report)
        _drop_histograms(connection, ref, report)
    with mysql_logs.clearing(connection, report):
        mysql_logs.overwrite_undo(connection, report)
        mysql_logs.rewrite_redo(connection, report)
    mysql_logs.purge_binary_logs(connection, report)
    mysql_logs.forget_statements(connection, report)
    mysql_logs.name_logs(connection, report)
    return report.details()


# -- our own tables --------------------------------------------------------------------------------------------------


def _drop_emptied(connection: Connection, report: Report, escrow: Escrow, settled: Sequence[OrderId]) -> None:
    """Drop quarantine tables without rows, destroy files that the journal does not name any more, drop what is empty.

    Settled orders are forgotten, and the journal is dropped when nothing is left in it.

    Nobody can fill a table that is empty now: whoever acts has looked at it in a transaction that still runs, for which
    the lock on the table waits, or waits for the lock on preparing, which is held. The same holds for the journal.
    """
    dropped = 0
    for name in tables_of(connection, QUARANTINE):
        table = f"{QUARANTINE}.{quoted(name)}"
        connection.execute(text(f"LOCK TABLES {table} WRITE"))
        if connection.execute(text(f"SELECT NOT EXISTS (SELECT 1 FROM {table})")).scalar():
            connection.execute(text(f"DROP TABLE {table}"))
            dropped += is_aside(name)
        connection.execute(text("UNLOCK TABLES"))
    report.done.append(("quarantine_tables_dropped", str(dropped)))
    known, journal = 0, f"{JOURNAL}.{JOURNAL_TABLE}"
    if has_table(connection, JOURNAL, JOURNAL_TABLE):
        connection.execute(text(f"LOCK TABLES {journal} WRITE"))
        known = _destroy_orphans(connection, report, escrow)
        connection.execute(text(forgetting(journal, settled)))
        if connection.execute(text(f"SELECT NOT EXISTS (SELECT 1 FROM {journal})")).scalar():
            connection.execute(text(f"DROP TABLE {journal}"))
        connection.execute(text("UNLOCK TABLES"))
    if unknown := escrow.count() - known:
        # They are left, because they may be all that there is of rows whose journal was lost.
        report.left.append(f"{unknown} encrypted files of batches that the journal does not know")
    drop_unused(connection)


def _destroy_orphans(connection: Connection, report: Report, escrow: Escrow) -> int:
    """Destroy files of batches in the journal that it does not name; return how many that it names are there."""
    destroyed = known = 0
    rows = connection.execute(text(f"SELECT * FROM {JOURNAL}.{JOURNAL_TABLE}")).mappings().all()
    # The journal of an earlier version has no orders' ids, and knows of no escrow.
    entries = [(row.get("order_id", ""), row["batch"], row.get("escrow", "")) for row in rows]
    for order_id, index, name in (entry for entry in entries if entry[0]):
        names = escrow.names(order_id, index)
        over = [found for found in names if found != name]
        escrow.destroy(order_id, over)
        destroyed += len(over)
        known += name in names
    report.done.append(("escrow_files_destroyed", str(destroyed)))
    return known


# -- tables, statistics ----------------------------------------------------------------------------------------------


def _await_history(connection: Connection, report: Report) -> None:
    """Wait until InnoDB has removed the rows that were only marked as deleted: an old snapshot keeps them."""
    length = "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'"

    def is_empty() -> bool:
        return int(connection.execute(text(length)).scalar_one()) == 0

    with report.may(
        "GRANT PROCESS ON *.* TO the purging account", left="rows that old snapshots keep, if there are any"
    ):
        if not within(_HISTORY_SECONDS, is_empty):
            oldest = connection.execute(text("SELECT min(trx_started) FROM information_schema.innodb_trx")).scalar()
            report.left.append(
                f"rows that a transaction may still read, until it ends (the oldest began at {oldest or 'unknown'})"
            )
            report.tasks.append("end the oldest transaction, then sanitise again")


def _rebuild(connection: Connection, ref: CollectionRef, report: Report) -> None:
    """Rebuild a table and its indexes, on replicas as well, because the statement is in the binary log."""
    statement = f"OPTIMIZE TABLE {table_name(ref)}"
    with report.may(statement, left=f"deleted rows in the tablespace of {ref.name}"):
        rows = connection.exec_driver_sql(statement.replace("%", "%%")).all()
        failed = [row for row in rows if str(row[2]).lower() == "error"]
        if failed or connection.execute(text("SELECT @@innodb_optimize_fulltext_only")).scalar():
            report.tasks.append(f"ALTER TABLE {table_name(ref)} FORCE")
            report.left.append(f"deleted rows in the tablespace of {ref.name}")
        else:
            report.done.append((f"rebuilt {ref.name}", "table and indexes"))


def _forget_samples(connection: Connection, ref: CollectionRef, report: Report) -> None:
    """Take MariaDB's statistics that hold values anew, and rebuild the table in which they lie.

    OPTIMIZE would not do: it keeps the pages of this table, in which the end of a longer histogram stays.
    """
    if not asked(connection, "SELECT @@use_stat_tables", {}):
        return
    schema, _, name = ref.name.partition(".")
    anew, rebuild = f"ANALYZE TABLE {table_name(ref)} PERSISTENT FOR ALL", "ALTER TABLE mysql.column_stats FORCE"
    with report.may(anew, rebuild, left=f"sample values in mysql.column_stats of {ref.name}"):
        query = "SELECT count(*) FROM mysql.column_stats WHERE db_name = :s AND table_name = :n"
        if asked(connection, query, {"s": schema, "n": name}) not in ([], [0]):
            connection.exec_driver_sql(anew.replace("%", "%%")).all()
            connection.exec_driver_sql(rebuild)
            report.done.append((f"statistics of {ref.name}", "taken anew"))


def _drop_histograms(connection: Connection, ref: CollectionRef, report: Report) -> None:
    """Drop MySQL's histograms, which hold values."""
    schema, _, name = ref.name.partition(".")
    query = "SELECT column_name FROM information_schema.column_statistics WHERE schema_name = :s AND table_name = :n"
    for column in map(str, asked(connection, query, {"s": schema, "n": name})):
        statement = f"ANALYZE TABLE {table_name(ref)} DROP HISTOGRAM ON {quoted(column)}"
        with report.may(statement, left=f"a histogram with values of {ref.name}"):
            connection.exec_driver_sql(statement.replace("%", "%%")).all()
