"""Reads PostgreSQL's catalogue: relations of every kind, columns with comments, keys, foreign keys, counts, bytes.

Counts are exact (``count(*)``), because a plan rests on them; the planner's estimate may be off by any amount. A
partitioned table is one collection, whose partitions are facts; a materialised view is a copy of personal data and
so a collection; a view holds nothing, and is a fact of the tables that it reads (``catalogue_facts``). What is not
known here is a blocker.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.inventory import Collection, CollectionRef, Field, ForeignKey, Medium
from winddown.domain.plan import OrderId
from winddown.stores.sql.faults import told
from winddown.stores.sql.hazards import acting, of_store, of_table
from winddown.stores.sql.limits import changed, gone, unknown_relation, unnamed_rows, unreadable
from winddown.stores.sql.reading import verbatim

QUARANTINE_SCHEMA = "winddown_quarantine"
JOURNAL = f"{QUARANTINE_SCHEMA}.journal"
FORMATS = {"r": "table", "p": "partitioned-table", "m": "materialised-view"}
# Relation, column or schema does not exist (any more), an internal look-up failed, a lock did not come in time.
CHANGED = frozenset({"42P01", "42703", "3F000", "XX000", "55P03"})

# Indexes, TOAST, composite types and sequences hold no records of their own.
_RELATIONS = """
    SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
           coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
           c.relispopulated AS filled
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
"""
_TABLES = text(
    _RELATIONS
    + r"""
     WHERE c.relkind NOT IN ('i', 'I', 't', 'c', 'S') AND (NOT c.relispartition OR c.relkind = 'f')
       AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
       AND NOT starts_with(n.nspname, :quarantine)
     ORDER BY 2, 3
"""
)
_ONE_TABLE = text(_RELATIONS + "WHERE n.nspname = :schema AND c.relname = :name")
# Statistics count every write, aborted ones too. A reset clears them, and so does a crash, of which pg_stat_bgwriter
# tells. They come up to a minute late, so a sample of the rows is looked at as well.
_WRITES = text("""
    SELECT CASE WHEN current_setting('track_counts')::boolean THEN
             concat_ws('/', c.relfilenode, pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid),
                       pg_stat_get_tuples_deleted(c.oid), (SELECT stats_reset FROM pg_stat_bgwriter),
                       (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()))
           END
      FROM pg_class c WHERE c.oid = :oid
""")
_SAMPLED_ROWS = 1_000
# Waits for whoever locks the table, so it is asked of one table at a time.
_BYTES = text("SELECT coalesce(sum(pg_table_size(relid)), pg_table_size(:oid)) FROM pg_partition_tree(:oid)")
# A constraint on the whole row has the column 0. A type that is a domain may be one over another domain.
_COLUMNS = text("""
    SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
           NOT attnotnull AND NOT EXISTS (SELECT 1 FROM pg_type t WHERE t.oid = ANY (domains) AND t.typnotnull)
               AS nullable,
           coalesce(col_description(attrelid, attnum), '') AS comment,
           ARRAY(
               SELECT 'constraint ' || c.conname FROM pg_constraint c
                WHERE (c.conrelid = a.attrelid AND c.contype IN ('c', 'x') AND (a.attnum = ANY (c.conkey)
                       OR 0 = ANY (c.conkey)))
                   OR (c.confrelid = a.attrelid AND c.contype = 'f' AND a.attnum = ANY (c.confkey))
                   OR c.contypid = ANY (a.domains)
               UNION ALL
               SELECT 'unique index ' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                WHERE i.indrelid = a.attrelid AND i.indisunique
                  AND (a.attnotnull OR to_jsonb(i) ->> 'indnullsnotdistinct' = 'true')
                  AND (a.attnum = ANY (i.indkey::int2[]) OR EXISTS (
                       SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
                          AND d.refobjsubid = a.attnum))
               UNION
               SELECT 'trigger ' || g.tgname FROM pg_trigger g
                WHERE (g.tgrelid = a.attrelid OR g.tgrelid IN (SELECT relid FROM pg_partition_tree(a.attrelid)))
                  AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 60 = 16
                  AND (g.tgrelid <> a.attrelid OR cardinality(g.tgattr::int2[]) = 0
                       OR a.attnum = ANY (g.tgattr::int2[]))
               ORDER BY 1) AS tied,
           attgenerated <> '' AS computed,
           ARRAY(SELECT s.attname::text FROM pg_attrdef e JOIN pg_depend d
                     ON d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = e.adrelid AND d.refobjsubid <> e.adnum
                   JOIN pg_attribute s ON s.attrelid = e.adrelid AND s.attnum = d.refobjsubid
                  WHERE e.adrelid = a.attrelid AND e.adnum = a.attnum AND a.attgenerated <> ''
                  ORDER BY s.attnum) AS sources
      FROM (SELECT *, ARRAY(WITH RECURSIVE d(oid) AS (
                       SELECT atttypid UNION
                       SELECT t.typbasetype FROM d JOIN pg_type t USING (oid) WHERE t.typtype = 'd')
                   SELECT oid FROM d) AS domains FROM pg_attribute) a
     WHERE attrelid = :oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
""")
# Where there is no primary key, a unique index over fields that are never NULL names rows just as well.
_KEY_OF = """
      FROM (SELECT indexrelid, indrelid, indkey, indnkeyatts FROM pg_index i
             WHERE i.indrelid = {oid} AND i.indisunique AND i.indisvalid AND i.indimmediate
               AND i.indexprs IS NULL AND i.indpred IS NULL
               AND NOT EXISTS (SELECT 1 FROM pg_attribute f WHERE f.attrelid = i.indrelid AND NOT f.attnotnull
                                  AND f.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
             ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) i
      JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position) ON k.position <= i.indnkeyatts
"""
_KEY = text(f"""
    SELECT a.attname AS name {_KEY_OF.format(oid=":oid")}
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     ORDER BY k.position
""")
_OUTLINE = text(f"""
    SELECT attname AS name, format_type(atttypid, atttypmod) AS type, NOT attnotnull AND NOT EXISTS (
               WITH RECURSIVE d(oid) AS (
                   SELECT atttypid UNION SELECT t.typbasetype FROM d JOIN pg_type t USING (oid) WHERE t.typtype = 'd')
               SELECT FROM d JOIN pg_type t USING (oid) WHERE t.typnotnull) AS nullable, key.position
      FROM pg_attribute
      LEFT JOIN (SELECT k.attnum, k.position {_KEY_OF.format(oid="to_regclass(:t)")}) key USING (attnum)
     WHERE attrelid = to_regclass(:t) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
""")
# A partition may have foreign keys of its own, and may be referred to by itself; it counts as its whole table.
_FOREIGN_KEYS = text("""
    SELECT n.nspname AS schema, t.relname AS name,
           ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, p)
                   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.p) AS fields,
           ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, p)
                   JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.p) AS target_fields
      FROM pg_constraint c JOIN pg_class t ON t.oid = coalesce(pg_partition_root(c.confrelid), c.confrelid)
      JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE (c.conrelid = :oid OR c.conrelid IN (SELECT relid FROM pg_partition_tree(:oid)))
       AND c.contype = 'f' AND c.conparentid = 0 ORDER BY c.conname
""")


@dataclass(frozen=True, slots=True)
class _Found:
    oid: int
    schema: str
    name: str
    kind: str
    comment: str
    readable: bool
    filled: bool


def discover(connection: Connection, store: str) -> Iterator[Collection | Blocker]:
    """Yield every relation with records as a collection, and a blocker for whatever cannot be handled.

    Every statement is a transaction of its own, so that counting holds nothing for long.
    """
    yield from of_store(connection, store)
    for row in connection.execute(_TABLES, {"quarantine": QUARANTINE_SCHEMA}).all():
        found = _Found(*row)
        ref = CollectionRef(store, f"{found.schema}.{found.name}")
        if found.kind == "v":
            continue
        blocker = _kind_blocker(found, ref)
        if blocker is not None:
            yield blocker
            continue
        try:
            collection = _collection(connection, found, ref)
            blockers = list(of_table(connection, found.oid, ref))
            if not collection.key and collection.format != "materialised-view":
                blockers.append(unnamed_rows(ref))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in CHANGED:
                raise
            yield changed(ref)
            continue
        yield collection
        yield from blockers


def describe(connection: Connection, ref: CollectionRef) -> Collection:
    """Describe one table as it is now, without counting or measuring it; raises Refused when it is gone."""
    schema, _, name = ref.name.partition(".")
    row = connection.execute(_ONE_TABLE, {"schema": schema, "name": name}).one_or_none()
    if row is None:
        raise gone(ref)
    return _collection(connection, _Found(*row), ref, count=-1)


def outline(connection: Connection, ref: CollectionRef) -> Collection:
    """What a table's fields are and its key as they are now, and nothing else of it; Refused when it is gone.

    ``describe`` costs as much as many rows.
    """
    rows = connection.execute(_OUTLINE, {"t": quoted(ref.name)}).all()
    if not rows:
        raise gone(ref)
    return Collection(
        ref=ref,
        medium=Medium.TABLE,
        format="table",
        key=tuple(row.name for row in sorted(filter(_is_of_key, rows), key=lambda row: row.position)),
        fields=tuple(Field(row.name, row.type, row.nullable) for row in rows),
        foreign_keys=(),
        record_count=-1,
        byte_count=0,
        version_count=0,
        fingerprint="",
    )


def _is_of_key(row: Any) -> bool:
    return row.position is not None


def hazards(connection: Connection, ref: CollectionRef, *, on_changes: bool = False) -> tuple[str, ...]:
    """Name what acts on a table now beside an order, of rows that go or change; a plan may be older than it is."""
    oid = connection.execute(text("SELECT CAST(to_regclass(:t) AS oid)"), {"t": quoted(ref.name)}).scalar()
    if oid is None:
        raise gone(ref)
    return acting(connection, oid, on_changes=on_changes)


def refers_to_itself(connection: Connection, ref: CollectionRef) -> bool:
    """Whether a foreign key of a table, or of a partition of it, leads to the table."""
    query = text(
        "SELECT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass(:t) AND conrelid IN "
        "(SELECT to_regclass(:t) UNION SELECT relid FROM pg_partition_tree(to_regclass(:t))))"
    )
    return bool(connection.execute(query, {"t": quoted(ref.name)}).scalar_one())


def _kind_blocker(found: _Found, ref: CollectionRef) -> Blocker | None:
    if "." in found.schema:
        return Blocker(
            "dotted-schema",
            str(ref),
            "the schema's name has a dot, so that schema and table cannot be told apart",
            "database administrator",
            "rename the schema",
        )
    if found.kind == "f":
        return Blocker(
            "foreign-table",
            str(ref),
            "its rows are in another database, which a foreign server leads to",
            "database administrator",
            "declare that database as a store of its own, then drop the foreign table",
        )
    if not found.readable:
        return unreadable(ref)
    if found.kind in FORMATS and found.filled:
        return None
    unfilled = "a materialised view that is not filled cannot be read"
    return unknown_relation(ref, unfilled if found.kind in FORMATS else f"relations of kind {found.kind!r} are unknown")


def _collection(connection: Connection, found: _Found, ref: CollectionRef, *, count: int | None = None) -> Collection:
    columns = connection.execute(_COLUMNS, {"oid": found.oid}).all()
    key = tuple(row.name for row in connection.execute(_KEY, {"oid": found.oid}))
    links = tuple(
        ForeignKey(tuple(row.fields), CollectionRef(ref.store, f"{row.schema}.{row.name}"), tuple(row.target_fields))
        for row in connection.execute(_FOREIGN_KEYS, {"oid": found.oid})
    )
    fields = tuple(
        Field(
            row.name,
            row.type,
            row.nullable,
            row.comment,
            tied="a computation" if row.computed and not row.sources else ", ".join(map(told, _tied(row, columns))),
            computed_from=tuple(row.sources),
        )
        for row in columns
    )
    size = 0
    if count is None:
        size = int(connection.execute(_BYTES, {"oid": found.oid}).scalar_one() or 0)
        count = int(connection.execute(text(verbatim(f"SELECT count(*) FROM {quoted(ref.name)}"))).scalar_one())
    schema: list[Any] = [list(key), [[field.name, field.type, field.nullable] for field in fields]]
    return Collection(
        ref=ref,
        medium=Medium.TABLE,
        format=FORMATS.get(found.kind, found.kind),
        key=key,
        fields=fields,
        foreign_keys=links,
        record_count=count,
        byte_count=size,
        version_count=0,
        fingerprint=digest([*schema, count]),
        comment=found.comment,
        change_mark="" if count < 0 else _change_mark(connection, found, ref, count),
    )


def _tied(field: Any, fields: Sequence[Any]) -> Iterator[str]:
    """What binds a field, and the fields that are computed from it: these change with it."""
    yield from field.tied
    for other in fields:
        if field.name in other.sources:
            yield from (f"{tie} on {other.name}" for tie in other.tied)
            if not other.nullable:
                yield f"{other.name}, which is never empty"


def _change_mark(connection: Connection, found: _Found, ref: CollectionRef, count: int) -> str:
    """What the statistics say of writes, with a digest over the same sample of rows each time; tables only."""
    if found.kind != "r":
        return ""
    share = min(100.0, 100.0 * _SAMPLED_ROWS / max(count, 1))
    sample = (
        f"SELECT md5(coalesce(string_agg(md5(ROW(t.*)::text), '' ORDER BY t.ctid), '')) FROM {quoted(ref.name)} t "
        f"TABLESAMPLE SYSTEM ({share:.6f}) REPEATABLE (7)"
    )
    writes = write_mark(connection, found.oid)
    if not writes:
        return ""
    return f"{writes} {connection.execute(text(verbatim(sample))).scalar_one()}"


def write_mark(connection: Connection, oid: int) -> str:
    """What the statistics say of writes to a table, some seconds late; "" when they are not kept, or it is gone."""
    return str(connection.execute(_WRITES, {"oid": oid}).scalar() or "")


def place_of(order_id: OrderId) -> str:
    """How the schemas begin that an order's tables move to; what follows is ``_`` and the batch."""
    return f"{QUARANTINE_SCHEMA}_{hashlib.sha256(order_id.encode()).hexdigest()[:24]}"


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
