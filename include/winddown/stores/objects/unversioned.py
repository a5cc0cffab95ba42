"""Objects of a bucket without versions: what is erased waits for its purge in an escrow of the case's workspace.

A batch is copied first, encrypted, read back and compared with the plan's digests; only then its objects are deleted,
or others without the rows put in their place, each on the condition that it is still the one that was copied. A service
that does not obey such a condition could destroy what a writer wrote a moment before, of which nobody has a copy; there
the bucket has to be frozen.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from winddown.archive.escrow import Escrow
from winddown.archive.objects import Heading
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.plan import Method, Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.objects.abilities import (
    Abilities,
    completes_conditionally,
    completes_where_none_is,
    creates_conditionally,
    deletes_conditionally,
    writes_conditionally,
)
from winddown.stores.objects.attributes import attributes, lost
from winddown.stores.objects.bucket_facts import NEVER, required_versioning
from winddown.stores.objects.escrowed import EscrowedObjects
from winddown.stores.objects.faults import OVERTAKEN_CODES, code_of, is_passing
from winddown.stores.objects.naming import Key
from winddown.stores.objects.policy import is_frozen
from winddown.stores.objects.present import ABSENT_CODES, SIDE_BY_SIDE, Found, Present, Seen
from winddown.stores.objects.rewriting import Rewriting
from winddown.stores.objects.uploading import SINGLE, Upload
from winddown.stores.objects.versions import UNNAMED, Version
from winddown.stores.retrying import Backoff

METHODS = frozenset({Method.ESCROW_OBJECT, Method.ESCROW_AND_REWRITE})
_PIECE = 1 << 20


class Unversioned:
    """One batch of objects in a bucket without versions, as one client sees and changes it.

    Args:
        store: for messages.
        backoff: how long to wait for a service that throttles or breaks off.
    """

    def __init__(
        self,
        store: str,
        client: Any,
        bucket: str,
        *,
        order: Order,
        batch: Batch,
        escrow: Escrow,
        abilities: Abilities,
        backoff: Backoff,
    ) -> None:
        self._client, self._bucket, self._order, self._batch = client, bucket, order, batch
        self._escrow, self._abilities, self._backoff = escrow, abilities, backoff
        self._copies = EscrowedObjects(escrow, order, batch)
        self._kept_from_us: set[int] = set()  # numbers of objects that a writer replaced before we changed them
        self._present = Present(client, bucket, order=order, batch=batch)
        self._rewriting = Rewriting(store, client, bucket, order=order, abilities=abilities, escrow=escrow)

    def whereabouts(self) -> Whereabouts:
        """Where the batch is."""
        return self._present.whereabouts(self._copies.names())

    def quarantine(self) -> None:
        """Lay the batch down in the escrow, then delete or rewrite each object that is still as it was copied."""
        with self._escrow.turn(self._order.id):
            looked, copy = self._present.look(), self._copies.true_name()
            if copy and all(seen.found is self._present.aside for seen in looked):
                return
            self._require_planned(looked, copy)
            self._require_reversible(looked)
            copy = copy or self._copies.lay_down(self._opened())
            for failed in range(1, self._backoff.attempts + 1):
                try:
                    is_busy = self._take_away([seen for seen in looked if seen.found is Found.PLANNED])
                except Residual:
                    self._give_back(copy)
                    raise
                looked = self._present.look()
                if not is_busy or all(seen.found is not Found.PLANNED for seen in looked):
                    break
                self._backoff.sleep(self._backoff.wait_seconds(failed))
            else:
                raise Transient(f"{self}: the service is not available; some objects are still there")
            self._yield_to_writers(looked, copy)

    def restore(self) -> tuple[str, ...]:
        """Write every object again from the escrow; return what of their attributes the service did not keep.

        Raises Residual when one cannot be, after the others were; the escrow stays then.
        """
        with self._escrow.turn(self._order.id):
            changed: tuple[str, ...] = ()
            if not self._is_live():
                copy = self._copies.true_name()
                if not copy:
                    raise Residual(f"{self} can no longer be restored: there is no copy of it")
                changed = self._write_back(copy)
                if not self._is_live():
                    raise Residual(
                        f"{self}: an object can no longer be restored whole, because its name was used meanwhile",
                        next_step="move away what has its name, then restore again; the copy stays in the escrow",
                    )
            self._copies.destroy()
            return changed

    def purge(self) -> None:
        """Destroy the batch's files in the escrow."""
        with self._escrow.turn(self._order.id):
            looked, names = self._present.look(), self._copies.names()
            if any(seen.found is Found.PLANNED for seen in looked):
                raise Refused(f"{self} is not in quarantine", rule="quarantine first")
            if any(seen.found is Found.FOREIGN or (names and seen.found is not self._present.aside) for seen in looked):
                raise self._overtaken()
            self._copies.destroy()

    # -- pieces --------------------------------------------------------------------------------------------------

    def _is_live(self) -> bool:
        return all(seen.found is Found.PLANNED for seen in self._present.look())

    def _require_planned(self, looked: Sequence[Seen], copy: str) -> None:
        """Every object is there as it was planned, or was set aside by an earlier attempt of which there is a copy."""
        expected = {Found.PLANNED, self._present.aside} if copy else {Found.PLANNED}
        if any(seen.found not in expected for seen in looked):
            self._give_back(copy)
            raise self._overtaken()

    def _require_reversible(self, looked: Sequence[Seen]) -> None:
        is_kept = any(_has_version(seen.head) for seen in looked)
        if required_versioning(self._client, self._bucket) != NEVER or is_kept:
            raise Refused(
                f"{self}: the bucket keeps versions by now, so what is deleted would stay in it",
                rule="an order does what was approved",
                next_step="plan the wave again",
            )
        needed = [deletes_conditionally]
        if self._order.method is Method.ESCROW_AND_REWRITE:
            is_big = any(key["size"] > SINGLE // 2 for key in self._present.keys)  # what is written may be bigger
            needed = [writes_conditionally, *([completes_conditionally] if is_big else [])]
        is_conditional = all(self._abilities.can(self._client, each) for each in needed)
        if not is_conditional and not is_frozen(self._client, self._bucket):
            raise Refused(
                f"{self}: the service changes objects whatever came in between, and the bucket is not frozen",
                rule="a writer wins",
                next_step="have the bucket frozen, for which the service must know winddown's users by their names "
                "(winddown-…), or switch versioning on and plan again",
            )

    def _opened(self) -> Iterator[tuple[Heading, Iterator[bytes]]]:
        """The objects with their headings; raises Refused where one is not the planned one any more."""
        for number, key in enumerate(self._present.keys):
            seen = self._present.seen(number)
            if seen.found is not Found.PLANNED:
                raise self._overtaken()
            kept = attributes(self._client, self._present.named(key), seen.head)
            heading = {"number": number, "size": key["size"], "attributes": kept}
            yield heading, self._content(key, seen.head["ETag"])

    def _content(self, key: Key, tag: str) -> Iterator[bytes]:
        try:
            body = self._client.get_object(**self._present.named(key), IfMatch=tag)["Body"]
        except ClientError as error:
            if code_of(error) in OVERTAKEN_CODES:
                raise self._overtaken() from None
            raise
        hasher = hashlib.sha256()
        for piece in body.iter_chunks(_PIECE):
            hasher.update(piece)
            yield piece
        if hasher.hexdigest() != key[CONTENT]:
            raise self._overtaken()

    def _take_away(self, live: Sequence[Seen]) -> bool:
        """Delete or rewrite; whether the service was busy for some, so that another try may do more."""
        is_whole = self._order.method is Method.ESCROW_OBJECT

        def is_refused(seen: Seen) -> bool:
            try:
                self._delete(seen) if is_whole else self._rewrite(seen)
            except Transient:
                return True
            except (ClientError, BotoCoreError) as error:
                if not is_passing(error):
                    raise
                return True
            return False

        # A rewrite may hold a field of a file in memory, so these go one at a time.
        with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE if is_whole else 1) as pool:
            return any(list(pool.map(is_refused, live)))

    def _delete(self, seen: Seen) -> None:
        is_conditional = self._abilities.can(self._client, deletes_conditionally)
        if not is_conditional and self._present.seen(seen.number).found is not Found.PLANNED:
            self._kept_from_us.add(seen.number)
            return
        condition = {"IfMatch": seen.head["ETag"]} if is_conditional else {}
        try:
            answer = self._client.delete_object(**self._present.named(seen.key), **condition)
        except ClientError as error:
            if code_of(error) not in OVERTAKEN_CODES:
                raise
            if code_of(error) not in ABSENT_CODES:  # one that is not there may have gone by a request of ours
                self._kept_from_us.add(seen.number)
            return
        if _has_version(answer) or answer.get("DeleteMarker"):
            raise Residual(
                f"{self}: the service put a marker where an object was to be deleted: it keeps versions, and does not "
                "tell",
                rule="an order does what was approved",
                next_step="find out what stands between winddown and the service; the objects are written again",
            )

    def _rewrite(self, seen: Seen) -> None:
        now, is_written = self._present.seen(seen.number), False
        if now.found is Found.PLANNED:
            tag, size = now.head["ETag"], now.head["ContentLength"]
            version = Version(now.key["object"], UNNAMED, tag, size, is_latest=True, is_marker=False)
            is_written = self._rewriting.rewrite(now.key, version, now.head)
        if not is_written and now.found in {Found.PLANNED, Found.FOREIGN}:
            self._kept_from_us.add(seen.number)

    def _yield_to_writers(self, looked: Sequence[Seen], copy: str) -> None:
        """When a writer came in between, write back what was taken away; what is the writer's stays."""
        if all(seen.found is self._present.aside for seen in looked):
            return
        self._give_back(copy)
        if any(seen.found is Found.FOREIGN for seen in looked):
            raise self._overtaken()
        raise Residual(f"{self}: not every object was taken away", next_step="look for missing rights, then plan again")

    def _give_back(self, copy: str) -> None:
        """Undo a quarantine; the copies go unless one may be all that there is of an object that we took away."""
        if copy:
            self._write_back(copy)
        if all(map(self._needs_no_copy if copy else _is_there, self._present.look())):
            self._copies.destroy()

    def _needs_no_copy(self, seen: Seen) -> bool:
        """Whether the object is there, or its writer destroyed it himself; of an earlier attempt nobody can tell."""
        is_writers = seen.found is Found.FOREIGN and seen.number in self._kept_from_us
        return seen.found is Found.PLANNED or is_writers

    def _write_back(self, copy: str) -> tuple[str, ...]:
        """Write each object again that is still set aside; whatever else has its name stays.

        Returns which attributes the service did not keep, sorted.
        """
        changed: set[str] = set()
        for heading, pieces in self._copies.objects(copy):
            seen = self._present.seen(heading["number"])
            if seen.found is not self._present.aside:
                continue
            named, kept = self._present.named(seen.key), heading["attributes"]
            try:
                self._upload(seen, heading, pieces)
            except ClientError as error:
                if code_of(error) not in OVERTAKEN_CODES:
                    raise
                continue
            changed |= set(lost(kept, attributes(self._client, named, self._client.head_object(**named))))
        return tuple(sorted(changed))

    def _upload(self, seen: Seen, heading: Heading, pieces: Iterator[bytes]) -> None:
        size, body = heading["size"], _Forwards(pieces)
        if seen.found is Found.ABSENT:
            abilities, condition = (creates_conditionally, completes_where_none_is), {"IfNoneMatch": "*"}
        else:
            abilities, condition = (writes_conditionally, completes_conditionally), {"IfMatch": seen.head["ETag"]}
        is_conditional = self._abilities.can(self._client, abilities[size > SINGLE])
        condition = condition if is_conditional else {}
        Upload(self._client, self._present.named(seen.key), heading["attributes"], condition).any_size(body, size)

    def _overtaken(self) -> Refused:
        return Refused(
            f"{self}: an object changed after the plan was made", rule="a writer wins", next_step="plan the wave again"
        )

    def __str__(self) -> str:
        return f"order {self._order.id} batch {self._batch.index}"


def _is_there(seen: Seen) -> bool:
    return seen.found in {Found.PLANNED, Found.FOREIGN}


class _Forwards:
    """Pieces of any size as ranges, in their order."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()

    def take(self, start: int, size: int) -> bytes:  # noqa: ARG002 - ranges come in their order
        """The next bytes."""
        while len(self._held) < size:
            piece = next(self._pieces, None)
            if piece is None:
                raise Refused("an escrow holds less of an object than it says")
            self._held += piece
        found = bytes(self._held[:size])
        del self._held[:size]
        return found


def _has_version(answer: Mapping[str, Any]) -> bool:
    """Whether a service's answer about an object names a version of its own."""
    return bool(answer.get("VersionId", UNNAMED) != UNNAMED)
