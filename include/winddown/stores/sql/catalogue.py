"""Reads PostgreSQL's catalogue: tables, columns with comments, keys, foreign keys, counts, bytes, triggers.

Counts are exact (``count(*)``), because a plan rests on them; the planner's estimate may be off by any amount.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Field, ForeignKey, Medium

QUARANTINE_SCHEMA = "winddown_quarantine"

_TABLES = text("""
    SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
           coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
           has_table_privilege(c.oid, 'SELECT') AS readable,
           pg_table_size(c.oid) AS bytes
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND NOT c.relispartition
       AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', :quarantine)
     ORDER BY 2, 3
""")
_ONE_TABLE = text("""
    SELECT c.oid::bigint, n.nspname, c.relname, c.relkind, '', true, 0
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = :schema AND c.relname = :name
""")
_COLUMNS = text("""
    SELECT attname AS name, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable,
           coalesce(col_description(attrelid, attnum), '') AS comment
      FROM pg_attribute WHERE attrelid = :oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
""")
_KEY = text("""
    SELECT a.attname AS name FROM pg_index i
      JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position) ON true
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = :oid AND i.indisprimary ORDER BY k.position
""")
_FOREIGN_KEYS = text("""
    SELECT n.nspname AS schema, t.relname AS name,
           ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, p)
                   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.p) AS fields,
           ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, p)
                   JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.p) AS target_fields
      FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE c.conrelid = :oid AND c.contype = 'f' ORDER BY c.conname
""")
_HAZARDS = text("""
    SELECT 'trigger' AS hazard, tgname::text AS name FROM pg_trigger
     WHERE tgrelid = :oid AND NOT tgisinternal AND tgenabled <> 'D'
    UNION ALL
    SELECT 'cascade', conname::text FROM pg_constraint
     WHERE confrelid = :oid AND contype = 'f' AND confdeltype IN ('c', 'n', 'd')
    UNION ALL
    SELECT 'row-security', relname::text FROM pg_class WHERE oid = :oid AND relrowsecurity
    ORDER BY 1, 2
""")


@dataclass(frozen=True, slots=True)
class _Found:
    oid: int
    schema: str
    name: str
    kind: str
    comment: str
    readable: bool
    bytes: int


def discover(connection: Connection, store: str) -> Iterator[Collection | Blocker]:
    """Yield every table of the database as a collection, and a blocker for each relation that cannot be handled."""
    for row in connection.execute(_TABLES, {"quarantine": QUARANTINE_SCHEMA}).all():
        found = _Found(*row)
        ref = CollectionRef(store, f"{found.schema}.{found.name}")
        blocker = _kind_blocker(found, ref)
        if blocker is not None:
            yield blocker
            continue
        collection = _collection(connection, found, ref)
        yield collection
        yield from _table_blockers(connection, found, collection)


def describe(connection: Connection, ref: CollectionRef) -> Collection:
    """Describe one table as it is now, without counting it; raises Refused when it is gone."""
    schema, _, name = ref.name.partition(".")
    row = connection.execute(_ONE_TABLE, {"schema": schema, "name": name}).one_or_none()
    if row is None:
        raise Refused(f"collection {ref} no longer exists", next_step="discover and plan again")
    return _collection(connection, _Found(*row), ref, count=-1)


def hazards(connection: Connection, ref: CollectionRef) -> tuple[str, ...]:
    """Names of triggers, cascades and row security that act on a table now; a plan may be older than they are."""
    schema, _, name = ref.name.partition(".")
    row = connection.execute(_ONE_TABLE, {"schema": schema, "name": name}).one()
    return tuple(f"{found.hazard} {found.name}" for found in connection.execute(_HAZARDS, {"oid": row[0]}))


def _kind_blocker(found: _Found, ref: CollectionRef) -> Blocker | None:
    if not found.readable:
        return Blocker(
            "no-read-access",
            str(ref),
            "the connection's user may not read this table",
            "database administrator",
            "grant SELECT to the reading user",
        )
    if found.kind == "r":
        return None
    kinds = {"p": "a partitioned table", "m": "a materialised view", "v": "a view", "f": "a foreign table"}
    return Blocker(
        "unsupported-relation",
        str(ref),
        f"{kinds[found.kind]} is not handled yet; it may hold or show a copy of personal data",
        "database administrator",
        "drop it, or declare in the register what becomes of it",
    )


def _collection(connection: Connection, found: _Found, ref: CollectionRef, *, count: int | None = None) -> Collection:
    columns = connection.execute(_COLUMNS, {"oid": found.oid}).all()
    key = tuple(row.name for row in connection.execute(_KEY, {"oid": found.oid}))
    links = tuple(
        ForeignKey(tuple(row.fields), CollectionRef(ref.store, f"{row.schema}.{row.name}"), tuple(row.target_fields))
        for row in connection.execute(_FOREIGN_KEYS, {"oid": found.oid})
    )
    fields = tuple(Field(row.name, row.type, row.nullable, row.comment) for row in columns)
    if count is None:
        count = int(connection.execute(text(f"SELECT count(*) FROM {quoted(ref.name)}")).scalar_one())
    schema: list[Any] = [list(key), [[field.name, field.type, field.nullable] for field in fields]]
    return Collection(
        ref=ref,
        medium=Medium.TABLE,
        format="table",
        key=key,
        fields=fields,
        foreign_keys=links,
        record_count=count,
        byte_count=found.bytes,
        version_count=0,
        fingerprint=digest([*schema, count]),
        comment=found.comment,
    )


def _table_blockers(connection: Connection, found: _Found, collection: Collection) -> Iterator[Blocker]:
    ref = str(collection.ref)
    if not collection.key:
        yield Blocker(
            "no-primary-key",
            ref,
            "the table has no primary key, so its rows cannot be named in a plan",
            "database administrator",
            "add a primary key or a unique not-null key",
        )
    hazards = {
        "trigger": "trigger {} runs code of its own when rows are deleted or changed",
        "cascade": "foreign key {} deletes or changes rows of another table when rows go here",
        "row-security": "row security on {} may hide rows from us",
    }
    for row in connection.execute(_HAZARDS, {"oid": found.oid}):
        yield Blocker(
            row.hazard,
            ref,
            hazards[row.hazard].format(row.name),
            "database administrator",
            "disable it for the case, or order the dependent rows explicitly",
        )


def quoted(name: str) -> str:
    """Quote ``schema.table`` or a single identifier for SQL.

    >>> quoted('shop.or"ders')
    '"shop"."or""ders"'
    """
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split(".", 1))


def quoted_name(name: str) -> str:
    """Quote a single identifier, dots and all.

    >>> quoted_name('a.b')
    '"a.b"'
    """
    return '"' + name.replace('"', '""') + '"'
