import csv
import gzip
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import conninfo
from psycopg.rows import dict_row

from winddown.demo import __main__ as command_line
from winddown.demo.bucket import BUCKET, connect
from winddown.demo.company import Company, generate
from winddown.demo.compare import Comparison, compare, read_connections
from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3
from winddown.demo.truth import read_truth
from winddown.domain.errors import Refused

# Children before parents, so that no foreign key stands in the way.
DESTROY_ORDER = ("shop.tickets", "finance.payments", "shop.orders", "shop.addresses", "shop.consents", "shop.customers")
KEYS = {
    "shop.tickets": "ticket_id",
    "finance.payments": "payment_no",
    "shop.orders": "order_no",
    "shop.addresses": "address_id",
    "shop.consents": "consent_id",
    "shop.customers": "customer_id",
}


@dataclass
class World:
    """A company of its own, an administrator's connection and client to damage it with, and two outcomes on the way."""

    company: Company
    database: psycopg.Connection
    client: Any
    after_children: Comparison | None = None

    def compare(self, *, after: str = "all") -> Comparison:
        return compare(self.company.directory, read_connections(self.company.directory), after=after)

    def lines(self, collection: str, fate: str) -> list[dict[str, Any]]:
        return [line for line in read_truth(self.company.directory, collection=collection) if line["fate"] == fate]

    def versions(self, key: str) -> list[dict[str, Any]]:
        """The versions and markers of one key, the newest first."""
        page = self.client.list_object_versions(Bucket=BUCKET, Prefix=key)
        found = [one for one in page.get("Versions", []) + page.get("DeleteMarkers", []) if one["Key"] == key]
        return sorted(found, key=lambda one: (one["IsLatest"], one["LastModified"]), reverse=True)

    def read(self, key: str, version: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=key, VersionId=version)["Body"].read()
        return content

    def put(self, key: str, content: bytes) -> str:
        version: str = self.client.put_object(Bucket=BUCKET, Key=key, Body=content)["VersionId"]
        return version

    def drop(self, key: str, version: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=key, VersionId=version)

    def drop_all(self, key: str) -> None:
        for version in self.versions(key):
            self.drop(key, version["VersionId"])


def destroy_tables(world: World, *, after: str) -> None:
    fate, cleared = ("fate", "cleared") if after == "all" else ("wave1_fate", "wave1_cleared")
    for name in DESTROY_ORDER:
        for line in read_truth(world.company.directory, collection=f"shop_db:{name}"):
            where = f"WHERE {KEYS[name]}::text = %s"
            if line.get(fate) == "gone":
                world.database.execute(f"DELETE FROM {name} {where}".encode(), (line["key"],))
            elif line.get(fate) == "minimised":
                blanks = ", ".join(f"{field} = {repr('') if field == 'name' else 'NULL'}" for field in line[cleared])
                world.database.execute(f"UPDATE {name} SET {blanks} {where}".encode(), (line["key"],))


def without(key: str, content: bytes, gone: set[str]) -> bytes | None:
    """The file without the rows of some customers, None when no row is left."""
    if key.endswith(".parquet"):
        table = pq.read_table(io.BytesIO(content))
        keep = [str(one) not in gone for one in table.column("customer_id").to_pylist()]
        sink = io.BytesIO()
        pq.write_table(table.filter(pa.array(keep)), sink)
        return sink.getvalue() if any(keep) else None
    if key.endswith(".csv"):
        header, *rows = list(csv.reader(io.StringIO(content.decode())))
        left = [row for row in rows if row[1] not in gone]
        text = io.StringIO()
        # The order of rows is open: they come back the other way round.
        csv.writer(text).writerows([header, *reversed(left)])
        return text.getvalue().encode() if left else None
    lines = [line for line in gzip.decompress(content).splitlines() if str(json.loads(line)["customer_id"]) not in gone]
    return gzip.compress(b"\n".join(lines)) if lines else None


def destroy_objects(world: World, *, after: str) -> None:
    fate = "fate" if after == "all" else "wave1_fate"
    people = read_truth(world.company.directory, collection="shop_db:shop.customers")
    gone = {line["key"] for line in people if (line["fate"] == "gone" if after == "all" else line.get("wave1"))}
    for key in {line["object"]: line for line in read_truth(world.company.directory) if line["object"]}:
        if key.startswith("exports/"):
            contents = [without(key, world.read(key, one["VersionId"]), gone) for one in reversed(world.versions(key))]
            world.drop_all(key)
            for content in contents:
                if content is not None:
                    world.put(key, content)
    for line in read_truth(world.company.directory, collection="shop_files:id-scans"):
        if line.get(fate) == "gone":
            world.drop_all(line["key"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("world")
    postgres, files = EmbeddedPostgres(directory / "pg"), EmbeddedS3(directory / "s3")
    try:
        url, address = postgres.start(), files.start()
        made = generate(customers=60, seed=11, postgres_admin_url=url, s3=address, directory=directory / "case")
        client = connect(address)
        with psycopg.connect(conninfo.make_conninfo(url, dbname="shop"), autocommit=True) as database:
            yield World(made, database, client)
        client.close()
    finally:
        files.stop()
        postgres.stop()


@pytest.fixture(scope="module")
def destroyed(world: World) -> World:
    """The company after a brute-force destroyer that follows the truth, both waves."""
    destroy_tables(world, after="children")
    destroy_objects(world, after="children")
    world.after_children = world.compare(after="children")
    destroy_tables(world, after="all")
    destroy_objects(world, after="all")
    return world


def outcome(comparison: Comparison) -> tuple[int, int, int]:
    return comparison.wrongly_destroyed, comparison.wrongly_kept, comparison.wrongly_changed


def test_an_untouched_company_has_kept_exactly_what_must_go(company: Company) -> None:
    lines = list(read_truth(company.directory))
    comparison = compare(company.directory, read_connections(company.directory))
    expected = Counter(line["fate"] for line in lines)
    assert outcome(comparison) == (0, expected["gone"] + expected["minimised"], 0)
    assert comparison.records == len(lines)
    between = compare(company.directory, read_connections(company.directory), after="children")
    assert outcome(between) == (0, sum(1 for line in lines if line.get("wave1")), 0)


def test_examples_name_collections_and_counts_only(company: Company) -> None:
    comparison = compare(company.directory, read_connections(company.directory))
    customers = company.cast.customers - len(company.cast.held)
    assert f"shop_db:shop.customers: {customers} wrongly kept (expected gone)" in comparison.examples


def test_no_mistake_is_found_after_each_wave_of_a_faithful_destroyer(destroyed: World) -> None:
    assert destroyed.after_children is not None
    assert outcome(destroyed.after_children) == (0, 0, 0), destroyed.after_children.examples
    final = destroyed.compare()
    assert outcome(final) == (0, 0, 0), final.examples
    assert final.is_clean


def test_the_first_wave_must_leave_everybody_else_alone(destroyed: World) -> None:
    lost = destroyed.compare(after="children")
    assert lost.wrongly_destroyed > 0
    assert lost.wrongly_changed > 0, "payments of adults are minimised by the second wave only"


@contextmanager
def row_changed(world: World, table: str, key: str, assignment: str) -> Iterator[None]:
    with world.database.cursor(row_factory=dict_row) as cursor:
        where = f"WHERE {KEYS[table]}::text = %s"
        before = cursor.execute(f"SELECT * FROM {table} {where}".encode(), (key,)).fetchone()
        assert before is not None
        cursor.execute(f"UPDATE {table} SET {assignment} {where}".encode(), (key,))
        yield
        blanks = ", ".join(f"{name} = %s" for name in before)
        cursor.execute(f"UPDATE {table} SET {blanks} {where}".encode(), (*before.values(), key))


def test_a_missing_kept_row_is_detected(destroyed: World) -> None:
    key = destroyed.lines("shop_db:shop.tickets", "kept")[0]["key"]
    taken = destroyed.database.execute(
        "DELETE FROM shop.tickets WHERE ticket_id = %s RETURNING *", (int(key),)
    ).fetchone()
    assert taken is not None
    assert outcome(destroyed.compare()) == (1, 0, 0)
    destroyed.database.execute("INSERT INTO shop.tickets VALUES (%s, %s, %s, %s)", taken)
    assert destroyed.compare().is_clean


@pytest.mark.parametrize(
    ("table", "fate", "assignment", "expected"),
    [
        ("shop.orders", "kept", "amount_cny = amount_cny + 0.01", (0, 0, 1)),
        ("shop.orders", "kept", "ordered_at = ordered_at + interval '1 microsecond'", (0, 0, 1)),
        ("shop.customers", "kept", "mobile = NULL", (0, 0, 1)),
        ("finance.payments", "minimised", "amount_cny = amount_cny + 1", (0, 0, 1)),
        ("finance.payments", "minimised", "payer_name = 'x'", (0, 1, 0)),
        ("finance.payments", "minimised", "payer_name = '', card_number = ''", (0, 0, 0)),
    ],
)
def test_a_changed_or_refilled_field_is_detected(
    destroyed: World, table: str, fate: str, assignment: str, expected: tuple[int, int, int]
) -> None:
    with row_changed(destroyed, table, destroyed.lines(f"shop_db:{table}", fate)[0]["key"], assignment):
        assert outcome(destroyed.compare()) == expected
    assert destroyed.compare().is_clean


def test_rows_left_in_quarantine_are_detected(destroyed: World) -> None:
    destroyed.database.execute("CREATE SCHEMA winddown_quarantine")
    destroyed.database.execute("CREATE TABLE winddown_quarantine.leftover AS SELECT generate_series(1, 4) AS n")
    assert outcome(destroyed.compare()) == (0, 4, 0)
    destroyed.database.execute("DROP SCHEMA winddown_quarantine CASCADE")
    assert destroyed.compare().is_clean


def mixed_object(world: World, prefix: str) -> str:
    """A key whose rows are partly gone and partly kept."""
    kept = {line["object"] for line in world.lines(f"shop_files:{prefix}", "kept")}
    gone = {line["object"] for line in world.lines(f"shop_files:{prefix}", "gone")}
    key: str = min(kept & gone)
    return key


@pytest.mark.parametrize("prefix", ["exports/customers", "exports/orders", "exports/chats"])
def test_one_old_version_that_is_left_behind_is_detected(destroyed: World, prefix: str) -> None:
    key = mixed_object(destroyed, prefix)
    good = destroyed.read(key, destroyed.versions(key)[0]["VersionId"])
    with_strangers = {
        "exports/customers": lambda: stranger_parquet(good),
        "exports/orders": lambda: good + b"202501010000000001,100002,13800000000,1.00\r\n",
        "exports/chats": lambda: gzip.compress(gzip.decompress(good) + b'\n{"customer_id":100002,"at":"","text":""}\n'),
    }[prefix]()
    old, new = destroyed.put(key, with_strangers), destroyed.put(key, good)
    assert outcome(destroyed.compare()) == (0, 1, 0)
    destroyed.drop(key, new)
    assert outcome(destroyed.compare()) == (0, 1, 0), "the same row in the current version"
    destroyed.drop(key, old)
    assert destroyed.compare().is_clean


def stranger_parquet(content: bytes) -> bytes:
    table = pq.read_table(io.BytesIO(content))
    row = dict.fromkeys(table.column_names) | {"customer_id": 100_002}
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist([row], schema=table.schema)]), sink)
    return sink.getvalue()


def test_a_changed_and_a_missing_file_row_are_told_apart(destroyed: World) -> None:
    key = mixed_object(destroyed, "exports/orders")
    good = destroyed.read(key, destroyed.versions(key)[0]["VersionId"])
    header, first, *rest = good.splitlines()
    changed = destroyed.put(key, b"\n".join([header, first + b"9", *rest]))
    assert outcome(destroyed.compare()) == (0, 0, 1)
    destroyed.drop(key, changed)
    shorter = destroyed.put(key, b"\n".join([header, *rest]))
    assert outcome(destroyed.compare()) == (1, 0, 0)
    destroyed.drop(key, shorter)
    broken = destroyed.put(mixed_object(destroyed, "exports/customers"), b"PAR1")
    assert destroyed.compare().wrongly_destroyed > 0
    destroyed.drop(mixed_object(destroyed, "exports/customers"), broken)
    assert destroyed.compare().is_clean


def test_a_delete_marker_of_a_gone_object_is_detected(destroyed: World) -> None:
    for collection in ("shop_files:id-scans", "shop_files:exports/customers"):
        kept = {line["object"] for line in destroyed.lines(collection, "kept")}
        key = next(line["object"] for line in destroyed.lines(collection, "gone") if line["object"] not in kept)
        version = destroyed.put(key, b"")
        assert outcome(destroyed.compare()) == (0, 1, 0), "an object without a record"
        destroyed.client.delete_object(Bucket=BUCKET, Key=key)
        destroyed.drop(key, version)
        assert outcome(destroyed.compare()) == (0, 1, 0), "a marker that still names it"
        destroyed.drop_all(key)
    assert destroyed.compare().is_clean


def test_a_held_scan_must_keep_every_version_and_be_visible(destroyed: World) -> None:
    lines = destroyed.lines("shop_files:id-scans", "kept")
    key = next(line["key"] for line in lines if line.get("version") == "older")
    newest, older = destroyed.versions(key)
    marker = destroyed.client.delete_object(Bucket=BUCKET, Key=key)["VersionId"]
    assert outcome(destroyed.compare()) == (1, 0, 0)
    destroyed.drop(key, marker)
    first, second = destroyed.read(key, older["VersionId"]), destroyed.read(key, newest["VersionId"])
    destroyed.drop(key, older["VersionId"])
    assert outcome(destroyed.compare()) == (1, 0, 0)
    again = destroyed.put(key, first)
    assert outcome(destroyed.compare()) == (0, 0, 1), "the older scan stands in front"
    destroyed.drop(key, again)
    destroyed.drop_all(key)
    destroyed.put(key, first)
    destroyed.put(key, second)
    assert destroyed.compare().is_clean


def test_unknown_objects_and_changed_backups_are_detected(destroyed: World) -> None:
    extra = destroyed.put("winddown-quarantine/x", b"x")
    assert outcome(destroyed.compare()) == (0, 1, 0)
    destroyed.drop("winddown-quarantine/x", extra)
    key = "backups/shop-2026-11-20.dump"
    content = destroyed.read(key, destroyed.versions(key)[0]["VersionId"])
    destroyed.drop_all(key)
    destroyed.put(key, content[:-1])
    assert outcome(destroyed.compare()) == (0, 0, 1)
    destroyed.drop_all(key)
    destroyed.put(key, content)
    assert destroyed.compare().is_clean


def test_an_unknown_point_of_the_case_is_refused(company: Company) -> None:
    with pytest.raises(Refused):
        compare(company.directory, read_connections(company.directory), after="lunch")


def test_the_command_line_generates_compares_and_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    try:
        assert command_line.main(["generate", "--customers", "20", "--seed", "3", "--dir", str(folder)]) == 0
        assert command_line.main(["compare", "--dir", str(folder)]) == 1
        assert "wrongly kept" in capsys.readouterr().out
        assert command_line.main(["generate", "--dir", str(folder)]) == 2, "a second company is refused"
        assert all(server.is_running() for server in command_line.servers(folder)), "and the first goes on"
    finally:
        assert command_line.main(["stop", "--dir", str(folder)]) == 0
    assert not any(server.is_running() for server in command_line.servers(folder))
    shutil.rmtree(folder)
