"""How much memory discovering a bucket takes, and how long: a service is played that lists any number of keys.

Every tenth key has an older version, every hundredth lies below a delete marker; folders are partitions of one table
and a thousand folders of scans. Peak memory is that of this process above what the imports took.
"""

import argparse
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from winddown.stores.objects.discovery import discover_bucket

PAGE, MEBIBYTES = 1_000, 200
SCAN, TABLE = b"\xff\xd8\xff\xe0 a scan", b"id,name\n1,a\n"


class Service:
    """Answers what discovery asks, for ``keys`` objects that exist nowhere."""

    def __init__(self, keys: int) -> None:
        self._keys = keys

    def get_paginator(self, name: str) -> "Service":
        """The only paginated answer that is not empty is the list of versions."""
        return Service(self._keys if name == "list_object_versions" else 0)

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        """Pages in the order of keys, as S3 lists them."""
        for start in range(0, self._keys, PAGE):
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
            yield page

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - the service's names
        """A small scan, or a table of one row."""
        return {"Body": io.BytesIO(SCAN if Key.startswith("b/") else TABLE)}

    def get_bucket_versioning(self, **_: Any) -> dict[str, str]:
        """It keeps versions."""
        return {"Status": "Enabled"}

    def __getattr__(self, name: str) -> Any:
        def denied(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, name)

        return denied


def resident() -> int:
    """Peak memory of this process in MiB."""
    return int(Path("/proc/self/status").read_text("ascii").partition("VmHWM:")[2].split()[0]) // 1024


def main() -> int:
    """Measure; 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=20_000)
    keys = parser.parse_args().keys
    before, started = resident(), time.process_time()
    found = discover_bucket("shop_files", Service(keys), "bucket")
    spent, peak = time.process_time() - started, resident() - before
    objects = sum(collection.record_count for collection in found.collections)
    if objects != keys - len(range(0, keys, 100)):
        raise SystemExit(f"{objects} objects were found")
    print(f"{keys} keys, {len(found.collections)} collections, {spent:.1f} s of CPU")
    is_met = peak <= MEBIBYTES
    print(f"figure=list_objects_peak value={peak} unit=MiB target<={MEBIBYTES} met={'yes' if is_met else 'no'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
