"""Tells which of an Iceberg table's metadata nothing needs any more, so that a purge deletes them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import BinaryIO

from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.tables.changes import Taker
from winddown.stores.objects.tables.iceberg_metadata import (
    FOLDER,
    Metadata,
    Place,
    files_of,
    mark_of,
    names_any,
    number_of,
    records_of,
)
from winddown.stores.objects.versions import Version


class History:
    """All that lies where metadata do.

    Args:
        key: object of the metadata file that counts, which is ``metadata``.
        open_version: a version as a seekable file.
    """

    def __init__(
        self,
        place: Place,
        histories: Mapping[str, list[Version]],
        *,
        key: str,
        metadata: Metadata,
        open_version: Callable[[Version], BinaryIO],
    ) -> None:
        folder = place.prefix + FOLDER
        self._histories = {name: each for name, each in histories.items() if name.startswith(folder)}
        self._place, self._key, self._metadata, self._open = place, key, metadata, open_version

    def needed(self) -> set[str]:
        """Objects without which a snapshot that the table still has could not be read."""
        return {self._key} | self._told_by(self._metadata)

    def named(self) -> set[str]:
        """Paths of the files of every snapshot that the table still has."""
        found = set[str]()
        for key in self._manifests(self._metadata):
            files = files_of(self._newest(key))
            found |= {path for file in files if (path := self._place.path(file.location)) is not None}
        return found

    def own(self, by: Taker) -> set[str]:
        """Objects that an order's batch wrote."""
        return {key for key in self._histories if key.rpartition("/")[2].startswith(mark_of(by))}

    def names(self, paths: Collection[str]) -> bool:
        """Whether any version of anything names one of these files."""
        return any(self._names(version, paths) for history in self._histories.values() for version in history)

    def dead(self, without: Collection[str], known: Collection[tuple[str, str]], *, by: Taker) -> list[Version]:
        """What nothing needs, and is known not to be a writer's who has yet to commit.

        That is what was there when the plan was made (``known``, as keys and versions); what earlier metadata files
        tell of, and these; what ``by`` wrote; what lies below newer versions; and what names files that are gone.
        """
        needed, earlier = self.needed(), self._earlier()
        told = set(earlier).union(*(self._told_by(each) for each in earlier.values())) | self.own(by)
        return [
            version
            for key, history in self._histories.items()
            for version in (history[1:] if key in needed else history)
            if key in told
            or history[0].is_marker
            or not version.is_latest
            or (key, version.state) in known
            or self._names(version, without)
        ]

    def _earlier(self) -> dict[str, Metadata]:
        """Metadata files that counted before, or were to and never will; empty for one that cannot be read."""
        last = number_of(self._key)
        keys = {key for location in self._metadata.earlier() if (key := self._place.key(location)) is not None}
        keys |= {
            key
            for key in self._histories
            if (number := number_of(key)) is not None and last is not None and number <= last
        }
        return {key: self._read(key) for key in keys - {self._key} if key in self._histories}

    def _read(self, key: str) -> Metadata:
        try:
            return Metadata.read(self._newest(key).read())
        except (ValueError, KeyError, TypeError, AttributeError, OSError, Unreadable):
            return Metadata({})

    def _told_by(self, metadata: Metadata) -> set[str]:
        """Objects that a metadata file names, and what is named by these; not the metadata files before it."""
        lists = [*metadata.lists(), *metadata.statistics()]
        return self._keys(lists) | self._manifests(metadata)

    def _manifests(self, metadata: Metadata) -> set[str]:
        found = set[str]()
        for key in self._keys(metadata.lists()):
            try:
                found |= self._keys(str(each["manifest_path"]) for each in records_of(self._newest(key)))
            except Unreadable as problem:
                # Of a snapshot that is no more, another purge may have deleted it.
                if key in self._keys(self._metadata.lists()) or problem.problem is not Problem.CHANGED:
                    raise
        return found

    def _keys(self, locations: Iterable[str]) -> set[str]:
        """Those of these objects that are there."""
        keys = {key for location in locations if (key := self._place.key(location)) is not None}
        return {key for key in keys if key in self._histories and not self._histories[key][0].is_marker}

    def _newest(self, key: str) -> BinaryIO:
        return self._open(self._histories[key][0])

    def _names(self, version: Version, paths: Collection[str]) -> bool:
        if version.is_marker or not paths:
            return False
        try:
            return names_any(self._open(version), paths, self._place)
        except Unreadable as problem:
            # What went meanwhile names nothing any more.
            if problem.problem is not Problem.CHANGED:
                raise
            return False
