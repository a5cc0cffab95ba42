"""Delta tables: one collection each, erased as a version of the table, and without a history after purge."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pytest
from deltalake import WriterProperties
from deltalake.exceptions import DeltaError

from winddown.domain.authorization import Power
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import Medium
from winddown.domain.plan import Act, Method
from winddown.domain.receipt import Whereabouts
from winddown.ports import SupportsVersions, ability
from winddown.stages import safeguards

from .delta_subject import DeltaFiles, Lake, customers
from .desk import Desk
from .s3_services import Interrupted
from .s3_subject import FOLDER, Unversioned
from .subject import names_of, read_all, work
from .suite import EffectSuite, FieldSuite, ReadingSuite, where

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE


@pytest.fixture
def subject(client: Any, desk: Desk) -> Iterator[DeltaFiles]:
    found = DeltaFiles(client, desk)
    yield found
    found.bucket.remove()


class TestDelta(ReadingSuite, FieldSuite, EffectSuite):
    pass


def test_a_table_is_one_collection_with_the_fields_of_its_schema(subject: DeltaFiles) -> None:
    discovery = subject.store.discover()
    assert discovery.blockers == ()
    (collection,) = discovery.collections
    assert (collection.ref, collection.format, collection.medium) == (subject.ref, "delta", Medium.ROW_FILES)
    assert [(field.name, field.type) for field in collection.fields] == [
        ("id", "long"),
        ("姓名", "string"),
        ("city", "string"),
        ("born", "date"),
        ("note", "string"),
    ]
    assert collection.record_count == 13
    rows = [row for batch in subject.store.read(collection) for row in batch.to_pylist()]
    assert {(row["id"], row["city"], row["note"]) for row in rows} == {
        (str(row["id"]), row["city"], row["note"]) for row in subject.lake.rows()
    }
    for whole in (True, False):
        assert subject.store.method(collection, Act.ERASE, whole=whole) is Method.COMMIT_TABLE


def test_older_rows_are_those_of_the_tables_past(subject: DeltaFiles) -> None:
    versions = ability(subject.store, SupportsVersions)
    assert versions is not None
    rows = [row for batch in versions.older(subject.collection) for row in batch.to_pylist()]
    assert ("4", "as it was") in {(row["id"], row["note"]) for row in rows}
    assert "13" in {row["id"] for row in rows}, "the deleted one"


def test_restore_leaves_the_table_of_the_same_files(subject: DeltaFiles) -> None:
    planned, files = work(subject), subject.lake.files()
    objects = {key for key in subject.bucket.live() if "_delta_log" not in key}
    planned.act_all(QUARANTINE)
    assert subject.lake.files() != files
    planned.act_all(RESTORE)
    assert subject.lake.files() == files
    assert {key for key in subject.bucket.live() if "_delta_log" not in key} == objects
    assert not [key for key, *_ in subject.bucket.history() if "winddown-" in key], "nothing of ours is left"


def test_markers_that_lie_on_one_another_are_taken_off_together(subject: DeltaFiles) -> None:
    content, planned = subject.content(), work(subject)
    planned.act(QUARANTINE)
    for _ in range(3):
        subject.bucket.client.delete_object(
            Bucket=subject.bucket.name, Key=planned.batches[0].keys["object"][0].as_py()
        )
    planned.act(RESTORE)
    assert subject.content() == content


def test_purge_ends_the_history_in_every_byte(subject: DeltaFiles) -> None:
    names = names_of(subject, read_all(subject))
    gone = {"0", "3", "5", "6", "9", "12"}
    planned = work(subject, chosen=gone, size=100)
    planned.act_all(QUARANTINE)
    before = subject.lake.table().version()
    planned.act_all(PURGE)
    table = subject.lake.table()
    assert table.version() > before
    assert {str(row["id"]) for row in subject.lake.rows()} == set(names) - gone
    probes = [f"客户{name}".encode() for name in gone if name != "0"] + ["客户13".encode()]
    search = subject.inspector.search_bytes(probes)
    assert (search.reached, search.found, search.where) == (True, 0, ())
    live = subject.inspector.search_bytes(["客户11".encode()])
    assert live.found == 1, "what stays is seen, so the zero above says something"
    assert {key for key, *_ in subject.bucket.history() if "_delta_log" in key} == set(subject.lake.log())
    assert len(subject.lake.log()) == 2, "a commit and a checkpoint"
    objects = {key for key, *_ in subject.bucket.history() if "_delta_log" not in key}
    assert objects == subject.lake.files()
    with pytest.raises(DeltaError):
        subject.lake.table(version=before).to_pyarrow_table()
    subject.lake.write(customers(range(20, 22)))
    assert {str(row["id"]) for row in subject.lake.rows()} == {*names, "20", "21"} - gone


def test_a_writer_that_adds_rows_stays_and_one_that_takes_them_wins(subject: DeltaFiles) -> None:
    planned = work(subject)
    subject.acting = Interrupted(subject.acting, lambda: subject.lake.write(customers(range(30, 32))))
    planned.act(QUARANTINE)
    assert where(planned) is Whereabouts.QUARANTINED
    assert {"30", "31"} <= subject.content().keys()
    planned.act(PURGE)
    assert {"30", "31"} <= subject.content().keys()
    name = min(planned.names[1])
    subject.acting = Interrupted(subject.bucket.client, lambda: subject.alter(name))
    content = subject.content()
    with pytest.raises(Refused, match="changed after the plan"):
        planned.act(QUARANTINE, 1)
    altered: Any = content[name]
    assert subject.content() == {**content, name: {**altered, "note": "altered"}}


def test_a_checkpoint_and_a_clean_up_in_grace_leave_what_waits(subject: DeltaFiles) -> None:
    (metadata,) = [action["metaData"] for action in subject.lake.commits()[0] if "metaData" in action]
    settings = {**metadata["configuration"], "delta.deletedFileRetentionDuration": "interval 0 seconds"}
    subject.lake.commit([{"metaData": {**metadata, "configuration": settings}}])
    planned, content = work(subject, size=100), subject.content()
    for power, place in ((RESTORE, Whereabouts.LIVE), (PURGE, Whereabouts.GONE)):
        planned.act(QUARANTINE)
        time.sleep(0.01)  # tombstones of this moment are older than the table keeps them
        subject.lake.table().create_checkpoint()
        subject.lake.table().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        assert where(planned) is Whereabouts.QUARANTINED
        planned.act(power)
        assert where(planned) is place
        if power is RESTORE:
            assert subject.content() == content


def test_writers_of_rows_that_stay_do_not_keep_what_waits_from_its_purge(subject: DeltaFiles) -> None:
    planned = work(subject, chosen={"2"})
    planned.act(QUARANTINE)
    subject.alter("1")
    subject.lake.table().optimize.compact()
    subject.lake.table().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    content = subject.content()
    assert (where(planned), planned.set_aside(), planned.remaining()) == (Whereabouts.QUARANTINED, 1, 0)
    with pytest.raises(Residual, match="no longer be restored"):
        planned.act(RESTORE)
    assert subject.content() == content, "what a writer made of the rows that stay is his"
    planned.act(PURGE)
    assert (where(planned), planned.leftovers(), planned.remaining()) == (Whereabouts.GONE, 0, 0)
    assert subject.content() == content
    assert subject.inspector.search_bytes(["客户2".encode()]).found == 0


def test_a_big_file_goes_through_the_workspace_in_pieces(subject: DeltaFiles) -> None:
    class Watching:
        """Remembers the biggest piece that was sent, and whether anything big was fetched whole."""

        def __init__(self, client: Any) -> None:
            self._client, self.sent, self.fetched = client, 0, 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        def get_object(self, **request: Any) -> Any:
            answer = self._client.get_object(**request)
            self.fetched = max(self.fetched, answer["ContentLength"])
            return answer

        def put_object(self, **request: Any) -> Any:
            self.sent = max(self.sent, len(request["Body"]))
            return self._client.put_object(**request)

        def upload_part(self, **request: Any) -> Any:
            self.sent = max(self.sent, len(request["Body"]))
            return self._client.upload_part(**request)

    drawn = random.Random(7)  # noqa: S311 - no secret
    notes = [drawn.randbytes(1 << 19).hex() for _ in range(20)]
    rows = customers(range(100, 120)).set_column(4, "note", pa.array(notes))
    properties = WriterProperties(compression="UNCOMPRESSED", max_row_group_size=4)
    subject.lake.write(rows, writer_properties=properties, target_file_size=100 << 20)
    content = subject.content()
    planned = work(subject, chosen={"103", "111"}, size=100)
    watching = subject.acting = Watching(subject.acting)
    planned.act(QUARANTINE)
    assert subject.content() == {name: row for name, row in content.items() if name not in planned.chosen}
    assert max(watching.sent, watching.fetched) <= 16 << 20
    assert (where(planned), planned.remaining()) == (Whereabouts.QUARANTINED, 0)
    added = next(action["add"] for action in subject.lake.commits()[-1] if "add" in action)
    assert json.loads(added["stats"]) == {
        "numRecords": 18,
        "minValues": {"id": 100, "姓名": "客户100", "born": "1990-04-11"},
        "maxValues": {"id": 119, "姓名": "客户119", "born": "1990-04-30"},
        "nullCount": {"id": 0, "姓名": 0, "born": 0, "note": 0},
    }
    planned.act(RESTORE)
    assert subject.content() == content


def test_a_service_that_ignores_conditions_does_not_lose_the_writer(subject: DeltaFiles) -> None:
    class Ignoring(Interrupted):
        def put_object(self, **request: Any) -> Any:
            return super().put_object(**{name: value for name, value in request.items() if name != "IfNoneMatch"})

    planned = work(subject)
    subject.acting = Ignoring(subject.acting, lambda: subject.lake.write(customers(range(30, 32))))
    planned.act(QUARANTINE)
    assert where(planned) is Whereabouts.QUARANTINED
    assert {"30", "31"} <= subject.content().keys()
    versions = [key for key, *_ in subject.bucket.history() if "_delta_log" in key]
    assert len(versions) == len(set(versions)), "ours was taken back from the number that the writer has"


def test_a_sentinel_is_known_among_planned_rows_and_seen_in_the_file_that_takes_the_place(subject: DeltaFiles) -> None:
    sentinel, planned = work(subject, chosen={"1"}), work(subject, chosen={"0", "9"}, size=100)
    hit = work(subject, chosen={"1", "9"}, size=100)
    keys = sentinel.batches[0].keys
    with pytest.raises(Refused, match="selects 1 of the sentinels"):
        safeguards._refuse_selected(keys, [hit.batches[0].keys], hit.order)
    safeguards._refuse_selected(keys, [planned.batches[0].keys], planned.order)
    watch = replace(sentinel, order=replace(sentinel.order, method=Method.SET_ASIDE))
    assert watch.unchanged() == 1
    planned.act(QUARANTINE)
    assert watch.unchanged() == 1, "its file was written anew, and it is in the new one"
    planned.act(RESTORE)
    hit.act(QUARANTINE)
    assert watch.unchanged() == 0


def test_files_of_one_name_in_several_partitions_are_told_apart(subject: DeltaFiles) -> None:
    subject.lake.table().optimize.compact()
    adds = {
        unquote(action["add"]["path"]): action["add"]
        for actions in subject.lake.commits()
        for action in actions
        if "add" in action
    }
    renamed: list[dict[str, Any]] = []
    for key in subject.lake.files():
        path = key.removeprefix(f"{FOLDER}/")
        folder = adds[path]["path"].rpartition("/")[0]
        subject.bucket.put(f"{FOLDER}/{unquote(folder)}/part-0.parquet", subject.bucket.live()[key])
        removed = {"path": adds[path]["path"], "deletionTimestamp": 1, "dataChange": True}
        renamed += [{"remove": removed}, {"add": {**adds[path], "path": f"{folder}/part-0.parquet"}}]
    subject.lake.commit(renamed)
    assert len(subject.lake.files()) > 2
    planned = work(subject, chosen={"0"})
    planned.act(QUARANTINE)
    content = subject.content()
    planned.act(PURGE)
    assert (where(planned), planned.leftovers(), planned.remaining()) == (Whereabouts.GONE, 0, 0)
    assert subject.content() == content


def test_an_interrupted_purge_can_be_finished(subject: DeltaFiles) -> None:
    planned = work(subject)
    planned.act(QUARANTINE)
    content = subject.content()

    class Killed(Exception):  # noqa: N818 - stands for the end of the process
        pass

    class Dying:
        """Ends before the n-th change."""

        def __init__(self, inner: Any, left: int) -> None:
            self._inner, self._left = inner, left

        def __getattr__(self, name: str) -> Any:
            call = getattr(self._inner, name)
            if name not in {"put_object", "delete_objects", "delete_object"}:
                return call
            self._left -= 1
            if self._left < 0:
                raise Killed
            return call

    steps = 0
    for steps in range(20):
        subject.acting = Dying(subject.bucket.client, steps)
        try:
            planned.act(PURGE)
        except Killed:
            assert subject.content() == content
            assert where(planned) is not Whereabouts.GONE
            continue
        break
    assert steps > 2, "there were several changes to be killed between"
    assert (where(planned), planned.leftovers(), planned.remaining()) == (Whereabouts.GONE, 0, 0)
    assert subject.content() == content


def test_a_table_of_another_kind_is_a_named_blocker(subject: DeltaFiles) -> None:
    bucket = subject.bucket
    body = next(body for key, body in bucket.live().items() if key.endswith(".parquet"))
    for key in ("ice/metadata/00000-a.metadata.json", "hudi/.hoodie/hoodie.properties", "a/k=v/_delta_log/0.json"):
        bucket.put(key, b"{}")
    for key in ("ice/data/a.parquet", "ice/data/day=1/a.parquet", "hudi/a.parquet", "a/k=v/a.parquet"):
        bucket.put(key, body)
    found = subject.store.discover()
    assert [(blocker.code, blocker.subject.partition(":")[2]) for blocker in found.blockers] == [
        ("unsupported-table", "hudi"),
        ("unreadable-file", "ice"),
        ("unsupported-table", "a"),
    ]
    blocked = {blocker.subject for blocker in found.blockers}
    assert [found.ref for found in found.collections if str(found.ref) not in blocked] == [subject.ref]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"delta.appendOnly": "true"}, "appendOnly"),
        ({"delta.enableChangeDataFeed": "true"}, "change data feed"),
        ({"delta.columnMapping.mode": "name"}, "column mapping"),
        ({"delta.enableDeletionVectors": "true"}, "deletion vectors"),
    ],
)
def test_a_feature_that_changes_what_files_mean_is_a_named_blocker(
    subject: DeltaFiles, settings: dict[str, str], said: str
) -> None:
    planned = work(subject)
    (metadata,) = [action["metaData"] for action in subject.lake.commits()[0] if "metaData" in action]
    subject.lake.commit([{"metaData": {**metadata, "configuration": settings}}])
    (blocker,) = subject.store.discover().blockers
    assert (blocker.code, blocker.subject) == ("unsupported-table", str(subject.ref))
    assert said in blocker.explanation
    with pytest.raises(Refused, match=said):
        planned.act(QUARANTINE)


class UnversionedDelta(Unversioned, DeltaFiles):
    pass


@pytest.mark.parametrize(
    ("kind", "act", "code"),
    [
        (DeltaFiles, Act.MINIMISE, "cannot-minimise"),
        (UnversionedDelta, Act.MINIMISE, "cannot-minimise"),
        (UnversionedDelta, Act.ERASE, "table-without-versions"),
    ],
)
def test_what_cannot_be_taken_back_or_emptied_is_a_named_blocker(
    client: Any, desk: Desk, kind: type[DeltaFiles], act: Act, code: str
) -> None:
    found = kind(client, desk)
    (collection,) = found.store.discover().collections
    refused = found.store.method(collection, act, whole=True)
    assert isinstance(refused, Blocker)
    assert (refused.code, refused.subject) == (code, str(found.ref))
    found.bucket.remove()


def test_broken_tables_are_named_blockers(subject: DeltaFiles) -> None:
    lake = Lake(subject.bucket, "broken")
    lake.write(customers(range(3)))
    lake.write(customers(range(3, 6)))
    gone = min(lake.files())
    subject.bucket.client.delete_object(Bucket=subject.bucket.name, Key=gone)
    assert _codes(subject) == [("unreadable-file", "broken")]
    subject.bucket.client.delete_object(Bucket=subject.bucket.name, Key=min(lake.log()))
    assert _codes(subject) == [("unreadable-file", "broken")]
    for key in [*lake.log(), *lake.bucket.live()]:
        if key.startswith("broken/"):
            subject.bucket.client.delete_object(Bucket=subject.bucket.name, Key=key)
    lake = Lake(subject.bucket, "outer")
    lake.write(customers(range(3)))
    Lake(subject.bucket, "outer/inner").write(customers(range(3)))
    assert ("unsupported-table", "outer") in _codes(subject)


def _codes(subject: DeltaFiles) -> list[tuple[str, str]]:
    return [(blocker.code, blocker.subject.partition(":")[2]) for blocker in subject.store.discover().blockers]
