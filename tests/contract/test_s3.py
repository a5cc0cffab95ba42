import bz2
import io
import json
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from hashlib import md5
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Method
from winddown.domain.receipt import Whereabouts
from winddown.ports import SupportsContent, SupportsFreeze, SupportsSanitise, SupportsVersions, ability

from .ability_suites import FreezeSuite, MinimiseSuite, SanitiseSuite
from .desk import Desk
from .s3_services import Forgetful, Incomplete, Interrupted, Privileged
from .s3_subject import (
    FOLDER,
    BucketSubject,
    CsvFiles,
    CsvTables,
    JsonFiles,
    JsonTables,
    ParquetFiles,
    ParquetTables,
    WholeObjects,
    is_reversible,
)
from .subject import Work, names_of, read_all, work
from .suite import AuthorizationSuite, EffectSuite, FieldSuite, ReadingSuite, ReturnSuite, StoreSuite

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE


def _thoroughly(kind: type[BucketSubject]) -> Any:
    """Records of text are cut out alike, whatever the text is; how is tried on every format by itself elsewhere."""
    return pytest.param(kind, marks=pytest.mark.thorough, id=kind.__name__)


@pytest.fixture
def subject(request: pytest.FixtureRequest, client: Any, desk: Desk) -> Iterator[BucketSubject]:
    if request.param.keeps_versions and not is_reversible(client):
        pytest.skip("the service forgets what a marker hid, so winddown refuses to hide anything in a versioned bucket")
    found: BucketSubject = request.param(client, desk)
    yield found
    found.bucket.remove()


@pytest.mark.parametrize("subject", [ParquetFiles, _thoroughly(CsvFiles), _thoroughly(JsonFiles)], indirect=True)
class TestRowsInObjects(ReadingSuite, FieldSuite, EffectSuite):
    pass


@pytest.mark.parametrize("subject", [ParquetFiles], indirect=True)
class TestRowsInObjectsAreGuarded(AuthorizationSuite):
    """One door for all formats, so one format stands for them."""


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestWholeObjects(StoreSuite, ReturnSuite, SanitiseSuite):
    pass


@pytest.mark.parametrize("subject", [ParquetTables, _thoroughly(CsvTables), _thoroughly(JsonTables)], indirect=True)
class TestFieldsInObjects(MinimiseSuite):
    pass


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestFreeze(FreezeSuite):
    @pytest.fixture(autouse=True)
    def a_service_that_tells_users_apart(self, subject: BucketSubject) -> None:
        subject.acting = Privileged(subject.acting)


class HistorySuite:
    """What only a service with versions can get wrong."""

    def test_restore_leaves_exactly_the_history_that_was(self, subject: BucketSubject) -> None:
        planned, history = work(subject), subject.bucket.history()
        planned.act_all(QUARANTINE)
        quarantined = subject.bucket.history()
        assert {found[:3] for found in history} < {found[:3] for found in quarantined}
        planned.act_all(QUARANTINE)
        assert subject.bucket.history() == quarantined, "a repeat adds no version and no marker"
        planned.act_all(RESTORE)
        assert subject.bucket.history() == history

    def test_only_objects_of_the_batch_get_a_new_version(self, subject: BucketSubject) -> None:
        planned, latest = work(subject, size=1), subject.bucket.latest()
        planned.act(QUARANTINE)
        touched = {key["object"] for key in planned.batches[0].keys.to_pylist()}
        assert {key for key, version in subject.bucket.latest().items() if latest[key] != version} == touched

    def test_purge_deletes_every_earlier_version_and_nothing_of_others(self, subject: BucketSubject) -> None:
        planned, history = work(subject), subject.bucket.history()
        touched = {key["object"] for key in planned.batches[0].keys.to_pylist()}
        planned.act(QUARANTINE)
        planned.act(PURGE)
        after = subject.bucket.history()
        assert not {found[1] for found in history if found[0] in touched} & {found[1] for found in after}
        assert {found for found in after if found[0] not in touched} == {
            found for found in history if found[0] not in touched
        }

    def test_a_writer_that_comes_in_between_wins(self, subject: BucketSubject) -> None:
        planned, history = work(subject), subject.bucket.history()
        key = planned.batches[0].keys.to_pylist()[0]["object"]
        changed = subject.original(key, without=min(planned.names[0]))
        subject.acting = Interrupted(subject.acting, lambda: subject.bucket.put(key, changed))
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(QUARANTINE)
        assert subject.bucket.live()[key] == changed
        assert {found[:3] for found in history} < {found[:3] for found in subject.bucket.history()}
        assert len(subject.bucket.history()) == len(history) + 1, "nothing of ours stays on top of the writer's"

    def test_nothing_is_hidden_where_the_service_would_not_show_it_again(self, subject: BucketSubject) -> None:
        planned, history = work(subject), subject.bucket.history()
        subject.acting = Forgetful(subject.acting)
        with pytest.raises(Refused, match="does not show an object again"):
            planned.act(QUARANTINE)
        assert subject.bucket.history() == history

    def test_what_the_service_does_not_show_again_does_not_count_as_restored(self, subject: BucketSubject) -> None:
        planned, real = work(subject), subject.acting
        planned.act(QUARANTINE)
        subject.acting = Forgetful(real)
        with pytest.raises(Residual, match="can no longer be restored whole"):
            planned.act(RESTORE)

    def test_an_interrupted_purge_shows_nothing_again_and_can_be_finished(self, subject: BucketSubject) -> None:
        planned, real = work(subject, size=1), subject.acting
        planned.act(QUARANTINE)
        live = subject.bucket.live()
        subject.acting = Incomplete(real, deletes=1, says="nothing")
        with pytest.raises(Transient):
            planned.act(PURGE)
        assert subject.bucket.live() == live
        assert where(planned) is Whereabouts.MIXED
        subject.acting = real
        with pytest.raises(Residual):
            planned.act(RESTORE)
        assert subject.bucket.live() == live, "half-purged objects are not shown again"
        planned.act(PURGE)
        assert (where(planned), planned.remaining(), planned.leftovers()) == (Whereabouts.GONE, 0, 0)

    def test_an_old_version_that_is_denied_does_not_show_again(self, subject: BucketSubject) -> None:
        planned = work(subject, size=1)
        planned.act(QUARANTINE)
        live = subject.bucket.live()
        subject.acting = Incomplete(subject.acting, deletes=1, says="error")
        with pytest.raises(Residual, match=r"[1-9] failed \(AccessDenied"):
            planned.act(PURGE)
        assert subject.bucket.live() == live

    @pytest.mark.parametrize("says", ["done", "error"])
    def test_a_service_that_keeps_an_old_version_is_found_out(self, subject: BucketSubject, says: str) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        subject.acting = Incomplete(subject.acting, deletes=-1, says=says)
        live = subject.bucket.live()
        with pytest.raises(Residual):
            planned.act(PURGE)
        markers = sum(is_marker for _, _, is_marker, _ in subject.bucket.history())
        assert planned.leftovers() == 1 + markers
        assert subject.bucket.live() == live, "the markers stay until every version is gone"
        assert where(planned) is Whereabouts.MIXED


@pytest.mark.parametrize("subject", [WholeObjects, CsvFiles, ParquetFiles], indirect=True)
class TestHistories(HistorySuite):
    pass


@pytest.mark.parametrize("subject", [WholeObjects, ParquetFiles], indirect=True)
def test_what_was_written_under_the_name_of_an_old_version_is_not_purged(subject: BucketSubject) -> None:
    """While versions are suspended, every write has the name ``null``, and so may have a planned old version."""
    client, bucket = subject.bucket.client, subject.bucket.name

    def switch(status: str) -> None:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    switch("Suspended")
    for name in list(subject.keys()):
        subject.bucket.put(name, subject.earlier(name))
    switch("Enabled")
    for name in list(subject.keys()):
        subject.bucket.put(name, subject.original(name))
    planned, real = work(subject), subject.acting
    planned.act(QUARANTINE)
    subject.acting = Incomplete(real, deletes=1, says="nothing")
    with pytest.raises(Transient):
        planned.act(PURGE)
    subject.acting = real
    key = planned.batches[0].keys.to_pylist()[-1]["object"]
    switch("Suspended")
    subject.bucket.put(key, b"somebody else's")
    switch("Enabled")
    with pytest.raises(Refused, match="changed after the plan"):
        planned.act(PURGE)
    assert subject.bucket.live()[key] == b"somebody else's"


@pytest.mark.parametrize("subject", [CsvFiles, ParquetFiles], indirect=True)
def test_a_writer_that_keeps_our_metadata_is_not_taken_for_us(subject: BucketSubject) -> None:
    planned = work(subject)
    planned.act(QUARANTINE)
    key = planned.batches[0].keys.to_pylist()[0]["object"]
    client, bucket = subject.bucket.client, subject.bucket.name
    ours = client.get_object(Bucket=bucket, Key=key)
    changed = subject.original(key, without="another")
    client.put_object(Bucket=bucket, Key=key, Body=changed, Metadata=ours["Metadata"])
    assert where(planned) is Whereabouts.MIXED
    planned.act(RESTORE)
    assert subject.bucket.live()[key] == changed, "the writer's version stays on top"
    assert planned.unchanged() == planned.batches[0].records


@pytest.mark.parametrize("subject", [CsvFiles], indirect=True)
def test_an_older_version_with_more_fields_is_not_passed_over(subject: BucketSubject) -> None:
    client, bucket, key = subject.bucket.client, subject.bucket.name, subject.keys()[0]
    current = subject.bucket.live()[key]
    head, _, rest = current.partition(b"\n")
    client.put_object(
        Bucket=bucket, Key=key, Body=head.rstrip() + b",voucher\n" + rest.split(b"\n")[0].rstrip() + b",1\n"
    )
    client.put_object(Bucket=bucket, Key=key, Body=current)
    versions = ability(subject.store, SupportsVersions)
    assert versions is not None
    with pytest.raises(Refused, match="1 fields that no current one has"):
        list(versions.older(subject.collection))


@pytest.mark.parametrize("subject", [CsvFiles, JsonFiles, ParquetFiles], indirect=True)
def test_a_file_that_loses_every_row_goes_whole(subject: BucketSubject) -> None:
    names = [name for name in names_of(subject, read_all(subject)) if subject.key_of(name) == subject.keys()[0]]
    planned, content = work(subject, chosen=names, whole=True), subject.content()
    assert planned.order.method is Method.DELETE_MARKER
    planned.act(QUARANTINE)
    assert subject.keys()[0] not in subject.bucket.live()
    assert (planned.remaining(), planned.batches[0].records) == (0, 5)
    planned.act(RESTORE)
    assert subject.content() == content
    planned.act(QUARANTINE)
    planned.act(PURGE)
    assert where(planned) is Whereabouts.GONE
    assert {key for key, *_ in subject.bucket.history()} == set(subject.keys()[1:])


@pytest.mark.parametrize("subject", [CsvFiles], indirect=True)
def test_the_search_unpacks_what_it_can_and_names_the_rest(subject: BucketSubject) -> None:
    marker, sink, pages = b"13800139999", io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", b"13800138888 " * 9)
    pq.write_table(pa.table({"mobile": ["13800137777"] * 99}), pages, compression="zstd", write_statistics=False)
    subject.bucket.put("packed/a.bz2", bz2.compress(marker * 9))
    subject.bucket.put("pages/a.parquet", pages.getvalue())
    subject.bucket.put("closed/a.zip", sink.getvalue())
    found = subject.inspector.search_bytes([marker, b"13800138888", b"13800137777"])
    assert (found.found, found.where, found.unread) == (2, ("packed", "pages"), ("closed: zip archive",))


@pytest.mark.parametrize("subject", [CsvFiles], indirect=True)
class TestDiscovery:
    def test_what_is_not_understood_is_a_blocker(self, subject: BucketSubject) -> None:
        subject.bucket.put("empty/a.csv", b"")
        subject.bucket.put("strange/a.bin", b"\x00\x01\x02")
        subject.bucket.put("broken/a.csv", b'id,name\n1,5" pipe\n2,x\n3,y\n')
        subject.bucket.put("torn/a.parquet", b"PAR1" + b"x" * 100 + b"PAR1")
        found = subject.store.discover()
        assert {(blocker.code, blocker.subject.partition(":")[2]) for blocker in found.blockers} == {
            ("zero-byte-object", "empty"),
            ("unknown-format", "strange"),
            ("unreadable-file", "broken"),
            ("unreadable-file", "torn"),
        }
        assert [collection.ref for collection in found.collections] == [subject.ref]

    def test_a_folder_whose_name_leads_elsewhere_is_a_blocker(self, subject: BucketSubject) -> None:
        bucket, clear = subject.bucket, ("/", "/a", "a", "b/", "c%23d", "e f+g", "😀")
        unclear = (".", "a#b", "c#csv/d")
        for folder in (*clear, *unclear):
            with suppress(ClientError):  # some services refuse such names, and some write them in their own way
                bucket.put(f"{folder}/a.csv", f"id,folder\n1,{folder}\n".encode())
        bucket.put("a.csv", b"id,folder\n1,.\n")
        wanted = {"a.csv", *subject.keys(), *(f"{folder}/a.csv" for folder in (*clear, *unclear))}
        for key, version, _, _ in bucket.history():
            if key not in wanted:
                bucket.client.delete_object(Bucket=bucket.name, Key=key, VersionId=version)
        clear, unclear = ([name for name in names if f"{name}/a.csv" in bucket.live()] for names in (clear, unclear))
        assert "a#b" in unclear
        bucket.put("a#b/_delta_log/00000000000000000000.json", b"{}")
        found = subject.store.discover()
        assert {(blocker.code, blocker.subject.partition(":")[2]) for blocker in found.blockers} == {
            ("unclear-folder", folder) for folder in unclear
        }
        read = {
            collection.ref.name: [
                row["folder"] for batch in subject.store.read(collection) for row in batch.to_pylist()
            ]
            for collection in found.collections
            if collection.ref != subject.ref
        }
        assert read == {folder: [folder] for folder in (*clear, ".")}

    def test_formats_in_one_folder_are_collections_of_their_own(self, subject: BucketSubject) -> None:
        subject.bucket.put(f"{FOLDER}/scan", b"%PDF-1.7")
        found = {collection.ref.name: collection for collection in subject.store.discover().collections}
        assert {name: collection.record_count for name, collection in found.items()} == {
            f"{FOLDER}#csv": 13,
            f"{FOLDER}#opaque": 1,
        }
        read = [row for batch in subject.store.read(found[f"{FOLDER}#opaque"]) for row in batch.to_pylist()]
        assert [row["winddown_object"] for row in read] == [f"{FOLDER}/scan"]

    def test_a_bucket_that_no_longer_keeps_versions_blocks_the_store(self, subject: BucketSubject) -> None:
        subject.bucket.client.put_bucket_versioning(
            Bucket=subject.bucket.name, VersioningConfiguration={"Status": "Suspended"}
        )
        assert [blocker.code for blocker in subject.store.discover().blockers] == ["suspended-versioning"]

    def test_a_field_that_stands_in_names_of_folders_is_tied_to_them(self, subject: BucketSubject) -> None:
        subject.bucket.put("parts/city=1/a.csv", b"id,name\n1,a\n")
        (found,) = (each for each in subject.store.discover().collections if each.ref.name == "parts")
        assert {field.name: bool(field.tied) for field in found.fields} == {"id": False, "name": False, "city": True}


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestBucket:
    def test_the_policy_comes_back_word_for_word(self, subject: BucketSubject) -> None:
        statement = {"Sid": "theirs", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"} | {
            "Resource": f"arn:aws:s3:::{subject.bucket.name}/*"
        }
        before = {"Version": "2008-10-17", "Id": "shop", "Statement": [statement]}
        try:
            subject.bucket.client.put_bucket_policy(Bucket=subject.bucket.name, Policy=json.dumps(before))
        except ClientError:  # some services know only one version of the language
            before["Version"] = "2012-10-17"
            subject.bucket.client.put_bucket_policy(Bucket=subject.bucket.name, Policy=json.dumps(before))
        before = subject.bucket.policy()  # some keep no more of it than they understand
        subject.acting = Privileged(subject.acting)
        FreezeSuite().test_thaw_gives_back_exactly_what_freeze_took(subject)
        assert subject.bucket.policy() == before

    def test_a_service_that_would_lock_us_out_is_not_frozen(self, subject: BucketSubject) -> None:
        store, history = ability(subject.store, SupportsFreeze), subject.bucket.history()
        assert store is not None
        remembered = store.remember_writers([subject.ref], None)
        receipt = store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
        assert receipt.records == 0
        assert subject.bucket.policy() is None
        assert subject.bucket.history() == history, "no probe is left behind"

    def test_deletions_carry_the_sum_that_old_services_demand(self, subject: BucketSubject) -> None:
        planned, sent = work(subject), []
        events = subject.bucket.client.meta.events

        def remember(request: Any, **_: Any) -> None:
            sent.append((request.headers.get("Content-MD5"), request.body))

        events.register("before-send.s3.DeleteObjects", remember)
        planned.act(QUARANTINE)
        planned.act(PURGE)
        events.unregister("before-send.s3.DeleteObjects", remember)
        assert len(sent) == 3, "markers put, versions deleted, markers deleted"
        for told, body in sent:
            assert b64decode(told) == md5(body, usedforsecurity=False).digest()

    def test_content_is_the_newest_object_in_pieces(self, subject: BucketSubject) -> None:
        store = ability(subject.store, SupportsContent)
        assert store is not None
        assert b"".join(store.content(subject.collection)) == subject.original(max(subject.keys()))

    def test_a_lifecycle_rule_that_would_destroy_the_quarantine_stops_it(self, subject: BucketSubject) -> None:
        planned, content = work(subject), subject.content()
        rule = {
            "ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        }  # fmt: skip
        client, bucket = subject.bucket.client, subject.bucket.name
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
        assert "expiring-versions" in {blocker.code for blocker in subject.store.discover().blockers}
        with pytest.raises(Refused, match="a lifecycle rule would destroy"):
            planned.act(QUARANTINE)
        assert subject.content() == content

    def test_objects_without_a_version_of_their_own_are_a_blocker(self, subject: BucketSubject) -> None:
        client, bucket = subject.bucket.client, subject.bucket.name
        for status, key in (("Suspended", f"{FOLDER}/early"), ("Enabled", f"{FOLDER}/late")):
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
            subject.bucket.put(key, b"%PDF-1.7")
        found = [blocker for blocker in subject.store.discover().blockers if blocker.code == "unnamed-versions"]
        assert [blocker.subject for blocker in found] == [str(subject.ref)]
        assert found[0].explanation.startswith("1 objects")

    def test_sanitise_aborts_uploads_of_the_folder_alone(self, subject: BucketSubject) -> None:
        client, bucket = subject.bucket.client, subject.bucket.name
        for key in (f"{FOLDER}/half", "elsewhere/half", f"{FOLDER}/below/half"):
            client.create_multipart_upload(Bucket=bucket, Key=key)
        client.create_multipart_upload(Bucket=bucket, Key="//half")
        store = ability(subject.store, SupportsSanitise)
        assert store is not None
        receipt = store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
        assert dict(receipt.details)["multipart_uploads_aborted"] == "1"
        left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
        if "//half" in {upload["Key"] for upload in left}:
            nameless = CollectionRef(subject.ref.store, "/")
            receipt = store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [nameless])
            assert dict(receipt.details)["multipart_uploads_aborted"] == "1"
        left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
        found = sorted(upload["Key"] for upload in left if upload["Key"] != "half")  # some write ``//half`` so
        assert found == ["elsewhere/half", f"{FOLDER}/below/half"]
        for upload in left:
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def test_sanitise_removes_what_killed_trials_left_and_nothing_that_is_called_nearly_so(
        self, subject: BucketSubject
    ) -> None:
        for key in (
            "winddown-probe.csv",
            "winddown-probe",
            f"winddown-probe-{'0' * 16}",
            f"winddown-probe-{'f' * 16}客户",
        ):
            subject.bucket.put(key, b"1")
        store = ability(subject.store, SupportsSanitise)
        assert store is not None
        store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
        assert {key for key, *_ in subject.bucket.history() if "probe" in key} == {"winddown-probe.csv"}


def where(planned: Work) -> Whereabouts:
    return planned.subject.store.locate(planned.order, planned.batches[0])
