"""What PostgreSQL says beside its records: who can read a table, which views show it, where copies of it may be.

Names only: bounds of partitions and texts of views may quote values, so neither is taken.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Fact
from winddown.stores.sql.catalogue import CHANGED, QUARANTINE_SCHEMA

_OWN = r"""
    c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\_%' OR nspname = 'information_schema'
                              OR starts_with(nspname, :quarantine))
"""

# Each yields a relation and a value.
_OF_RELATIONS = {
    "owner": f"SELECT c.oid, pg_get_userbyid(c.relowner) FROM pg_class c WHERE {_OWN} AND c.relkind IN ('r', 'p', 'm')",
    # Superusers read everything; they are a fact of the store.
    "readers": f"""
        SELECT c.oid, string_agg(r.rolname, ', ' ORDER BY r.rolname) FROM pg_class c, pg_roles r
         WHERE {_OWN} AND c.relkind IN ('r', 'p', 'm', 'v', 'f') AND r.rolcanlogin AND NOT r.rolsuper
           AND has_schema_privilege(r.oid, c.relnamespace, 'USAGE')
           AND has_any_column_privilege(r.oid, c.oid, 'SELECT') GROUP BY 1
    """,
    "partitions": f"""
        WITH RECURSIVE part AS (
            SELECT i.inhparent AS root, i.inhrelid AS leaf FROM pg_inherits i
            UNION ALL SELECT p.root, i.inhrelid FROM part p JOIN pg_inherits i ON i.inhparent = p.leaf)
        SELECT c.oid, count(*) || ': ' || string_agg(l.relname, ', ' ORDER BY l.relname)
          FROM pg_class c JOIN part p ON p.root = c.oid JOIN pg_class l ON l.oid = p.leaf AND l.relkind <> 'p'
         WHERE {_OWN} AND c.relkind = 'p' AND NOT c.relispartition GROUP BY 1
    """,
    "reads": f"""
        SELECT c.oid, string_agg(DISTINCT t.relnamespace::regnamespace || '.' || t.relname, ', ')
          FROM pg_class c JOIN pg_rewrite w ON w.ev_class = c.oid JOIN pg_depend d
            ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
          JOIN pg_class t ON t.oid = d.refobjid AND t.oid <> c.oid
         WHERE {_OWN} AND c.relkind IN ('v', 'm') AND t.relkind <> 'S' GROUP BY 1
    """,
    "read_by_views": f"""
        WITH RECURSIVE shown AS (
            SELECT w.ev_class AS view, d.refobjid AS seen FROM pg_rewrite w JOIN pg_depend d
                ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
             WHERE d.refobjid <> w.ev_class
            UNION
            SELECT s.view, d.refobjid FROM shown s JOIN pg_rewrite w ON w.ev_class = s.seen JOIN pg_depend d
                ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
             WHERE d.refobjid <> w.ev_class)
        SELECT c.oid, string_agg(DISTINCT v.relnamespace::regnamespace || '.' || v.relname, ', ')
          FROM shown s JOIN pg_class c ON c.oid = s.seen JOIN pg_class v ON v.oid = s.view AND v.relkind IN ('v', 'm')
         WHERE {_OWN} AND c.relkind IN ('r', 'p', 'm', 'f') GROUP BY 1
    """,
    # What a function reads is known for certain only where its body is no text; a name in a text is a hint.
    "named_in_functions": rf"""
        SELECT c.oid, string_agg(DISTINCT p.pronamespace::regnamespace || '.' || p.proname, ', ')
          FROM pg_class c JOIN pg_proc p ON p.pronamespace NOT IN (
                   SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\_%' OR nspname = 'information_schema')
          JOIN pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
         WHERE {_OWN} AND c.relkind IN ('r', 'p', 'm', 'v', 'f') AND (
               strpos(lower(p.prosrc), lower(c.relname)) > 0
               AND p.prosrc ~* ('(^|\W)' || regexp_replace(c.relname, '(\W)', '\\\1', 'g') || '(\W|$)')
               OR EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                             AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid)) GROUP BY 1
    """,
    "unlogged": f"SELECT c.oid, 'yes' FROM pg_class c WHERE {_OWN} AND c.relkind = 'r' AND c.relpersistence = 'u'",
    "generated": f"""
        SELECT c.oid, string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a
            ON a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped WHERE {_OWN} GROUP BY 1
    """,
    "key_without_primary": f"""
        SELECT c.oid, 'a unique index over fields that are never empty' FROM pg_class c
         WHERE {_OWN} AND c.relkind IN ('r', 'p')
           AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
           AND EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
                          AND i.indimmediate AND i.indexprs IS NULL AND i.indpred IS NULL
                          AND NOT EXISTS (SELECT 1 FROM pg_attribute f WHERE f.attrelid = c.oid AND NOT f.attnotnull
                                 AND f.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])))
    """,
    "foreign_server": f"""
        SELECT c.oid, s.srvname FROM pg_class c JOIN pg_foreign_table f ON f.ftrelid = c.oid
          JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE {_OWN}
    """,
    "published_by": f"""
        SELECT c.oid, string_agg(p.pubname, ', ' ORDER BY p.pubname) FROM pg_publication_tables p
          JOIN pg_namespace n ON n.nspname = p.schemaname
          JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename WHERE {_OWN} GROUP BY 1
    """,
}
# Each yields one value, or none.
_OF_THE_STORE = {
    "superusers": "SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles WHERE rolsuper AND rolcanlogin",
    "replication_slots": """
        SELECT string_agg(slot_name || ' (' || slot_type || CASE WHEN active THEN ', active)' ELSE ')' END, ', '
                          ORDER BY slot_name) FROM pg_replication_slots
         WHERE database IS NULL OR database = current_database()
    """,
    "publications": """
        SELECT string_agg(pubname || CASE WHEN puballtables THEN ' (all tables)' ELSE '' END, ', ' ORDER BY pubname)
          FROM pg_publication
    """,
    "subscriptions": """
        SELECT string_agg(subname, ', ' ORDER BY subname) FROM pg_subscription
         WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    """,
    "foreign_servers": "SELECT string_agg(srvname, ', ' ORDER BY srvname) FROM pg_foreign_server",
    "standbys": "SELECT nullif(count(*), 0)::text FROM pg_stat_replication",
    "wal_archived": "SELECT nullif(current_setting('archive_mode'), 'off')",
    "event_triggers": "SELECT string_agg(evtname, ', ' ORDER BY evtname) FROM pg_event_trigger WHERE evtenabled <> 'D'",
    "temporary_tables": "SELECT nullif(count(*), 0)::text FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'",
}
_LARGE_OBJECTS = text(
    "SELECT count(*) AS objects, pg_table_size('pg_catalog.pg_largeobject') AS bytes FROM pg_largeobject_metadata"
)


def facts(connection: Connection, store: str) -> Iterator[Fact | Blocker]:
    """Yield the facts of the store and of every relation, and a blocker where large objects exist."""
    for name, query in _OF_THE_STORE.items():
        value = connection.execute(text(query)).scalar()
        if value is not None:
            yield Fact(store, name, str(value))
    for name, query in _OF_RELATIONS.items():
        found = f"SELECT n.nspname || '.' || r.relname, f.value FROM ({query}) f(oid, value) "
        found += "JOIN pg_class r ON r.oid = f.oid JOIN pg_namespace n ON n.oid = r.relnamespace ORDER BY 1"
        values = {"quarantine": QUARANTINE_SCHEMA} if ":quarantine" in query else {}
        try:
            rows = connection.execute(text(found), values).all()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in CHANGED:
                raise
            yield Fact(store, name, "not seen: relations were altered or locked meanwhile")
            continue
        yield from (Fact(f"{store}:{subject}", name, str(value)) for subject, value in rows)
    large = connection.execute(_LARGE_OBJECTS).one()
    if large.objects:
        yield Fact(store, "large_objects", f"{large.objects} in {large.bytes} bytes")
        yield Blocker(
            "large-objects",
            f"{store}:pg_catalog.pg_largeobject",
            f"{large.objects} large objects in {large.bytes} bytes are not read",
            "database administrator",
            "find out what they hold, export what must stay, and remove them (lo_unlink)",
        )
