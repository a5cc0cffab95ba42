"""S3-compatible object storage as a store.

Quarantine of whole objects is a delete marker; of rows inside an object, or of fields of them, a new version without.
The planned versions, named one by one in the approved manifest, stay until purge, which deletes exactly those. Where a
bucket never kept versions, an encrypted copy comes first (``unversioned``). A writer that comes in between wins: the
order is refused and planned again, never overwritten.

Collections are folders: all objects with the same dirname and format, partitions (``name=value``) with their parent.
Reading and rewriting hold a batch at a time, not an object.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from winddown.archive.customer_key import CustomerKey
from winddown.archive.escrow import Escrow
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.inventory import Collection, CollectionRef, Medium
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import Discovery, Document, Notes
from winddown.stores.objects import formats
from winddown.stores.objects.abilities import Abilities, remove_probes
from winddown.stores.objects.bucket_facts import NEVER, versioning
from winddown.stores.objects.deleting import KEPT, Account, Deletion, Refusals, account
from winddown.stores.objects.discovery import Source, discover_bucket
from winddown.stores.objects.faults import PASSING_CODES, translated
from winddown.stores.objects.last_acts import LastActs, Unlock
from winddown.stores.objects.lifecycle import interfering, switch
from winddown.stores.objects.located import LOCATORS
from winddown.stores.objects.locks import Lock, has_locks, locks_of
from winddown.stores.objects.naming import Key, grouped, keys_by_content, keys_by_versions, planned
from winddown.stores.objects.noted import NoNotes
from winddown.stores.objects.policy import deny_writes, policy_without_freeze, put_policy
from winddown.stores.objects.reading import Reading
from winddown.stores.objects.refusals import (
    fields_of_table,
    needs_catalogue,
    read_only,
    table_without_versions,
    unusable_report,
)
from winddown.stores.objects.report.listing import Listing, ReportPlace, read_report
from winddown.stores.objects.reversible import require_reversible
from winddown.stores.objects.rewriting import Rewriting
from winddown.stores.objects.standing import Standing
from winddown.stores.objects.tables.acts import TableActs
from winddown.stores.objects.tables.catalogue import OpenCatalogue
from winddown.stores.objects.tables.keys import keys_of
from winddown.stores.objects.tables.registry import Tables, is_table, kind_of
from winddown.stores.objects.tables.roots import Kind
from winddown.stores.objects.unversioned import METHODS, Unversioned
from winddown.stores.objects.uploading import abort_uploads
from winddown.stores.objects.versions import Version
from winddown.stores.retrying import Backoff

_LIVE = Whereabouts.LIVE
_PATIENCE = Backoff(time.sleep)


class S3Store(LastActs):
    """One bucket.

    Args:
        reader: client with the reading credential.
        unlock: exchanges an authorization for a client with the credential of its power; spends it.
        escrow: of this store, for what is set aside outside the bucket, and for temporary files; None where the store
            is only read.
        report: where an S3 Inventory of the bucket is delivered, for ``discover_reported``.
        catalogue: opens the catalogue of the bucket's Iceberg tables; None where none is declared, and rows of these
            cannot be destroyed then.
        key: of the company's, under which the objects lie, for ``LastActs``; the clients that are given send it.
        notes: opens what earlier looks found, so that objects which did not change are not fetched again.
        backoff: how long to wait for a service that throttles a deletion or breaks it off.
    """

    methods = frozenset({Method.REWRITE_OBJECT, Method.DELETE_MARKER, Method.COMMIT_TABLE, *METHODS})

    def __init__(
        self,
        name: str,
        *,
        bucket: str,
        reader: Any,
        unlock: Unlock,
        escrow: Escrow | None = None,
        report: ReportPlace | None = None,
        catalogue: OpenCatalogue | None = None,
        key: CustomerKey | None = None,
        notes: Callable[[], Notes] = NoNotes,
        backoff: Backoff = _PATIENCE,
    ) -> None:
        super().__init__(name, bucket=bucket, reader=reader, unlock=unlock, key=key)
        self._escrow = escrow
        self._report = report
        self._tables = Tables(name, bucket, catalogue)
        self._notes = notes
        self._backoff = backoff
        self._abilities = Abilities(bucket)
        self._reading = Reading(
            name, reader, bucket, place=self._identity(reader), notes=notes, tables=self._tables.of(reader)
        )

    # -- reading -------------------------------------------------------------------------------------------------

    def discover(self) -> Discovery:
        """List all folders; formats are found by content, and what is not understood becomes a blocker."""
        return self._discover(None)

    def discover_reported(self) -> Discovery | None:
        """As ``discover``, over the versions of the declared S3 Inventory report; None when none is declared.

        A report that cannot be used is a blocker for the whole store.
        """
        if self._report is None:
            return None
        try:
            listing = read_report(self.name, self._reader, self._bucket, self._report)
        except Refused as error:
            return Discovery((), (unusable_report(self.name, error.message, error.next_step),))
        with listing:
            return self._discover(listing)

    def _discover(self, report: Listing | None) -> Discovery:
        place = self._identity(self._reader)
        source = Source(
            self.name,
            self._reader,
            self._bucket,
            place,
            self._notes,
            self._reading.remember,
            self._tables.of(self._reader),
        )
        found = discover_bucket(source, report=report)
        self._reading.close_notes()
        return replace(found, identity=place)

    def locators(self, collection: Collection) -> tuple[str, ...]:  # noqa: ARG002 - the same for every folder
        """Object, version (or tag) and row number name a record exactly, whatever its fields hold."""
        return LOCATORS

    def read(
        self,
        collection: Collection,
        *,
        fields: Sequence[str] | None = None,
        bound: bool = False,  # noqa: ARG002 - the version binds the content
    ) -> Iterator[pa.RecordBatch]:
        """Yield all rows of all objects, or one row an opaque object; values as text."""
        return self._reading.rows(collection, fields)

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield every field of all rows in the files' own types; of opaque objects, what their contents say."""
        return self._reading.cells(collection)

    def documents(self, collection: Collection, notes: Notes) -> Iterator[Document]:
        """Yield each opaque object; what it says is read unless a note is recalled."""
        return self._reading.documents(collection, notes)

    def older(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield the rows of every version below the current one; a version that cannot be read raises Refused."""
        return self._reading.older(collection)

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the rows that the batch names, from the planned versions."""
        return self._reading.fetch(collection, batch, fields)

    def content(self, collection: Collection) -> Iterator[bytes]:
        """Yield the newest object's content by name, in pieces of a mebibyte."""
        return self._reading.content(collection)

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """One key an object: all versions that it has, or its tag and content where it has none; and row numbers.

        Of a table, also what its log says of the file, and a part of the table's past, which goes along.
        """
        rows, has_rows = pa.concat_tables(located), collection.medium is not Medium.OBJECTS
        with translated(self.name, "naming objects"):
            if collection.format in set(Kind):
                table = self._tables.of(self._reader)(collection.ref, collection.format)
                yield keys_of(table, *grouped(rows), size=size)
            elif self._keeps_versions():
                yield keys_by_versions(self._reader, self._bucket, rows, size=size, has_rows=has_rows)
            else:
                yield keys_by_content(self.name, self._reader, self._bucket, rows, size=size, has_rows=has_rows)

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """Whole objects are hidden, or go into escrow; rows and fields by a rewrite, those of a table by a commit."""
        with translated(self.name, "asking for versioning"):
            keeps_versions = self._keeps_versions()
        if collection.format in set(Kind):
            if collection.format == Kind.ICEBERG and not self._tables.are_registered(self._reader, collection.ref):
                return needs_catalogue(collection.ref)
            if act is Act.MINIMISE:
                return fields_of_table(collection.ref)
            # A snapshot under a tag keeps what an Iceberg table's catalogue took out; nothing but versions does for
            # Delta.
            is_kept = keeps_versions or collection.format == Kind.ICEBERG
            return Method.COMMIT_TABLE if is_kept else table_without_versions(collection.ref)
        if act is Act.ERASE and (whole or collection.medium is Medium.OBJECTS):
            return Method.DELETE_MARKER if keeps_versions else Method.ESCROW_OBJECT
        if collection.format not in formats.REWRITABLE:
            return read_only(collection.ref, collection.format)
        return Method.REWRITE_OBJECT if keeps_versions else Method.ESCROW_AND_REWRITE

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Compare each object's history with the planned versions; without versions, its content and the escrow."""
        with translated(self.name, f"locating {order.id}"):
            if order.method is Method.COMMIT_TABLE:
                return self._acts(self._reader, order, batch, power=None).whereabouts()
            if order.method in METHODS:
                return self._unversioned(self._reader, order, batch).whereabouts()
            return self._standing(self._reader, order, batch).whereabouts()

    # -- effects -------------------------------------------------------------------------------------------------

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Hide each object, or put a version without the rows or fields on top; or copy it, then delete or rewrite."""
        client = self._open(authorization, Power.QUARANTINE, order, batch)
        receipt = Receipt("quarantine", order.id, batch.index, batch.records, (("method", order.method.value),))
        if order.method in METHODS:
            with translated(self.name, f"quarantine of {order.id}"):
                self._unversioned(client, order, batch).quarantine()
            return receipt
        with translated(self.name, f"quarantine of {order.id}"):
            is_in_table = order.method is Method.COMMIT_TABLE
            is_kept = is_in_table and kind_of(batch) is Kind.ICEBERG
            require_reversible(
                client, self._reader, self._bucket, order=order, abilities=self._abilities, is_kept=is_kept
            )
            if is_in_table:
                self._acts(client, order, batch, power=Power.QUARANTINE).quarantine()
                return receipt
            standing = self._standing(client, order, batch)
            pending = []
            for key, history in standing.look():
                place = standing.place(key, history)
                if place is Whereabouts.QUARANTINED:
                    continue
                if place is not Whereabouts.LIVE:
                    raise _overtaken(order, batch)
                pending.append(key)
            if order.method is Method.DELETE_MARKER:
                self._hide(client, standing, [key["object"] for key in pending])
            else:
                self._rewrite(client, order, pending)
            self._yield_to_writers(client, standing, order, batch)
        return receipt

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Remove our markers or our versions, so that the planned version is the latest again; or write it again.

        An object that was overwritten meanwhile keeps the newer version on top. Every object that still can be is
        restored, before Residual is raised for those that cannot. The receipt names attributes that the service did
        not keep of what was written again.
        """
        client = self._open(authorization, Power.RESTORE, order, batch)
        if order.method in METHODS:
            with translated(self.name, f"restore of {order.id}"):
                changed = self._unversioned(client, order, batch).restore()
            details = (("not_kept", ", ".join(changed)),) if changed else ()
            return Receipt("restore", order.id, batch.index, batch.records, details)
        with translated(self.name, f"restore of {order.id}"):
            if order.method is Method.COMMIT_TABLE:
                self._acts(client, order, batch, power=Power.RESTORE).restore()
                return Receipt("restore", order.id, batch.index, batch.records)
            standing = self._standing(client, order, batch)
            self._take_back(client, standing)
            if not all(standing.is_as_before(key, history) for key, history in standing.look()):
                raise Residual(f"order {order.id} batch {batch.index}: an object can no longer be restored whole")
        return Receipt("restore", order.id, batch.index, batch.records)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Delete every planned version and then our markers, listing again until nothing of them is left.

        The receipt accounts for every planned version: ``ordered = purged + held + locked + failed``. Unless all are
        purged, or locked under an order that may leave these, Residual is raised in its place and says the same.
        Without versions, the copies are destroyed.
        """
        client = self._open(authorization, Power.PURGE, order, batch)
        if order.method in METHODS:
            with translated(self.name, f"purge of {order.id}"):
                self._unversioned(client, order, batch).purge()
            details = Account(batch.keys.num_rows).details()
            return Receipt("purge", order.id, batch.index, batch.records, details)
        with translated(self.name, f"purge of {order.id}"):
            if order.method is Method.COMMIT_TABLE:
                acts = self._acts(client, order, batch, power=Power.PURGE)
                found = self._destroy(client, order, batch, acts.doomed(), acts)
                details = (*found.details(), ("log_versions_deleted", str(acts.end_history())))
                return Receipt("purge", order.id, batch.index, batch.records, details)
            standing = self._standing(client, order, batch)
            doomed: list[Version] = []
            for key, history in standing.look():
                place = standing.place(key, history)
                if place is Whereabouts.LIVE:
                    raise Refused(f"order {order.id} batch {batch.index} is not in quarantine", rule="quarantine first")
                if standing.foreign(key, history) or standing.is_shown(key, history):
                    raise _overtaken(order, batch)
                doomed += standing.doomed(key, history)
            found = self._destroy(client, order, batch, doomed, standing)
        return Receipt("purge", order.id, batch.index, batch.records, found.details())

    # -- abilities -----------------------------------------------------------------------------------------------

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:  # noqa: ARG002
        """The bucket's policy without our statement, and the lifecycle rules to pause, also those paused earlier."""
        with translated(self.name, "reading policy and lifecycle"):
            before = policy_without_freeze(self._reader, self._bucket)
            found = interfering(self._reader, self._bucket)
        paused = sorted({*found, *(() if earlier is None else _paused(earlier))})
        return Receipt("freeze", self.name, 0, 1, (("policy", before), ("paused_rules", json.dumps(paused))))

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Pause lifecycle rules, and deny writes by policy for everybody but users named ``winddown-…``.

        A service that cannot tell users apart would lock us out with the rest, and then nothing could be restored: so
        a probe is written afterwards, and when that is denied the old policy comes back and nothing counts as frozen.
        """
        authorization.require(Power.FREEZE, store=self.name)
        client = self._same(authorization, self._unlock(authorization))
        with translated(self.name, "freezing"):
            switch(client, self._bucket, _paused(remembered), on=False)
            holds = deny_writes(client, self._bucket, dict(remembered.details)["policy"])
        return Receipt("freeze", self.name, 0, int(holds), remembered.details)

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Put the old policy back, and let paused rules go on."""
        authorization.require(Power.RESTORE, store=self.name)
        client = self._same(authorization, self._unlock(authorization))
        with translated(self.name, "thawing"):
            put_policy(client, self._bucket, dict(remembered.details)["policy"])
            switch(client, self._bucket, _paused(remembered), on=True)
        return remembered

    def sanitise(
        self,
        authorization: Authorization,
        collections: Sequence[CollectionRef],
        *,
        settled: Sequence[OrderId] = (),  # noqa: ARG002 - nothing is written down here but where records are
    ) -> Receipt:
        """Abort the multipart uploads that lie in the purged folders, and remove what killed trials left behind.

        The service's medium is not reached.
        """
        authorization.require(Power.SANITISE, store=self.name)
        client = self._same(authorization, self._unlock(authorization))
        with translated(self.name, "aborting uploads"):
            aborted = sum(
                abort_uploads(client, self._bucket, ref, below=is_table(client, self._bucket, ref))
                for ref in collections
            )
            remove_probes(client, self._bucket)
        details = (
            ("multipart_uploads_aborted", str(aborted)),
            ("not_reached", "the service's disks, replicas, inventory and access logs"),
        )
        return Receipt("sanitise", self.name, 0, len(collections), details)

    # -- pieces --------------------------------------------------------------------------------------------------

    def _standing(self, client: Any, order: Order, batch: Batch) -> Standing:
        return Standing(client, self._bucket, order=order, batch=batch)

    def _acts(self, client: Any, order: Order, batch: Batch, *, power: Power | None) -> TableActs:
        return TableActs(
            self._tables.planned(client, order.collection, batch, power=power),
            client,
            self._bucket,
            order=order,
            batch=batch,
            deletion=self._deletion(client, order),
            backoff=self._backoff,
            spool=lambda: self._the_escrow().spool(),
        )

    def _deletion(self, client: Any, order: Order) -> Deletion:
        return Deletion(client, self._bucket, backoff=self._backoff, bypass=order.bypasses_governance)

    def _destroy(
        self, client: Any, order: Order, batch: Batch, doomed: list[Version], planned: "Standing | TableActs"
    ) -> Account:
        """Delete versions and then markers until nothing of them is listed; raise unless all of it went.

        Markers go last, once every version is gone: whether killed in between or denied a single version, no
        half-purged object shows again. Where locked versions may stay, the marker on top of each goes on hiding it.
        """
        deletion = self._deletion(client, order)
        left, refused = deletion.until_gone(doomed, planned.left, only=_is_content)
        locked = self._left_locked(client, order, refused)
        hidden = {version.key for version in locked}
        if len(locked) == len(refused):
            left, refused = deletion.until_gone(
                left, planned.left, only=lambda found: found.is_marker and not (found.is_latest and found.key in hidden)
            )
        kept = {version: refused.get(version, KEPT) for version in left if planned.is_planned(version)}
        found = account(planned.planned_count(), kept, self._locks(client, kept))
        hiding = sum(version.is_marker and version.is_latest and version.key in hidden for version in left)
        may_stay = order.leaves_locked and not (found.held or found.failed) and len(left) == found.locked + hiding
        if left and not may_stay:
            above = len(left) - len(kept)
            is_passing = set(refused.values()) <= PASSING_CODES
            raise (Transient if is_passing else Residual)(
                f"order {order.id} batch {batch.index}: {found}" + (f"; {above} markers stay" if above else ""),
                rule="every key is accounted for",
                next_step="look for object locks, legal holds or missing rights, then clear the task",
            )
        return found

    def _left_locked(self, client: Any, order: Order, refused: Refusals) -> set[Version]:
        """Those of the refused versions that the order may leave: a retention keeps them, and no legal hold."""
        if not order.leaves_locked:
            return set()
        return {version for version, lock in self._locks(client, refused).items() if lock.mode and not lock.is_held}

    def _unversioned(self, client: Any, order: Order, batch: Batch) -> Unversioned:
        return Unversioned(
            self.name,
            client,
            self._bucket,
            order=order,
            batch=batch,
            escrow=self._the_escrow(),
            abilities=self._abilities,
            backoff=self._backoff,
        )

    def _the_escrow(self) -> Escrow:
        if self._escrow is None:
            raise Refused(f"store {self.name} is only read", rule="copy first")
        return self._escrow

    def _keeps_versions(self) -> bool:
        """Whether the bucket keeps versions; False only where it never did."""
        return versioning(self._reader, self._bucket)[0] != NEVER

    def _locks(self, client: Any, versions: Iterable[Version]) -> dict[Version, Lock]:
        return locks_of(client, self._bucket, versions) if has_locks(client, self._bucket) else {}

    def _hide(self, client: Any, standing: Standing, keys: list[str]) -> None:
        """Put markers on top; where an answer was lost, look before another one is put."""
        deletion = Deletion(client, self._bucket, backoff=self._backoff)
        for failed in range(1, self._backoff.attempts + 1):
            refused = deletion.hide(keys)
            final = sorted(set(refused.values()) - PASSING_CODES)
            if final:
                raise Residual(
                    f"store {self.name} did not hide {len(refused)} of {len(keys)} objects ({', '.join(final)})",
                    next_step="look for missing rights; what was hidden can be restored",
                )
            if not refused:
                return
            self._backoff.sleep(self._backoff.wait_seconds(failed))
            live = {key["object"] for key, history in standing.look() if standing.place(key, history) is _LIVE}
            keys = [key for key in keys if key in live]
        raise Transient(f"store {self.name} is not available: {len(keys)} objects could not be hidden")

    def _rewrite(self, client: Any, order: Order, keys: list[Key]) -> None:
        rewriting = Rewriting(
            self.name, client, self._bucket, order=order, abilities=self._abilities, escrow=self._the_escrow()
        )
        for key in keys:
            rewriting.rewrite(key, *planned(client, self._bucket, key))

    def _yield_to_writers(self, client: Any, standing: Standing, order: Order, batch: Batch) -> None:
        """Look again after acting; when a writer came in between, take back what was put on top of its version."""
        found = standing.look()
        if any(standing.foreign(key, history) for key, history in found):
            self._take_back(client, standing)
            raise _overtaken(order, batch)
        if any(standing.place(*each) is not Whereabouts.QUARANTINED for each in found):
            raise Residual(f"order {order.id} batch {batch.index}: a planned version vanished during the quarantine")

    def _take_back(self, client: Any, standing: Standing) -> None:
        """Delete what this order put on top of objects of which every planned version is still there."""
        deletion = Deletion(client, self._bucket, backoff=self._backoff)
        left, refused = deletion.until_gone(standing.ours(), standing.ours, one_by_one=True)
        if left:
            codes = ", ".join(sorted(set(refused.values())))
            raise Residual(
                f"store {self.name} did not take back {len(left)} versions ({codes})",
                next_step="look for object locks, legal holds or missing rights",
            )

    def _open(self, authorization: Authorization, power: Power, order: Order, batch: Batch) -> Any:
        authorization.require(power, store=self.name, target=order.id, batch_digest=batch.digest)
        return self._same(authorization, self._unlock(authorization))


def _paused(remembered: Receipt) -> tuple[str, ...]:
    return tuple(json.loads(dict(remembered.details).get("paused_rules", "[]")))


def _is_content(version: Version) -> bool:
    return not version.is_marker


def _overtaken(order: Order, batch: Batch) -> Refused:
    return Refused(
        f"order {order.id} batch {batch.index}: an object changed after the plan was made",
        rule="a writer wins",
        next_step="plan the wave again",
    )
