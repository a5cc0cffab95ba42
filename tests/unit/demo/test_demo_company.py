import gzip
import io
import json
import stat
import subprocess
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from winddown.demo.bucket import BUCKET, connect
from winddown.demo.company import Company, generate
from winddown.demo.documents import scan_key
from winddown.demo.rows import draw_drafts
from winddown.demo.schema import TABLES
from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3, S3Address, postgres_bin_dir
from winddown.demo.truth import FILE_NAME, read_truth
from winddown.domain.errors import Refused


@pytest.fixture(scope="module")
def urls(company: Company) -> dict[str, str]:
    connections = json.loads((company.directory / "connections.json").read_text())
    applications = json.loads((company.directory / "applications.json").read_text())
    return {name: entry["url"] for name, entry in (connections | applications).items() if "url" in entry}


@pytest.fixture(scope="module")
def case(company: Company) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((company.directory / "case.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_same_seed_gives_the_same_truth_and_case(company: Company, tmp_path: Path) -> None:
    postgres, files = EmbeddedPostgres(tmp_path / "pg"), EmbeddedS3(tmp_path / "s3")
    try:
        again = generate(
            customers=company.cast.customers,
            seed=company.cast.seed,
            postgres_admin_url=postgres.start(),
            s3=files.start(),
            directory=tmp_path / "case",
        )
    finally:
        files.stop()
        postgres.stop()
    for name in (FILE_NAME, "case.yaml", "holds/hold-2026-01.csv"):
        assert (again.directory / name).read_bytes() == (company.directory / name).read_bytes()
    other = [draft.rows for draft in draw_drafts(company.cast)]
    assert other == [draft.rows for draft in draw_drafts(again.cast)]


def test_the_tables_hold_exactly_the_rows_of_the_truth(company: Company, urls: dict[str, str]) -> None:
    with psycopg.connect(urls["shop_db"]) as database:
        for table in TABLES:
            keys = {str(row[0]) for row in database.execute(f"SELECT {table.key} FROM {table.name}".encode())}
            assert keys == {line["key"] for line in read_truth(company.directory, collection=table.collection)}


def test_every_order_has_one_payment_and_guests_have_no_customer(urls: dict[str, str]) -> None:
    with psycopg.connect(urls["shop_db"]) as database:
        unpaid = "SELECT o.order_no FROM shop.orders o FULL JOIN finance.payments p USING (order_no) GROUP BY 1 "
        assert not database.execute(unpaid.encode() + b"HAVING count(p.payment_no) <> 1").fetchall()
        guests = database.execute("SELECT count(*) FROM shop.orders WHERE customer_id IS NULL").fetchone()
        anonymous = database.execute("SELECT count(*) FROM shop.tickets WHERE customer_id IS NULL").fetchone()
        assert guests == (2,)
        assert anonymous == (2,)
        span = database.execute("SELECT min(ordered_at), max(ordered_at) FROM shop.orders").fetchone()
        assert span is not None
        assert date(2023, 12, 31) <= span[0].date() <= span[1].date() < date(2026, 5, 31)


def test_fates_follow_the_owner(company: Company) -> None:
    lines = list(read_truth(company.directory))
    assert len(lines) == company.records
    held = {str(one) for one in company.cast.held}
    free_children = {str(one) for one in company.cast.children - company.cast.held}
    customers = [line for line in lines if line["collection"] == "shop_db:shop.customers"]
    assert {line["key"] for line in customers if line["fate"] == "kept"} == held
    assert {line["key"] for line in customers if line.get("wave1")} == free_children
    assert {line["fate"] for line in lines if line["collection"] == "shop_db:finance.payments"} == {"kept", "minimised"}
    assert {line["sealed"] for line in lines if line["collection"] == "shop_db:shop.orders"} == {True, False}
    assert all(line["digest"] for line in lines if line["fate"] == "kept" and "backups" not in line["collection"])
    assert all(line["digest"] is None for line in lines if line["fate"] == "gone")


def test_the_bucket_is_versioned_and_exports_were_uploaded_twice(company: Company, s3: S3Address) -> None:
    client = connect(s3)
    versions = client.list_object_versions(Bucket=BUCKET)["Versions"]
    counted = Counter(version["Key"] for version in versions)
    assert {count for key, count in counted.items() if key.startswith("exports/")} == {2}
    assert {counted["reports/sales-2025.csv"], counted["backups/shop-2026-11-20.dump"]} == {1}
    scans = {key: count for key, count in counted.items() if key.startswith("id-scans/")}
    assert {scan_key(one) for one in company.cast.scanned} == set(scans)
    assert {key.rpartition(".")[2] for key in scans} == {"jpg", "pdf"}
    assert 2 in scans.values()
    assert len([key for key in counted if key.startswith("id-scans-unsorted/")]) == 5
    for key in (key for key in counted if key.startswith("exports/")):
        bodies = {
            client.get_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])["Body"].read()
            for version in versions
            if version["Key"] == key
        }
        assert len(bodies) == 2
    client.close()


def test_parquet_parts_have_row_groups_dictionaries_nulls_and_strangers(company: Company, s3: S3Address) -> None:
    client = connect(s3)
    content = client.get_object(Bucket=BUCKET, Key="exports/customers/part-0000.parquet")["Body"].read()
    chats = client.get_object(Bucket=BUCKET, Key="exports/chats/part-0000.jsonl.gz")["Body"].read()
    client.close()
    part = pq.ParquetFile(io.BytesIO(content))
    assert part.metadata.num_row_groups == 4
    assert part.metadata.row_group(0).column(1).compression == "SNAPPY"
    assert part.metadata.row_group(0).column(1).has_dictionary_page
    assert str(part.schema_arrow.field("customer_id").type) == "int64"
    ids = part.read().column("customer_id").to_pylist()
    everybody = range(100_001, 100_001 + company.cast.customers)
    assert ids.count(None) == 3
    assert len([one for one in ids if one is not None and one not in everybody]) == 2
    assert set(json.loads(gzip.decompress(chats).splitlines()[0])) == {"customer_id", "at", "text"}


def test_some_objects_lose_all_rows_and_some_keep_a_few(company: Company) -> None:
    for prefix in ("customers", "chats", "orders"):
        fates: dict[str, set[str]] = {}
        for line in read_truth(company.directory, collection=f"shop_files:exports/{prefix}"):
            fates.setdefault(line["object"], set()).add(line["fate"])
        assert {"kept", "gone"} in fates.values()
        assert ({"gone"} in fates.values()) == (prefix != "orders")


def test_the_case_is_coherent(case: dict[str, Any], company: Company) -> None:
    on = {event["event"]: event["on"] for event in case["timeline"]}
    assert list(on.values()) == sorted(on.values())
    assert on["dissolution_publicised"] - on["dissolution_resolved"] <= timedelta(days=10)
    assert on["liquidation_group_formed"] - on["dissolution_resolved"] <= timedelta(days=15)
    assert on["creditors_notified"] - on["liquidation_group_formed"] <= timedelta(days=10)
    assert on["creditors_announced"] - on["liquidation_group_formed"] <= timedelta(days=60)
    assert on["service_stopped"] - on["stop_notice_published"] >= timedelta(days=30)
    assert on["claims_window_closed"] - on["creditors_announced"] >= timedelta(days=45)
    evidence = [event["evidence"] for event in case["timeline"]] + [case["custodian"]["evidence"]]
    evidence += [entry["evidence"] for entry in case["accepted_dates"] + case["transfers"]]
    assert all((company.directory / path).read_text(encoding="utf-8").strip() for path in evidence)
    people = {person["id"] for person in case["people"]}
    assert {*case["approvers"], *(entry["steward"] for entry in case["register"])} <= people
    registered = [entry["collection"] for entry in case["register"]]
    assert set(registered) == {line["collection"] for line in read_truth(company.directory)}
    held = (company.directory / case["holds"][0]["subjects"]).read_text().split()
    assert held == ["customer_id", *map(str, sorted(company.cast.held))]


def test_secrets_are_private_and_the_key_pair_matches(company: Company) -> None:
    for name in ("connections.json", "applications.json", "custodian/custodian.key"):
        assert stat.S_IMODE((company.directory / name).stat().st_mode) == 0o600
    key = load_pem_private_key((company.directory / "custodian/custodian.key").read_bytes(), None)
    public = load_pem_public_key((company.directory / "custodian/custodian.pub").read_bytes())
    assert isinstance(public, X25519PublicKey)
    assert key.public_key() == public


def test_reader_reads_and_the_shop_writes_until_the_marker_freezes_it(urls: dict[str, str]) -> None:
    touch = "UPDATE shop.customers SET status = status"
    with psycopg.connect(urls["shop_db"]) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(touch)
    with psycopg.connect(urls["shop_app"]) as shop:
        shop.execute(touch)
        shop.rollback()
    with psycopg.connect(urls["shop_db__mark"], autocommit=True) as marker:
        marker.execute("REVOKE INSERT, UPDATE, DELETE ON shop.customers FROM shop_app")
        try:
            with psycopg.connect(urls["shop_app"]) as shop, pytest.raises(psycopg.errors.InsufficientPrivilege):
                shop.execute(touch)
        finally:
            marker.execute("GRANT INSERT, UPDATE, DELETE ON shop.customers TO shop_app")


def test_marker_quarantines_inspector_sees_it_and_purger_clears_it(urls: dict[str, str]) -> None:
    with psycopg.connect(urls["shop_db__mark"], autocommit=True) as marker:
        marker.execute("CREATE SCHEMA winddown_quarantine")
        marker.execute("CREATE TABLE winddown_quarantine.a AS SELECT * FROM shop.tickets LIMIT 3")
    with psycopg.connect(urls["shop_db__inspect"]) as inspector:
        assert inspector.execute("SELECT count(*) FROM winddown_quarantine.a").fetchone() == (3,)
        place = inspector.execute("SHOW data_directory").fetchone()
        assert place is not None
        assert (Path(place[0]) / "PG_VERSION").exists()
    with psycopg.connect(urls["shop_db"]) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT count(*) FROM winddown_quarantine.a")
    notices: list[str] = []
    with psycopg.connect(urls["shop_db__purge"], autocommit=True) as purger:
        purger.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        for statement in (
            "DROP SCHEMA winddown_quarantine CASCADE",
            "VACUUM FULL shop.tickets",
            "ANALYZE shop.tickets",
            "VACUUM FULL pg_statistic",
            "SELECT pg_switch_wal()",
            "CHECKPOINT",
        ):
            purger.execute(statement.encode())
    assert not [notice for notice in notices if "permission denied" in notice]


def test_the_backup_restores_into_a_scratch_database(urls: dict[str, str], s3: S3Address, tmp_path: Path) -> None:
    client = connect(s3)
    dump = tmp_path / "shop.dump"
    dump.write_bytes(client.get_object(Bucket=BUCKET, Key="backups/shop-2026-11-20.dump")["Body"].read())
    client.close()
    scratch = urls["shop_db__scratch"]
    with psycopg.connect(scratch, autocommit=True) as server:
        server.execute("CREATE DATABASE scratch TEMPLATE template0")
        try:
            target = scratch.removesuffix("postgres") + "scratch"
            tool = str(postgres_bin_dir() / "pg_restore")
            options = ("--no-owner", "--no-acl", "--exit-on-error", "-d", target)
            subprocess.run([tool, *options, str(dump)], check=True, capture_output=True)
            with psycopg.connect(target) as restored, psycopg.connect(urls["shop_db"]) as original:
                for table in TABLES:
                    count = f"SELECT count(*) FROM {table.name}".encode()
                    assert restored.execute(count).fetchone() == original.execute(count).fetchone()
        finally:
            server.execute("DROP DATABASE scratch")


def test_a_second_company_on_the_same_servers_is_refused(
    company: Company, admin_url: str, s3: S3Address, tmp_path: Path
) -> None:
    for directory in (company.directory, tmp_path):
        with pytest.raises(Refused):
            generate(customers=20, seed=1, postgres_admin_url=admin_url, s3=s3, directory=directory)
    assert not list(tmp_path.iterdir())
