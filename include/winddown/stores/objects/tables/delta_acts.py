"""Destroys rows of a Delta table in stages: quarantine is a version of the table without them, purge ends its history.

The planned files stay in the bucket, out of the table, until purge; a tombstone in the log says which order took each
one out. To restore, a further version puts in exactly what the manifest says was in. Purge deletes every version of
the planned files, and of what the table's past held when it was planned, and lets the log begin anew: statistics of
erased rows stand there. Whatever a writer puts into the table meanwhile stays; what he takes out or replaces wins.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from winddown.archive.spool import Spool
from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.plan import Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.objects.attributes import attributes
from winddown.stores.objects.deleting import Deletion
from winddown.stores.objects.naming import Key, planned
from winddown.stores.objects.standing import DIGEST
from winddown.stores.objects.tables.delta import DeltaTable, Seen
from winddown.stores.objects.tables.delta_actions import Actions, put_in, survivors_path, taken_out
from winddown.stores.objects.tables.delta_log import SURVIVORS
from winddown.stores.objects.tables.delta_stats import of_rows
from winddown.stores.objects.tables.survivors import Survivors, survivors_of
from winddown.stores.objects.uploading import Upload
from winddown.stores.objects.versions import Version

_ATTEMPTS = 8  # at a version's number that others take first


@dataclass(frozen=True, slots=True)
class _File:
    """A planned file as it stands in the table now.

    Attributes:
        is_covered: whether a marker lies on top of it.
        there: which of its planned versions are listed.
        foreign: versions that the plan does not know; markers are none.
        survivors: path of the file with its other rows, "" when it has none or was not taken out by this order.
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
    """One batch of an order on a Delta table.

    Args:
        spool: makes a temporary file, for the rows that stay.
    """

    def __init__(
        self,
        table: DeltaTable,
        client: Any,
        bucket: str,
        *,
        order: Order,
        batch: Batch,
        deletion: Deletion,
        spool: Callable[[], Spool],
    ) -> None:
        self._table, self._client, self._bucket = table, client, bucket
        self._order, self._index, self._deletion, self._spool = order, batch.index, deletion, spool
        self._keys: list[Key] = batch.keys.to_pylist()
        self._past = {(found["object"], found["version"]) for key in self._keys for found in key["history"]}
        self._planned = {(key["object"], version) for key in self._keys for version in key["versions"]}

    def whereabouts(self) -> Whereabouts:
        """Where the batch is as a whole."""
        seen = self._look()
        files = self._files(seen)
        left = {(version.key, version.version_id) for history in seen.histories.values() for version in history}
        is_past_left = bool(left & self._past)
        places = {self._place(found, is_past_left=is_past_left) for found in files}
        if len(places) > 1:
            return Whereabouts.MIXED
        place = places.pop()
        is_told = place is Whereabouts.GONE and self._table.log_names(seen, [found.path for found in files])
        return Whereabouts.MIXED if is_told else place

    def quarantine(self) -> None:
        """Commit a version of the table without the rows."""
        for _ in range(_ATTEMPTS):
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
            actions = [action for found in pending for action in self._without_rows(seen, found)]
            if self._table.commit(seen, "DELETE", actions):
                if any(self._place(found) is not Whereabouts.QUARANTINED for found in self._files(self._look())):
                    self.restore()
                    raise self._overtaken()
                return
        raise Transient(f"others write to {self._table.ref} all the time")

    def restore(self) -> None:
        """Commit a version of the table with the planned files in place of ours, then delete ours.

        Every file that still can be comes back, before Residual is raised for those that cannot.
        """
        for _ in range(_ATTEMPTS):
            seen = self._look()
            self._uncover(seen)
            files = self._files(seen)
            actions = [action for found in files for action in self._put_back(seen, found)]
            if not actions or self._table.commit(seen, "RESTORE", actions):
                break
        else:
            raise Transient(f"others write to {self._table.ref} all the time")
        files = self._files(self._look())
        ours = {self._ours(found.path) for found in files if found.is_live and not found.has_survivors}
        _, refused = self._deletion.until_gone(self._table.listed(ours), lambda: self._table.listed(ours))
        if refused or any(self._place(found) is not Whereabouts.LIVE for found in files):
            raise Residual(
                f"order {self._order.id} batch {self._index}: a file of the table can no longer be restored whole"
            )

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
        """Let the log begin anew unless it did; returns how many versions of its files were deleted."""
        seen = self._look()
        files = self._files(seen)
        paths = {found.path for found in files}
        if not any(found.is_set_aside for found in files) and not self._table.log_names(seen, paths):
            return 0
        return self._table.begin_anew(self._deletion, without=paths.__contains__)

    def planned_count(self) -> int:
        """Number of versions that the manifest names."""
        return len(self._planned | self._past)

    def is_planned(self, version: Version) -> bool:
        """Whether the manifest names it."""
        return (version.key, version.version_id) in self._planned | self._past

    # -- pieces --------------------------------------------------------------------------------------------------

    def _look(self) -> Seen:
        seen = self._table.look()
        if seen.obstacles:
            raise Refused(
                f"the table {self._table.ref} now uses {', '.join(seen.obstacles)}",
                rule="known features only",
                next_step="discover and plan again",
            )
        return seen

    def _files(self, seen: Seen) -> list[_File]:
        return [self._file(seen, key) for key in self._keys]

    def _file(self, seen: Seen, key: Key) -> _File:
        path = key["object"].removeprefix(seen.prefix)
        history = seen.histories.get(key["object"], [])
        tombstone = seen.snapshot.set_aside(path, self._order.id)
        planned = set(key["versions"])
        return _File(
            key,
            path,
            is_live=path in seen.snapshot.adds,
            is_covered=bool(history) and history[0].is_marker,
            is_set_aside=tombstone is not None,
            there=frozenset(version.version_id for version in history) & frozenset(planned),
            foreign=any(version.version_id not in planned and not version.is_marker for version in history),
            survivors="" if tombstone is None else tombstone["tags"][SURVIVORS],
            has_survivors=survivors_path(self._order.id, path) in seen.snapshot.adds,
        )

    def _place(self, found: _File, *, is_past_left: bool = False) -> Whereabouts:
        if found.is_live and found.is_whole and not (found.is_covered or found.has_survivors):
            return Whereabouts.LIVE
        # Whoever replaced the file with the other rows has them: nothing comes back then, but what is aside can go.
        if not found.is_live and found.is_set_aside and found.is_whole:
            return Whereabouts.QUARANTINED
        is_gone = not (found.is_live or found.is_set_aside or found.there or is_past_left)
        return Whereabouts.GONE if is_gone else Whereabouts.MIXED

    def _without_rows(self, seen: Seen, found: _File) -> Actions:
        """Write the rows of a file that stay, and say what takes its place."""
        add = seen.snapshot.adds[found.path]
        version, head = planned(self._client, self._bucket, found.key)
        with survivors_of(self._table.open(version), found.key, spool=self._spool) as stay:
            if not stay.rows:
                return [taken_out(add, order=self._order.id)]
            path = survivors_path(self._order.id, found.path)
            written = self._write(seen, path, stay, found=found, head=head)
        stats = of_rows(self._table.open(written), add.get("stats"))
        actions = [taken_out(add, order=self._order.id, survivors=path)]
        return [*actions, put_in(add, path, size=written.size, stats=stats)]

    def _write(self, seen: Seen, path: str, stay: Survivors, *, found: _File, head: dict[str, Any]) -> Version:
        """Put our file there, unless an earlier attempt did."""
        named = {"Bucket": self._bucket, "Key": seen.prefix + path}
        earlier = seen.file(path)
        if earlier is not None:
            its = self._client.head_object(**named, VersionId=earlier.version_id)
            if its["Metadata"].get(DIGEST) == stay.digest and its["ContentLength"] == stay.body.size:
                return earlier
        source = {"Bucket": self._bucket, "Key": found.key["object"], "VersionId": found.key["version"]}
        kept = attributes(self._client, source, head)
        kept["Metadata"] = {**kept.get("Metadata", {}), **stay.marks(found.key, order_id=self._order.id)}
        answer = Upload(self._client, named, kept, {}).any_size(stay.body, stay.body.size)
        return Version(
            named["Key"], answer["VersionId"], answer["ETag"], stay.body.size, is_latest=True, is_marker=False
        )

    def _put_back(self, seen: Seen, found: _File) -> Actions:
        """What brings one file back; nothing for one that is there, or cannot be brought back whole."""
        if not found.is_whole:
            return []
        ours = seen.snapshot.adds.get(self._ours_path(found.path))
        out = [] if ours is None else [taken_out(ours)]
        if found.is_live:
            return out
        if not found.is_set_aside or found.has_survivors != bool(found.survivors):
            return []
        return [*out, {"add": {**json.loads(found.key["action"]), "dataChange": True}}]

    def _uncover(self, seen: Seen) -> None:
        """Take markers off planned files that a clean-up hid while they were out of the table."""
        covered = {
            version
            for key in self._keys
            for version in seen.histories.get(key["object"], [])
            if version.is_marker and version.version_id not in key["versions"]
        }
        for version in covered:
            self._client.delete_object(Bucket=self._bucket, Key=version.key, VersionId=version.version_id)

    def _ours_path(self, path: str) -> str:
        return survivors_path(self._order.id, path)

    def _ours(self, path: str) -> str:
        return self._table.prefix + self._ours_path(path)

    def _overtaken(self) -> Refused:
        return Refused(
            f"order {self._order.id} batch {self._index}: the table changed after the plan was made",
            rule="a writer wins",
            next_step="plan the wave again",
        )
