"""Reads the catalogue of MySQL or MariaDB: fields, keys, references, and what acts on a table by itself.

The server shows a trigger to whoever has TRIGGER on its table, and references from other databases to whoever has
PROCESS. What an account may not see is a hazard of its own: nobody can say that it is not there.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.inventory import Collection, CollectionRef, Field, ForeignKey, Medium
from winddown.stores.sql.faults import told
from winddown.stores.sql.limits import INSTEAD_OF_ACTING, gone
from winddown.stores.sql.reading import plain_type

QUARANTINE, JOURNAL = "winddown_quarantine", "winddown_journal"
"""Databases of ours on the same server: what is set aside, which none but we may read, and what was done to it."""
DENIED = frozenset({1142, 1143, 1044, 1227, 1356, 1449, 1370})

_COLUMNS = text("""
    SELECT column_name, column_type, data_type, is_nullable = 'YES', column_comment, lower(extra),
           coalesce(generation_expression, '') FROM information_schema.columns
     WHERE table_schema = :schema AND table_name = :name ORDER BY ordinal_position
""")
_KEYS = text("""
    SELECT index_name, column_name, nullable = 'YES', sub_part IS NOT NULL FROM information_schema.statistics
     WHERE table_schema = :schema AND table_name = :name AND non_unique = 0
     ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index
""")
_FOREIGN_KEYS = text("""
    SELECT constraint_name, column_name, referenced_table_schema, referenced_table_name, referenced_column_name
      FROM information_schema.key_column_usage
     WHERE table_schema = :schema AND table_name = :name AND referenced_table_name IS NOT NULL
     ORDER BY constraint_name, ordinal_position
""")
_REFERRED = text("""
    SELECT DISTINCT referenced_column_name, constraint_name FROM information_schema.key_column_usage
     WHERE referenced_table_schema = :schema AND referenced_table_name = :name
""")
_KIND = text("""
    SELECT table_type, coalesce(engine, '') FROM information_schema.tables
     WHERE table_schema = :schema AND table_name = :name
""")
_TRIGGERS = text("""
    SELECT trigger_name, event_manipulation = 'UPDATE' FROM information_schema.triggers
     WHERE event_object_schema = :schema AND event_object_table = :name ORDER BY 1
""")
# What follows a change of a primary key never acts, because no order changes one.
_PRIMARY = """
    SELECT column_name FROM information_schema.statistics
     WHERE table_schema = :schema AND table_name = :name AND index_name = 'PRIMARY'
"""
# Those within one database: for all, the server would open every table that it has. InnoDB's own list has them, too.
_CASCADES = text(f"""
    SELECT constraint_name FROM information_schema.referential_constraints r
     WHERE constraint_schema = :schema AND unique_constraint_schema = :schema AND referenced_table_name = :name
       AND (delete_rule NOT IN ('RESTRICT', 'NO ACTION') OR update_rule NOT IN ('RESTRICT', 'NO ACTION') AND EXISTS (
            SELECT 1 FROM information_schema.key_column_usage k
             WHERE k.constraint_schema = r.constraint_schema AND k.constraint_name = r.constraint_name
               AND k.table_name = r.table_name AND k.referenced_column_name NOT IN ({_PRIMARY}))) ORDER BY 1
""")
# InnoDB's own list. Bits of ``type`` say what a reference does: 1 and 2 when a row goes, 4 and 8 when it changes.
_ALL_CASCADES = f"""
    SELECT id FROM information_schema.{{list}} f WHERE ref_name = concat(
           CAST(convert(:schema USING filename) AS BINARY), '/', CAST(convert(:name USING filename) AS BINARY))
       AND ((type & 3) <> 0 OR (type & 12) <> 0 AND EXISTS (
            SELECT 1 FROM information_schema.{{list}}_cols c WHERE c.id = f.id
               AND convert(c.ref_col_name USING utf8mb4) NOT IN ({_PRIMARY})))
     ORDER BY 1
"""
_LISTS = ("innodb_sys_foreign", "innodb_foreign")  # MariaDB's, MySQL 8's
_MAY_SEE_TRIGGERS = text("""
    SELECT EXISTS (SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER')
        OR EXISTS (SELECT 1 FROM information_schema.schema_privileges
                    WHERE privilege_type = 'TRIGGER' AND :schema LIKE table_schema)
        OR EXISTS (SELECT 1 FROM information_schema.table_privileges
                    WHERE privilege_type = 'TRIGGER' AND table_schema = :schema AND table_name = :name)
""")
_NAME = re.compile(r"`((?:[^`]|``)+)`")
_SAID = {
    "trigger": "trigger {} runs code of its own when rows are deleted or changed",
    "cascade": "foreign key {} deletes or changes rows of another table when rows go here",
    "unseen": "the reading user may not see {}, so that nobody knows what acts on the table by itself",
}


def described(
    connection: Connection, ref: CollectionRef, *, size: int = 0, comment: str = "", count: int = -1
) -> Collection:
    """Describe one table as it is now; raises Refused when it is gone."""
    schema, _, name = ref.name.partition(".")
    where = {"schema": schema, "name": name}
    columns, indexed = _shape(connection, ref)
    referred = [(str(row[0]), f"constraint {told(row[1])}") for row in connection.execute(_REFERRED, where)]
    triggers = connection.execute(_TRIGGERS, where).all()
    changing = [f"trigger {told(str(trigger))}" for trigger, is_on_change in triggers if is_on_change]
    fields = tuple(
        Field(
            row[0],
            plain_type(row[1]),
            bool(row[3]),
            row[4],
            tied=", ".join([*_tied(row[0], indexed, referred, nullable=bool(row[3])), *changing]),
            computed_from=tuple(dict.fromkeys(found.replace("``", "`") for found in _NAME.findall(row[6]))),
        )
        for row in columns
    )
    key = _key(indexed)
    kind, engine = connection.execute(_KIND, where).one()
    schema_words: list[Any] = [list(key), [[field.name, field.type, field.nullable] for field in fields]]
    return Collection(
        ref=ref,
        medium=Medium.TABLE,
        format=_format(str(kind), str(engine)),
        key=key,
        fields=fields,
        foreign_keys=_foreign_keys(connection, ref, where),
        record_count=count,
        byte_count=int(size),
        version_count=0,
        fingerprint=digest([*schema_words, count]),
        comment=comment,
    )


def outline(connection: Connection, ref: CollectionRef) -> Collection:
    """Names and types of a table's fields, its key and what it refers to; raises Refused when it is gone.

    What a batch needs of it. Who refers to the table the server finds by opening every other one.
    """
    columns, indexed = _shape(connection, ref)
    schema, _, name = ref.name.partition(".")
    return Collection(
        ref=ref,
        medium=Medium.TABLE,
        format="table",
        key=_key(indexed),
        fields=tuple(Field(row[0], plain_type(row[1]), bool(row[3])) for row in columns),
        foreign_keys=_foreign_keys(connection, ref, {"schema": schema, "name": name}),
        record_count=-1,
        byte_count=0,
        version_count=0,
        fingerprint="",
    )


def computed(connection: Connection, ref: CollectionRef) -> frozenset[str]:
    """Generated columns: the server computes them anew, and takes no value for them."""
    return frozenset(row[0] for row in _columns(connection, ref) if "generated" in row[5].replace("default_", ""))


def stamped(connection: Connection, ref: CollectionRef) -> list[str]:
    """Columns that the server sets to the present time when another one is changed."""
    return [row[0] for row in _columns(connection, ref) if "on update" in row[5]]


def hazards(connection: Connection, ref: CollectionRef, *, on_changes: bool = False) -> list[tuple[str, str]]:
    """What acts on a table by itself when rows go, or when they change: the kind of hazard, and its name."""
    schema, _, name = ref.name.partition(".")
    where = {"schema": schema, "name": name}
    triggers = connection.execute(_TRIGGERS, where).all()
    found = [("trigger", told(str(name))) for name, is_on_change in triggers if on_changes or not is_on_change]
    cascades = {str(row[0]) for row in connection.execute(_CASCADES, where)}
    for listed in _LISTS:
        try:
            rows = connection.execute(text(_ALL_CASCADES.format(list=listed)), where).all()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            continue
        cascades |= {str(row[0]).rpartition("/")[2] for row in rows}
        break
    else:
        found.append(("unseen", "references from other databases (it lacks PROCESS)"))
    if not connection.execute(_MAY_SEE_TRIGGERS, where).scalar_one():
        found.append(("unseen", "triggers (it lacks TRIGGER)"))
    return found + [("cascade", told(name)) for name in sorted(cascades)]


def hazard_blockers(connection: Connection, ref: CollectionRef) -> Iterator[Blocker]:
    """A blocker for each hazard of a table."""
    for hazard, name in hazards(connection, ref):
        if hazard == "unseen":
            step = "grant TRIGGER on the database and PROCESS to the reading user and to that of the connection __mark"
        else:
            step = INSTEAD_OF_ACTING[hazard]
        yield Blocker(hazard, str(ref), _SAID[hazard].format(name), "database administrator", step)


def identity(connection: Connection) -> str:
    """The server, by what it says of itself, and the database that is chosen.

    MySQL has a UUID of its own in its data directory. MariaDB's is made of its host and port, so a copy that is started
    in the same place is not told from it.
    """
    names = "'server_uuid', 'server_uid', 'hostname', 'port', 'server_id', 'datadir'"
    found = {
        row[0]: row[1] for row in connection.execute(text(f"SHOW GLOBAL VARIABLES WHERE variable_name IN ({names})"))
    }
    said = ", ".join(f"{name} {found[name]}" for name in sorted(found))
    database = connection.execute(text("SELECT database()")).scalar()
    return f"MySQL or MariaDB, {said}, database {database or '(all)'}"


def _shape(connection: Connection, ref: CollectionRef) -> tuple[Sequence[Any], list[tuple[str, str, bool]]]:
    """Rows of a table's columns, and those of its unique indexes: index, column, whether it is no part of a key."""
    columns = _columns(connection, ref)
    if not columns:
        raise gone(ref)
    schema, _, name = ref.name.partition(".")
    found = connection.execute(_KEYS, {"schema": schema, "name": name})
    return columns, [(str(row[0]), str(row[1]), bool(row[2] or row[3])) for row in found]


def _columns(connection: Connection, ref: CollectionRef) -> Sequence[Any]:
    schema, _, name = ref.name.partition(".")
    return connection.execute(_COLUMNS, {"schema": schema, "name": name}).all()


def _format(kind: str, engine: str) -> str:
    if kind == "SYSTEM VERSIONED":
        return "versioned-table"
    return "table" if engine == "InnoDB" else "untransactional-table"


def _tied(
    name: str, indexed: Sequence[tuple[str, str, bool]], referred: Sequence[tuple[str, str]], *, nullable: bool
) -> list[str]:
    """What refuses the same empty value twice, or that a value which others refer to goes."""
    unique = [f"unique index {told(index)}" for index, column, _ in indexed if column == name and not nullable]
    return [*unique, *(constraint for column, constraint in referred if column == name)]


def _foreign_keys(connection: Connection, ref: CollectionRef, where: dict[str, str]) -> tuple[ForeignKey, ...]:
    links: dict[str, list[Any]] = {}
    for row in connection.execute(_FOREIGN_KEYS, where):
        links.setdefault(row[0], []).append(row)
    return tuple(
        ForeignKey(
            tuple(row[1] for row in rows),
            CollectionRef(ref.store, f"{rows[0][2]}.{rows[0][3]}"),
            tuple(row[4] for row in rows),
        )
        for rows in links.values()
    )


def _key(columns: Sequence[tuple[str, str, bool]]) -> tuple[str, ...]:
    """The first unique index of which no field can be NULL or is indexed by its beginning; the primary one is first."""
    indexes: dict[str, list[tuple[str, bool]]] = {}
    for index, column, loose in columns:
        indexes.setdefault(index, []).append((column, loose))
    usable = [found for found in indexes.values() if not any(loose for _, loose in found)]
    return tuple(column for column, _ in usable[0]) if usable else ()
