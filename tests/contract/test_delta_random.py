"""Random Delta tables: what was erased is in no byte, all else is equal, and its own library goes on with the table.

``WINDDOWN_TEST_EXAMPLES`` is the number of seeds.
"""

import gzip
import io
import os
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import fastavro
import polars as pl
import pyarrow as pa
import pytest
from deltalake import WriterProperties

from winddown.domain.authorization import Power
from winddown.domain.inventory import CollectionRef
from winddown.domain.receipt import Whereabouts

from .delta_subject import DeltaFiles, Lake
from .desk import Desk
from .s3_subject import STORE, BucketSubject, RowFiles
from .subject import names_of, read_all, work
from .suite import where

EXAMPLES = int(os.environ.get("WINDDOWN_TEST_EXAMPLES", "1"))
DAY = date(2024, 1, 1)
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
KINDS: dict[str, tuple[pa.DataType, Any]] = {
    "whole": (pa.int32(), lambda n, _: n * 7),
    "floating": (pa.float64(), lambda n, r: r.choice([n / 3, float("nan")])),
    "text": (pa.string(), lambda n, r: r.choice([None, f"t{n}" * r.randrange(9)])),
    "flag": (pa.bool_(), lambda n, _: n % 2 == 0),
    "day": (pa.date32(), lambda n, _: DAY + timedelta(n)),
    "moment": (pa.timestamp("us", tz="UTC"), lambda n, _: NOON + timedelta(seconds=n, microseconds=n)),
    "money": (pa.decimal128(12, 2), lambda n, _: Decimal(n) / 4),
    "bytes": (pa.binary(), lambda n, _: bytes([n % 256]) * 3),
    "tags": (pa.list_(pa.string()), lambda n, r: [f"t{n}"] * r.randrange(3)),
    "place": (pa.struct({"road": pa.string(), "no": pa.int64()}), lambda n, _: {"road": f"路{n}", "no": n}),
}


class RandomTable(DeltaFiles):
    """A table with a history of some ten commits of any kind; ``erased_marks`` never show again after purge."""

    def __init__(self, client: Any, desk: Desk, seed: int) -> None:
        BucketSubject.__init__(self, client, desk)
        self.random = random.Random(seed)  # noqa: S311 - no secret
        # Polars reads tables in folders of plain letters alone.
        self.ref, self.lake = CollectionRef(STORE, "lake/orders"), Lake(self.bucket, "lake/orders")
        self.kinds = self.random.sample(sorted(KINDS), self.random.randrange(1, len(KINDS)))
        self.partitions = self.random.choice([[], ["city"], ["city", "year"]])
        self.marks_of: dict[str, set[str]] = {}
        self.next = 0
        self._append()
        for _ in range(self.random.randrange(3, 8)):
            self.random.choice(
                [self._append, self._append, self._update, self._delete, self._compact, self._checkpoint, self._vacuum]
            )()
        self._append()

    def _mark(self, number: int) -> str:
        mark = f"mark{number}x{self.random.getrandbits(64):016x}"
        self.marks_of.setdefault(str(number), set()).add(mark)
        return mark

    def _append(self) -> None:
        numbers = range(self.next, self.next + self.random.randrange(3, 12))
        self.next = numbers.stop
        columns = {
            "id": pa.array(numbers, type=pa.int64()),
            "mark": pa.array([self._mark(number) for number in numbers]),
            "city": pa.array([self.random.choice(["北京", "上 海/%2F", None]) for _ in numbers], type=pa.string()),
            "year": pa.array([self.random.choice([2023, 2024]) for _ in numbers], type=pa.int32()),
            **{
                kind: pa.array([KINDS[kind][1](number, self.random) for number in numbers], type=KINDS[kind][0])
                for kind in self.kinds
            },
        }
        codec = self.random.choice(["UNCOMPRESSED", "SNAPPY", "ZSTD"])
        self.lake.write(
            pa.table(columns),
            partition_by=self.partitions or None,
            writer_properties=WriterProperties(compression=codec, max_row_group_size=self.random.choice([2, 4, 1000])),
            **({"configuration": {"delta.checkpointInterval": "3"}} if numbers.start == 0 else {}),
        )

    def _update(self) -> None:
        number = self.random.randrange(self.next)
        if str(number) in {str(row["id"]) for row in self.lake.rows()}:
            self.lake.table().update({"mark": f"'{self._mark(number)}'"}, predicate=f"id = {number}")

    def _delete(self) -> None:
        self.lake.table().delete(f"id = {self.random.randrange(self.next)}")

    def _compact(self) -> None:
        self.lake.table().optimize.compact()

    def _checkpoint(self) -> None:
        self.lake.table().create_checkpoint()

    def _vacuum(self) -> None:
        self.lake.table().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)


@pytest.fixture
def subject(request: pytest.FixtureRequest, client: Any, desk: Desk) -> Iterator[RandomTable]:
    found = RandomTable(client, desk, request.param)
    yield found
    found.bucket.remove()


@pytest.mark.parametrize("subject", range(EXAMPLES), indirect=True)
def test_what_was_erased_is_in_no_byte_and_all_else_is_equal(subject: RandomTable) -> None:
    names = names_of(subject, read_all(subject))
    content, drawn = subject.content(), subject.random
    assert set(names) == content.keys() - {"schema", "settings"}
    gone = set(drawn.sample(names, drawn.randrange(1, len(names) + 1)))
    planned = work(subject, chosen=gone, size=drawn.choice([2, 5, 100]))
    planned.act_all(Power.QUARANTINE)
    assert equal(subject.content(), {name: row for name, row in content.items() if name not in gone})
    planned.act_all(Power.RESTORE)
    assert equal(subject.content(), content)
    planned.act_all(Power.QUARANTINE)
    for index in drawn.sample(range(len(planned.batches)), len(planned.batches)):
        planned.act(Power.PURGE, index)
        assert (where(planned, index), planned.leftovers(index), planned.remaining(index)) == (
            Whereabouts.GONE,
            0,
            0,
        )
    left = {name: row for name, row in content.items() if name not in gone}
    assert equal(subject.content(), left)
    for key, body in every_version(subject):
        for piece in (key.encode(), body, *values(body)):
            for name, marks in subject.marks_of.items():
                stays = {left[name]["mark"]} if name in left else set()  # type: ignore[index]
                assert not [mark for mark in marks - stays if mark.encode() in piece], key
    assert {key for key, _ in every_version(subject) if "_delta_log" not in key} == subject.lake.files()
    read = pl.read_delta(subject.lake.uri, storage_options=subject.lake.options)
    assert sorted(read["mark"].to_list()) == sorted(row["mark"] for name, row in left.items() if name.isdigit())  # type: ignore[index]
    for name in (each for each in left if each.isdigit()):
        found = subject.lake.table().to_pyarrow_table(filters=[("id", "=", int(name))])
        assert found.num_rows == 1, "statistics lead to every row"
    subject._append()
    subject._compact()
    assert subject.content().keys() > left.keys()


def equal(found: dict[str, object], expected: dict[str, object]) -> bool:
    """NaN is equal to itself here."""
    return repr(sorted(found.items())) == repr(sorted(expected.items()))


def every_version(subject: RowFiles) -> Iterator[tuple[str, bytes]]:
    for key, version, is_marker, _ in subject.bucket.history():
        assert not is_marker, "no marker is left either"
        answer = subject.bucket.client.get_object(Bucket=subject.bucket.name, Key=key, VersionId=version)
        yield key, answer["Body"].read()


def values(body: bytes) -> Iterator[bytes]:
    """What is packed in a file, as text; of Avro also whole binary values."""
    if body.startswith(b"Obj\x01"):
        yield from (str(record).encode() for record in fastavro.reader(io.BytesIO(body)))
    if body.startswith(b"\x1f\x8b"):
        yield gzip.decompress(body)
    if body.startswith(b"PAR1"):
        for row in pl.read_parquet(io.BytesIO(body)).iter_rows(named=True):
            yield str(row).encode()
