"""An S3 Inventory report in place of a listing: the same answer, or a named reason why it is not used."""

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.errors import Refused, Transient
from winddown.ports import Discovery
from winddown.stores.objects.report.listing import ReportPlace, read_report
from winddown.stores.objects.s3 import S3Store

from . import s3_reports
from .s3_reports import CREATED, TYPES, Reports, rows_of
from .s3_subject import Bucket

FORMS = ["CSV", "ORC", "Parquet"]
# What a listing has no trouble with and a careless reader of reports has.
KEYS = [
    "客户/订单 2024/a,b.csv",
    "quotes/\"q\", and 's'.csv",
    "quotes/a\tb.csv",
    "plus/1+1 = 2%2C.csv",
    "plus/100%.csv",
    "𠮷/a.csv",  # UTF-8 and UTF-16 sort this one and the next differently
    "￥/a.csv",
]
TABLE = b"id,name\n1,a\n"
ABOUT_REPORT = {"inventory-report", "report-scope", "unclear-in-report", "gone-since-report"}


class Unlisted:
    """A client that may do everything but list the versions of a bucket."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_paginator(self, name: str) -> Any:
        assert name != "list_object_versions", "a report stands in for the listing"
        return self._client.get_paginator(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.fixture
def bucket(client: Any) -> Iterator[Bucket]:
    found = Bucket(client)
    for key in KEYS:
        found.put(key, TABLE)
    found.put(KEYS[0], TABLE + b"2,b\n")
    found.put("deleted/a.csv", TABLE)
    client.delete_object(Bucket=found.name, Key="deleted/a.csv")
    found.put("empty/a.csv", b"")
    yield found
    found.remove()


@pytest.fixture
def reports(client: Any, bucket: Bucket) -> Iterator[Reports]:
    destination = Bucket(client)
    yield Reports(client, bucket.name, destination.name)
    destination.remove()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "case" / "scratch"


def store_of(reports: Reports, scratch: Path, location: str = "", *, client: Any = None) -> S3Store:
    address = f"s3://{reports.destination}/{location or reports.folder}"
    reader = client or Unlisted(reports.client)
    place = ReportPlace.parse(address, scratch)
    return S3Store("files", bucket=reports.source, reader=reader, unlock=lambda _: None, report=place)


def reported(reports: Reports, scratch: Path, location: str = "") -> Discovery:
    found = store_of(reports, scratch, location).discover_reported()
    assert found is not None
    return found


def listed(reports: Reports) -> Discovery:
    return S3Store("files", bucket=reports.source, reader=reports.client, unlock=lambda _: None).discover()


def without_report_facts(found: Discovery) -> Discovery:
    return replace(found, facts=tuple(fact for fact in found.facts if fact.name not in ABOUT_REPORT))


def facts(found: Discovery) -> dict[str, str]:
    return {fact.name: fact.value for fact in found.facts if fact.subject == "files"}


def refusal(found: Discovery) -> str:
    """What the one blocker says; nothing but that comes of a report that is not used."""
    assert (found.collections, found.facts, found.identity) == ((), (), "")
    (blocker,) = found.blockers
    assert (blocker.code, blocker.subject) == ("unusable-inventory-report", "files")
    assert blocker.next_step
    return blocker.explanation


@pytest.mark.parametrize("form", FORMS)
def test_a_report_gives_the_answer_of_a_listing(reports: Reports, scratch: Path, form: str) -> None:
    reports.deliver(form)
    found = reported(reports, scratch)
    assert without_report_facts(found) == listed(reports)
    assert {collection.ref.name for collection in found.collections} == {"客户/订单 2024", "quotes", "plus", "𠮷", "￥"}
    assert {blocker.code for blocker in found.blockers} == {"hidden-versions", "zero-byte-object"}


@pytest.mark.parametrize("form", FORMS)
def test_keys_come_as_they_are_and_in_the_order_of_their_bytes(reports: Reports, scratch: Path, form: str) -> None:
    template = next(row for row in rows_of(reports.client, reports.source) if row["key"] == "￥/a.csv")
    # The embedded service accepts no line ends in keys; others do.
    keys = [*KEYS, "a\nb", 'a\r\n"b",', "a\n", '"', " ", "a/%0A", "\uffff", "\U0010ffff"]
    reports.deliver(form, rows=[template | {"key": key} for key in keys])
    place = ReportPlace.parse(f"s3://{reports.destination}/{reports.folder}", scratch)
    with read_report("files", reports.client, reports.source, place) as listing:
        found = [version.key for history in listing.by_key() for version in history]
    assert found == sorted(keys, key=str.encode)


@pytest.mark.parametrize("form", FORMS)
def test_versions_from_before_the_bucket_kept_any(reports: Reports, scratch: Path, form: str) -> None:
    def keep_versions(status: str) -> None:
        reports.client.put_bucket_versioning(Bucket=reports.source, VersioningConfiguration={"Status": status})

    keep_versions("Suspended")
    reports.client.put_object(Bucket=reports.source, Key="old/a.csv", Body=TABLE)
    reports.deliver(form)
    found = reported(reports, scratch)
    assert "suspended-versioning" in {blocker.code for blocker in found.blockers}
    assert without_report_facts(found) == listed(reports)
    keep_versions("Enabled")


def test_a_fact_says_which_report_it_was(reports: Reports, scratch: Path) -> None:
    reports.configure()
    key = reports.deliver("ORC")
    said = facts(reported(reports, scratch))
    assert said["inventory-report"].startswith("ORC of 2026-11-22T01-00Z, 11 versions in 3 files, manifest sha256 ")
    assert said["report-scope"] == "the whole bucket"
    assert (said["gone-since-report"], said["unclear-in-report"]) == ("0", "0 keys without one latest version")
    assert facts(reported(reports, scratch, key))["inventory-report"] == said["inventory-report"]


def test_without_the_option_the_bucket_is_listed(reports: Reports) -> None:
    reports.deliver()
    plain = S3Store("files", bucket=reports.source, reader=reports.client, unlock=lambda _: None)
    assert plain.discover_reported() is None
    denied = S3Store("files", bucket=reports.source, reader=Unlisted(reports.client), unlock=lambda _: None)
    with pytest.raises(AssertionError, match="stands in for the listing"):
        denied.discover()


def test_a_declared_report_does_not_stand_in_for_a_later_listing(
    reports: Reports, bucket: Bucket, scratch: Path
) -> None:
    reports.deliver()
    store = store_of(reports, scratch, client=reports.client)
    store.discover_reported()
    bucket.put("new/a.csv", TABLE)
    assert {found.ref.name for found in store.discover().collections} >= {"new"}
    assert "new" not in {found.ref.name for found in reported(reports, scratch).collections}
    (orders,) = [found for found in reported(reports, scratch).collections if found.ref.name == "plus"]
    bucket.put("plus/late.csv", TABLE)
    assert sum(batch.num_rows for batch in store.cells(orders)) == 3, "cells are those of now"


def test_the_newest_report_of_a_folder_is_taken(reports: Reports, bucket: Bucket, scratch: Path) -> None:
    reports.deliver()
    bucket.put("new/a.csv", TABLE)
    reports.deliver(at=CREATED + timedelta(days=7))
    found = reported(reports, scratch)
    assert facts(found)["inventory-report"].startswith("CSV of 2026-11-29T01-00Z, 12 versions")
    assert without_report_facts(found) == listed(reports)


def test_what_went_since_the_report_is_counted_and_not_taken_for_data(
    reports: Reports, bucket: Bucket, scratch: Path
) -> None:
    reports.deliver()
    for key, version, _, _ in bucket.history():
        if key in {KEYS[1], "￥/a.csv"}:
            reports.client.delete_object(Bucket=reports.source, Key=key, VersionId=version)
    found = reported(reports, scratch)
    assert facts(found)["gone-since-report"] == "2"
    assert (found.collections, found.blockers) == (listed(reports).collections, listed(reports).blockers)


def test_an_object_that_was_overwritten_since_has_another_fingerprint_in_the_listing(
    reports: Reports, bucket: Bucket, scratch: Path
) -> None:
    reports.deliver()
    bucket.put("plus/100%.csv", TABLE)
    now = {found.ref: found.fingerprint for found in listed(reports).collections}
    then = {found.ref: found.fingerprint for found in reported(reports, scratch).collections}
    assert {ref.name for ref in now if now[ref] != then[ref]} == {"plus"}


def test_a_key_that_changed_while_the_report_was_made_is_left_to_the_listing(reports: Reports, scratch: Path) -> None:
    rows = rows_of(reports.client, reports.source)
    for row in rows:
        row["is_latest"] = row["is_latest"] and row["key"] != "￥/a.csv"
    reports.deliver(rows=rows)
    found = reported(reports, scratch)
    assert facts(found)["unclear-in-report"] == "1 keys without one latest version"
    assert "￥" not in {collection.ref.name for collection in found.collections}


def test_a_row_that_comes_twice_counts_once(reports: Reports, scratch: Path) -> None:
    rows = rows_of(reports.client, reports.source)
    reports.deliver(rows=[*rows, *rows[:4]])
    assert without_report_facts(reported(reports, scratch)) == listed(reports)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_report_of_current_versions_only(reports: Reports, scratch: Path, form: str) -> None:
    reports.columns = [name for name in TYPES if name not in {"version_id", "is_latest", "is_delete_marker"}]
    reports.deliver(form)
    assert "lists current versions only" in refusal(reported(reports, scratch))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["size", "e_tag"])
def test_a_report_without_a_column_that_is_needed(reports: Reports, scratch: Path, form: str, name: str) -> None:
    reports.columns = [column for column in TYPES if column != name]
    reports.deliver(form)
    assert f"has no column {name}" in refusal(reported(reports, scratch))


@pytest.mark.parametrize("form", ["ORC", "Parquet"])
def test_a_file_that_lacks_a_column_of_its_manifest(reports: Reports, scratch: Path, form: str) -> None:
    key = reports.deliver(form)
    said = json.loads(reports.body(key))["fileSchema"]
    reports.columns = [column for column in TYPES if column != "is_delete_marker"]
    reports.deliver(form, fileSchema=said)
    assert "has no column is_delete_marker in a file" in refusal(reported(reports, scratch))


def test_a_csv_with_fewer_columns_than_its_manifest_says(reports: Reports, scratch: Path) -> None:
    said = json.loads(reports.body(reports.deliver()))["fileSchema"]
    reports.columns = reports.columns[:-1]
    reports.deliver(fileSchema=said)
    assert "cannot be read as CSV" in refusal(reported(reports, scratch))


def test_a_report_of_another_bucket(reports: Reports, scratch: Path) -> None:
    reports.deliver(sourceBucket="another")
    assert "is of another bucket" in refusal(reported(reports, scratch))


@pytest.mark.parametrize("form", FORMS)
def test_a_row_of_another_bucket(reports: Reports, scratch: Path, form: str) -> None:
    rows = rows_of(reports.client, reports.source)
    rows[3]["bucket"] = "another"
    reports.deliver(form, rows=rows)
    assert "names another bucket in a row" in refusal(reported(reports, scratch))


def test_a_report_of_a_part_of_the_bucket(reports: Reports, scratch: Path) -> None:
    reports.configure(prefix="quotes/")
    reports.deliver()
    assert "is of a part of the bucket" in refusal(reported(reports, scratch))


def test_a_manifest_that_is_not_the_one_of_its_checksum(reports: Reports, scratch: Path) -> None:
    key = reports.deliver()
    reports.put(key, reports.body(key).replace(b"true", b"TRUE") + b" ")
    assert "not the one of its checksum" in refusal(reported(reports, scratch))


@pytest.mark.parametrize("cut", [b"", b"extra"])
def test_a_file_that_is_not_the_one_of_its_checksum(reports: Reports, scratch: Path, cut: bytes) -> None:
    key = json.loads(reports.body(reports.deliver()))["files"][1]["key"]
    body = reports.body(key)
    reports.put(key, body + cut if cut else body[:-1])
    assert "has a file that is not the one of its checksum" in refusal(reported(reports, scratch))


def test_a_file_that_is_missing(reports: Reports, scratch: Path) -> None:
    key = json.loads(reports.body(reports.deliver()))["files"][2]["key"]
    reports.client.delete_object(Bucket=reports.destination, Key=key)
    assert "lacks a file that its manifest names" in refusal(reported(reports, scratch))


def test_a_report_that_is_being_delivered(reports: Reports, scratch: Path) -> None:
    key = reports.deliver()
    reports.client.delete_object(
        Bucket=reports.destination, Key=key.replace("manifest.json", "manifest.checksum")
    )  # fmt: skip
    assert "is not complete yet" in refusal(reported(reports, scratch))


def test_no_report_where_the_case_file_says(reports: Reports, scratch: Path) -> None:
    assert "is not where the case file says" in refusal(reported(reports, scratch))
    assert "has no manifest.json" in refusal(reported(reports, scratch, f"{reports.folder}/x/manifest.json"))
    elsewhere = replace(reports, destination="no-such-bucket")
    assert "NoSuchBucket" in refusal(reported(elsewhere, scratch))


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ({"files": []}, "lists nothing"),
        ({"files": [{"key": "a"}]}, "none of S3 Inventory"),
        ({"creationTimestamp": "yesterday"}, "none of S3 Inventory"),
        ({"fileFormat": "Avro"}, "format that S3 Inventory does not have"),
        ({"fileSchema": 7}, "format that S3 Inventory does not have"),
        ({"fileSchema": ""}, "lists current versions only"),
        ({"fileFormat": "Parquet"}, "lists current versions only"),
    ],
)
def test_a_manifest_that_says_nonsense(
    reports: Reports, scratch: Path, said: dict[str, Any], because: str
) -> None:  # fmt: skip
    reports.deliver(**said)
    assert because in refusal(reported(reports, scratch))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b"\xff"])
def test_a_manifest_that_is_no_manifest(reports: Reports, scratch: Path, body: bytes) -> None:
    key = reports.deliver()
    reports.put_manifest(key, body)
    assert "none of S3 Inventory" in refusal(reported(reports, scratch))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", [{"size": None}, {"size": -1}, {"key": ""}, {"is_latest": None}])
def test_rows_that_no_service_writes(reports: Reports, scratch: Path, form: str, change: dict[str, Any]) -> None:
    rows = rows_of(reports.client, reports.source)
    next(row for row in rows if not row["is_delete_marker"]).update(change)
    reports.deliver(form, rows=rows)
    refusal(reported(reports, scratch))


def test_a_key_that_is_no_text(reports: Reports, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_reports, "quote_plus", lambda _, safe: f"%FF{safe}")
    reports.deliver()
    assert "has a key that is not UTF-8" in refusal(reported(reports, scratch))


def test_an_empty_report_is_suspicious(reports: Reports, scratch: Path) -> None:
    reports.deliver("Parquet", rows=[])
    assert "lists nothing" in refusal(reported(reports, scratch))


def test_a_service_that_is_down_is_no_refusal(reports: Reports, scratch: Path) -> None:
    class Down(Unlisted):
        def get_object(self, **_: Any) -> Any:
            raise Transient("the service is down")

    reports.deliver()
    with pytest.raises(Transient):
        store_of(reports, scratch, client=Down(reports.client)).discover_reported()


def test_a_bucket_that_may_not_be_read_is_no_fault_of_the_report(reports: Reports, scratch: Path) -> None:
    class Denied(Unlisted):
        def get_bucket_versioning(self, **_: Any) -> Any:
            raise Refused("denied")

    reports.deliver()
    with pytest.raises(Refused, match="denied"):
        store_of(reports, scratch, client=Denied(reports.client)).discover_reported()


# -- what stays behind -------------------------------------------------------------------------------------------------


def test_no_file_with_a_name_is_ever_written(reports: Reports, scratch: Path) -> None:
    seen: list[list[Path]] = []

    class Watched(Unlisted):
        def get_object(self, **request: Any) -> Any:
            seen.append(list(scratch.iterdir()))
            return super().__getattr__("get_object")(**request)

    reports.deliver()
    store_of(reports, scratch, client=Watched(reports.client)).discover_reported()
    assert seen
    assert not any(seen), "keys may name persons, and a killed process removes nothing"
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700


@pytest.mark.parametrize("form", FORMS)
def test_refusals_do_not_tell_keys(reports: Reports, scratch: Path, form: str) -> None:
    rows = rows_of(reports.client, reports.source)
    rows[0] |= {"key": "scans/13800000000.jpg", "size": None}
    reports.deliver(form, rows=rows)
    assert "13800000000" not in repr(reported(reports, scratch))
