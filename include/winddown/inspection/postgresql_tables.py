"""Looks for whole tables and partitions of PostgreSQL that were to go: where they are, and what they hold.

Shares no code with the store. A table in quarantine is found by its object id and by the comment on its schema. What it
holds is compared with the plan as a whole: nobody can say of a single record that it is the planned one.
"""

import hashlib
from collections.abc import Iterator

from sqlalchemy import Connection, text

from winddown.domain.batch import CONTENT, RECORDS, RELATION, Batch
from winddown.domain.plan import Order

_SHAPE = text(
    "SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a "
    "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)
_FOUND = text(
    "SELECT n.nspname AS schema, c.relname AS table, c.relispartition AS attached, "
    "coalesce(obj_description(n.oid, 'pg_namespace'), '') AS said FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
    "AND (c.oid = CAST(:oid AS oid) OR n.nspname || '.' || c.relname = :name "
    "OR starts_with(n.nspname, 'winddown_quarantine_'))"
)


class WholeTableLook:
    """One order's table or partition, as a connection with the inspecting credential sees it."""

    def __init__(self, connection: Connection, order: Order, batch: Batch) -> None:
        self._connection = connection
        self._collection = order.collection.name.partition(".")
        self._label = f"{order.id} {batch.index}"
        (self._row,) = batch.keys.to_pylist()
        for setting in ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"):
            connection.execute(text(f"SET LOCAL {setting} = off"))

    def remaining(self) -> int:
        """Records that are live: in the planned table wherever it is, under its name, or where a partition was."""
        found = [self._count(*place) for place, is_attached in self._places(aside=False) if not is_attached]
        return sum(found) + self._of_partition()

    def leftovers(self) -> int:
        """Records that are in quarantine under this order."""
        return sum(self._count(*place) for place, _ in self._places(aside=True))

    def unchanged(self) -> int:
        """All records when the live table holds exactly what was planned, and 0 otherwise."""
        schema, _, table = self._collection
        if not self._row["winddown_parent"]:
            schema, _, table = self._row[RELATION].partition(".")
        return self._planned_in((schema, table), self._row["winddown_condition"])

    def set_aside(self) -> int:
        """All records when exactly these are in quarantine, and 0 otherwise."""
        places = [place for place, _ in self._places(aside=True)]
        return self._planned_in(places[0], "") if len(places) == 1 else 0

    def _places(self, *, aside: bool) -> Iterator[tuple[tuple[str, str], bool]]:
        """Schema and name of every relation that is the planned one or stands in its place; whether it is attached."""
        values = {"oid": self._row["winddown_oid"], "name": self._row[RELATION]}
        for row in self._connection.execute(_FOUND, values).all():
            is_ours = row.schema.startswith("winddown_quarantine_")
            is_labelled = row.said == self._label or row.said.startswith(f"{self._label} ")
            if is_ours == aside and (is_labelled or not is_ours):
                yield (row.schema, row.table), row.attached

    def _of_partition(self) -> int:
        condition, (schema, _, table) = self._row["winddown_condition"], self._collection
        return self._count(schema, table, condition) if condition and self._columns((schema, table)) else 0

    def _count(self, schema: str, table: str, condition: str = "") -> int:
        where = f" WHERE {_literal(condition)}" if condition else ""
        query = f"SELECT count(*) FROM {_identifier(schema)}.{_identifier(table)}{where}"
        return int(self._connection.execute(text(query)).scalar_one())

    def _planned_in(self, place: tuple[str, str], condition: str) -> int:
        """The planned number when a relation holds that many records with the planned sums, and 0 otherwise.

        Columns are taken in the collection's order: a partition may have its own.
        """
        columns = self._columns((self._collection[0], self._collection[2])) or self._columns(place)
        if not self._columns(place) or not columns:
            return 0
        shape = hashlib.sha256("\n".join(f"{name} {kind}" for name, kind in columns).encode()).hexdigest()
        row = ", ".join(_identifier(name) for name, _ in columns)
        hexed = f"encode(sha256(convert_to('{shape}' || row({row})::text, 'UTF8')), 'hex')"
        quarters = ", ".join(
            f"sum(('x' || substr(hexed, {start}, 16))::bit(64)::bigint)::text" for start in (1, 17, 33, 49)
        )
        where = f" WHERE {_literal(condition)}" if condition else ""
        query = (
            f"SELECT count(*), {quarters} FROM (SELECT {hexed} AS hexed "
            f"FROM {_identifier(place[0])}.{_identifier(place[1])}{where} OFFSET 0) AS every"
        )
        count, *sums = self._connection.execute(text(query)).one()
        is_planned = count == self._row[RECORDS] and " ".join(found or "0" for found in sums) == self._row[CONTENT]
        return int(count) if is_planned else 0

    def _columns(self, place: tuple[str, str]) -> list[tuple[str, str]]:
        rows = self._connection.execute(_SHAPE, {"schema": place[0], "table": place[1]})
        return [(row.name, row.type) for row in rows]


def _literal(condition: str) -> str:
    """SQL of the server's own, in which a colon begins no parameter of ours."""
    return condition.replace(":", "\\:")


def _identifier(name: str) -> str:
    return _literal('"' + name.replace('"', '""') + '"')
