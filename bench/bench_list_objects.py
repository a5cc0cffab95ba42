"""How much memory discovering a bucket takes, and how long: a service is played that lists any number of keys.

Every tenth key has an older version, every hundredth lies below a delete marker; folders are partitions of one table
and a thousand folders of scans. With ``--inventory`` the service lists nothing and delivers an S3 Inventory report of
the same versions, spread over files in no order and written by another process. Peak memory is that of this process
above what the imports took; everything is discovered twice, the second time with the notes of the first.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import memory
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from pyarrow import orc

from winddown.archive.keys import CaseKeys
from winddown.archive.notes import CaseNotes
from winddown.ports import Discovery
from winddown.stores.objects.discovery import Source, discover_bucket
from winddown.stores.objects.report.listing import ReportPlace, read_report
from winddown.stores.objects.tables.registry import Tables

PAGE, MEBIBYTES = 1_000, 200
STORE = "shop_files"
_OBJECT = {"LastModified": datetime(2024, 1, 1, tzinfo=UTC)}
SCAN, TABLE = b"\xff\xd8\xff\xe0 a scan", b"id,name\n1,a\n"


class Service:
    """Answers what discovery asks, for ``keys`` objects that exist nowhere."""

    def __init__(self, keys: int, *, is_of_objects: bool = False) -> None:
        self._keys, self._is_of_objects = keys, is_of_objects

    def get_paginator(self, name: str) -> "Service":
        """The only paginated answers that are not empty are the lists of versions and of objects."""
        keys = self._keys if name in {"list_objects_v2", "list_object_versions"} else 0
        return Service(keys, is_of_objects=name == "list_objects_v2")

    def paginate(self, *, KeyMarker: str = "", **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803 - the service's names
        """Pages in the order of keys, as S3 lists them, from the one in which the marker's key is."""
        number_of = re.search(r"([0-9]{8})\.", KeyMarker)
        first = int(number_of[1]) // PAGE * PAGE if number_of else 0
        for start in range(first, self._keys, PAGE):
            page: dict[str, Any] = {"Versions": [], "DeleteMarkers": []}
            for number in range(start, min(start + PAGE, self._keys)):
                is_scan = number >= self._keys // 2
                name = (
                    f"b/scans/{number * 1000 // self._keys:04}/{number:08}.jpg"
                    if is_scan
                    else f"a/orders/month={number // 5000:06}/part-{number:08}.csv"
                )
                is_deleted = number % 100 == 0
                if is_deleted:
                    page["DeleteMarkers"].append({"Key": name, "VersionId": "marker", "IsLatest": True})
                for version in ("new", "old")[: 2 if number % 10 == 0 else 1]:
                    page["Versions"].append(
                        {
                            "Key": name,
                            "VersionId": version,
                            "ETag": f'"{number:032x}"',
                            "Size": len(SCAN if is_scan else TABLE),
                            "IsLatest": version == "new" and not is_deleted,
                            "StorageClass": "STANDARD",
                        }
                    )
            live = sum(each["IsLatest"] for each in page["Versions"])
            yield {"Contents": [_OBJECT] * live} if self._is_of_objects else page

    def head_bucket(self, **_: Any) -> dict[str, Any]:
        """It is there."""
        return {}

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - the service's names
        """A small scan, or a table of one row."""
        return {"Body": io.BytesIO(SCAN if Key.startswith("b/") else TABLE)}

    def get_bucket_versioning(self, **_: Any) -> dict[str, str]:
        """It keeps versions."""
        return {"Status": "Enabled"}

    def get_object_lock_configuration(self, **_: Any) -> dict[str, Any]:
        """It locks nothing."""
        raise ClientError({"Error": {"Code": "ObjectLockConfigurationNotFoundError"}}, "GetObjectLockConfiguration")

    def __getattr__(self, name: str) -> Any:
        def denied(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, name)

        return denied


COLUMNS = ("Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "ETag", "StorageClass")
SCHEMA = pa.schema(
    [
        ("bucket", pa.string()),
        ("key", pa.string()),
        ("version_id", pa.string()),
        ("is_latest", pa.bool_()),
        ("is_delete_marker", pa.bool_()),
        ("size", pa.int64()),
        ("e_tag", pa.string()),
        ("storage_class", pa.string()),
    ]
)
SCHEMAS = {
    "CSV": ", ".join(COLUMNS),
    "ORC": "struct<" + ",".join(f"{name}:string" for name in SCHEMA.names) + ">",
    "Parquet": "message m { " + " ".join(f"optional binary {name} (UTF8);" for name in SCHEMA.names) + " }",
}
FILES, PLACE = 8, "reports/bucket/daily/2026-11-22T01-00Z"


class Reporting(Service):
    """Lists nothing; hands out a report that lies in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(0)
        self._folder = folder

    def get_object(self, *, Key: str, **request: Any) -> dict[str, Any]:  # noqa: N803 - the service's names
        """A file of the report, or what the plain service has."""
        path = self._folder / Path(Key).name
        if not Key.startswith("reports/"):
            return super().get_object(Key=Key, **request)
        return {"Body": StreamingBody(path.open("rb"), path.stat().st_size)}


def write_report(keys: int, form: str, folder: Path) -> None:
    """Write a report of what ``Service(keys)`` lists, its pages spread over files, last page first within thousands."""
    spread: list[list[dict[str, Any]]] = [[] for _ in range(FILES)]
    for number, page in enumerate(Service(keys).get_paginator("list_object_versions").paginate()):
        spread[number * 5 % FILES].append(page)
    files = []
    for number, pages in enumerate(spread):
        path = folder / f"{number}.{form}"
        rows = [row for page in reversed(pages) for row in reversed(list(_rows(page)))]
        _write(form, path, rows)
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        files.append({"key": f"reports/{path.name}", "size": path.stat().st_size, "MD5checksum": digest})
    manifest = {
        "sourceBucket": "bucket",
        "creationTimestamp": "1795309200000",
        "fileFormat": form,
        "fileSchema": SCHEMAS[form],
        "files": files,
    }
    body = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(body)
    (folder / "manifest.checksum").write_text(hashlib.md5(body, usedforsecurity=False).hexdigest(), "ascii")


def _rows(page: dict[str, Any]) -> Iterator[list[Any]]:
    for kind in ("DeleteMarkers", "Versions"):
        for raw in page[kind]:
            size, etag = raw.get("Size"), raw.get("ETag", "").strip('"')
            flags = (raw["IsLatest"], kind == "DeleteMarkers")
            yield ["bucket", raw["Key"], raw["VersionId"], *flags, size, etag, raw.get("StorageClass", "")]


def _write(form: str, path: Path, rows: list[list[Any]]) -> None:
    if form == "CSV":
        with gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=1) as sink:
            for row in rows:
                words = [str(cell).lower() if isinstance(cell, bool) else cell for cell in row]
                csv.writer(sink, quoting=csv.QUOTE_ALL).writerow([words[0], words[1].replace("=", "%3D"), *words[2:]])
        return
    table = pa.Table.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], names=SCHEMA.names)
    (orc if form == "ORC" else pq).write_table(table.cast(SCHEMA), path)


def discovered(keys: int, form: str, folder: Path) -> Iterator[tuple[Discovery, int, float]]:
    """Discover twice, by a report of a form or by listing: first looking at every object, then recalling.

    Yields:
        The answer, the peak memory in MiB so far and the CPU seconds of this turn.
    """
    if form:
        writer = multiprocessing.get_context("spawn").Process(target=write_report, args=(keys, form, folder))
        writer.start()
        writer.join()
    service = Reporting(folder) if form else Service(keys)
    place = ReportPlace("reports", f"{PLACE}/manifest.json", folder)
    keys_of_case = CaseKeys(folder / "keys")
    before = memory.peak()
    for _ in range(2):
        started = time.process_time()
        notes = partial(CaseNotes, folder / "notes", "looked", store=STORE, keys=keys_of_case, code_version="bench")
        tables = Tables(STORE, "bucket", None).of(service)
        source = Source(STORE, service, "bucket", "bench/bucket", notes, remember=lambda *_: None, tables=tables)
        with read_report(STORE, service, "bucket", place) if form else nullcontext() as listing:
            found = discover_bucket(source, report=listing)
        yield found, memory.peak() - before, time.process_time() - started


def main() -> int:
    """Measure; whether the target is met stands in the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--inventory", choices=sorted(SCHEMAS), default="", help="read a report of this format")
    asked = parser.parse_args()
    keys = asked.keys
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for turn, (found, reached, spent) in enumerate(discovered(keys, asked.inventory, Path(folder)), start=1):
            peaks.append(reached)
            objects = sum(collection.record_count for collection in found.collections)
            if objects != keys - len(range(0, keys, 100)):
                raise SystemExit(f"{objects} objects were found")
            print(f"{keys} keys, discovery {turn}: {len(found.collections)} collections, {spent:.1f} s of CPU")
    by = f"{asked.inventory.lower()}_inventory" if asked.inventory else "list"
    peak = max(peaks)
    is_met = peak <= MEBIBYTES
    print(f"figure={by}_objects_peak value={peak} unit=MiB target=<={MEBIBYTES} met={'yes' if is_met else 'no'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
