"""The same rows in files of every format that the inspectors read by other readers; wherever they lie."""

import bz2
import csv
import io
import json
from abc import abstractmethod
from typing import ClassVar, Protocol

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from winddown.domain.batch import Batch

from .text_files import FOLDER


class Placed(Protocol):
    """Table files in some place."""

    def live(self) -> dict[str, bytes]: ...
    def put(self, key: str, body: bytes) -> None: ...
    def key_of(self, name: str) -> str: ...
    def original(self, key: str, *, without: str = "") -> bytes: ...
    def parsed(self, body: bytes) -> list[dict[str, str | None]]: ...


class TableRecords:
    """The same rows in a format that the inspector reads by another reader; looked at as values."""

    name_fields = name_columns = ("id",)
    minimise_fields = ("mobile",)
    suffix: str
    ids: ClassVar = {"a": range(5), "b": range(5, 10), "c": range(10, 13)}

    def keys(self) -> list[str]:
        return [f"{FOLDER}/{name}{self.suffix}" for name in self.ids]

    def key_of(self, name: str) -> str:
        return next(f"{FOLDER}/{file}{self.suffix}" for file, ids in self.ids.items() if int(name) in ids)

    def original(self, key: str, *, without: str = "") -> bytes:
        ids = self.ids[key.removeprefix(f"{FOLDER}/").removesuffix(self.suffix)]
        rows = [{"id": str(n), "mobile": f"1380013{n:04}", "note": f"备注 {n}"} for n in ids if str(n) != without]
        return self.written(rows)

    @abstractmethod
    def written(self, rows: list[dict[str, str]]) -> bytes:
        """A file with these rows."""

    @abstractmethod
    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        """The rows of a file."""

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        return [(key["object"], key["version"], row) for key in batch.keys.to_pylist() for row in key["rows"]]

    def content(self: Placed) -> dict[str, object]:
        return {str(row["id"]): row for body in self.live().values() for row in self.parsed(body)}

    def marks(self: Placed) -> dict[str, object]:
        return {str(row["id"]): row for body in self.live().values() for row in self.parsed(body)}

    def spoil(self: Placed, name: str) -> None:
        self.put(self.key_of(name), self.original(self.key_of(name), without=name))

    def alter(self: Placed, name: str) -> None:
        self.put(self.key_of(name), self.original(self.key_of(name)))


class ParquetRecords(TableRecords):
    suffix = ".parquet"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=2)
        return sink.getvalue()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        return pq.read_table(io.BytesIO(body)).to_pylist()


class CsvRecords(TableRecords):
    suffix = ".csv"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        return b"id;mobile;note\n" + "".join(";".join(row.values()) + "\n" for row in rows).encode()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        return list(csv.DictReader(io.StringIO(body.decode()), delimiter=";"))


class JsonRecords(TableRecords):
    suffix = ".json.bz2"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        return bz2.compress(json.dumps(rows, ensure_ascii=False, indent=1).encode())

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        found: list[dict[str, str | None]] = json.loads(bz2.decompress(body))
        return found


class AvroRecords(TableRecords):
    suffix = ".avro"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        sink = io.BytesIO()
        optional = ["null", "string"]
        fields = [{"name": "id", "type": "string"}, *({"name": n, "type": optional} for n in ("mobile", "note"))]
        fastavro.writer(sink, {"type": "record", "name": "row", "fields": fields}, rows)
        return sink.getvalue()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        return [dict(row) for row in fastavro.reader(io.BytesIO(body))]  # type: ignore[call-overload]


class OrcRecords(TableRecords):
    suffix = ".orc"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        sink = io.BytesIO()
        orc.write_table(pa.Table.from_pylist(rows), sink)
        return sink.getvalue()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        return orc.ORCFile(io.BytesIO(body)).read().to_pylist()


class WorkbookRecords(TableRecords):
    suffix = ".xlsx"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        book, sink = openpyxl.Workbook(), io.BytesIO()
        for row in (("id", "mobile", "note"), *(tuple(row.values()) for row in rows)):
            book.active.append(row)
        book.save(sink)
        return sink.getvalue()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        header, *rows = openpyxl.load_workbook(io.BytesIO(body)).active.iter_rows(values_only=True)
        return [dict(zip(header, row, strict=True)) for row in rows if row[0] is not None]
