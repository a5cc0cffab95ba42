"""Writes what the catalogue of an Iceberg table is asked to let count: manifests, lists of them, and the commit itself.

Manifests are written by ``pyiceberg`` from the entries that were there: a file that stays keeps all that is said of it,
its sequence number included. A file that leaves is not named as deleted, because its smallest and largest values would
stand there for as long as the snapshot does; for the same reason nothing that left before is named any more.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

import pyarrow.parquet as pq
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, SnapshotSummaryCollector, Summary, update_snapshot_summaries
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertRefSnapshotId,
    AssertTableUUID,
    RemovePartitionStatisticsUpdate,
    RemoveSnapshotRefUpdate,
    RemoveSnapshotsUpdate,
    RemoveStatisticsUpdate,
    SetSnapshotRefUpdate,
    TableRequirement,
    TableUpdate,
)

from winddown.domain.plan import OrderId
from winddown.stores.objects.formats.columnar import opened, translated
from winddown.stores.objects.tables.catalogue import Survivors
from winddown.stores.objects.tables.iceberg_metadata import COMMIT, ORDER, OURS
from winddown.stores.objects.versions import Version

_CODEC: Final = "deflate"
_UNKNOWN = (
    "column_sizes",
    "value_counts",
    "null_value_counts",
    "nan_value_counts",
    "lower_bounds",
    "upper_bounds",
    "split_offsets",
)


class Commit:
    """One commit to a table, prepared from how it is now.

    Args:
        mark: what the names of all that is written begin with.
    """

    def __init__(self, table: Table, *, mark: str = OURS) -> None:
        self._table, self._name = table, f"{mark}-{uuid.uuid4()}"
        self._metadata, self._io, self._written = table.metadata, table.io, 0
        self._main = self._metadata.current_snapshot()
        self._updates: list[TableUpdate] = []
        self._refs: dict[str, int | None] = {MAIN_BRANCH: None if self._main is None else self._main.snapshot_id}

    def take_out(
        self,
        leaving: Mapping[str, Survivors | None],
        *,
        aside: str,
        order: OrderId,
        open_version: Callable[[Version], BinaryIO],
    ) -> bool:
        """Take files out of the table, and keep them under a tag with what it keeps already."""
        kept = self._metadata.snapshot_by_name(aside)
        before = [entry for _, entries in self._entries(kept) for entry in entries]
        out = [entry for entry in before if entry.data_file.file_path not in leaving]
        changes, main, manifests = SnapshotSummaryCollector(), self._new_id(), list[ManifestFile]()
        has_added = False
        for manifest, entries in self._entries(self._main):
            stay = [entry for entry in entries if _is_live(entry) and entry.data_file.file_path not in leaving]
            if len(stay) == len(entries):
                manifests.append(manifest)
                continue
            added: list[DataFile] = []
            for entry in entries:
                if not _is_live(entry) or entry.data_file.file_path not in leaving:
                    continue
                out.append(entry)
                self._count(changes.remove_file, entry.data_file)
                took = leaving[entry.data_file.file_path]
                if took is not None:
                    added.append(self._like(entry.data_file, took, open_version(took.version)))
                    self._count(changes.add_file, added[-1])
            has_added |= bool(added)
            manifests += self._manifests(main, existing=stay, added=added)
        number = self._new_id()
        # What is kept was in the table before: it gets the number before the table's next one.
        self._add(
            number,
            self._manifests(number, existing=out),
            Summary(Operation.APPEND, **{ORDER: order, COMMIT: str(main)}),
            later=0,
        )
        self._updates.append(SetSnapshotRefUpdate(ref_name=aside, type=SnapshotRefType.TAG, snapshot_id=number))
        self._refs[aside] = None if kept is None else kept.snapshot_id
        if kept is not None:
            self._updates.append(RemoveSnapshotsUpdate(snapshot_ids=[kept.snapshot_id]))
        self._add_main(main, manifests, changes, Operation.OVERWRITE if has_added else Operation.DELETE)
        return self._send()

    def put_back(self, returning: Collection[str], *, aside: str, leaving: Collection[str]) -> bool:
        """Put files that a tag keeps into the table again, in place of others."""
        changes, main, manifests = SnapshotSummaryCollector(), self._new_id(), list[ManifestFile]()
        for manifest, entries in self._entries(self._main):
            stay = [entry for entry in entries if _is_live(entry) and entry.data_file.file_path not in leaving]
            if len(stay) == sum(map(_is_live, entries)):
                manifests.append(manifest)
                continue
            for entry in entries:
                if _is_live(entry) and entry.data_file.file_path in leaving:
                    self._count(changes.remove_file, entry.data_file)
            manifests += self._manifests(main, existing=stay)
        kept = self._metadata.snapshot_by_name(aside)
        back = [e for _, entries in self._entries(kept) for e in entries if e.data_file.file_path in returning]
        for entry in back:
            self._count(changes.add_file, entry.data_file)
        manifests += self._manifests(main, existing=back)
        self._refs[aside] = None if kept is None else kept.snapshot_id
        self._add_main(main, manifests, changes, Operation.OVERWRITE)
        return self._send()

    def expire(self, *, without: str) -> bool:
        """Forget every snapshot but the current one and those of our tags, ``without`` one of them."""
        keep = {ref.snapshot_id for name, ref in self._metadata.refs.items() if name.startswith(OURS)}
        keep.add(-1 if self._main is None else self._main.snapshot_id)
        if without in self._metadata.refs:
            keep.discard(self._metadata.refs[without].snapshot_id)
            self._updates.append(RemoveSnapshotRefUpdate(ref_name=without))
        self._forget([each.snapshot_id for each in self._metadata.snapshots if each.snapshot_id not in keep])
        return self._send()

    def forget(self, tag: str) -> bool:
        """Forget one of our tags and its snapshot."""
        if tag in self._metadata.refs:
            self._updates.append(RemoveSnapshotRefUpdate(ref_name=tag))
            self._forget([self._metadata.refs[tag].snapshot_id])
        return self._send()

    # -- pieces --------------------------------------------------------------------------------------------------

    def _send(self) -> bool:
        if not self._updates:
            return True
        requirements: tuple[TableRequirement, ...] = (
            AssertTableUUID(uuid=self._metadata.table_uuid),
            *(AssertRefSnapshotId(ref=name, snapshot_id=found) for name, found in self._refs.items()),
        )
        catalogue = self._table.catalog
        try:
            catalogue.commit_table(self._table, requirements, tuple(self._updates))
        except CommitFailedException:
            return False
        except ValueError:
            # What is to be forgotten is already, where the same was done at the same time.
            if catalogue.load_table(self._table.name()).metadata_location == self._table.metadata_location:
                raise
            return False
        return True

    def _forget(self, snapshots: Sequence[int]) -> None:
        gone, metadata = set(snapshots), self._metadata
        for each in metadata.statistics:
            if each.snapshot_id in gone:
                self._updates.append(RemoveStatisticsUpdate(snapshot_id=each.snapshot_id))
        for part in metadata.partition_statistics:
            if part.snapshot_id in gone:
                self._updates.append(RemovePartitionStatisticsUpdate(snapshot_id=part.snapshot_id))
        if snapshots:
            self._updates.append(RemoveSnapshotsUpdate(snapshot_ids=list(snapshots)))

    def _entries(self, snapshot: Snapshot | None) -> Iterator[tuple[ManifestFile, list[ManifestEntry]]]:
        """Each manifest of a snapshot, one after another, with all that it names, what was deleted included."""
        for manifest in [] if snapshot is None else snapshot.manifests(self._io):
            yield manifest, manifest.fetch_manifest_entry(self._io, discard_deleted=False)

    def _manifests(
        self, snapshot: int, *, existing: Sequence[ManifestEntry], added: Sequence[DataFile] = ()
    ) -> list[ManifestFile]:
        """Write manifests of these, one for each way in which their files are partitioned."""
        by_spec: dict[int, tuple[list[ManifestEntry], list[DataFile]]] = defaultdict(lambda: ([], []))
        for entry in existing:
            by_spec[entry.data_file.spec_id][0].append(entry)
        for file in added:
            by_spec[file.spec_id][1].append(file)
        found = []
        for spec_id, (old, new) in by_spec.items():
            spec, schema = self._metadata.specs()[spec_id], self._metadata.schema()
            version = self._metadata.format_version
            with write_manifest(version, spec, schema, self._output(), snapshot, _CODEC) as writer:
                for entry in old:
                    writer.existing(entry)
                for file in new:
                    writer.add(ManifestEntry.from_args(sequence_number=None, data_file=file))
            found.append(writer.to_manifest_file())
        return found

    def _add(
        self,
        number: int,
        manifests: list[ManifestFile],
        summary: Summary,
        *,
        later: int,
        parent: int | None = None,
    ) -> None:
        """Write a list of manifests, and let the commit add a snapshot of it."""
        sequence = self._metadata.next_sequence_number()
        sequence += later if self._metadata.format_version > 1 else 0
        target = self._output()
        with write_manifest_list(self._metadata.format_version, target, number, parent, sequence, _CODEC) as writer:
            writer.add_manifests(manifests)
        snapshot = Snapshot(
            snapshot_id=number,
            parent_snapshot_id=parent,
            sequence_number=sequence,
            manifest_list=target.location,
            summary=summary,
            schema_id=self._metadata.current_schema_id,
        )
        self._updates.append(AddSnapshotUpdate(snapshot=snapshot))

    def _add_main(
        self, number: int, manifests: list[ManifestFile], changes: SnapshotSummaryCollector, operation: Operation
    ) -> None:
        main = self._main
        before = None if main is None or main.summary is None else main.summary.additional_properties
        summary = update_snapshot_summaries(Summary(operation, **changes.build()), before)
        later = int(bool(self._updates))
        self._add(number, manifests, summary, later=later, parent=None if main is None else main.snapshot_id)
        self._updates.append(
            SetSnapshotRefUpdate(ref_name=MAIN_BRANCH, type=SnapshotRefType.BRANCH, snapshot_id=number)
        )

    def _like(self, old: DataFile, survivors: Survivors, source: BinaryIO) -> DataFile:
        """What a manifest says of the file that takes another one's place."""
        found = DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=survivors.location,
            file_format=FileFormat.PARQUET,
            partition=old.partition,
            file_size_in_bytes=survivors.version.size,
            key_metadata=None,
            equality_ids=None,
            sort_order_id=old.sort_order_id,
            **self._statistics(source),
        )
        found.spec_id = old.spec_id
        return found

    def _statistics(self, source: BinaryIO) -> dict[str, Any]:
        """Statistics as the table's properties want them, from the file's own.

        Of a file whose columns are named or typed otherwise than the schema says, the number of rows alone: a reader
        looks into it then, which is never wrong.
        """
        schema = self._metadata.schema()
        with translated(source, "Parquet"):
            footer = pq.read_metadata(opened(source))
        try:
            plan = compute_statistics_plan(schema, self._metadata.properties)
            found = data_file_statistics_from_parquet_metadata(footer, plan, parquet_path_to_id_mapping(schema))
            return found.to_serialized_dict()
        except (KeyError, ValueError, TypeError):
            return {"record_count": footer.num_rows, **dict.fromkeys(_UNKNOWN)}

    def _count(self, change: Callable[..., None], file: DataFile) -> None:
        change(file, self._metadata.schema(), self._metadata.specs()[file.spec_id])

    def _output(self) -> Any:
        self._written += 1
        folder = self._metadata.location.rstrip("/")
        return self._io.new_output(f"{folder}/metadata/{self._name}-{self._written}.avro")

    def _new_id(self) -> int:
        return self._metadata.new_snapshot_id()


def _is_live(entry: ManifestEntry) -> bool:
    return entry.status is not ManifestEntryStatus.DELETED
