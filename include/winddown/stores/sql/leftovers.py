"""Clears what a purge leaves in PostgreSQL beside the tables: quarantine tables, our schema, the write-ahead log."""

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.inventory import CollectionRef
from winddown.stores.sql.catalogue import QUARANTINE_SCHEMA, quoted, quoted_name

ACTING_LOCK = "hashtext('winddown'), hashtext('acting')"
"""Key of the advisory lock that whoever moves records holds shared, and whoever drops emptied tables holds alone."""
_CATALOGUE = ("pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_description")


def drop_emptied(engine: Engine) -> int:
    """Drop quarantine tables without rows, and our schemas when nothing is left in them; return how many tables.

    In one transaction that nobody else acts beside: a table that is empty now cannot be filled before it is dropped.
    The journal goes with the schema, since it is only needed while something is in quarantine.
    """
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ACTING_LOCK})"))
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
        if connection.execute(left, {"s": QUARANTINE_SCHEMA}).scalar_one() == 0:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {QUARANTINE_SCHEMA} CASCADE"))
        for place in _empty_places(connection):
            connection.execute(text(f"DROP SCHEMA {quoted_name(place)}"))
    return dropped


def forget_dropped_tables(connection: Connection) -> tuple[str, ...]:
    """Rewrite what the catalogue said of whole tables that were purged; return which of its tables, none when none was.

    Comments, defaults, conditions and bounds of partitions may quote values, and stay in free space when a table is
    dropped. The places of purged tables are the sign, so this comes before ``drop_emptied``.
    """
    if not _empty_places(connection):
        return ()
    for name in _CATALOGUE:
        connection.execute(text(f"VACUUM FULL pg_catalog.{name}"))
    return _CATALOGUE


def _empty_places(connection: Connection) -> list[str]:
    """Schemas that whole tables were purged from; one with anything in it is none."""
    query = text(
        "SELECT nspname FROM pg_namespace n WHERE starts_with(nspname, :s) "
        "AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid) ORDER BY 1"
    )
    return list(connection.execute(query, {"s": f"{QUARANTINE_SCHEMA}_"}).scalars())


def is_there(connection: Connection, ref: CollectionRef) -> bool:
    """Whether a table still exists; one that went as a whole leaves nothing to rewrite."""
    return connection.execute(text("SELECT to_regclass(:t)"), {"t": quoted(ref.name)}).scalar() is not None


def forget_statistics(connection: Connection, ref: CollectionRef) -> list[str]:
    """Clear the sample values of a table that has no rows left, which ANALYZE leaves as they are.

    Giving a column its own type again does it. Returns the columns for which that is not possible, because a view or a
    generated column reads them.
    """
    table = quoted(ref.name)
    if connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {table})")).scalar_one():
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
            connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {quoted_name(name)} TYPE {kind}"))
        except DBAPIError:
            left.append(f"{ref.name}.{name}")
    return left


def cycle_wal(connection: Connection) -> int:
    """Switch once for each segment on disk; where these may not be listed, for as many as the settings allow."""
    may_list = connection.execute(text("SELECT has_function_privilege('pg_ls_waldir()', 'EXECUTE')")).scalar_one()
    count = (
        "SELECT count(*) FROM pg_ls_waldir()"
        if may_list
        else "SELECT pg_size_bytes(current_setting('max_wal_size')) "
        "/ pg_size_bytes(current_setting('wal_segment_size'))"
    )
    segments = connection.execute(text(count)).scalar_one()
    for _ in range(segments + 2):
        connection.execute(text("SELECT pg_switch_wal()"))
        connection.execute(text("CHECKPOINT"))
    return int(segments) + 2
