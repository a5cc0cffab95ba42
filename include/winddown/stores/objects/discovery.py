"""Discovers a bucket in one pass over all versions in the order of keys; memory does not grow with the objects."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Fact
from winddown.ports import Discovery
from winddown.stores.objects.bucket_facts import bucket_facts, deletes_noncurrent, versioning
from winddown.stores.objects.faults import translated
from winddown.stores.objects.formats.problem import Problem
from winddown.stores.objects.gathering import Gathering, Looked, look, place_of
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.refusals import expiring, hidden, unknown_versioning, unnamed, unversioned
from winddown.stores.objects.report.listing import Listing
from winddown.stores.objects.versions import Version, by_key

UNNAMED = "null"  # the version of whatever was written while the bucket kept none
WINDOW = 256  # objects that are looked at together
_LOOKERS = 8
_SMALL = 1 << 20  # objects up to this size are read side by side; bigger ones one after another, to bound memory


def discover_bucket(
    store: str,
    client: Any,
    bucket: str,
    *,
    remember: Callable[[Version, str | None], None],
    report: Listing | None = None,
) -> Discovery:
    """List all folders; formats are found by content, and what is not understood becomes a blocker.

    ``remember`` is told the format of every live version. A ``report`` says in place of a listing which versions there
    are; each is still looked at in the bucket, and those that went since then are a fact.
    """
    with translated(store, "listing"):
        state, refusal = versioning(client, bucket)
        found = _Bucket(store, client, bucket, remember, is_reported=report is not None)
        histories = by_key(client, bucket) if report is None else report.by_key()
        with ThreadPoolExecutor(max_workers=_LOOKERS) as pool:
            while window := list(islice(histories, WINDOW)):
                found.add(window, pool)
        is_expiring = deletes_noncurrent(client, bucket)
        facts = [Fact(store, "versioning", state.lower()), *bucket_facts(client, bucket, store)]
    if report is not None:
        facts += [*report.facts, Fact(store, "gone-since-report", str(found.gone))]
    blockers: list[Blocker] = []
    if refusal:
        blockers.append(unknown_versioning(store, refusal))
    elif state != "Enabled":
        blockers.append(unversioned(store))
    else:
        blockers += [unnamed(store, *each) for each in sorted(found.unnamed.items())]
    if is_expiring:
        blockers.append(expiring(store))
    return Discovery(
        tuple(found.gathering.collections()),
        (*blockers, *found.gathering.blockers(), *(hidden(store, folder) for folder in sorted(found.deleted))),
        (*facts, *found.facts(), *found.gathering.facts()),
    )


class _Bucket:
    """What was seen so far."""

    def __init__(
        self,
        store: str,
        client: Any,
        bucket: str,
        remember: Callable[[Version, str | None], None],
        *,
        is_reported: bool,
    ) -> None:
        self.gathering = Gathering(store)
        self.deleted: set[str] = set()
        self.gone = 0
        self._store, self._client, self._bucket = store, client, bucket
        self._remember, self._is_reported = remember, is_reported
        self.unnamed: Counter[str] = Counter()
        self._locks: Counter[str] = Counter()
        self._markers = self._older = 0

    def add(self, window: list[list[Version]], pool: ThreadPoolExecutor) -> None:
        """Look at the live objects of these histories."""
        for history in window:
            self._markers += sum(version.is_marker for version in history)
            self._older += len(history) - 1
            if history[0].is_marker:
                self.deleted.add(place_of(history[0].key).folder)
        live = [history for history in window if not history[0].is_marker]
        small = iter(list(pool.map(self._look, [history[0] for history in live if history[0].size <= _SMALL])))
        for history in live:
            version = history[0]
            looked, attributes = next(small) if version.size <= _SMALL else self._look(version)
            if self._is_reported and looked.problem is not None and looked.problem.problem is Problem.CHANGED:
                self.gone += 1
                continue
            self._remember(version, looked.format)
            if attributes.get("ObjectLockLegalHoldStatus") == "ON":
                self._locks["under a legal hold"] += 1
            if attributes.get("ObjectLockMode"):
                self._locks[f"in {attributes['ObjectLockMode'].lower()} retention"] += 1
            if version.version_id == UNNAMED:
                self.unnamed[place_of(version.key).folder] += 1
            named = sorted([found.key, found.version_id, found.etag] for found in history)
            self.gathering.add(version.key, version.size, looked, history=named, storage_class=version.storage_class)

    def facts(self) -> Iterable[Fact]:
        """Counts over the whole bucket; locks are those of current versions."""
        locks = ", ".join(f"{count} {what}" for what, count in sorted(self._locks.items()))
        yield Fact(self._store, "locked-objects", locks or "none")
        yield Fact(self._store, "delete-markers", str(self._markers))
        yield Fact(self._store, "older-versions", str(self._older))

    def _look(self, version: Version) -> tuple[Looked, dict[str, Any]]:
        source = ObjectFile(self._store, self._client, bucket=self._bucket, version=version)
        return look(source, version.size), source.attributes  # type: ignore[arg-type]
