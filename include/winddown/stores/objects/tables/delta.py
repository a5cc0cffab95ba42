"""A Delta table in a bucket: what makes it now, commits to it, and a log that begins anew.

A commit counts when nothing else was written under its number, neither before nor meanwhile; where the service does not
obey a condition on writes, looking again tells. Reading needs memory for the log and the list of the table's versions.
"""

import io
import json
import random
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from winddown.domain.errors import Residual, Transient
from winddown.domain.inventory import CollectionRef, Field
from winddown.domain.plan import OrderId
from winddown.stores.objects.attributes import attributes
from winddown.stores.objects.deleting import Deletion
from winddown.stores.objects.faults import OVERTAKEN_CODES, code_of
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.gathering import prefix_of
from winddown.stores.objects.located import Stated
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.tables.changes import Leaving, Returning, Taker
from winddown.stores.objects.tables.delta_actions import (
    Actions,
    checkpoint,
    checkpoint_name,
    commit_name,
    put_in,
    taken_out,
    told,
)
from winddown.stores.objects.tables.delta_log import (
    LOG,
    SURVIVORS,
    Action,
    Snapshot,
    is_named_in,
    replay,
    select_names,
    stated_in,
)
from winddown.stores.objects.tables.delta_stats import of_rows
from winddown.stores.objects.versions import Version, by_key, histories_of

_NOT_ROWS = ("_change_data/", "_delta_index/", "deletion_vector_")
_LOOKS = 5  # at a log from which files go while it is read


@dataclass(frozen=True, slots=True)
class Seen:
    """A table at one moment.

    Attributes:
        histories: every version of every object in the table's folder, by key, the latest first.
        prefix: what these keys begin with.
    """

    prefix: str
    snapshot: Snapshot
    histories: Mapping[str, list[Version]]

    @property
    def fields(self) -> tuple[Field, ...]:
        """Those of the schema."""
        return self.snapshot.fields()

    @property
    def obstacles(self) -> tuple[str, ...]:
        """What of the log is not supported, and what lies beside it that could not be read as rows."""
        beside = Counter(mark for key in self.histories for mark in _NOT_ROWS if mark in key.removeprefix(self.prefix))
        found = (f"{count} objects of the kind {mark.strip('_/')}" for mark, count in sorted(beside.items()))
        return (*self.snapshot.obstacles(), *found)

    def stated(self, path: str) -> Stated:
        """The values of a file's partition."""
        return self.snapshot.partition(path)

    def words(self) -> str:
        """What it is."""
        return (
            f"Delta Lake, version {self.snapshot.version}; {len({version.key for version in self.past()})} files past"
        )

    def live(self) -> dict[str, Version | None]:
        """The files that make the table by their paths, each as it is listed; None for one that is not there."""
        return {path: self.file(path) for path in self.snapshot.adds}

    def file(self, path: str) -> Version | None:
        """A file as it is listed; None where its latest version is a marker, or there is none."""
        history = self.histories.get(self.prefix + path)
        return None if history is None or history[0].is_marker else history[0]

    def missing(self) -> int:
        """Number of files that make the table and are not there, or not of the size that the log states."""
        return sum(
            version is None or version.size != self.snapshot.adds[path].get("size")
            for path, version in self.live().items()
        )

    def set_aside(self, path: str, order: OrderId, *, rows: int) -> str | None:  # noqa: ARG002 - the log says more
        """Path of what took a file's place when this order took it out, "" for nothing; None where it did not."""
        tombstone = self.snapshot.set_aside(path, order)
        return None if tombstone is None else tombstone["tags"][SURVIVORS]

    def action(self, path: str) -> str:
        """What the log says of a live file, as JSON; restoring it needs nothing of the log then."""
        return json.dumps(self.snapshot.adds[path], ensure_ascii=False, sort_keys=True)

    def past(self) -> list[Version]:
        """Every version beside the log that does not make the table and that no order has set aside."""
        found: list[Version] = []
        for key, history in sorted(self.histories.items()):
            path = key.removeprefix(self.prefix)
            if path.startswith(f"{LOG}/") or self.snapshot.set_aside(path) is not None:
                continue
            live = self.file(path) if path in self.snapshot.adds else None
            found += [version for version in history if version != live]
        return found


class DeltaTable:
    """One table, as one client sees it."""

    def __init__(self, store: str, client: Any, bucket: str, *, ref: CollectionRef) -> None:
        self._store, self._client, self._bucket = store, client, bucket
        self.ref, self.prefix = ref, prefix_of(ref)

    def is_history(self, key: str) -> bool:
        """Whether an object is a part of the log."""
        return key.startswith(f"{self.prefix}{LOG}/")

    def old_history(self, seen: Seen) -> list[Version]:  # noqa: ARG002 - all of the log goes, whatever is in it
        """Nothing."""
        return []

    def stated_in(self, action: str) -> Stated:
        """Values of the partition that the manifest says a file is in."""
        return stated_in(action)

    def look(self) -> Seen:
        """List and read the log; raises Unreadable."""
        for _ in range(_LOOKS):
            histories = {found[0].key: found for found in by_key(self._client, self._bucket, self.prefix)}
            log = f"{self.prefix}{LOG}/"
            names = {
                key.removeprefix(log): history[0]
                for key, history in histories.items()
                if key.startswith(log) and not history[0].is_marker
            }
            try:
                chosen = select_names(names)
                snapshot = replay(
                    chosen.version,
                    (self.open(names[name]) for name in chosen.checkpoint),
                    (self.open(names[name]).read() for name in chosen.commits),
                )
            except Unreadable as problem:
                # While another purge lets the log begin anew, its files go.
                if problem.problem is not Problem.CHANGED:
                    raise
            else:
                return Seen(self.prefix, snapshot, histories)
        raise Transient(f"the log of {self.ref} changes faster than it can be read")

    def open(self, version: Version) -> BinaryIO:
        """A version as a seekable file."""
        return cast("BinaryIO", ObjectFile(self._store, self._client, bucket=self._bucket, version=version))

    def listed(self, keys: Iterable[str]) -> list[Version]:
        """Every version of these objects, listed anew."""
        return [
            found
            for each in histories_of(self._client, self._bucket, set(keys), has_versions=True).values()
            for found in each
        ]

    def is_named(self, seen: Seen, paths: Collection[str]) -> bool:
        """Whether any version of any file of the log still names one of these files, e.g. in statistics.

        Reads all of the log.
        """
        wanted = frozenset(paths)
        for key, history in seen.histories.items():
            if not key.startswith(f"{self.prefix}{LOG}/"):
                continue
            for version in (found for found in history if not found.is_marker):
                try:
                    if is_named_in(self.open(version), wanted):
                        return True
                except Unreadable as problem:
                    # What went meanwhile names nothing any more.
                    if problem.problem is not Problem.CHANGED:
                        raise
        return False

    def take_out(self, seen: Seen, leaving: Sequence[Leaving], *, by: Taker) -> bool:
        """Commit a version without these files; False when somebody else wrote one meanwhile."""
        actions: Actions = []
        for each in leaving:
            add = seen.snapshot.adds[each.path]
            actions.append(taken_out(add, order=by.order, survivors=each.survivors))
            if each.written is not None:
                stats = of_rows(self.open(each.written), add.get("stats"))
                actions.append(put_in(add, each.survivors, size=each.written.size, stats=stats))
        return self._commit(seen, "DELETE", actions)

    def put_back(self, seen: Seen, returning: Sequence[Returning], *, by: Taker) -> bool:  # noqa: ARG002 - see action
        """Commit a version with these files; False when somebody else wrote one meanwhile."""
        actions = [taken_out(seen.snapshot.adds[each.ours]) for each in returning if each.ours]
        actions += [{"add": {**json.loads(each.action), "dataChange": True}} for each in returning if each.action]
        return self._commit(seen, "RESTORE", actions)

    def tidy(self, deletion: Deletion, paths: Collection[str], *, by: Taker) -> bool:  # noqa: ARG002 - paths say more
        """Delete files of ours that do not make the table any more; False when the service keeps some."""
        keys = {self.prefix + path for path in paths}
        return not deletion.until_gone(self.listed(keys), lambda: self.listed(keys))[1]

    def _commit(self, seen: Seen, operation: str, actions: Actions) -> bool:
        """Write the version after the one that was seen; ``operation`` is one of Delta's words."""
        return self._write(seen, commit_name(seen.snapshot.version + 1), told(operation, actions))

    def end_history(
        self,
        deletion: Deletion,
        *,
        without: Collection[str],
        known: Collection[tuple[str, str]],  # noqa: ARG002 - all of the log goes
        by: Taker,  # noqa: ARG002 - tombstones say more
    ) -> int:
        """Let the log say nothing but what counts now, and delete every version of all that it said before.

        A commit without a change is written, a checkpoint beside it, and what is older than both goes. Tombstones of
        files that are set aside stay, but not those ``without``. Returns how many versions were deleted.

        Raises:
            Transient: others write to the table without end.
            Residual: the service keeps some of the log.
        """
        for tried in range(_LOOKS):
            seen = self.look()
            if self._commit(seen, "VACUUM END", []):
                break
            # Two workers of ours at the same table would else step back before each other, again and again.
            time.sleep(random.uniform(0, tried + 1))  # noqa: S311 - no secret
        else:
            raise Transient(f"others write to {self.ref} all the time")
        version, snapshot = seen.snapshot.version + 1, seen.snapshot
        kept = [
            action
            for path, action in snapshot.removes.items()
            if snapshot.set_aside(path) is not None and path not in without
        ]
        content = checkpoint(snapshot, tombstones=kept)
        _require_same(snapshot, content, kept)
        if not self._write(seen, checkpoint_name(version), content) or not self._has(checkpoint_name(version), content):
            raise Transient(f"another checkpoint of {self.ref} was written meanwhile")
        doomed = self._older_log(version)
        left, refused = deletion.until_gone(doomed, lambda: self._older_log(version))
        if left:
            raise Residual(
                f"store {self._store} keeps {len(left)} versions of the log of {self.ref}: "
                + ", ".join(sorted(set(refused.values()))),
                next_step="look for object locks, legal holds or missing rights, then clear the task",
            )
        return len(doomed)

    def _has(self, name: str, body: bytes) -> bool:
        """Whether the service gives back what was written, before anything relies on it."""
        answer = self._client.get_object(Bucket=self._bucket, Key=self.prefix + name)
        return bool(answer["Body"].read() == body)

    def _older_log(self, version: int) -> list[Version]:
        """Whatever lies in the log's folder and is older than a version's commit and checkpoint."""
        log = f"{self.prefix}{LOG}/"
        kept = {self.prefix + commit_name(version), self.prefix + checkpoint_name(version)}
        return [
            found
            for history in by_key(self._client, self._bucket, log)
            for found in history
            if not (
                (found.is_latest and found.key in kept)
                or (found.key.removeprefix(log)[:20].isdigit() and int(found.key.removeprefix(log)[:20]) > version)
            )
        ]

    def _write(self, seen: Seen, name: str, body: bytes) -> bool:
        key = self.prefix + name
        try:
            answer = self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", **self._like_the_log(seen)
            )
        except ClientError as error:
            if code_of(error) in OVERTAKEN_CODES:
                return False
            raise
        known = {found.version_id for found in seen.histories.get(key, ())}
        others = {found.version_id for found in self.listed([key]) if not found.is_marker} - {
            *known,
            answer["VersionId"],
        }
        if others:
            # The service did not obey the condition. Whoever else wrote this version wins.
            self._client.delete_object(Bucket=self._bucket, Key=key, VersionId=answer["VersionId"])
        return not others

    def _like_the_log(self, seen: Seen) -> dict[str, Any]:
        """What the newest commit or checkpoint has beside its body, so that who reads the one reads the other."""
        log = f"{self.prefix}{LOG}/"
        newest = max(
            (found[0] for key, found in seen.histories.items() if key.startswith(log) and not found[0].is_marker),
            key=lambda version: version.key,
        )
        named = {"Bucket": self._bucket, "Key": newest.key, "VersionId": newest.version_id}
        kept = attributes(self._client, named, self._client.head_object(**named))
        kept.pop("Metadata", None)  # says whose file it is
        return kept


def _require_same(snapshot: Snapshot, content: bytes, tombstones: list[Action]) -> None:
    """Read a checkpoint as any reader would, before it is written."""
    found = replay(snapshot.version, [io.BytesIO(content)], [])
    is_same = (
        _compared(found.adds) == _compared(snapshot.adds)
        and _compared(found.rest) == _compared(snapshot.rest)
        and len(found.removes) == len(tombstones)
        and (_full(found.protocol), _full(found.metadata)) == (_full(snapshot.protocol), _full(snapshot.metadata))
    )
    if not is_same:
        raise Residual(
            "a checkpoint of a table would not say what its log says, so the log's history was not deleted",
            next_step="keep the table as it is and report the defect",
        )


def _compared(actions: Mapping[Any, Action]) -> dict[Any, Action]:
    """Without what a checkpoint says of every file alike."""
    return {
        named: {name: value for name, value in _full(action).items() if name != "dataChange"}
        for named, action in actions.items()
    }


def _full(action: Action) -> Action:
    """Without what says nothing."""
    return {
        name: _full(value) if name == "format" else value for name, value in action.items() if value not in (None, {})
    }
