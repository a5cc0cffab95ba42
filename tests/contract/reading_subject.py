"""One awkward database per engine, for the suite of discovery and reading."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from winddown.domain.inventory import Collection, CollectionRef
from winddown.ports import Discovery, Store

TABLE = '客户 "A".x:y%z'
CHILD, VIEW, KEYLESS, LONG, MANY = "child", "shown", "keyless", "long", "many"
NAMES = ("id", 'na"me', "a:b", "50% %s", "line\nbreak", "a.b", "photo", "amount", "born", "seen", "ratio")
TEXTS = NAMES[1:6]
ROWS: tuple[tuple[Any, ...], ...] = (
    (1, "欧阳娜娜", "13800000000", "", None, "x", b"\x00\xff\r\n", "12.50", "1990-02-28", "2024-02-29 23:59:59", 0.5),
    (2, 'O\'Brien \\ "x"', "13900000001", None, "", "NULL", b"", "-1.00", None, None, None),
    (
        3,
        "line\none\ttwo",
        "13900000002",
        "%s :x $1",
        "０",
        "\\N",
        None,
        None,
        "0001-01-02",
        "1969-12-31 00:00:00",
        -2.0,
    ),
    (-4, "𠮷野", "13900000003", " pad ", ",;\"'", "{}", b"x", "0.01", "9999-12-30", "2000-01-01 00:00:00", 1e300),
)
MANY_ROWS = 50_001
LONG_CHARS = 3 << 20


@dataclass(frozen=True, slots=True)
class Types:
    """An engine's names of the types."""

    number: str = "bigint"
    text: str = "text"
    bytes: str = "bytea"
    decimal: str = "numeric(12, 2)"
    date: str = "date"
    time: str = "timestamp"
    float: str = "double precision"
    long: str = "text"
    key_text: str = field(default="text")


class ReadingSubject(ABC):
    """A store, and a second path by which its owner makes and changes it."""

    store: Store
    schema: str
    types = Types()
    tells_view_tables = True
    numbers_rows = False

    @abstractmethod
    def run(self, statement: str, rows: Sequence[tuple[Any, ...]] = ()) -> None:
        """Execute as the owner, once a row where there are rows; ``?`` stands for a value."""

    @abstractmethod
    def quoted(self, name: str) -> str: ...

    @abstractmethod
    def close(self) -> None: ...

    def unreachable(self) -> Store | None:
        """The same store where nothing answers; None where that cannot be."""
        return None

    @abstractmethod
    def refusing(self) -> Store:
        """The same store, opened in a way that it must refuse."""

    def sessions(self) -> int:
        """How many sessions the store has open now, where the engine tells."""
        return 0

    def table(self, name: str) -> str:
        return f"{self.quoted(self.schema)}.{self.quoted(name)}"

    def ref(self, name: str) -> CollectionRef:
        return CollectionRef(self.store.name, f"{self.schema}.{name}")

    def found(self, discovery: Discovery, name: str) -> Collection:
        (one,) = [found for found in discovery.collections if found.ref == self.ref(name)]
        return one

    def create(self) -> None:
        kinds = self.types
        types = [kinds.number, *[kinds.text] * 5, kinds.bytes, kinds.decimal, kinds.date, kinds.time, kinds.float]
        columns = ", ".join(f"{self.quoted(name)} {kind}" for name, kind in zip(NAMES, types, strict=True))
        columns = columns.replace(kinds.number, f"{kinds.number} NOT NULL PRIMARY KEY", 1)
        self.run(f"CREATE TABLE {self.table(TABLE)} ({columns})")
        self.run(f"INSERT INTO {self.table(TABLE)} VALUES ({', '.join('?' * len(NAMES))})", ROWS)
        reference = f"REFERENCES {self.table(TABLE)} ({self.quoted('id')})"
        self.run(
            f"CREATE TABLE {self.table(CHILD)} (a {kinds.number} NOT NULL, b {kinds.key_text} NOT NULL, "
            f"parent {kinds.number}, UNIQUE (b, a), FOREIGN KEY (parent) {self.reference(reference)})"
        )
        self.run(f"CREATE VIEW {self.table(VIEW)} AS SELECT {self.quoted('a:b')} AS mobile FROM {self.table(TABLE)}")
        self.run(f"CREATE TABLE {self.table(KEYLESS)} (x {kinds.number})")
        self.run(
            f"CREATE TABLE {self.table(LONG)} (id {kinds.number} NOT NULL PRIMARY KEY, t {kinds.long}, b {kinds.bytes})"
        )

    def reference(self, clause: str) -> str:
        return clause

    def fill_long(self) -> None:
        values = [(1, "长" * LONG_CHARS, b"\x80" * LONG_CHARS), (2, "长" * 400_000, b"short")]
        self.run(f"INSERT INTO {self.table(LONG)} VALUES (?, ?, ?)", values)

    def fill_many(self) -> None:
        kinds = self.types
        self.run(f"CREATE TABLE {self.table(MANY)} (id {kinds.number} NOT NULL PRIMARY KEY, mobile {kinds.text})")
        rows = [(row, f"138{row:08}") for row in range(MANY_ROWS)]
        self.run(f"INSERT INTO {self.table(MANY)} VALUES (?, ?)", rows)
