"""Compares the objects of the shop's bucket, every version and delete marker of them, with what the truth expects.

Rows of a file are compared as a multiset per object: their order is open. It does not look into unused parts of a
file's bytes, such as values that a Parquet dictionary page still holds for rows that are gone.
"""

import csv
import gzip
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from winddown.demo.bucket import BUCKET
from winddown.demo.tally import Tally, Wrong
from winddown.demo.truth import BACKUP_DIGESTS, Fate, digest, digest_of_bytes, read_truth

ROW_PREFIXES = ("exports/",)
UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError)


@dataclass(slots=True)
class Found:
    """What the bucket holds under one key: version ids, the latest one's (None behind a marker), and markers."""

    versions: list[str] = field(default_factory=list)
    latest: str | None = None
    markers: int = 0


@dataclass(slots=True)
class Wanted:
    """What the truth says of one key: digests that must be left, those that may be, and those that must be gone.

    ``current`` are of the current version, ``older`` of versions before it. Null digests were looked up.
    """

    collection: str
    current: Counter[str] = field(default_factory=Counter)
    older: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)


def compare_objects(directory: Path, client: Any, tally: Tally) -> None:
    """Read every version of every object of the bucket and count the mistakes; an unknown object is wrongly kept.

    Args:
        directory: the case folder, for the truth and the digests of backups.
        client: a boto3 S3 client that may list and read all versions.
        tally: takes the counts.
    """
    found = _list(client)
    for key, wanted in _wanted(directory, tally).items():
        judge = _judge_rows if key.startswith(ROW_PREFIXES) else _judge_opaque
        judge(client, key, found.pop(key, Found()), wanted, tally)
    for key, other in found.items():
        count = len(other.versions) + other.markers
        tally.wrong(Wrong.KEPT, f"shop_files:{key.split('/')[0]}", "unknown object", count=count)


def read_rows(key: str, content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a Parquet, CSV or gzipped JSON lines file as dicts.

    Raises:
        ValueError, OSError, EOFError, pyarrow.ArrowException: the bytes are no such file.
    """
    if key.endswith(".parquet"):
        return list(pq.ParquetFile(io.BytesIO(content)).read(use_threads=False).to_pylist())
    if key.endswith(".csv"):
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    return [orjson.loads(line) for line in gzip.decompress(content).split(b"\n") if line]


def _list(client: Any) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
        for version in page.get("Versions", ()):
            entry = found.setdefault(version["Key"], Found())
            entry.versions.append(version["VersionId"])
            if version["IsLatest"]:
                entry.latest = version["VersionId"]
        for marker in page.get("DeleteMarkers", ()):
            found.setdefault(marker["Key"], Found()).markers += 1
    return found


def _wanted(directory: Path, tally: Tally) -> dict[str, Wanted]:
    backups: dict[str, str] = json.loads((directory / BACKUP_DIGESTS).read_text())
    wanted: dict[str, Wanted] = {}
    for line in read_truth(directory):
        if line["store"] != "shop_files":
            continue
        entry = wanted.setdefault(line["object"], Wanted(line["collection"]))
        expected = tally.expect(line)
        before = line["digest_before"] or backups[line["object"]]
        if expected.fate is Fate.GONE:
            entry.gone[before] += 1
        else:
            (entry.older if line.get("version") == "older" else entry.current)[before] += 1
    return wanted


def _read(client: Any, key: str, version: str) -> bytes:
    content: bytes = client.get_object(Bucket=BUCKET, Key=key, VersionId=version)["Body"].read()
    return content


def _judge_rows(client: Any, key: str, found: Found, wanted: Wanted, tally: Tally) -> None:
    """Judge a file of rows; older versions may be missing, but may hold nothing that must be gone."""
    residue = 0
    current: Counter[str] = Counter()
    for version in found.versions:
        try:
            rows = Counter(digest([row]) for row in read_rows(key, _read(client, key, version)))
        except UNREADABLE:
            # What cannot be read cannot be shown to be clean.
            residue += 1
            continue
        if version == found.latest:
            current = rows
        else:
            residue += sum(count for row, count in rows.items() if not (row in wanted.current or row in wanted.older))
    residue += sum(count for row, count in current.items() if row in wanted.gone)
    missing = (wanted.current - current).total()
    strange = sum(count for row, count in (current - wanted.current).items() if row not in wanted.gone)
    changed = min(missing, strange)
    residue += strange - changed
    if not wanted.current and not residue:
        # An object without a record to keep is gone altogether: not empty, and no marker with its name.
        residue = len(found.versions) + found.markers
    tally.wrong(Wrong.CHANGED, wanted.collection, Fate.KEPT, count=changed)
    tally.wrong(Wrong.DESTROYED, wanted.collection, Fate.KEPT, count=missing - changed)
    tally.wrong(Wrong.KEPT, wanted.collection, Fate.GONE, count=residue)


def _judge_opaque(client: Any, key: str, found: Found, wanted: Wanted, tally: Tally) -> None:
    """Judge an object that is one record; every version of a kept one is still there, the newest in front."""
    contents = {version: digest_of_bytes(_read(client, key, version)) for version in found.versions}
    if wanted.gone:
        tally.wrong(Wrong.KEPT, wanted.collection, Fate.GONE, count=len(found.versions) or found.markers)
        return
    every = wanted.current + wanted.older
    present = Counter(contents.values())
    missing = (every - present).total()
    strange = (present - every).total()
    changed = min(missing, strange)
    if not missing and found.latest is None:
        missing = 1
    elif not missing and contents.get(found.latest or "") not in wanted.current:
        changed, missing = 1, 1
    tally.wrong(Wrong.CHANGED, wanted.collection, Fate.KEPT, count=changed)
    tally.wrong(Wrong.DESTROYED, wanted.collection, Fate.KEPT, count=missing - changed)
