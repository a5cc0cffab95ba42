"""An awkward table on an engine whose rows are copied into quarantine and then deleted."""

import base64
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from winddown.domain.batch import Batch

from .subject import Subject

STORE, TABLE = "table_db", '客户 "A".x:y%z'


@dataclass(frozen=True, slots=True)
class Shape:
    """One table and its rows. ``fields`` are columns that a test may write values for; ``key`` names rows."""

    ddl: str
    key: tuple[str, ...]
    fields: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...] = field(repr=False)
    minimise: tuple[str, ...]


class TableSubject(Subject):
    """A table that the test reaches by a connection of its own; ``?`` stands for a value in its statements."""

    shape: Shape
    table: str

    @abstractmethod
    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def run_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None: ...

    def create(self) -> None:
        self.name_columns, self.minimise_fields = self.shape.key, self.shape.minimise
        self.run(f"CREATE TABLE {self.table} {self.shape.ddl}")
        if self.shape.rows:
            self.run_many(self._inserting(self.shape.fields), self.shape.rows)

    def content(self) -> dict[str, object]:
        names = list(self.collection.field_names())
        key, rest = ", ".join(map(quoted, self.shape.key)), ", ".join(map(quoted, names))
        count = len(self.shape.key)
        return {
            name_of(row[:count]): dict(zip(names, map(_typed, row[count:]), strict=True))
            for row in self.run(f"SELECT {key}, {rest} FROM {self.table}")
        }

    def marks(self) -> dict[str, object]:
        return self.content()

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        return [tuple(row[name] for name in self.shape.key) for row in batch.keys.to_pylist()]

    def spoil(self, name: str) -> None:
        self.run(f"DELETE FROM {self.table} WHERE {self._is_named()}", self._planted(name)[0])

    def alter(self, name: str) -> None:
        changed = quoted(self.shape.minimise[0])
        self.run(f"UPDATE {self.table} SET {changed} = 'anew' WHERE {self._is_named()}", self._planted(name)[0])

    def bring_back(self, name: str) -> None:
        key, row = self._planted(name)
        values = dict(zip(self.shape.key, key, strict=True)) | dict(zip(self.shape.fields, row, strict=True))
        self._insert(tuple(values), tuple(values.values()))

    def _insert(self, names: Sequence[str], row: Sequence[Any]) -> None:
        self.run(self._inserting(names), row)

    def _inserting(self, names: Sequence[str]) -> str:
        places = ", ".join("?" * len(names))
        return f"INSERT INTO {self.table} ({', '.join(map(quoted, names))}) VALUES ({places})"

    def _is_named(self) -> str:
        return " AND ".join(f"{quoted(name)} = ?" for name in self.shape.key)

    def _planted(self, name: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Key and values of a row as it was first written; what no field holds is the row's number."""
        for number, row in enumerate(self.shape.rows, 1):
            values = dict(zip(self.shape.fields, row, strict=True))
            key = tuple(values.get(column, number) for column in self.shape.key)
            if name_of(key) == name:
                return key, row
        raise AssertionError(f"no row is called {name!r}")


def name_of(key: Sequence[Any]) -> str:
    return "|".join(base64.b64encode(value).decode() if isinstance(value, bytes) else str(value) for value in key)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _typed(value: object) -> object:
    return ("real", repr(value)) if isinstance(value, float) else value
