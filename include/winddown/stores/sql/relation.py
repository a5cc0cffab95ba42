"""One table or partition of PostgreSQL that goes whole: what a plan says of it, what it holds, what stands against it.

Nothing here changes anything. A relation is told by its object id, which moving and renaming leave as it is; its rows
are bound all together by the sums of their digests (``content_sum``), which the server computes in one scan.
"""

import json
from dataclasses import dataclass, field

import pyarrow as pa
from sqlalchemy import Connection, text

from winddown.domain.batch import CONTENT, RECORDS, RELATION, Batch
from winddown.domain.inventory import Collection
from winddown.stores.sql.catalogue import QUARANTINE_SCHEMA, quoted, write_mark
from winddown.stores.sql.faults import told
from winddown.stores.sql.position import content
from winddown.stores.sql.reading import verbatim

_OID, _PARENT, _BOUND, _CONDITION = "winddown_oid", "winddown_parent", "winddown_bound", "winddown_condition"
_MARK, _TOGETHER = "winddown_mark", "winddown_together"

_DESCRIBED = text("""
    SELECT c.oid::bigint AS oid, n.nspname || '.' || c.relname AS name, c.relkind::text AS kind,
           coalesce((SELECT pn.nspname || '.' || p.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
                       JOIN pg_namespace pn ON pn.oid = p.relnamespace
                      WHERE i.inhrelid = c.oid AND c.relispartition), '') AS parent,
           coalesce(pg_get_expr(c.relpartbound, c.oid), '') AS bound,
           coalesce(pg_get_partition_constraintdef(c.oid), '') AS condition,
           (SELECT md5(string_agg(attname || ' ' || format_type(atttypid, atttypmod), ',' ORDER BY attnum))
              FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS shape
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = :oid
""")
# Whatever depends on the table, its columns, its row type or its own sequences, and is no part of it: it would go on
# showing what is in quarantine, and the table could not be dropped. Foreign keys are looked at by themselves.
_AGAINST = text("""
    WITH tree AS (SELECT CAST(:oid AS oid) AS oid
                  UNION SELECT relid FROM pg_partition_ancestors(CAST(:oid AS oid)) WHERE relid IS NOT NULL),
         own AS (
        SELECT 'pg_class'::regclass AS class, CAST(:oid AS oid) AS oid
        UNION ALL SELECT 'pg_type'::regclass, reltype FROM pg_class WHERE oid = :oid AND reltype <> 0
        UNION ALL SELECT 'pg_type'::regclass, y.typarray FROM pg_class c JOIN pg_type y ON y.oid = c.reltype
                   WHERE c.oid = :oid AND y.typarray <> 0
        UNION ALL SELECT 'pg_class'::regclass, d.objid FROM pg_depend d JOIN pg_class s ON s.oid = d.objid
                   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                     AND d.refobjid = :oid AND s.relkind = 'S')
    SELECT kind, name FROM (
        SELECT 'event trigger' AS kind, evtname::text AS name FROM pg_event_trigger WHERE evtenabled <> 'D'
        UNION ALL
        SELECT 'row security of', c.relname::text FROM tree JOIN pg_class c USING (oid) WHERE c.relrowsecurity
        UNION ALL
        SELECT 'inheritance with', CASE WHEN inhrelid = :oid THEN inhparent ELSE inhrelid END::regclass::text
          FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
         WHERE :oid IN (inhrelid, inhparent) AND NOT c.relispartition
        UNION ALL
        SELECT 'publication', p.pubname::text FROM pg_publication_tables p JOIN pg_namespace n
            ON n.nspname = p.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
          JOIN tree ON tree.oid = c.oid
        UNION ALL
        SELECT 'relation of kind', relkind::text || relpersistence::text FROM pg_class
         WHERE oid = :oid AND (relkind <> 'r' OR relpersistence = 't')
        UNION ALL
        SELECT 'extension', e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = :oid AND d.refclassid = 'pg_extension'::regclass
        UNION ALL
        SELECT CASE d.classid WHEN 'pg_rewrite'::regclass THEN 'view' WHEN 'pg_proc'::regclass THEN 'function'
                    WHEN 'pg_policy'::regclass THEN 'policy' WHEN 'pg_attrdef'::regclass THEN 'default of'
                    ELSE 'use in' END,
               CASE d.classid WHEN 'pg_rewrite'::regclass THEN w.ev_class::regclass::text
                    WHEN 'pg_proc'::regclass THEN d.objid::regproc::text
                    WHEN 'pg_policy'::regclass THEN y.polname::text
                    WHEN 'pg_attrdef'::regclass THEN a.adrelid::regclass::text
                    WHEN 'pg_class'::regclass THEN d.objid::regclass::text ELSE d.classid::regclass::text END
          FROM own JOIN pg_depend d ON d.refclassid = own.class AND d.refobjid = own.oid AND d.deptype = 'n'
          LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
          LEFT JOIN pg_policy y ON d.classid = 'pg_policy'::regclass AND y.oid = d.objid
          LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
          LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
          LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
         WHERE coalesce(w.ev_class, y.polrelid, a.adrelid, k.conrelid, g.tgrelid, 0) <> :oid
           AND coalesce(k.contype, ' ') <> 'f'
           AND NOT (d.classid = 'pg_class'::regclass AND d.objid = :oid)) found
     GROUP BY 1, 2 ORDER BY 1, 2
""")
_REFERRERS = text("""
    SELECT DISTINCT n.nspname || '.' || c.relname AS name, n.nspname AS schema FROM pg_constraint k
      JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> :oid AND k.confrelid IN (
           SELECT CAST(:oid AS oid) UNION SELECT relid FROM pg_partition_ancestors(CAST(:oid AS oid)))
     ORDER BY 1
""")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or partition as it was when the plan was made.

    Attributes:
        name: ``schema.table``.
        parent: the partitioned table that it is attached to; "" for a table of its own.
        bound: of a partition, in SQL; it may quote values.
        condition: what is true of each of its rows and of no other row of the collection, in SQL; "" for a table.
        mark: what the statistics said of writes to it, and which columns it had; "" when they say nothing.
        together: names of tables that refer to it and go in the same plan.
        content: ``content_sum`` of its records.
    """

    oid: int
    name: str
    parent: str
    bound: str = field(repr=False)
    condition: str = field(repr=False)
    mark: str
    together: tuple[str, ...] = ()
    records: int = 0
    content: str = ""

    @classmethod
    def parse(cls, batch: Batch) -> "Relation":
        """Read what ``keys_of`` wrote: each relation is a batch of its own."""
        (row,) = batch.keys.to_pylist()
        together = tuple(json.loads(row[_TOGETHER]))
        return cls(
            row[_OID], row[RELATION], row[_PARENT], row[_BOUND], row[_CONDITION], row[_MARK], together,
            row[RECORDS], row[CONTENT],
        )  # fmt: skip

    @property
    def schema(self) -> str:
        """The schema that it is in when it is live."""
        return self.name.partition(".")[0]

    @property
    def table(self) -> str:
        """Its name without the schema; moving it leaves that as it is."""
        return self.name.partition(".")[2]


def keys_of(relations: list[Relation]) -> pa.Table:
    """The keys of relations, each a batch of its own, in the order of their names."""
    ordered = sorted(relations, key=lambda one: one.name)
    columns: dict[str, pa.Array] = {
        RELATION: pa.array([one.name for one in ordered], pa.string()),
        RECORDS: pa.array([one.records for one in ordered], pa.int64()),
        CONTENT: pa.array([one.content for one in ordered], pa.string()),
        _OID: pa.array([one.oid for one in ordered], pa.int64()),
        _PARENT: pa.array([one.parent for one in ordered], pa.string()),
        _BOUND: pa.array([one.bound for one in ordered], pa.string()),
        _CONDITION: pa.array([one.condition for one in ordered], pa.string()),
        _MARK: pa.array([one.mark for one in ordered], pa.string()),
        _TOGETHER: pa.array([json.dumps(one.together) for one in ordered], pa.string()),
        "batch": pa.array(range(len(ordered)), pa.int32()),
    }
    return pa.table(columns)


def described(connection: Connection, oid: int) -> Relation | None:
    """A relation as it is now; None when there is none with this object id."""
    row = connection.execute(_DESCRIBED, {"oid": oid}).one_or_none()
    if row is None:
        return None
    writes = write_mark(connection, oid)
    return Relation(row.oid, row.name, row.parent, row.bound, row.condition, f"{writes} {row.shape}" if writes else "")


def stands_against(connection: Connection, oid: int) -> tuple[str, ...]:
    """What keeps a relation from going as it is, foreign keys excepted; names that may be told."""
    return tuple(f"{row.kind} {told(row.name)}" for row in connection.execute(_AGAINST, {"oid": oid}))


def referrers(connection: Connection, oid: int) -> tuple[str, ...]:
    """Live tables, ``schema.table``, with a foreign key to a relation or to what it is a partition of."""
    rows = connection.execute(_REFERRERS, {"oid": oid})
    return tuple(row.name for row in rows if not row.schema.startswith(QUARANTINE_SCHEMA))


def held(connection: Connection, collection: Collection, relation: Relation) -> tuple[int, str]:
    """Number of records that a live relation holds now, and their ``content_sum``, in one scan.

    A partition is read through its collection, because nobody else than its owner need be allowed to read it alone.
    """
    table = quoted(collection.ref.name)
    condition = relation.condition
    return summed(connection, collection, f"(SELECT * FROM {table} WHERE ({condition}))" if condition else table)


def summed(connection: Connection, collection: Collection, source: str) -> tuple[int, str]:
    """Number of rows of a collection that ``source``, a table or a query in brackets, yields, and ``content_sum``."""
    quarters = ", ".join(
        f"coalesce(sum(substring(c.winddown_digest from {1 + 64 * part} for 64)::bigint), 0)" for part in range(4)
    )
    # OFFSET, so that the digest is computed once a row and not once a sum.
    query = (
        f"SELECT count(*), concat_ws(' ', {quarters}) FROM {source} t, "
        f"LATERAL (SELECT ('x' || {content(collection)})::bit(256) AS winddown_digest OFFSET 0) c"
    )
    count, sums = connection.execute(text(verbatim(query))).one()
    return int(count), str(sums)
