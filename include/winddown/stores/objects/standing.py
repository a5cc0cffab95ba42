"""Where the objects of one batch stand: their planned versions, what the order put on top, and what writers did.

The planned versions are named in the manifest. Whatever else is listed is ours or a writer's; a writer's wins.
"""

import hashlib
from typing import Any

from winddown.domain.batch import Batch
from winddown.domain.plan import Method, Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.objects.naming import Key
from winddown.stores.objects.versions import Version, histories_of

ORDER, SOURCE, DIGEST = "winddown-order", "winddown-source", "winddown-sha256"


class Standing:
    """The objects of a batch, as one client sees them; every method lists anew."""

    def __init__(self, client: Any, bucket: str, *, order: Order, batch: Batch) -> None:
        self._client = client
        self._bucket = bucket
        self._order = order
        self._keys: list[Key] = batch.keys.to_pylist()
        self._planned = {(key["object"], version) for key in self._keys for version in key["versions"]}
        self._told: dict[tuple[str, str], bool] = {}  # whether a version is ours, which never changes

    def look(self) -> list[tuple[Key, list[Version]]]:
        """Each key of the batch with its versions, the latest first."""
        grouped = histories_of(self._client, self._bucket, [key["object"] for key in self._keys], has_versions=True)
        return [(key, grouped.get(key["object"], [])) for key in self._keys]

    def whereabouts(self) -> Whereabouts:
        """Where the batch is as a whole."""
        places = {self.place(key, history) for key, history in self.look()}
        return places.pop() if len(places) == 1 else Whereabouts.MIXED

    def place(self, key: Key, history: list[Version]) -> Whereabouts:
        """Where one object is."""
        planned = set(key["versions"])
        left = {version.version_id for version in history} & planned
        if not history:
            return Whereabouts.GONE
        if self.foreign(key, history):
            return Whereabouts.MIXED
        if history[0].version_id in planned and history[0].is_latest:
            is_live = left == planned and history[0].version_id == key["version"]
            return Whereabouts.LIVE if is_live else Whereabouts.MIXED
        if left == planned:
            return Whereabouts.QUARANTINED
        # A lone marker of ours is the last step of a purge; a rewritten object stays as the survivors' home.
        is_survivors = self._order.method is Method.REWRITE_OBJECT
        return Whereabouts.GONE if not left and is_survivors else Whereabouts.MIXED

    def foreign(self, key: Key, history: list[Version]) -> list[Version]:
        """Versions that neither the plan knows nor this order made: somebody wrote after the plan."""
        return [version for version in _unplanned(key, history) if not self._is_ours(version)]

    def is_shown(self, key: Key, history: list[Version]) -> bool:
        """Whether a planned name is what readers get.

        A purge never comes to that, because what hides an object goes last. Somebody took it away; or wrote while the
        bucket's versions were suspended, and then the name ``null`` is another content's by now.
        """
        return bool(history) and not history[0].is_marker and history[0].version_id in key["versions"]

    def ours(self) -> list[Version]:
        """What this order put on top of objects of which every planned version is still there."""
        return [
            version
            for key, history in self.look()
            if set(key["versions"]) <= {found.version_id for found in history}
            for version in _unplanned(key, history)
            if self._is_ours(version)
        ]

    def is_as_before(self, key: Key, history: list[Version]) -> bool:
        """Whether every planned version is there, the latest one shows again, and nothing of ours is above it."""
        there, shows = {version.version_id for version in history}, any(version.is_latest for version in history)
        return set(key["versions"]) <= there and shows and not any(map(self._is_ours, _unplanned(key, history)))

    def doomed(self, key: Key, history: list[Version]) -> list[Version]:
        """Every planned version that is left, and of whole objects every marker above them."""
        is_whole, planned = self._order.method is Method.DELETE_MARKER, set(key["versions"])
        return [version for version in history if version.version_id in planned or (version.is_marker and is_whole)]

    def left(self) -> list[Version]:
        """All that is doomed and still listed."""
        return [version for key, history in self.look() for version in self.doomed(key, history)]

    def planned_count(self) -> int:
        """Number of versions that the manifest names."""
        return len(self._planned)

    def is_planned(self, version: Version) -> bool:
        """Whether the manifest names it."""
        return (version.key, version.version_id) in self._planned

    def _is_ours(self, version: Version) -> bool:
        # A marker carries nothing that says who set it; writers are told by their versions.
        if self._order.method is Method.DELETE_MARKER or version.is_marker:
            return version.is_marker and self._order.method is Method.DELETE_MARKER
        named = (version.key, version.version_id)
        if named not in self._told:
            self._told[named] = self._is_written_by_us(version)
        return self._told[named]

    def _is_written_by_us(self, version: Version) -> bool:
        head = self._client.head_object(Bucket=self._bucket, Key=version.key, VersionId=version.version_id)
        if head["Metadata"].get(ORDER) != self._order.id:
            return False
        # A writer may read our version, change it and write it back with its metadata.
        named = {"Bucket": self._bucket, "Key": version.key, "VersionId": version.version_id}
        return bool(head["Metadata"].get(DIGEST) == digest_of(self._client.get_object(**named)))


def digest_of(answer: dict[str, Any]) -> str:
    """The SHA-256 of what a request fetches, in hex; memory for a piece."""
    hasher = hashlib.sha256()
    for piece in answer["Body"].iter_chunks(1 << 20):
        hasher.update(piece)
    return hasher.hexdigest()


def _unplanned(key: Key, history: list[Version]) -> list[Version]:
    planned = set(key["versions"])
    return [version for version in history if version.version_id not in planned]
