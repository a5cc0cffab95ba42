"""Clears what a purge leaves in PostgreSQL, as far as the account may.

Plain VACUUM leaves deleted rows in the heap and in indexes, and ``pg_statistic`` holds sample values; both are
rewritten. A rewrite copies what an old snapshot may still read, and is skipped with a warning where the account may not
do it; so whether it was done is told by the files, and what it kept by what the server says of it. What the server
keeps beside its tables is in ``postgresql_logs``.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from winddown.archive.escrow import Escrow
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import OrderId
from winddown.stores.sql import postgresql_logs
from winddown.stores.sql.catalogue import JOURNAL, QUARANTINE_SCHEMA, place_of, quoted, quoted_name
from winddown.stores.sql.clearing import Detail, Report
from winddown.stores.sql.faults import told
from winddown.stores.sql.reading import with_names

ACTING_LOCK = "hashtext('winddown'), hashtext('acting')"
"""Key of the advisory lock that whoever moves records holds shared, and whoever drops emptied tables holds alone."""
_CATALOGUE = ("pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_description")
_STATISTICS = ("pg_statistic", "pg_statistic_ext_data")
_NEVER = ("files of replicas", "backups", "copies of the write-ahead log elsewhere", "blocks of the file system")
_DENIED = "42501"


def cleared(
    connection: Connection, collections: Sequence[CollectionRef], *, escrow: Escrow, settled: Sequence[OrderId]
) -> tuple[Detail, ...]:
    """Clear the cluster's files and the escrow of purged records; return the receipt's details.

    The session commits each statement.
    """
    report = Report(_is_denied, never=_NEVER)
    # A reader that holds a lock must not make everybody else queue behind us for long.
    connection.execute(text("SET lock_timeout = '30s'"))
    forgotten = _forget_dropped_tables(connection, report)
    destroyed, unknown = _destroy_orphans(connection.engine, escrow)
    dropped = drop_emptied(connection.engine, settled)
    present = [ref for ref in collections if _is_there(connection, ref)]
    stuck = [name for ref in present for name in _forget_statistics(connection, ref)]
    rewritten = [_is_rewritten(connection, quoted(ref.name), report, more=", ANALYZE") for ref in present]
    statistics = [name for name in _STATISTICS if _is_rewritten(connection, f"pg_catalog.{name}", report)]
    report.left += [f"sample values of {told(name)}, which a view or a generated column reads" for name in stuck]
    if unknown:
        report.left.append(f"{unknown} encrypted files of batches that the journal does not know")
    report.done += [
        ("escrow_files_destroyed", str(destroyed)),
        ("tables_rewritten", str(sum(rewritten))),
        ("quarantine_tables_dropped", str(dropped)),
        ("catalogue_rewritten", ", ".join(forgotten) or "none"),
        ("statistics_rewritten", ", ".join(statistics) or "none"),
        ("statistics_left", ", ".join(stuck) or "none"),
    ]
    postgresql_logs.cycle_wal(connection, report)
    postgresql_logs.name_archive(connection, report)
    postgresql_logs.forget_statements(connection, report)
    postgresql_logs.name_server_log(connection, report)
    return report.details()


def _is_denied(error: BaseException | None) -> bool:
    return getattr(error, "sqlstate", None) == _DENIED


# -- rewriting -------------------------------------------------------------------------------------------------------


def _is_rewritten(connection: Connection, table: str, report: Report, *, more: str = "") -> bool:
    """Rewrite a table with its indexes and long values; say what stays, and whether it was rewritten at all."""
    before = _files(connection, table)
    with _kept_rows(connection) as counts:
        connection.execute(with_names(f"VACUUM (FULL, VERBOSE{more}) {table}"))
    if before & _files(connection, table):
        report.tasks.append(f"VACUUM (FULL{more}) {table}")
        report.left.append(f"deleted rows in the heap, the indexes and the long values of {table}")
        return False
    if before and not counts:
        report.left.append(f"rows of {table} that old snapshots keep, if there are any")
    elif sum(counts):
        report.left.append(f"{sum(counts)} dead rows of {table} that may still be read by {_readers(connection)}")
        report.tasks.append(f"when nothing keeps them any more: VACUUM (FULL{more}) {table}, and cycle the log again")
    return True


def _files(connection: Connection, table: str) -> set[int]:
    """Numbers of the files of a table and its partitions; another number is another file."""
    query = text(
        "SELECT pg_relation_filenode(c) FROM (SELECT to_regclass(:t) AS c UNION "
        "SELECT relid FROM pg_partition_tree(to_regclass(:t))) found WHERE pg_relation_filenode(c) IS NOT NULL"
    )
    return set(connection.execute(query, {"t": table}).scalars())


@contextmanager
def _kept_rows(connection: Connection) -> Iterator[list[int]]:
    """Yield what the server says meanwhile, of each table that it rewrites, of dead rows that it may not leave out.

    Its words are in its own language, but the first number of the detail is always theirs.
    """
    counts: list[int] = []

    def heard(diagnostic: Any) -> None:
        number = re.search("[0-9]+", diagnostic.message_detail or "")
        if diagnostic.source_function == "copy_table_data" and number is not None:
            counts.append(int(number[0]))

    driver: Any = connection.connection.driver_connection
    driver.add_notice_handler(heard)
    try:
        yield counts
    finally:
        driver.remove_notice_handler(heard)


def _readers(connection: Connection) -> str:
    """Who has a snapshot that may be as old as dead rows which were kept, as far as the account may see it."""
    sessions = text(
        "SELECT coalesce(usename, backend_type, 'the server itself'), "
        "to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') "
        "FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() "
        "AND coalesce(datname, current_database()) = current_database() ORDER BY xact_start LIMIT 5"
    )
    prepared = text(
        "SELECT gid, to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM pg_prepared_xacts "
        "WHERE database = current_database() ORDER BY prepared LIMIT 5"
    )
    slots = text(
        "SELECT slot_name FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL ORDER BY 1"
    )
    # Since when, and what kind of a process nobody's account runs, is only shown to pg_read_all_stats.
    found = [
        f"a transaction of {told(who)}" + (f" since {since} UTC" if since else "")
        for who, since in connection.execute(sessions)
    ]
    found += [f"the prepared transaction {told(name)} of {since} UTC" for name, since in connection.execute(prepared)]
    found += [f"replication slot {told(name)}" for name in connection.execute(slots).scalars()]
    return ", ".join(found) or "transactions that are over by now"


# -- our own tables, the catalogue, statistics -----------------------------------------------------------------------


@contextmanager
def _acting_alone(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that nobody else acts beside."""
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ACTING_LOCK})"))
        yield connection


def _destroy_orphans(engine: Engine, escrow: Escrow) -> tuple[int, int]:
    """Destroy files that the journal no longer names; return how many, and the number of those that it never knew.

    These are left, because they may be all that there is of rows whose journal was lost.
    """
    destroyed = quarantined = 0
    with _acting_alone(engine) as connection:
        for order_id, index, name in _journalled(connection):
            over = [found for found in escrow.names(order_id, index) if found != name]
            escrow.destroy(order_id, over)
            destroyed += len(over)
            quarantined += name in escrow.names(order_id, index)
        return destroyed, escrow.count() - quarantined


def _journalled(connection: Connection) -> list[tuple[str, int, str]]:
    """Order, batch and, while it is in escrow, name of the file, of every batch in the journal."""
    if connection.execute(text("SELECT to_regclass(:t)"), {"t": JOURNAL}).scalar() is None:
        return []
    found = connection.execute(text(f"SELECT * FROM {JOURNAL}")).mappings()
    return [(row["order_id"], row["batch"], row.get("escrow", "")) for row in found]


def drop_emptied(engine: Engine, settled: Sequence[OrderId]) -> int:
    """Drop quarantine tables without rows, and our schemas when nothing is left in them; return how many tables.

    In one transaction that nobody else acts beside: a table that is empty now cannot be filled before it is dropped.
    Only settled orders are forgotten: what the journal, or the empty place of a whole table, says of any other one is
    asked by a worker that was killed after its commit and comes again. The journal goes with the schema.
    """
    with _acting_alone(engine) as connection:
        names = connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'q\\_%' "
                "AND relnamespace = to_regnamespace(:s) ORDER BY 1"
            ),
            {"s": QUARANTINE_SCHEMA},
        ).scalars()
        dropped = 0
        for name in list(names):
            table = f"{QUARANTINE_SCHEMA}.{quoted(name)}"
            if connection.execute(text(f"SELECT NOT EXISTS (SELECT 1 FROM {table})")).scalar_one():
                connection.execute(text(f"DROP TABLE {table}"))
                dropped += 1
        left = text(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname <> 'journal' "
            "AND relnamespace = to_regnamespace(:s)"
        )
        if _journalled(connection):
            forgetting = f"DELETE FROM {JOURNAL} WHERE order_id = ANY(:settled) AND state <> 'quarantined'"
            connection.execute(text(forgetting), {"settled": list(settled)})
        if not _journalled(connection) and connection.execute(left, {"s": QUARANTINE_SCHEMA}).scalar_one() == 0:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {QUARANTINE_SCHEMA} CASCADE"))
        over = {place_of(order_id) for order_id in settled}
        for place in _empty_places(connection):
            if place.rpartition("_")[0] in over:
                connection.execute(text(f"DROP SCHEMA {quoted_name(place)}"))
    return dropped


def _forget_dropped_tables(connection: Connection, report: Report) -> tuple[str, ...]:
    """Rewrite what the catalogue said of whole tables that were purged; return which of its tables, none when none was.

    Comments, defaults, conditions and bounds of partitions may quote values, and stay in free space when a table is
    dropped. The places of purged tables are the sign, so this comes before ``drop_emptied``.
    """
    if not _empty_places(connection):
        return ()
    return tuple(name for name in _CATALOGUE if _is_rewritten(connection, f"pg_catalog.{name}", report))


def _empty_places(connection: Connection) -> list[str]:
    """Schemas that whole tables were purged from; one with anything in it is none."""
    query = text(
        "SELECT nspname FROM pg_namespace n WHERE starts_with(nspname, :s) "
        "AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid) ORDER BY 1"
    )
    return list(connection.execute(query, {"s": f"{QUARANTINE_SCHEMA}_"}).scalars())


def _is_there(connection: Connection, ref: CollectionRef) -> bool:
    """Whether a table still exists; one that went as a whole leaves nothing to rewrite."""
    return connection.execute(text("SELECT to_regclass(:t)"), {"t": quoted(ref.name)}).scalar() is not None


def _forget_statistics(connection: Connection, ref: CollectionRef) -> list[str]:
    """Clear the sample values of a table that has no rows left, which ANALYZE leaves as they are.

    Giving a column its own type again does it. Returns the columns for which that is not possible, because a view or a
    generated column reads them.
    """
    table = quoted(ref.name)
    if connection.execute(with_names(f"SELECT EXISTS (SELECT 1 FROM {table})")).scalar_one():
        return []
    columns = connection.execute(
        text(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass(:t) "
            "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ),
        {"t": table},
    ).all()
    left = []
    for name, kind in columns:
        try:
            connection.execute(with_names(f"ALTER TABLE {table} ALTER COLUMN {quoted_name(name)} TYPE {kind}"))
        except DBAPIError:
            left.append(f"{ref.name}.{name}")
    return left
