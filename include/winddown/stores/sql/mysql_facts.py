"""What MySQL or MariaDB says beside its records: views, partitions, grants, triggers, replication, binary logs."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.inventory import Fact

_OWN = "NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys', 'winddown_quarantine', 'winddown_journal')"
# Each yields a database, a relation, and a value.
_OF_RELATIONS = {
    "partitions": f"""
        SELECT table_schema, table_name, concat(count(*), ': ', group_concat(partition_name ORDER BY partition_name
               SEPARATOR ', ')) FROM information_schema.partitions
         WHERE table_schema {_OWN} AND partition_name IS NOT NULL GROUP BY 1, 2
    """,
    "triggers": f"""
        SELECT event_object_schema, event_object_table, group_concat(trigger_name SEPARATOR ', ')
          FROM information_schema.triggers WHERE event_object_schema {_OWN} GROUP BY 1, 2
    """,
    "view": f"SELECT table_schema, table_name, 'reads other relations' FROM information_schema.views "
    f"WHERE table_schema {_OWN}",
    "readers": f"""
        SELECT table_schema, table_name, group_concat(DISTINCT grantee SEPARATOR ', ')
          FROM information_schema.table_privileges WHERE privilege_type = 'SELECT' AND table_schema {_OWN} GROUP BY 1, 2
    """,
    "engine": f"""
        SELECT table_schema, table_name, engine FROM information_schema.tables
         WHERE table_schema {_OWN} AND table_type <> 'VIEW' AND engine <> 'InnoDB'
    """,
}
_OF_DATABASES = {
    "readers": f"""
        SELECT table_schema, group_concat(DISTINCT grantee SEPARATOR ', ') FROM information_schema.schema_privileges
         WHERE privilege_type = 'SELECT' AND table_schema {_OWN} GROUP BY 1
    """,
}
_OF_THE_STORE = {
    "readers_of_everything": """
        SELECT group_concat(DISTINCT grantee SEPARATOR ', ') FROM information_schema.user_privileges
         WHERE privilege_type = 'SELECT'
    """,
    "binary_log": "SELECT nullif(@@log_bin, 0)",
    "version": "SELECT version()",
}
_VIEW_TABLES = "SELECT view_schema, view_name, table_schema, table_name FROM information_schema.view_table_usage"


def facts(connection: Connection, store: str, *, only: str) -> Iterator[Fact]:
    """Yield the facts that the reading user may see; grants of others are seen by administrators only."""
    seen: dict[str, list[str]] = {}
    for name, query in _OF_THE_STORE.items():
        value = connection.execute(text(query)).scalar()
        if value is not None:
            yield Fact(store, name, str(value))
    for name, query in _OF_DATABASES.items():
        for schema, value in connection.execute(text(query)):
            if not only or schema == only:
                yield Fact(f"{store}:{schema}", name, str(value))
    for name, query in _OF_RELATIONS.items():
        for schema, relation, value in connection.execute(text(query)):
            if not only or schema == only:
                seen.setdefault(name, []).append(f"{schema}.{relation}")
                yield Fact(f"{store}:{schema}.{relation}", name, str(value))
    yield from _views(connection, store, seen.get("view", []))
    yield from _copies(connection, store)
    yield Fact(store, "not_seen", "grants of other users and of roles, unless the reading user is an administrator")


def _views(connection: Connection, store: str, views: list[str]) -> Iterator[Fact]:
    """Which tables a view reads is told by MySQL 8, and by MariaDB in the plan of a query over the view."""
    for view in views:
        schema, _, name = view.partition(".")
        where = "WHERE view_schema = :schema AND view_name = :name"
        rows = _attempt(connection, f"{_VIEW_TABLES} {where}", {"schema": schema, "name": name})
        if rows is None:
            definition = "SELECT view_definition FROM information_schema.views WHERE table_schema = :schema "
            found = _attempt(connection, definition + "AND table_name = :name", {"schema": schema, "name": name})
            if not found or not found[0][0]:
                yield Fact(f"{store}:{view}", "reads", "unknown: its definition is not shown to the reading user")
                continue
            tables = _attempt(connection, "SELECT table_schema, table_name FROM information_schema.tables", {}) or []
            read = sorted(f"{s}.{t}" for s, t in tables if f"`{s}`.`{t.replace('`', '``')}`" in str(found[0][0]))
        else:
            read = sorted({f"{row[2]}.{row[3]}" for row in rows})
        yield Fact(f"{store}:{view}", "reads", ", ".join(read) or "no table")
        for table in read:
            yield Fact(f"{store}:{table}", "read_by_view", view)


def _copies(connection: Connection, store: str) -> Iterator[Fact]:
    for name, query in (("replicates_from", "SHOW REPLICA STATUS"), ("replicas", "SHOW REPLICA HOSTS")):
        rows = _attempt(connection, query, {})
        if rows is None:
            yield Fact(store, name, "unknown: the reading user may not ask")
        elif rows:
            yield Fact(store, name, str(len(rows)))


def _attempt(connection: Connection, query: str, values: dict[str, str]) -> list[Any] | None:
    """Rows, or None where the engine does not know the question or the user may not ask it."""
    try:
        return list(connection.execute(text(query), values))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None
