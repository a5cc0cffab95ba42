"""An Iceberg table in a bucket: which files make it, commits to it, and an end of its history.

The format is https://iceberg.apache.org/spec/. A metadata file names snapshots, a snapshot a list of manifests, a
manifest files of rows or of deletes. Which metadata file counts is known to the table's catalogue; where none is
declared, the one of the highest number is taken, and the table is only read.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.inventory import CollectionRef, Field
from winddown.domain.plan import OrderId
from winddown.stores.objects.deleting import Deletion
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.gathering import prefix_of
from winddown.stores.objects.located import Stated
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.tables.catalogue import Catalogue, Registered, Survivors
from winddown.stores.objects.tables.changes import Leaving, Returning, Taker, survivors_path
from winddown.stores.objects.tables.iceberg_history import History
from winddown.stores.objects.tables.iceberg_metadata import (
    FOLDER,
    ORDER,
    DataFile,
    Metadata,
    Place,
    files_of,
    mark_of,
    number_of,
    records_of,
    tag_of,
)
from winddown.stores.objects.tables.roots import Kind
from winddown.stores.objects.versions import Version, by_key, histories_of

Histories = Mapping[str, list[Version]]

_LOOKS = 5  # at a table whose metadata goes while it is read


@dataclass(frozen=True, slots=True)
class SeenIceberg:
    """A table at one moment.

    Attributes:
        prefix: what the keys of the table's objects begin with.
        histories: every version of every object in the table's folder, by key, the latest first.
        metadata: what the metadata file that counts says.
        key: its object.
        files: the files that make the table, by path.
        aside: the files that orders set aside, by path.
        obstacles: why it cannot be read, in words; none when it can.
        registered: what its catalogue has; None where no catalogue knows it.
    """

    prefix: str
    histories: Histories
    metadata: Metadata
    key: str
    files: Mapping[str, DataFile]
    aside: Mapping[str, DataFile]
    obstacles: tuple[str, ...]
    registered: Registered | None

    @property
    def fields(self) -> tuple[Field, ...]:
        """Those of the schema."""
        return self.metadata.fields()

    def live(self) -> dict[str, Version | None]:
        """The files that make the table, each as it is listed; None for one that is not there."""
        return {path: _newest(self.histories, self.prefix + path) for path in self.files}

    def missing(self) -> int:
        """Number of files that make the table and are not there, or not of the size that a manifest states."""
        return sum(version is None or version.size != self.files[path].size for path, version in self.live().items())

    def stated(self, path: str) -> Stated:  # noqa: ARG002 - files have the fields of their partition
        """Nothing."""
        return {}

    def set_aside(self, path: str, order: OrderId, *, rows: int) -> str | None:
        """Path of what took a file's place when this order took ``rows`` rows out, "" for nothing; None without."""
        found = self.aside.get(path)
        if found is None or found.order != order:
            return None
        return survivors_path(order, path) if rows < found.records else ""

    def action(self, path: str) -> str:
        """Of which table the file is, as JSON; what brings it back is kept by a tag."""
        found = self.registered
        named = {} if found is None else {"table": found.name, "uuid": found.uuid}
        return json.dumps({"table-format": Kind.ICEBERG, **named, "records": self.files[path].records})

    def past(self) -> list[Version]:
        """Older versions, and whatever else lies where the live files do; but not what is set aside."""
        live = self.live()
        return [
            version
            for key, history in sorted(self.histories.items())
            if not key.startswith(self.prefix + FOLDER) and key.removeprefix(self.prefix) not in self.aside
            for version in history
            if version != live.get(key.removeprefix(self.prefix))
        ]

    def words(self) -> str:
        """What it is."""
        named = "" if self.registered is None else f", {self.registered.name} of its catalogue"
        return f"Apache Iceberg, metadata {number_of(self.key) or 'without a number'}{named}"


class IcebergTable:
    """One table, as one client sees it.

    Args:
        uuid: of the table that is meant; "" for whichever is in the folder.
    """

    def __init__(
        self,
        store: str,
        client: Any,
        bucket: str,
        *,
        ref: CollectionRef,
        catalogue: Catalogue | None = None,
        uuid: str = "",
    ) -> None:
        self._store, self._client, self._bucket = store, client, bucket
        self._catalogue, self._uuid = catalogue, uuid
        self.ref, self.prefix = ref, prefix_of(ref)
        self._place = Place(bucket, self.prefix)

    def is_history(self, key: str) -> bool:
        """Whether an object lies where metadata do."""
        return key.startswith(self.prefix + FOLDER)

    def stated_in(self, action: str) -> Stated:  # noqa: ARG002 - files have the fields of their partition
        """Nothing."""
        return {}

    def is_registered(self) -> bool:
        """Whether a catalogue knows the table."""
        return bool(self._registered())

    # -- reading -------------------------------------------------------------------------------------------------

    def look(self) -> SeenIceberg:
        """List, and read metadata and manifests.

        Raises:
            Unreadable: they make no table.
            Refused: another table than the planned one is registered in its folder, or none any more.
        """
        for _ in range(_LOOKS):
            names = self._registered()
            found = names[0] if names else None
            if self._uuid and (found is None or found.uuid != self._uuid):
                raise Refused(
                    f"the catalogue has another table for {self.ref} than the planned one, or none",
                    rule="exactly the planned table",
                    next_step="find out why; then discover and plan again",
                )
            histories = {each[0].key: each for each in by_key(self._client, self._bucket, self.prefix)}
            try:
                return self._seen(histories, found, count=len(names))
            except Unreadable:
                # Whoever ends its history meanwhile deletes what was read of it.
                again = self._registered()
                if found is None or [each.location for each in again] == [found.location]:
                    raise
            except (ValueError, KeyError, TypeError, AttributeError, OSError):
                raise Unreadable(Problem.BROKEN, "the metadata of a table cannot be read") from None
        raise Transient(f"the metadata of {self.ref} change faster than they can be read")

    def open(self, version: Version) -> BinaryIO:
        """A version as a seekable file."""
        return cast("BinaryIO", ObjectFile(self._store, self._client, bucket=self._bucket, version=version))

    def listed(self, keys: Iterable[str]) -> list[Version]:
        """Every version of these objects, listed anew."""
        return [found for each in histories_of(self._client, self._bucket, set(keys)).values() for found in each]

    def old_history(self, seen: SeenIceberg) -> list[Version]:
        """Every version of everything where metadata lie.

        Raises Refused where an older snapshot, which is read for it, has files that lie elsewhere.
        """
        for manifest in self._manifests(seen.histories, seen.metadata):
            found = files_of(self._file(seen.histories, manifest))
            if any(self._place.key(file.location) is None for file in found):
                raise Refused(
                    f"an older snapshot of {self.ref} has files outside of its folder",
                    rule="a purge ends a table's history",
                    next_step="expire it by the engine that writes the table, then discover and plan again",
                )
        return [version for key, each in seen.histories.items() if self.is_history(key) for version in each]

    def is_named(self, seen: SeenIceberg, paths: Collection[str]) -> bool:
        """Whether any version of anything where metadata lie names one of these files. Reads all of it."""
        return self._history(seen).names(frozenset(paths))

    # -- commits -------------------------------------------------------------------------------------------------

    def take_out(self, seen: SeenIceberg, leaving: Sequence[Leaving], *, by: Taker) -> bool:
        """Commit a version without these files, which a tag keeps; False when somebody else committed meanwhile."""
        catalogue, found = self._open_catalogue(seen)
        gone: dict[str, Survivors | None] = {}
        for each in leaving:
            location = seen.files[each.path].location
            named = f"{location.rpartition('/')[0]}/{each.survivors.rpartition('/')[2]}"
            gone[location] = None if each.written is None else Survivors(named, each.written)
        return catalogue.take_out(found, gone, aside=tag_of(by), mark=mark_of(by), order=by.order)

    def put_back(self, seen: SeenIceberg, returning: Sequence[Returning], *, by: Taker) -> bool:
        """Commit a version with these files in place of ours; False when somebody else committed meanwhile."""
        catalogue, found = self._open_catalogue(seen)
        back = {seen.aside[each.path].location for each in returning if each.action}
        ours = {seen.files[each.ours].location for each in returning if each.ours}
        return catalogue.put_back(found, back, aside=tag_of(by), mark=mark_of(by), leaving=ours)

    def tidy(self, deletion: Deletion, paths: Collection[str], *, by: Taker) -> bool:
        """Forget the tag once all that it keeps is in the table, and delete what is ours and in no version of it.

        Files of ours that the table had in between stay with its history. False when the service keeps some.
        """
        for _ in range(_LOOKS):
            seen = self.look()
            kept = {path for path, each in seen.aside.items() if each.tag == tag_of(by)}
            catalogue, found = self._open_catalogue(seen)
            if not kept or not kept <= seen.files.keys() or catalogue.forget(found, tag_of(by)):
                break
        seen = self.look()
        history = self._history(seen)
        doomed = history.own(by) - history.needed()
        if paths:
            doomed |= {self.prefix + path for path in set(paths) - history.named()}
        return not deletion.until_gone(self.listed(doomed), lambda: self.listed(doomed))[1]

    def end_history(
        self, deletion: Deletion, *, without: Collection[str], known: Collection[tuple[str, str]], by: Taker
    ) -> int:
        """Let the table have no snapshot but the current one, and delete every version of what told of others.

        The tag goes after all of that, and its manifests last: as long as anything is left, something says so.
        """
        count = 0
        for tag in ("", tag_of(by)):
            self._expire(without=tag)
            seen = self.look()
            doomed = self._history(seen).dead(frozenset(without), frozenset(known), by=by)
            count += len(doomed)
            self._delete(deletion, doomed)
        return count

    # -- pieces --------------------------------------------------------------------------------------------------

    def _history(self, seen: SeenIceberg) -> History:
        return History(self._place, seen.histories, key=seen.key, metadata=seen.metadata, open_version=self.open)

    def _registered(self) -> list[Registered]:
        return [] if self._catalogue is None else self._catalogue.find(lambda name: self._place.key(name) is not None)

    def _open_catalogue(self, seen: SeenIceberg) -> tuple[Catalogue, Registered]:
        if self._catalogue is None or seen.registered is None:
            raise Refused(f"no catalogue knows {self.ref}", rule="the catalogue decides which metadata counts")
        return self._catalogue, seen.registered

    def _seen(self, histories: Histories, found: Registered | None, *, count: int) -> SeenIceberg:
        key = self._current(histories) if found is None else str(self._place.key(found.location))
        metadata = Metadata.read(self._file(histories, f"s3://{self._place.bucket}/{key}").read())
        against = [*metadata.obstacles(), *self._elsewhere(metadata, key)]
        against += ["two names in its catalogue"] if count > 1 else []
        against += ["no UUID of its own"] if found is not None and not metadata.uuid else []
        files: dict[str, DataFile] = {}
        aside: dict[str, DataFile] = {}
        if not against:
            against += self._files(histories, metadata.current(), files)
            for tag, snapshot in metadata.tags().items():
                self._files(histories, snapshot, aside, tag=tag)
        return SeenIceberg(self.prefix, histories, metadata, key, files, aside, tuple(sorted(set(against))), found)

    def _current(self, histories: Histories) -> str:
        """The metadata file of the highest number; raises Unreadable where two claim it."""
        found: dict[int, list[str]] = {}
        for key, history in histories.items():
            number = number_of(key) if self.is_history(key) and not history[0].is_marker else None
            if number is not None:
                found.setdefault(number, []).append(key)
        if not found:
            raise Unreadable(Problem.BROKEN, "a table has no metadata file under a name with a number")
        last = found[max(found)]
        if len(last) > 1:
            raise Unreadable(
                Problem.BROKEN, "two metadata files claim to be the newest, and only a catalogue knows which is"
            )
        return last[0]

    def _elsewhere(self, metadata: Metadata, key: str) -> list[str]:
        """What lies, or would be written, outside of the table's folder."""
        places = [f"{place}/" for place in metadata.places()]
        if not self.is_history(key) or any(self._place.key(place) is None for place in places):
            return ["metadata or files outside of its folder"]
        return []

    def _files(
        self,
        histories: Histories,
        snapshot: Mapping[str, Any] | None,
        files: dict[str, DataFile],
        *,
        tag: str = "",
    ) -> list[str]:
        """Collect the files of a snapshot; returns what stands against reading them."""
        against = []
        if snapshot is None:
            return []
        if "manifest-list" not in snapshot:
            return ["manifests without a list"]
        order = str((snapshot.get("summary") or {}).get(ORDER, "")) if tag else ""
        for manifest in records_of(self._file(histories, str(snapshot["manifest-list"]))):
            for file in files_of(self._file(histories, str(manifest["manifest_path"]))):
                path = self._place.path(file.location)
                if manifest.get("content") or file.is_of_deletes:
                    against.append("rows that are deleted by files of deletes")
                elif file.format != "PARQUET":
                    against.append(f"files of the format {file.format}")
                elif path is None:
                    against.append("files outside of its folder")
                else:
                    files[path] = replace(file, tag=tag, order=order)
        return against

    def _file(self, histories: Histories, location: str) -> BinaryIO:
        """The newest version of an object where metadata lie."""
        key = self._place.key(location)
        version = None if key is None else _newest(histories, key)
        if version is None:
            raise Unreadable(Problem.BROKEN, "a manifest that a table's metadata names is not in its folder")
        return self.open(version)

    def _manifests(self, histories: Histories, metadata: Metadata) -> set[str]:
        """Locations of all manifests that any snapshot names."""
        return {
            str(manifest["manifest_path"])
            for listed in metadata.lists()
            for manifest in records_of(self._file(histories, listed))
        }

    def _expire(self, *, without: str) -> None:
        for _ in range(_LOOKS):
            catalogue, found = self._open_catalogue(self.look())
            if catalogue.expire(found, without=without):
                return
        raise Transient(f"others write to {self.ref} all the time")

    def _delete(self, deletion: Deletion, doomed: list[Version]) -> None:
        named = {(version.key, version.version_id) for version in doomed}

        def left() -> list[Version]:
            found = self.listed({version.key for version in doomed})
            return [version for version in found if (version.key, version.version_id) in named]

        remaining, refused = deletion.until_gone(doomed, left)
        if remaining:
            raise Residual(
                f"store {self._store} keeps {len(remaining)} versions of the metadata of {self.ref}: "
                + ", ".join(sorted(set(refused.values()))),
                next_step="look for object locks, legal holds or missing rights, then clear the task",
            )


def _newest(histories: Histories, key: str) -> Version | None:
    history = histories.get(key)
    return None if history is None or history[0].is_marker else history[0]
