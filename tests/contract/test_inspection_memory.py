"""What the inspector of buckets holds in memory does not grow with an object."""

from typing import Any

import pytest
from memory import growth

from winddown.domain.authorization import Power

from .s3_subject import BucketSubject, CsvTables, Unversioned, frozen
from .subject import work
from .test_s3 import subject

__all__ = ["subject"]

SIZE, BOUND = 48, 36  # MiB of an object, and of memory
_TEXT = 1 << 16


class BigTables(Unversioned, CsvTables):
    """One object of 48 MiB in rows of 64 KiB, whose planned content waits in the workspace."""

    ids = {"a": range(SIZE << 4)}  # noqa: RUF012 - never changed

    def original(self, key: str, *, without: str = "") -> bytes:  # noqa: ARG002 - one object
        rows = (f"{n};1380013{n:04};{n:06}{'x' * _TEXT}\n" for n in self.ids["a"] if str(n) != without)
        return b"id;mobile;note\n" + "".join(rows).encode()

    def earlier(self, key: str) -> bytes:  # noqa: ARG002 - any bytes will do
        return b"id;mobile;note\n0;1;x\n"


@pytest.mark.parametrize("subject", [BigTables], indirect=True)
def test_memory_does_not_grow_with_the_object(subject: BucketSubject) -> None:
    planned, inspector = work(subject, chosen=["6", "8"]), subject.inspector
    with frozen(subject):
        planned.act(Power.QUARANTINE)
    assert inspector.search_bytes([b"13800130006"]).found == 0
    found: list[Any] = []

    def look() -> None:
        found.append((planned.remaining(), planned.set_aside(), planned.unchanged(), planned.leftovers()))
        found.append(inspector.search_bytes([b"13800139999"]))

    assert growth(look) < BOUND
    told, searched = found
    assert told == (0, 2, 0, 2)
    assert searched.bytes_read > BOUND << 20
    subject.put(subject.keys()[0], subject.original("", without="9"))
    assert planned.remaining() > 0, "the comparison can fail"
