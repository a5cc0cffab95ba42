"""A folder with one collection of files: rows in some format, or whole files; looked at with the standard library."""

import os
import stat
from abc import abstractmethod
from contextlib import suppress
from pathlib import Path

from winddown.connections import ConnectionParameters
from winddown.domain.batch import Batch
from winddown.domain.inventory import CollectionRef
from winddown.inspection.files import FilesInspector
from winddown.stores.files.store import FilesStore

from .ability_suites import FreezableSubject
from .desk import Desk
from .table_files import AvroRecords, CsvRecords, JsonRecords, OrcRecords, ParquetRecords, WorkbookRecords
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


class ParquetTables(ParquetRecords, FolderSubject):
    pass


class CsvTables(CsvRecords, FolderSubject):
    pass


class JsonTables(JsonRecords, FolderSubject):
    pass


class AvroTables(AvroRecords, FolderSubject):
    pass


class OrcTables(OrcRecords, FolderSubject):
    pass


class Workbooks(WorkbookRecords, FolderSubject):
    pass


class CsvFiles(RowFiles):
    suffix = ".csv"
    files = CSV


class JsonFiles(RowFiles):
    suffix = ".jsonl.gz"
    is_packed = True
    files = JSON_LINES
