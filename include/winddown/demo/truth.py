"""What must have become of every record once the case is over, written down while the records are made.

``truth.jsonl.gz`` holds one JSON object per line and record: ``store``, ``collection``, ``object`` (key of the object
or null), ``key`` (primary key, ``<object>#<row from 0>``, or the object's key), ``fate`` (gone, kept, minimised),
``why``, ``sealed``, ``digest`` (over what must be left, null when nothing must), ``cleared`` (fields that must be null
or empty) and ``digest_before`` (over all fields as they were). Records of unheld children also carry ``wave1`` (true),
``wave1_fate``, ``wave1_digest`` and ``wave1_cleared``: their state between the two waves. Lines about older versions
of an object carry ``version: older``.

The digests are no secret commitments: this is an invented company. The same seed gives the same bytes.
"""

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import BufferedReader, BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from winddown.demo.people import Cast
from winddown.demo.schema import CHILDREN, FINAL, ORDERS, PAYMENTS, Minimised, Table

FILE_NAME = "truth.jsonl.gz"
BACKUP_DIGESTS = "backup-digests.json"
_PIECE = 1 << 20  # GzipFile takes and gives single lines slowly


class Owner(StrEnum):
    """Whose record it is; decides its fate."""

    HELD = "held"
    CHILD = "child"
    CUSTOMER = "customer"
    NOBODY = "no_subject"
    UNKNOWN = "unknown_subject"
    COMPANY = "company_own"


class Fate(StrEnum):
    """What must have become of a record."""

    GONE = "gone"
    KEPT = "kept"
    MINIMISED = "minimised"


ERASABLE = frozenset({Owner.CHILD, Owner.CUSTOMER})


def owner_of(cast: Cast, customer_id: int) -> Owner:
    """Return the part a customer plays; the hold outranks the age."""
    if customer_id in cast.held:
        return Owner.HELD
    return Owner.CHILD if customer_id in cast.children else Owner.CUSTOMER


def digest(values: Sequence[Any]) -> str:
    """Return the SHA-256 (hex) of values in their canonical form: int, str, bool, None, or lists and dicts of them.

    Values of another type, which only a damaged store can hold, are digested by their text.
    """
    return hashlib.sha256(orjson.dumps(values, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()


def digest_of_bytes(content: bytes) -> str:
    """Return the SHA-256 (hex) of an opaque object."""
    return hashlib.sha256(content).hexdigest()


@dataclass(slots=True)
class TruthWriter:
    """Writes the truth line by line; use as a context manager. ``counts`` has the lines per collection and fate."""

    path: Path
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _raw: BufferedWriter | None = None
    _stream: BufferedWriter | None = None

    def __enter__(self) -> Self:
        self._raw = self.path.open("wb")
        # A fixed time and no name make the compressed bytes depend on the lines alone.
        packed = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=self._raw, mtime=0)
        self._stream = BufferedWriter(packed, _PIECE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None and self._raw is not None:
            self._stream.close()
            self._raw.close()

    def table_row(self, table: Table, values: Sequence[Any], owner: Owner) -> None:
        """Write the line of one table row, whose values stand in the table's column order."""
        row = dict(zip(table.columns, values, strict=True))
        before = digest(values)
        final: Minimised | None = None
        fate = Fate.KEPT
        if owner in ERASABLE:
            final = FINAL.get(table.name)
            fate = Fate.GONE if final is None else Fate.MINIMISED
        line = {
            "store": "shop_db",
            "collection": table.collection,
            "object": None,
            "key": str(row[table.key]),
            "fate": fate,
            "why": _why(table, owner),
            "sealed": fate is Fate.GONE and table is ORDERS,
            "digest": before if fate is Fate.KEPT else _digest_of(row, final),
            "cleared": list(final.cleared) if final else [],
            "digest_before": before,
        }
        if owner is Owner.CHILD:
            between = CHILDREN.get(table.name)
            line["wave1"] = True
            line["wave1_fate"] = Fate.GONE if between is None else Fate.MINIMISED
            line["wave1_digest"] = _digest_of(row, between)
            line["wave1_cleared"] = list(between.cleared) if between else []
        self._write(line)

    def file_row(self, prefix: str, key: str, number: int, *, before: str, owner: Owner, older: bool = False) -> None:
        """Write the line of one row of a file object; ``before`` is the digest of its values."""
        self._object_line(prefix, key, f"{key}#{number}", before=before, owner=owner, older=older)

    def opaque(self, prefix: str, key: str, *, before: str | None, owner: Owner, older: bool = False) -> None:
        """Write the line of one object that is a record as a whole; ``before`` is the digest of its bytes, if known."""
        self._object_line(prefix, key, key, before=before, owner=owner, older=older)

    def _object_line(
        self, prefix: str, key: str, record: str, *, before: str | None, owner: Owner, older: bool
    ) -> None:
        gone = owner in ERASABLE
        line: dict[str, Any] = {
            "store": "shop_files",
            "collection": f"shop_files:{prefix}",
            "object": key,
            "key": record,
            "fate": Fate.GONE if gone else Fate.KEPT,
            "why": "no_purpose_left" if gone else owner,
            "sealed": False,
            "digest": None if gone else before,
            "cleared": [],
            "digest_before": before,
        }
        if owner is Owner.CHILD:
            line |= {"wave1": True, "wave1_fate": Fate.GONE, "wave1_digest": None, "wave1_cleared": []}
        if older:
            line["version"] = "older"
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        if self._stream is None:
            raise RuntimeError("the writer is not open")
        place = (line["collection"], str(line["fate"]))
        self.counts[place] = self.counts.get(place, 0) + 1
        self._stream.write(orjson.dumps(line) + b"\n")


def read_truth(directory: Path, *, collection: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the lines of a company's truth, all of them or one collection's."""
    mark = b"" if collection is None else orjson.dumps({"collection": collection})[1:-1] + b","
    with gzip.open(directory / FILE_NAME) as packed, BufferedReader(packed, _PIECE) as stream:
        for line in stream:
            if mark in line:
                yield orjson.loads(line)


def _digest_of(row: dict[str, Any], shape: Minimised | None) -> str | None:
    return None if shape is None else digest([row[name] for name in shape.kept])


def _why(table: Table, owner: Owner) -> str:
    if owner not in ERASABLE:
        return owner
    if table is ORDERS:
        return "sealed_for_custodian"
    return "voucher_stays_in_place" if table is PAYMENTS else "no_purpose_left"
