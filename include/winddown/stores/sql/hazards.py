"""What would happen beside an order when rows of a PostgreSQL table go, change or come back, and what would stop it.

Every hazard is a blocker of its table while the inventory is taken, and refuses the quarantine when it came later. The
words name objects of the catalogue, never values. What is not seen: what functions do that constraints call.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import CollectionRef
from winddown.stores.sql.faults import told
from winddown.stores.sql.reading import verbatim

# Of a trigger's type, 4, 8, 16 and 32 say that it acts on what is inserted, deleted, changed and truncated. One that
# acts on changes alone is no hazard for rows that go and come back; it binds the fields it acts on (``Field.tied``).
# What follows a change of a primary key never acts, because no order changes one.
# ``child`` and ``refers`` are of cascades alone: the table whose rows would go or change too, and what is true of its
# rows that refer to any of this table. A row that breaks a constraint which was never validated could go and not come
# back. What acts on a partition acts on rows of its table.
_TREE = """
    WITH tree AS (SELECT CAST(:oid AS oid) AS oid
                  UNION SELECT relid FROM pg_partition_tree(:oid) WHERE relid IS NOT NULL)
"""
_OF_TABLE = text(f"""{_TREE}
    SELECT DISTINCT CASE WHEN tgtype & 60 = 16 THEN 'change-trigger' ELSE 'trigger' END AS hazard,
           tgname::text AS name, NULL::oid AS child, NULL AS refers
      FROM pg_trigger JOIN tree ON tree.oid = tgrelid WHERE NOT tgisinternal AND tgenabled <> 'D'
    UNION ALL
    SELECT 'cascade', conname::text, conrelid,
           (SELECT string_agg(format('%I IS NOT NULL', a.attname), ' AND ') FROM pg_attribute a
             WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
      FROM pg_constraint c JOIN tree ON tree.oid = c.confrelid WHERE c.contype = 'f' AND c.conparentid = 0
       AND (c.confdeltype IN ('c', 'n', 'd') OR c.confupdtype IN ('c', 'n', 'd') AND NOT EXISTS (
            SELECT 1 FROM pg_index i WHERE i.indrelid = c.confrelid AND i.indisprimary
               AND c.confkey <@ i.indkey::int2[]))
    UNION ALL
    SELECT 'row-security', relname::text, NULL, NULL FROM pg_class WHERE oid = :oid AND relrowsecurity
    UNION ALL
    SELECT 'rule', rulename::text, NULL, NULL FROM pg_rewrite
     WHERE ev_class = :oid AND ev_type <> '1' AND ev_enabled <> 'D'
    UNION ALL
    SELECT 'inheritance', CASE WHEN i.inhrelid = :oid THEN i.inhparent ELSE i.inhrelid END::regclass::text, NULL, NULL
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE :oid IN (i.inhrelid, i.inhparent) AND NOT c.relispartition AND c.relkind IN ('r', 'f')
    UNION ALL
    SELECT DISTINCT 'unvalidated-constraint', conname::text, NULL::oid, NULL
      FROM pg_constraint JOIN tree ON tree.oid = conrelid WHERE contype IN ('c', 'f') AND NOT convalidated
""")
# The server takes longer to plan this question than to delete five hundred rows, so it is asked where it may matter.
_ANY_PUBLICATION = text("SELECT EXISTS (SELECT FROM pg_publication)")
_PUBLISHED = text(f"""{_TREE}
    SELECT DISTINCT 'no-replica-identity' AS hazard, p.pubname::text AS name, NULL::oid AS child, NULL AS refers
      FROM tree JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_publication_tables x ON x.schemaname = n.nspname AND x.tablename = c.relname
      JOIN pg_publication p ON p.pubname = x.pubname
     WHERE NOT p.puballtables AND (p.pubdelete OR p.pubupdate)
       AND (to_jsonb(x) ->> 'rowfilter' IS NOT NULL OR c.relreplident <> 'f' AND NOT EXISTS (
            SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid
               AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END))
""")
# It takes in our quarantine tables too, and the server then refuses to delete what has no key, as they have none:
# rows could neither be purged nor come back.
_OF_STORE = text("""
    SELECT 'everything-published' AS hazard, pubname::text AS name FROM pg_publication WHERE puballtables ORDER BY 2
""")
# Rows of these are in no inventory, so nobody would see that they refer to rows that go.
_UNSEEN = text("""
    SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE k.confrelid = :oid AND k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> :oid
       AND (n.nspname LIKE '%.%' OR NOT has_schema_privilege(n.oid, 'USAGE')
            OR NOT has_table_privilege(c.oid, 'SELECT'))
     ORDER BY 1
""")
_READABLE = text("""
    SELECT has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') FROM pg_class c
     WHERE c.oid = :child
""")
_CHANGE_TRIGGER = "change-trigger"
_NEXT_STEPS = {
    "cascade": "drop its cascade for the case, so that every row goes by an order of its own",
    "inheritance": "separate the tables for the case",
    "unvalidated-constraint": "validate the constraint, or drop it for the case",
    "no-replica-identity": "give the table a replica identity, or take it out of the publication for the case",
}


def acting(connection: Connection, oid: int, *, on_changes: bool) -> tuple[str, ...]:
    """Name everything that acts on a table now when rows go, or when they change; a plan may be older than it is."""
    rows = [*_of_table(connection, oid), *connection.execute(_OF_STORE)]
    return tuple(
        f"{row.hazard.removeprefix('change-')} {told(row.name)}"
        for row in rows
        if on_changes or row.hazard != _CHANGE_TRIGGER
    )


def _of_table(connection: Connection, oid: int) -> list[Any]:
    found = list(connection.execute(_OF_TABLE, {"oid": oid}))
    if connection.execute(_ANY_PUBLICATION).scalar_one():
        found += connection.execute(_PUBLISHED, {"oid": oid})
    return sorted(found, key=lambda row: (row.hazard, row.name))


def of_store(connection: Connection, store: str) -> Iterator[Blocker]:
    """A blocker of the whole store for each publication that would take our quarantine tables with it."""
    for row in connection.execute(_OF_STORE):
        yield Blocker(
            "everything-published",
            store,
            f"publication {told(row.name)} takes in every table, also those into which rows are set aside: copies "
            "would leave the database, and the server would let no row be purged or come back",
            "database administrator",
            "let the publication name its tables for the case, or drop it",
        )


def of_table(connection: Connection, oid: int, ref: CollectionRef) -> Iterator[Blocker]:
    """A blocker for each hazard of a table."""
    hazards = {
        "trigger": "trigger {} runs code of its own when rows are deleted or changed",
        "cascade": "foreign key {} deletes or changes rows of another table when rows go here",
        "row-security": "row security on {} may hide rows from us",
        "rule": "rule {} does something else when rows are deleted or changed",
        "inheritance": "inheritance mixes its rows with those of {}",
        "unvalidated-constraint": "constraint {} was never validated: a row that breaks it could go and not come back",
        "no-replica-identity": "publication {} sends changes on, and rows that it cannot name there may not be deleted",
    }
    for row in _of_table(connection, oid):
        if row.hazard == _CHANGE_TRIGGER:
            continue
        yield Blocker(
            row.hazard,
            str(ref),
            hazards[row.hazard].format(told(row.name)) + _referring(connection, row.child, row.refers),
            "database administrator",
            _NEXT_STEPS.get(row.hazard, "disable it for the case"),
        )
    for row in connection.execute(_UNSEEN, {"oid": oid}).all():
        yield Blocker(
            "unread-reference",
            str(ref),
            f"rows of {told(row.name)}, which is not read, refer to its rows, so nobody knows which of these may go",
            "database administrator",
            "grant SELECT on that table, and use of its schema, to the reading user",
        )


def _referring(connection: Connection, child: int | None, refers: str | None) -> str:
    """How many rows a cascade may reach, in words; "" for anything else."""
    if child is None:
        return ""
    name = str(
        connection.execute(text("SELECT CAST(CAST(:child AS oid) AS regclass)::text"), {"child": child}).scalar()
    )
    if not connection.execute(_READABLE, {"child": child}).scalar():
        return f": {told(name)}, which is not read"
    count = connection.execute(text(verbatim(f"SELECT count(*) FROM {name} WHERE {refers}"))).scalar_one()
    return f": {count} rows of {told(name)} refer to it"
