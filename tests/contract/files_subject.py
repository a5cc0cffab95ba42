"""A folder with one collection of files: rows in some format, or whole files; looked at with the standard library."""

import bz2
import csv
import io
import json
import os
import stat
from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from winddown.connections import ConnectionParameters
from winddown.domain.batch import Batch
from winddown.domain.inventory import CollectionRef
from winddown.inspection.files import FilesInspector
from winddown.stores.files.store import FilesStore

from .ability_suites import FreezableSubject
from .desk import Desk
from .text_files import CSV, FOLDER, JSON_LINES, TextRecords

STORE = "contract_share"
CREDENTIALS = {f"{STORE}__{power}": ConnectionParameters() for power in ("mark", "purge")}
OWNER = (1234, 5678)


class FolderSubject(FreezableSubject):
    marks_survive_restore = True

    def __init__(self, root: Path, desk: Desk) -> None:
        self.root, self.desk, self.ref = root, desk, CollectionRef(STORE, FOLDER)
        self.acting = root
        for key in self.keys():
            self.put(key, self.original(key))
        for folder in (root / FOLDER, root / "客户"):
            folder.chmod(0o777)
        self.store = FilesStore(STORE, root=root, unlock=desk.unlock(STORE, CREDENTIALS, lambda _: self.acting))
        self.inspector = FilesInspector(STORE, root=root)
        self.plan_systems()

    def put(self, key: str, body: bytes) -> None:
        """Write a file as programs do that replace it; a new file has an owner, a mode and an attribute of its own."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(".draft")
        draft.write_bytes(body)
        draft.chmod(0o664)
        with suppress(OSError):  # not every file system in memory keeps attributes
            os.setxattr(draft, "user.部门".encode(), "客户服务".encode())
        if os.geteuid() == 0:
            os.chown(draft, *OWNER)
        draft.replace(path)

    @abstractmethod
    def keys(self) -> list[str]:
        """Files of the folder."""

    @abstractmethod
    def original(self, key: str, *, without: str = "") -> bytes:
        """A file as it was planned, or without one record."""

    @abstractmethod
    def key_of(self, name: str) -> str:
        """The file that holds a record."""

    def live(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".winddown-quarantine" not in path.parts
        }

    def attributes(self, key: str) -> tuple[object, ...]:
        path = self.root / key
        found = path.lstat()
        names = os.listxattr(path)
        return found.st_mode, found.st_uid, found.st_gid, {name: os.getxattr(path, name) for name in names}

    def waiting(self) -> list[Path]:
        """Files in quarantine."""
        return [path for path in (self.root / ".winddown-quarantine").rglob("*") if path.is_file() and not path.suffix]

    def bring_back(self, name: str) -> None:
        self.put(self.key_of(name), self.original(self.key_of(name)))

    def grants(self) -> object:
        return {path: path.lstat().st_mode for path in (self.root / FOLDER, *(self.root / key for key in self.keys()))}

    def can_write(self) -> bool:
        paths = [self.root / FOLDER, *(self.root / key for key in self.keys())]
        return any(path.lstat().st_mode & (stat.S_IWGRP | stat.S_IWOTH) for path in paths)


class WholeFiles(FolderSubject):
    name_columns = ("winddown_object",)

    def keys(self) -> list[str]:
        return [f"{FOLDER}/{name}" for name in ("合同.pdf", "合同.pdf.2", "b.pdf", "c.pdf", "d.pdf")]

    def original(self, key: str, *, without: str = "") -> bytes:
        return b"%PDF-1.7 " + key.encode() + without.encode()

    def key_of(self, name: str) -> str:
        return name

    def content(self) -> dict[str, object]:
        return {key: (body, self.attributes(key)) for key, body in self.live().items()}

    def marks(self) -> dict[str, object]:
        found = {key: (self.root / key).lstat() for key in self.live()}
        return {key: (status.st_ino, status.st_mtime_ns) for key, status in found.items()}

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        return [(key["object"], key["version"], 0) for key in batch.keys.to_pylist()]

    def spoil(self, name: str) -> None:
        self.put(name, self.original(name, without="changed"))

    def alter(self, name: str) -> None:
        """Written in place, with the size and the time that it had."""
        path = self.root / name
        before = path.stat()
        path.write_bytes(path.read_bytes()[::-1])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))


class RowFiles(TextRecords, FolderSubject):
    """Rows inside files."""

    name_fields = name_columns = ("id",)

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        return [(key["object"], key["version"], row) for key in batch.keys.to_pylist() for row in key["rows"]]

    def content(self) -> dict[str, object]:
        return {**self.marks(), **{key: self.attributes(key) for key in self.live()}}

    def marks(self) -> dict[str, object]:
        return {name: row for key, body in self.live().items() for name, row in self.rows(key, body).items()}

    def spoil(self, name: str) -> None:
        self.put(self.key_of(name), self.original(self.key_of(name), without=name))

    def alter(self, name: str) -> None:
        self.spoil(name)


class TableFiles(FolderSubject):
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

    def content(self) -> dict[str, object]:
        return self.marks()

    def marks(self) -> dict[str, object]:
        return {str(row["id"]): row for body in self.live().values() for row in self.parsed(body)}

    def spoil(self, name: str) -> None:
        self.put(self.key_of(name), self.original(self.key_of(name), without=name))

    def alter(self, name: str) -> None:
        self.put(self.key_of(name), self.original(self.key_of(name)))


class ParquetTables(TableFiles):
    suffix = ".parquet"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=2)
        return sink.getvalue()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        return pq.read_table(io.BytesIO(body)).to_pylist()


class CsvTables(TableFiles):
    suffix = ".csv"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        return b"id;mobile;note\n" + "".join(";".join(row.values()) + "\n" for row in rows).encode()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        return list(csv.DictReader(io.StringIO(body.decode()), delimiter=";"))


class JsonTables(TableFiles):
    suffix = ".json.bz2"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        return bz2.compress(json.dumps(rows, ensure_ascii=False, indent=1).encode())

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        found: list[dict[str, str | None]] = json.loads(bz2.decompress(body))
        return found


class AvroTables(TableFiles):
    suffix = ".avro"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        sink = io.BytesIO()
        optional = ["null", "string"]
        fields = [{"name": "id", "type": "string"}, *({"name": n, "type": optional} for n in ("mobile", "note"))]
        fastavro.writer(sink, {"type": "record", "name": "row", "fields": fields}, rows)
        return sink.getvalue()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        return [dict(row) for row in fastavro.reader(io.BytesIO(body))]  # type: ignore[call-overload]


class OrcTables(TableFiles):
    suffix = ".orc"

    def written(self, rows: list[dict[str, str]]) -> bytes:
        sink = io.BytesIO()
        orc.write_table(pa.Table.from_pylist(rows), sink)
        return sink.getvalue()

    def parsed(self, body: bytes) -> list[dict[str, str | None]]:
        return orc.ORCFile(io.BytesIO(body)).read().to_pylist()


class Workbooks(TableFiles):
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


class CsvFiles(RowFiles):
    suffix = ".csv"
    files = CSV


class JsonFiles(RowFiles):
    suffix = ".jsonl.gz"
    is_packed = True
    files = JSON_LINES
