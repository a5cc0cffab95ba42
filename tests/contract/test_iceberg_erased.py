"""Iceberg tables with a catalogue: erased as a commit to it, and without a history after purge."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import fastavro
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table.statistics import StatisticsFile
from sqlalchemy import make_url

from winddown.domain.authorization import Power
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Act, Method
from winddown.domain.receipt import Whereabouts
from winddown.ports import SupportsVersions, ability

from .delta_subject import customers
from .desk import Desk
from .iceberg_service import serving
from .iceberg_subject import NAME, IcebergFiles, OldIceberg, UnversionedIceberg
from .postgresql_subject import Database
from .s3_services import Interrupted
from .s3_subject import FOLDER, STORE
from .subject import names_of, read_all, work
from .suite import EffectSuite, FieldSuite, ReadingSuite, where

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE


thorough = pytest.mark.thorough


@pytest.fixture
def subject(request: pytest.FixtureRequest, client: Any, desk: Desk, tmp_path: Path) -> Iterator[IcebergFiles]:
    found = getattr(request, "param", IcebergFiles)(client, desk, tmp_path)
    yield found
    found.close()


@thorough
class TestIceberg(ReadingSuite, FieldSuite, EffectSuite):
    pass


@pytest.mark.parametrize(
    "subject", [OldIceberg, pytest.param(UnversionedIceberg, marks=thorough)], indirect=True, ids=["1", "2"]
)
def test_buckets_without_versions_and_either_version_of_the_format(subject: IcebergFiles) -> None:
    content, names = subject.content(), names_of(subject, read_all(subject))
    planned = work(subject, size=100)
    left = {name: row for name, row in content.items() if name not in planned.chosen}
    planned.act_all(QUARANTINE)
    assert subject.content() == left
    planned.act_all(RESTORE)
    assert subject.content() == content
    planned.act_all(QUARANTINE)
    assert planned.set_aside() == planned.batches[0].records
    for index in reversed(range(len(planned.batches))):
        planned.act(PURGE, index)
        found = (where(planned, index), planned.leftovers(index), planned.remaining(index))
        assert found == (Whereabouts.GONE, 0, 0)
    assert subject.content() == left
    assert _read_by_duckdb(subject) == {int(name) for name in names if name in left}
    assert _without_history(subject)


@thorough
def test_restore_leaves_the_table_of_the_same_files_and_no_tag(subject: IcebergFiles) -> None:
    planned, files, refs = work(subject), subject.lake.files(), subject.lake.table().refs()
    planned.act_all(QUARANTINE)
    assert subject.lake.files() != files
    before = subject.lake.table().snapshots()[0]
    assert subject.lake.table().scan(snapshot_id=before.snapshot_id).to_arrow().num_rows == 8, "one can travel back"
    planned.act_all(RESTORE)
    assert subject.lake.files() == files
    assert subject.lake.table().refs().keys() == refs.keys()
    assert subject.connections.asked == {"lake", "lake__mark"}
    (manifest, *_) = subject.lake.table().current_snapshot().manifests(subject.lake.table().io)
    assert manifest.fetch_manifest_entry(subject.lake.table().io)


def test_purge_ends_the_history_in_every_byte(subject: IcebergFiles) -> None:
    bucket, table = subject.bucket, subject.lake.table()
    secrets = ["客户3", "客户5", "客户7"]
    place = f"{FOLDER}/metadata/lost"
    for name in ("a.stats", "b.avro", "c"):
        bucket.put(f"{place}-{name}", b"".join(secret.encode() for secret in secrets))
    bucket.client.delete_object(Bucket=bucket.name, Key=f"{place}-c")
    with table.update_statistics() as update:
        update.set_statistics(
            StatisticsFile(
                snapshot_id=table.current_snapshot().snapshot_id,
                statistics_path=f"s3://{bucket.name}/{place}-a.stats",
                file_size_in_bytes=1,
                file_footer_size_in_bytes=1,
                blob_metadata=[],
            )
        )
    names = names_of(subject, read_all(subject))
    gone = {"0", "3", "5"}
    planned = work(subject, chosen=gone, size=100)
    planned.act(QUARANTINE)
    before = subject.lake.table().metadata.snapshots
    seen = subject.inspector.search_bytes(["客户7".encode()])
    assert f"{FOLDER}/metadata" in seen.where, "manifests are unpacked, so the zero below says something"
    planned.act(PURGE)
    assert {str(row["id"]) for row in subject.lake.rows()} == set(names) - gone
    search = subject.inspector.search_bytes([secret.encode() for secret in secrets])
    assert (search.reached, search.found, search.where) == (True, 0, ())
    assert subject.inspector.search_bytes(["客户6".encode()]).found == 1, "what stays is seen"
    assert not _stated(subject) & {f"客户{name}" for name in gone | {"7"}}
    assert _without_history(subject)
    assert not {each.snapshot_id for each in before[:-1]} & {
        each.snapshot_id for each in subject.lake.table().metadata.snapshots
    }
    subject.lake.table().append(customers(range(20, 22)))
    assert {str(row["id"]) for row in subject.lake.rows()} == {*names, "20", "21"} - gone
    assert where(planned) is Whereabouts.GONE
    assert (planned.leftovers(), planned.remaining()) == (0, 0)
    assert _read_by_duckdb(subject) == {int(name) for name in {*names, "20", "21"} - gone}


@thorough
def test_older_rows_are_those_of_the_tables_past(subject: IcebergFiles) -> None:
    versions = ability(subject.store, SupportsVersions)
    assert versions is not None
    rows = [row for batch in versions.older(subject.collection) for row in batch.to_pylist()]
    assert ("4", "as it was") in {(row["id"], row["note"]) for row in rows}
    assert "7" in {row["id"] for row in rows}, "the deleted one"
    planned = work(subject)
    planned.act_all(QUARANTINE)
    rows = [row for batch in versions.older(subject.collection) for row in batch.to_pylist()]
    assert {row["id"] for row in rows} == {"3", "4", "7"}, "what waits is not past"


def test_a_writer_who_takes_planned_rows_while_we_act_wins(subject: IcebergFiles) -> None:
    planned, content = work(subject), subject.content()
    name = min(planned.names[0])
    subject.acting = Interrupted(subject.acting, lambda: subject.alter(name))
    with pytest.raises(Refused, match="changed after the plan"):
        planned.act(QUARANTINE)
    altered: Any = content[name]
    assert subject.content() == {**content, name: {**altered, "note": "altered"}}


@thorough
def test_a_writer_who_adds_rows_during_the_purge_stays(subject: IcebergFiles) -> None:
    planned = work(subject, size=100)
    planned.act(QUARANTINE)
    for number, name in enumerate(("put_object", "delete_objects")):
        rows = customers(range(30 + number, 31 + number))
        subject.acting = Once(subject.acting, name, partial(subject.lake.table().append, rows))
    planned.act(PURGE)
    assert (where(planned), planned.leftovers(), planned.remaining()) == (Whereabouts.GONE, 0, 0)
    assert subject.content().keys() >= {"30", "31", "1"}
    assert subject.inspector.search_bytes(["客户7".encode()]).found == 0


@thorough
def test_what_waits_outlives_a_clean_up_and_what_a_writer_made_of_the_rest_is_his(subject: IcebergFiles) -> None:
    planned, content = work(subject, chosen={"2"}), subject.content()
    planned.act(QUARANTINE)
    _expire(subject)
    for key in planned.batches[0].keys["object"].to_pylist():
        subject.bucket.client.delete_object(Bucket=subject.bucket.name, Key=key)
    assert (where(planned), planned.set_aside()) == (Whereabouts.QUARANTINED, 1)
    planned.act(RESTORE)
    assert subject.content() == content
    planned.act(QUARANTINE)
    subject.alter("1")
    _expire(subject)
    content = subject.content()
    assert (where(planned), planned.set_aside(), planned.remaining()) == (Whereabouts.QUARANTINED, 1, 0)
    with pytest.raises(Residual, match="no longer be restored"):
        planned.act(RESTORE)
    assert subject.content() == content
    planned.act(PURGE)
    assert (where(planned), planned.leftovers(), planned.remaining()) == (Whereabouts.GONE, 0, 0)
    assert subject.content() == content


@thorough
def test_a_lost_survivor_is_seen_by_the_inspector(subject: IcebergFiles) -> None:
    planned = work(subject, chosen={"2"})
    planned.act(QUARANTINE)
    assert planned.remaining() == 0
    (key,) = planned.batches[0].keys["object"].to_pylist()
    folder = key.rpartition("/")[0]
    (ours,) = [name for name in subject.bucket.live() if name.startswith(f"{folder}/winddown-")]
    rows = pa.parquet.read_table(pa.BufferReader(subject.bucket.live()[ours]))
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(rows.slice(1), sink)
    subject.bucket.put(ours, sink.getvalue().to_pybytes())
    assert planned.remaining() == 1


@thorough
def test_a_rollback_behind_our_back_is_live_again(subject: IcebergFiles) -> None:
    planned, content = work(subject, size=100), subject.content()
    before = subject.lake.table().current_snapshot().snapshot_id
    planned.act(QUARANTINE)
    subject.lake.table().manage_snapshots().rollback_to_snapshot(before).commit()
    assert (subject.content(), where(planned)) == (content, Whereabouts.LIVE)
    with pytest.raises(Refused, match="not in quarantine"):
        planned.act(PURGE)
    planned.act(QUARANTINE)
    assert where(planned) is Whereabouts.QUARANTINED
    planned.act(RESTORE)
    assert (subject.content(), subject.lake.table().refs().keys()) == (content, {"main"})


def test_another_table_under_the_name_or_two_names_are_refused(subject: IcebergFiles) -> None:
    planned, catalogue = work(subject), subject.lake.catalogue
    catalogue.register_table("shop.other", subject.lake.table().metadata_location)
    (blocker,) = subject.store.discover().blockers
    assert (blocker.code, "two names" in blocker.explanation) == ("unsupported-table", True)
    with pytest.raises(Refused, match="two names"):
        planned.act(QUARANTINE)
    catalogue.drop_table("shop.other")
    catalogue.drop_table(NAME)
    with pytest.raises(Refused, match="another table"):
        planned.act(QUARANTINE)
    refused = subject.store.method(subject.collection, Act.ERASE, whole=False)
    assert isinstance(refused, Blocker)
    assert refused.code == "needs-catalogue"
    location = f"s3://{subject.bucket.name}/{FOLDER}"
    catalogue.create_table(NAME, customers(range(5)).schema, location=location).append(customers(range(5)))
    history = subject.bucket.history()
    for power in (QUARANTINE, RESTORE, PURGE):
        with pytest.raises(Refused, match="another table"):
            planned.act(power)
    assert subject.bucket.history() == history


@thorough
def test_a_branch_or_tag_that_comes_in_grace_is_in_the_way(subject: IcebergFiles) -> None:
    planned = work(subject, size=100)
    planned.act(QUARANTINE)
    table = subject.lake.table()
    table.manage_snapshots().create_tag(table.snapshots()[0].snapshot_id, "audit").commit()
    history = subject.bucket.history()
    for power in (RESTORE, PURGE):
        with pytest.raises(Refused, match="branches or tags"):
            planned.act(power)
    assert subject.bucket.history() == history
    subject.lake.table().manage_snapshots().remove_tag("audit").commit()
    planned.act(PURGE)
    assert where(planned) is Whereabouts.GONE


@thorough
def test_files_outside_of_the_folder_are_a_named_blocker(subject: IcebergFiles) -> None:
    planned = work(subject)
    with subject.lake.table().transaction() as change:
        change.set_properties({"write.data.path": "s3://elsewhere/data"})
    (blocker,) = subject.store.discover().blockers
    assert (blocker.code, "outside of its folder" in blocker.explanation) == ("unsupported-table", True)
    with pytest.raises(Refused, match="outside"):
        planned.act(QUARANTINE)


def test_fields_are_not_emptied_in_place(subject: IcebergFiles) -> None:
    assert subject.store.method(subject.collection, Act.ERASE, whole=True) is Method.COMMIT_TABLE
    refused = subject.store.method(subject.collection, Act.MINIMISE, whole=False)
    assert isinstance(refused, Blocker)
    assert refused.code == "cannot-minimise"


@thorough
def test_a_table_of_which_every_row_goes_stays_empty(subject: IcebergFiles) -> None:
    content = subject.content()
    planned = work(subject, chosen=content.keys(), size=100)
    planned.act(QUARANTINE)
    assert (subject.lake.rows(), subject.lake.files()) == ([], set())
    planned.act(RESTORE)
    assert subject.content() == content
    planned.act(QUARANTINE)
    planned.act(PURGE)
    assert (where(planned), planned.leftovers(), planned.remaining()) == (Whereabouts.GONE, 0, 0)
    assert _without_history(subject)
    subject.lake.table().append(customers(range(2, 4)))
    assert subject.marks().keys() == {"2", "3"}


def test_files_of_deletes_are_a_named_blocker(subject: IcebergFiles) -> None:
    planned, table = work(subject), subject.lake.table()
    for manifest in table.current_snapshot().manifests(table.io):
        key = manifest.manifest_path.removeprefix(f"s3://{subject.bucket.name}/")
        reader = fastavro.reader(io.BytesIO(subject.bucket.live()[key]))
        records: list[Any] = list(reader)
        for record in records:
            record["data_file"]["content"] = 1
        sink = io.BytesIO()
        fastavro.writer(sink, reader.writer_schema, records)
        subject.bucket.put(key, sink.getvalue())
    (blocker,) = subject.store.discover().blockers
    assert (blocker.code, "files of deletes" in blocker.explanation) == ("unsupported-table", True)
    with pytest.raises(Refused, match="files of deletes"):
        planned.act(QUARANTINE)


@thorough
def test_a_sentinel_is_seen_in_the_file_that_takes_the_place(subject: IcebergFiles) -> None:
    sentinel, planned = work(subject, chosen={"1"}), work(subject, chosen={"0", "6"}, size=100)
    watch = replace(sentinel, order=replace(sentinel.order, method=Method.SET_ASIDE))
    assert watch.unchanged() == 1
    planned.act(QUARANTINE)
    assert watch.unchanged() == 1, "its file was written anew, and it is in the new one"
    planned.act(RESTORE)
    hit = work(subject, chosen={"1", "6"}, size=100)
    hit.act(QUARANTINE)
    assert watch.unchanged() == 0


def test_a_catalogue_at_a_service_commits_by_itself(subject: IcebergFiles) -> None:
    with serving(subject.lake.catalogue, secret="to pass") as url:
        subject.connections.url = url
        subject.inspector = subject.inspector_of(url)
        planned = work(subject, size=100)
        subject.acting = Interrupted(subject.acting, lambda: subject.lake.table().append(customers(range(30, 32))))
        planned.act(QUARANTINE)
        assert (planned.set_aside(), planned.remaining()) == (planned.batches[0].records, 0)
        planned.act(PURGE)
        assert (where(planned), planned.leftovers(), planned.remaining()) == (Whereabouts.GONE, 0, 0)
        assert subject.content().keys() >= {"30", "31", "1"}, "who adds rows meanwhile stays"
        assert _without_history(subject)
        assert subject.connections.asked == {"lake", "lake__mark", "lake__purge"}
        subject.connections.url = url.replace("to%20pass", "wrong")
        with pytest.raises(Refused, match="refused us while opening"):
            subject.store.discover()


@thorough
def test_a_catalogue_in_postgresql(subject: IcebergFiles, database: Database) -> None:
    url, location = make_url(database.url), subject.lake.table().metadata_location
    here = url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    catalogue = SqlCatalog("lake", **{**subject.lake.catalogue.properties, "uri": here})
    catalogue.create_namespace_if_not_exists("shop")
    catalogue.register_table(NAME, location)
    subject.lake.catalogue.close()
    subject.lake.catalogue = catalogue
    asked = url.update_query_dict({"catalogue": "lake"}).render_as_string(hide_password=False)
    subject.connections.url = asked
    subject.inspector = subject.inspector_of(asked.replace("postgresql:", "postgresql+psycopg:"))
    planned, content = work(subject, size=100), subject.content()
    planned.act(QUARANTINE)
    planned.act(RESTORE)
    assert subject.content() == content
    planned.act(QUARANTINE)
    planned.act(PURGE)
    assert (where(planned), planned.leftovers(), planned.remaining()) == (Whereabouts.GONE, 0, 0)
    catalogue.destroy_tables()


class Once:
    """Lets somebody act just before the first request of one kind."""

    def __init__(self, client: Any, name: str, act: Callable[[], None]) -> None:
        self._client, self._name, self._act = client, name, act

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            act, self._act = self._act, lambda: None
            act()
        return getattr(self._client, name)


def _expire(subject: IcebergFiles) -> None:
    """As a clean-up does that keeps nothing but what it must."""
    subject.lake.table().maintenance.expire_snapshots().older_than(datetime.now(UTC) + timedelta(days=1)).commit()


def _read_by_duckdb(subject: IcebergFiles) -> set[int]:
    """What a reader finds that knows nothing but files; DuckDB's own extension for Iceberg is not in its wheel."""
    found: set[int] = set()
    for key in subject.lake.files():
        (Path(subject.desk.workspace) / "one.parquet").write_bytes(subject.bucket.live()[key])
        path = Path(subject.desk.workspace) / "one.parquet"
        found |= {row[0] for row in duckdb.sql(f"SELECT id FROM read_parquet('{path}')").fetchall()}
    return found


def _stated(subject: IcebergFiles) -> set[str]:
    """Smallest and largest names that the current manifests state."""
    table = subject.lake.table()
    field = table.schema().find_field("姓名").field_id
    return {
        bounds[field].decode()
        for manifest in table.current_snapshot().manifests(table.io)
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)
        for bounds in (entry.data_file.lower_bounds or {}, entry.data_file.upper_bounds or {})
        if field in bounds
    }


def _without_history(subject: IcebergFiles) -> bool:
    """Whether nothing lies in the bucket but what the table's one snapshot needs, in one version each."""
    table = subject.lake.table()
    assert len(table.metadata.snapshots) == len(table.refs()) == 1
    current = table.current_snapshot()
    start = f"s3://{subject.bucket.name}/"
    needed = {
        table.metadata_location,
        current.manifest_list,
        *(each.manifest_path for each in current.manifests(table.io)),
    }
    found = [key for key, *_ in subject.bucket.history()]
    return sorted(found) == sorted({*subject.lake.files(), *(each.removeprefix(start) for each in needed)})


def test_uploads_in_any_folder_of_a_table_are_aborted(subject: IcebergFiles) -> None:
    bucket = subject.bucket
    for key in (f"{FOLDER}/data/deep/part", f"{FOLDER}/data/city=1/part", f"{FOLDER} beside/part"):
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    authorization = subject.desk.mint_for(Power.SANITISE, STORE)
    receipt = subject.store.sanitise(authorization, [subject.ref])
    assert dict(receipt.details)["multipart_uploads_aborted"] == "2"
    (left,) = bucket.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert left["Key"] == f"{FOLDER} beside/part"
