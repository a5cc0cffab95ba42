"""Random Iceberg tables: what was erased is in no byte, all else is equal, and its own library goes on with the table.

``WINDDOWN_TEST_EXAMPLES`` is the number of seeds.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.transforms import IdentityTransform

from winddown.domain.authorization import Power
from winddown.domain.receipt import Whereabouts

from .desk import Desk
from .iceberg_subject import IcebergFiles
from .s3_subject import FOLDER
from .subject import names_of, read_all, work
from .suite import where
from .test_delta_random import KINDS, equal, every_version, values

EXAMPLES = int(os.environ.get("WINDDOWN_TEST_EXAMPLES", "1"))
CODECS = ("gzip", "zstd", "snappy", "uncompressed")


class RandomTable(IcebergFiles):
    """A table with a history of some commits of any kind; ``marks_of`` erased rows never show again after purge."""

    bucket_name = ""

    def __init__(self, client: Any, desk: Desk, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.kinds = self.random.sample(sorted(KINDS), self.random.randrange(1, len(KINDS)))
        self.marks_of: dict[str, set[str]] = {}
        self.next = 0
        super().__init__(client, desk, folder, is_kept=False)

    def _build(self) -> None:
        self.lake.create(
            self._rows().schema,
            **{
                "format-version": self.random.choice("12"),
                "write.parquet.compression-codec": self.random.choice(CODECS),
                "write.parquet.row-group-limit": self.random.choice(["2", "1000"]),
                "write.metadata.compression-codec": self.random.choice(["gzip", "none"]),
                "commit.manifest-merge.enabled": self.random.choice(["true", "false"]),
                "write.metadata.metrics.default": self.random.choice(["truncate(16)", "full", "counts", "none"]),
            },
        )
        self.unused = ["city", "born"]
        changes = [self.append, self._delete, self._update, self._partition]
        for _ in range(self.random.randrange(3)):
            self._partition()
        self.append()
        for _ in range(self.random.randrange(3, 6)):
            self.random.choice(changes)()
        self.append()

    def append(self) -> None:
        self.lake.table().append(self._rows(self.random.randrange(3, 9)))

    def _rows(self, count: int = 0) -> pa.Table:
        numbers = range(self.next, self.next + count)
        self.next = numbers.stop
        columns = {
            "id": pa.array(numbers, type=pa.int64()),
            "mark": pa.array([self._mark(number) for number in numbers], type=pa.string()),
            "city": pa.array([self.random.choice(["北京", "上 海/%2F", None]) for _ in numbers], type=pa.string()),
            "born": pa.array([KINDS["day"][1](number // 4, self.random) for number in numbers], type=pa.date32()),
            **{
                kind: pa.array([KINDS[kind][1](number, self.random) for number in numbers], type=KINDS[kind][0])
                for kind in self.kinds
            },
        }
        return pa.table(columns)

    def _mark(self, number: int) -> str:
        mark = f"mark{number}x{self.random.getrandbits(64):016x}"
        self.marks_of.setdefault(str(number), set()).add(mark)
        return mark

    def _delete(self) -> None:
        self.lake.table().delete(f"id = {self.random.randrange(self.next)}")

    def _update(self) -> None:
        number = self.random.randrange(self.next)
        table = self.lake.table()
        found = table.scan(f"id = {number}").to_arrow()
        if found.num_rows:
            place = found.schema.get_field_index("mark")
            table.overwrite(found.set_column(place, "mark", pa.array([self._mark(number)])), f"id = {number}")

    def _partition(self) -> None:
        """By one column more; what is there stays as it is. Other transforms need a library that is not here."""
        if self.unused:
            with self.lake.table().update_spec() as spec:
                spec.add_field(self.unused.pop(), IdentityTransform(), f"part_{len(self.unused)}")


@pytest.fixture
def subject(request: pytest.FixtureRequest, client: Any, desk: Desk, tmp_path: Path) -> Iterator[RandomTable]:
    found = RandomTable(client, desk, tmp_path, request.param)
    yield found
    found.close()


@pytest.mark.parametrize("subject", range(EXAMPLES), indirect=True)
def test_what_was_erased_is_in_no_byte_and_all_else_is_equal(subject: RandomTable) -> None:
    names = names_of(subject, read_all(subject))
    content, drawn = subject.content(), subject.random
    assert set(names) == content.keys() - {"schema", "settings"}
    gone = set(drawn.sample(names, drawn.randrange(1, len(names) + 1)))
    planned = work(subject, chosen=gone, size=drawn.choice([5, 100]))
    left = {name: row for name, row in content.items() if name not in gone}
    planned.act_all(Power.QUARANTINE)
    assert equal(subject.content(), left)
    planned.act_all(Power.RESTORE)
    assert equal(subject.content(), content)
    planned.act_all(Power.QUARANTINE)
    for index in drawn.sample(range(len(planned.batches)), len(planned.batches)):
        planned.act(Power.PURGE, index)
        found = (where(planned, index), planned.leftovers(index), planned.remaining(index))
        assert found == (Whereabouts.GONE, 0, 0)
    assert equal(subject.content(), left)
    for key, body in every_version(subject):
        for piece in (key.encode(), body, *values(body)):
            for name, marks in subject.marks_of.items():
                row: Any = left.get(name)
                stays = set() if row is None else {row["mark"]}
                # Manifests state the first sixteen characters.
                assert not [mark for mark in marks - stays if mark[:14].encode() in piece], key
    data = {key for key, _ in every_version(subject) if not key.startswith(f"{FOLDER}/metadata/")}
    assert data == subject.lake.files()
    for name in (each for each in left if each.isdigit()):
        found = subject.lake.table().scan(f"id = {name}").to_arrow()
        assert found.num_rows == 1, "statistics lead to every row"
    subject.append()
    assert subject.content().keys() > left.keys()
