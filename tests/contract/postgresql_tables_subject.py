"""Tables and partitions of PostgreSQL that go as they are, for the behavioural suite."""

from collections.abc import Collection as Names
from typing import Any

import pyarrow as pa
from psycopg import sql

from winddown.domain.batch import RELATION, Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Method
from winddown.ports import SupportsWholeTables, ability

from .desk import Desk
from .postgresql_subject import COMPOSITE, Database, PostgresSubject, Shape

PARTITIONED = Shape(
    """(region text NOT NULL, no bigint, "na""me" text, at timestamptz DEFAULT now(), PRIMARY KEY (region, no))
       PARTITION BY LIST (region)""",
    ("region", "no"),
    ("region", "no", 'na"me', "at"),
    (
        ("a:b%", 1, "欧阳", "2024-01-01 00:00:00+08"),
        ("a:b%", 2, "O'Brien", None),
        ("华东", 1, "x", None),
        ("华东", 2, None, None),
        ("华东", 3, "", None),
        ("north", 1, "z", None),
        ("south", 1, "y", None),
    ),
    ('na"me',),
)
PARTITIONS = {"part a": "a:b%", "华东 part": "华东", "north": "north"}


class WholeTableSubject(PostgresSubject):
    """A plain table all of whose records go; whatever else is asked for, the order takes them all."""

    method = Method.MOVE_TABLE

    def __init__(self, database: Database, desk: Desk, shape: Shape = COMPOSITE) -> None:
        super().__init__(database, desk, shape)

    def chosen(self, names: list[str], wanted: Names[str] | None) -> set[str]:  # noqa: ARG002
        return set(names)

    def planned_keys(
        self, collection: Collection, located: pa.Table, act: Act, *, size: int
    ) -> tuple[pa.Table, Method | None]:
        if act is not Act.ERASE:
            return super().planned_keys(collection, located, act, size=size)
        store = ability(self.store, SupportsWholeTables)
        assert store is not None
        found = store.whole_tables(collection, located, whole=located.num_rows == collection.record_count)
        assert found.method is self.method
        assert (found.against, found.rest.num_rows) == ((), 0)
        return found.keys, found.method

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        if RELATION not in batch.keys.column_names:
            return super().located(batch)
        key = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in self.shape.key)
        (relation,) = batch.keys.column(RELATION).to_pylist()
        rows = self._run("SELECT {k} FROM {t} WHERE tableoid = to_regclass(%s)", (_quoted(relation),), k=key)
        return [tuple(row) for row in rows]

    def content(self) -> dict[str, object]:
        return super().content() if self._is_there() else {}

    def marks(self) -> dict[str, object]:
        return super().marks() if self._is_there() else {}

    def bring_back(self, name: str) -> None:
        if not self._is_there():
            self._run("CREATE TABLE {t} {d}", d=sql.SQL(self.shape.ddl))
        super().bring_back(name)

    def _is_there(self) -> bool:
        return bool(self._run("SELECT to_regclass(%s) IS NOT NULL", (_quoted(self.ref.name),))[0][0])

    def drop(self) -> None:
        named = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'winddown_quarantine')"
        for (name,) in self._run(named):
            self._run("DROP SCHEMA {s} CASCADE", s=sql.Identifier(name))
        super().drop()


class PartitionSubject(WholeTableSubject):
    """A partitioned table of which some partitions go and one stays."""

    method = Method.DETACH_PARTITION

    def __init__(self, database: Database, desk: Desk) -> None:
        super().__init__(database, desk, PARTITIONED)

    def _create(self) -> None:
        rows = self.shape.rows
        object.__setattr__(self.shape, "rows", ())
        super()._create()
        object.__setattr__(self.shape, "rows", rows)
        for name, value in PARTITIONS.items():
            place = sql.Identifier(self.schema, name)
            # Its columns stand in another order than the table's, and one was dropped.
            self._run(
                'CREATE TABLE {p} (at timestamptz DEFAULT now(), gone int, "na""me" text, no bigint NOT NULL, '
                "region text NOT NULL)", p=place,
            )  # fmt: skip
            self._run("ALTER TABLE {p} DROP COLUMN gone", p=place)
            self._run("ALTER TABLE {p} OWNER TO contract_owner", p=place)
            self._run(
                "ALTER TABLE {t} ATTACH PARTITION {p} FOR VALUES IN ({v})",
                p=place,
                v=sql.Literal(value.replace("%", "%%")),
            )
        self._run("CREATE TABLE {p} PARTITION OF {t} DEFAULT", p=sql.Identifier(self.schema, "rest"))
        self._run("ALTER TABLE {p} OWNER TO contract_owner", p=sql.Identifier(self.schema, "rest"))
        for row in rows:
            self._insert(row)

    def chosen(self, names: list[str], wanted: Names[str] | None) -> set[str]:
        going = {name for name in names if name.partition("|")[0] in {"a:b%", "华东"}}
        return going if wanted is None or not set(wanted) >= set(names) else set(names)


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split(".", 1))


def shape_of(subject: WholeTableSubject) -> list[tuple[Any, ...]]:
    """Whatever the catalogue says of the subject's tables that must come back, object ids of constraints excepted."""
    return subject._run(
        "SELECT c.relname, c.relkind::text, c.relacl::text, pg_get_userbyid(c.relowner), c.relfilenode, "
        "pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid, 'pg_class'), "
        "ARRAY(SELECT k.conname || ' ' || pg_get_constraintdef(k.oid) || k.convalidated FROM pg_constraint k "
        "WHERE k.conrelid = c.oid ORDER BY 1), "
        "ARRAY(SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = c.oid ORDER BY 1), "
        "ARRAY(SELECT pg_get_triggerdef(g.oid) FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT tgisinternal "
        "ORDER BY 1), "
        "ARRAY(SELECT a.attname || format_type(a.atttypid, a.atttypmod) || a.attnotnull || a.attidentity::text "
        "|| coalesce(pg_get_expr(d.adbin, d.adrelid), '') FROM pg_attribute a LEFT JOIN pg_attrdef d "
        "ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s ORDER BY 1",
        (subject.schema,),
    )
