"""What lies under the names of one batch in a bucket without versions."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.plan import Method, Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.objects.faults import OVERTAKEN_CODES, code_of
from winddown.stores.objects.naming import Key
from winddown.stores.objects.standing import DIGEST, ORDER, digest_of

SIDE_BY_SIDE = 8
ABSENT_CODES = {"NoSuchKey", "NotFound", "404"}


class Found(StrEnum):
    """What lies under a planned name."""

    PLANNED = "planned"
    OURS = "ours"  # written by this order in its place
    ABSENT = "absent"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at one name; ``head`` is empty where nothing is there."""

    number: int
    key: Key
    head: dict[str, Any]
    found: Found


class Present:
    """The names of a batch, as one client sees them; every look asks anew.

    Whether an object is the planned one is told by its tag, or by its content where the tag changed with the parts in
    which it was written.

    Attributes:
        aside: what is found under each name of a batch in quarantine.
    """

    def __init__(self, client: Any, bucket: str, *, order: Order, batch: Batch) -> None:
        self._client, self._bucket, self._order = client, bucket, order
        self.keys: list[Key] = batch.keys.to_pylist()
        self.aside = Found.ABSENT if order.method is Method.ESCROW_OBJECT else Found.OURS
        self._digests: dict[tuple[str, str], str] = {}

    def look(self) -> list[Seen]:
        """Every name."""
        with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
            return list(pool.map(self.seen, range(len(self.keys))))

    def seen(self, number: int) -> Seen:
        """One name, by its number in the batch."""
        key = self.keys[number]
        try:
            head = self._client.head_object(**self.named(key))
        except ClientError as error:
            if code_of(error) in ABSENT_CODES:
                return Seen(number, key, {}, Found.ABSENT)
            raise
        return Seen(number, key, head, self._told(key, head))

    def whereabouts(self, files: Sequence[str]) -> Whereabouts:
        """Where the batch is as a whole, when these files of it are in the escrow."""
        is_kept = any(map(is_true_name, files))
        places = {self._place(seen, is_kept=is_kept) for seen in self.look()}
        is_between = bool(files) and not is_kept
        return places.pop() if len(places) == 1 and not is_between else Whereabouts.MIXED

    def named(self, key: Key) -> dict[str, str]:
        """Bucket and name, as a request says them."""
        return {"Bucket": self._bucket, "Key": key["object"]}

    def _place(self, seen: Seen, *, is_kept: bool) -> Whereabouts:
        if seen.found is Found.FOREIGN:
            return Whereabouts.MIXED
        if seen.found is Found.PLANNED:
            return Whereabouts.MIXED if is_kept else Whereabouts.LIVE
        if not is_kept:
            return Whereabouts.GONE
        return Whereabouts.QUARANTINED if seen.found is self.aside else Whereabouts.MIXED

    def _told(self, key: Key, head: dict[str, Any]) -> Found:
        if (head["ETag"], head["ContentLength"]) == (key["version"], key["size"]):
            return Found.PLANNED
        is_marked = head.get("Metadata", {}).get(ORDER) == self._order.id
        if is_marked and head["Metadata"].get(DIGEST) == self._digest(key, head["ETag"]):
            return Found.OURS
        is_same = head["ContentLength"] == key["size"] and self._digest(key, head["ETag"]) == key[CONTENT]
        return Found.PLANNED if is_same else Found.FOREIGN

    def _digest(self, key: Key, tag: str) -> str:
        """Of the content that has this tag now; "" where it was replaced while it was read."""
        if (key["object"], tag) not in self._digests:
            try:
                answer = self._client.get_object(**self.named(key), IfMatch=tag)
            except ClientError as error:
                if code_of(error) in OVERTAKEN_CODES:
                    return ""
                raise
            self._digests[key["object"], tag] = digest_of(answer)
        return self._digests[key["object"], tag]


def is_true_name(name: str) -> bool:
    """Whether a file's name is that of an attempt which came to count; the others' begin with a point."""
    return not name.startswith(".")
