"""Destroys rows of a table in stages: quarantine is a version of the table without them, purge ends its history.

The planned files stay in the bucket, out of the table, until purge; the table itself remembers which order took each
one out. To restore, a further version puts in exactly what was in. Purge deletes every version of the planned files,
and of what the table's past held when it was planned, and ends the table's history: statistics of erased rows stand
there. Whatever a writer puts into the table meanwhile stays; what he takes out or replaces wins.
"""

import random
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

from winddown.archive.spool import Spool
from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.plan import Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.objects.attributes import attributes
from winddown.stores.objects.deleting import Deletion
from winddown.stores.objects.naming import Key
from winddown.stores.objects.standing import DIGEST
from winddown.stores.objects.tables.changes import Leaving, Returning, Taker, survivors_path
from winddown.stores.objects.tables.registry import SeenTable, Table
from winddown.stores.objects.tables.survivors import Survivors, survivors_of
from winddown.stores.objects.uploading import Upload
from winddown.stores.objects.versions import UNNAMED, Version
from winddown.stores.retrying import Backoff

_ATTEMPTS = 8  # at a version that others make first


@dataclass(frozen=True, slots=True)
class _File:
    """A planned file as it stands in the table now.

    Attributes:
        is_covered: whether a marker lies on top of it.
        there: which of its planned versions are listed.
        foreign: versions that the plan does not know; markers are none.
        survivors: path of the file with its other rows, "" when it has none or was not taken out by this order.
        has_survivors: whether such a file makes the table.
    """

    key: Key
    path: str
    is_live: bool
    is_covered: bool
    is_set_aside: bool
    there: frozenset[str]
    foreign: bool
    survivors: str
    has_survivors: bool

    @property
    def is_whole(self) -> bool:
        """Whether all of its planned versions are listed, and nothing was written over them."""
        return self.there == frozenset(self.key["versions"]) and not self.foreign


class TableActs:
    """One batch of an order on a table.

    Args:
        backoff: between attempts at a version that others make first.
        spool: makes a temporary file, for the rows that stay.
    """

    def __init__(
        self,
        table: Table,
        client: Any,
        bucket: str,
        *,
        order: Order,
        batch: Batch,
        deletion: Deletion,
        backoff: Backoff,
        spool: Callable[[], Spool],
    ) -> None:
        self._table, self._client, self._bucket = table, client, bucket
        self._order, self._index, self._deletion, self._spool = order, batch.index, deletion, spool
        self._backoff = backoff
        self._taker = Taker(order.id, batch.index)
        self._keys: list[Key] = batch.keys.to_pylist()
        history = {(found["object"], found["version"]) for key in self._keys for found in key["history"]}
        self._past = {named for named in history if not table.is_history(named[0])}
        self._old_history = history - self._past
        self._planned = {(key["object"], version) for key in self._keys for version in key["versions"]}

    def whereabouts(self) -> Whereabouts:
        """Where the batch is as a whole."""
        seen = self._look()
        files = self._files(seen)
        left = {(version.key, version.state) for history in seen.histories.values() for version in history}
        is_past_left = bool(left & self._past)
        places = {self._place(found, is_past_left=is_past_left) for found in files}
        if len(places) > 1:
            return Whereabouts.MIXED
        place = places.pop()
        is_told = place is Whereabouts.GONE and self._table.is_named(seen, [found.path for found in files])
        return Whereabouts.MIXED if is_told else place

    def quarantine(self) -> None:
        """Commit a version of the table without the rows."""
        for failed in range(_ATTEMPTS):
            self._fall_out_of_step(failed)
            seen = self._look()
            pending = []
            for found in self._files(seen):
                place = self._place(found)
                if place is Whereabouts.QUARANTINED:
                    continue
                if place is not Whereabouts.LIVE:
                    raise self._overtaken()
                pending.append(found)
            if not pending:
                return
            if self._table.take_out(seen, [self._without_rows(seen, found) for found in pending], by=self._taker):
                if any(self._place(found) is not Whereabouts.QUARANTINED for found in self._files(self._look())):
                    self.restore()
                    raise self._overtaken()
                return
        raise Transient(f"others write to {self._table.ref} all the time")

    def restore(self) -> None:
        """Commit a version of the table with the planned files in place of ours, then delete ours.

        Every file that still can be comes back, before Residual is raised for those that cannot.
        """
        for failed in range(_ATTEMPTS):
            self._fall_out_of_step(failed)
            seen = self._look()
            self._uncover(seen)
            returning = [back for found in self._files(seen) if (back := self._put_back(found)) is not None]
            if not returning or self._table.put_back(seen, returning, by=self._taker):
                break
        else:
            raise Transient(f"others write to {self._table.ref} all the time")
        files = self._files(self._look())
        ours = {self._ours_path(found.path) for found in files if found.is_live and not found.has_survivors}
        is_tidy = self._table.tidy(self._deletion, ours, by=self._taker)
        if not is_tidy or any(self._place(found) is not Whereabouts.LIVE for found in files):
            raise Residual(
                f"order {self._order.id} batch {self._index}: a file of the table can no longer be restored whole"
            )

    def _fall_out_of_step(self, failed: int) -> None:
        """Wait for a while that is nobody else's: where a service obeys no condition, two in step undo each other."""
        if failed:
            self._backoff.sleep(self._backoff.wait_seconds(failed) * random.random())  # noqa: S311 - no secret

    def doomed(self) -> list[Version]:
        """What purge deletes: planned versions, markers above them, and the planned past, as far as they are listed.

        Raises Refused for a batch that is still in the table, or was not taken out by this order.
        """
        seen = self._look()
        for found in self._files(seen):
            if found.is_live and found.is_whole:
                raise Refused(
                    f"order {self._order.id} batch {self._index} is not in quarantine", rule="quarantine first"
                )
            if found.is_live or found.foreign or (found.there and not found.is_set_aside):
                raise self._overtaken()
        live = {version.key for version in seen.live().values() if version is not None}
        if any(name in live for name, _ in self._past):
            raise self._overtaken()
        return self.left()

    def left(self) -> list[Version]:
        """All that is doomed and still listed."""
        own = {key["object"] for key in self._keys}
        return [
            version
            for version in self._table.listed(own | {name for name, _ in self._past})
            if self.is_planned(version) or (version.is_marker and version.key in own)
        ]

    def end_history(self) -> int:
        """End the table's history unless it did; returns how many versions of what told it were deleted."""
        seen = self._look()
        files = self._files(seen)
        paths = frozenset(found.path for found in files)
        if not any(found.is_set_aside for found in files) and not self._table.is_named(seen, paths):
            return 0
        return self._table.end_history(self._deletion, without=paths, known=self._old_history, by=self._taker)

    def planned_count(self) -> int:
        """Number of versions that the manifest names, beside those of the table's log."""
        return len(self._planned | self._past)

    def is_planned(self, version: Version) -> bool:
        """Whether the manifest names it."""
        return (version.key, version.state) in self._planned | self._past

    # -- pieces --------------------------------------------------------------------------------------------------

    def _look(self) -> SeenTable:
        seen: SeenTable = self._table.look()
        if seen.obstacles:
            raise Refused(
                f"the table {self._table.ref} now uses {', '.join(seen.obstacles)}",
                rule="known features only",
                next_step="discover and plan again",
            )
        return seen

    def _files(self, seen: SeenTable) -> list[_File]:
        live = seen.live()
        return [self._file(seen, key, live.keys()) for key in self._keys]

    def _file(self, seen: SeenTable, key: Key, live: Container[str]) -> _File:
        path = key["object"].removeprefix(seen.prefix)
        history = seen.histories.get(key["object"], [])
        planned = set(key["versions"])
        survivors = seen.set_aside(path, self._order.id, rows=len(key["rows"]))
        return _File(
            key,
            path,
            is_live=path in live,
            is_covered=bool(history) and history[0].is_marker,
            is_set_aside=survivors is not None,
            there=frozenset(version.state for version in history) & frozenset(planned),
            foreign=any(version.state not in planned and not version.is_marker for version in history),
            survivors=survivors or "",
            has_survivors=self._ours_path(path) in live,
        )

    def _place(self, found: _File, *, is_past_left: bool = False) -> Whereabouts:
        if found.is_live and found.is_whole and not (found.is_covered or found.has_survivors):
            return Whereabouts.LIVE
        # Whoever replaced the file with the other rows has them: nothing comes back then, but what is aside can go.
        if not found.is_live and found.is_set_aside and found.is_whole:
            return Whereabouts.QUARANTINED
        is_gone = not (found.is_live or found.is_set_aside or found.there or is_past_left)
        return Whereabouts.GONE if is_gone else Whereabouts.MIXED

    def _without_rows(self, seen: SeenTable, found: _File) -> Leaving:
        """Write the rows of a file that stay, and say what takes its place."""
        version = next(each for each in seen.histories[found.key["object"]] if each.state == found.key["version"])
        with survivors_of(self._table.open(version), found.key, spool=self._spool) as stay:
            if not stay.rows:
                return Leaving(found.path)
            path = self._ours_path(found.path)
            return Leaving(found.path, path, self._write(seen, path, stay, source=version, key=found.key))

    def _write(self, seen: SeenTable, path: str, stay: Survivors, *, source: Version, key: Key) -> Version:
        """Put our file there, unless an earlier attempt did."""
        named = {"Bucket": self._bucket, "Key": seen.prefix + path}
        earlier = seen.histories.get(named["Key"], [])
        if earlier and not earlier[0].is_marker:
            its = self._client.head_object(**named, **earlier[0].exact)
            if its["Metadata"].get(DIGEST) == stay.digest and its["ContentLength"] == stay.body.size:
                return earlier[0]
        origin = {"Bucket": self._bucket, "Key": source.key, **source.exact}
        kept = attributes(self._client, origin, self._client.head_object(**origin))
        kept["Metadata"] = {**kept.get("Metadata", {}), **stay.marks(key, order_id=self._order.id)}
        answer = Upload(self._client, named, kept, {}).any_size(stay.body, stay.body.size)
        version_id = answer.get("VersionId", UNNAMED)
        return Version(named["Key"], version_id, answer["ETag"], stay.body.size, is_latest=True, is_marker=False)

    def _put_back(self, found: _File) -> Returning | None:
        """What brings one file back; None for one that is there, or cannot be brought back whole."""
        ours = self._ours_path(found.path) if found.has_survivors else ""
        if not found.is_whole or (found.is_live and not ours):
            return None
        if found.is_live:
            return Returning(found.path, ours=ours)
        if not found.is_set_aside or found.has_survivors != bool(found.survivors):
            return None
        return Returning(found.path, ours=ours, action=found.key["action"])

    def _uncover(self, seen: SeenTable) -> None:
        """Take markers off planned files that a clean-up hid while they were out of the table."""
        covered = {
            version
            for key in self._keys
            for version in seen.histories.get(key["object"], [])
            if version.is_marker and version.state not in key["versions"]
        }
        for version in covered:
            self._client.delete_object(Bucket=self._bucket, Key=version.key, VersionId=version.version_id)

    def _ours_path(self, path: str) -> str:
        return survivors_path(self._order.id, path)

    def _overtaken(self) -> Refused:
        return Refused(
            f"order {self._order.id} batch {self._index}: the table changed after the plan was made",
            rule="a writer wins",
            next_step="plan the wave again",
        )
