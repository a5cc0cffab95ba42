"""Small objects with three versions each, destroyed on a Ceph RGW: by the product, by bare requests, and by rivals.

The bare way is the floor: list the versions, then ``DeleteObjects`` by thousands on eight threads, errors ignored. It
and the product's purge begin with the same bucket: every object with its three versions below a delete marker. ``rclone
delete`` and ``aws s3 rm --recursive`` do less, they only put the markers: no version goes, no lock is asked for.

The server comes from Debian's packages and keeps everything in memory, so it is as quick as it gets.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from ceph_gateway import Gateway, ceph_gateway

from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import BATCH_RECORDS
from winddown.domain.inventory import Collection, CollectionRef, Medium
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.selection import Selection
from winddown.stages.manifests import split
from winddown.stores.objects.s3 import S3Store

STORE, FOLDER, VERSIONS, THREADS, LIMIT = "shop_files", "scans", 3, 8, 1_000
RATIO = 1.1


@dataclass(slots=True)
class Measured:
    """What one way took.

    Attributes:
        cpu: seconds of this process alone.
        requests: by operation.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Print what each way took, then one line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--no-rivals", action="store_true")
    chosen = parser.parse_args()
    with ceph_gateway(memory_bytes=4 << 30, shards=11) as gateway, closing(gateway.client()) as client:
        ours, bare = (_filled(client, name, chosen.objects) for name in ("bench-ours", "bench-bare"))
        rivals = {} if chosen.no_rivals else _rivals(gateway, client, bare, chosen.objects)
        _each_thousand(client, bare, ({"Key": key} for key in _keys(chosen.objects)))
        floor = _measure(client, lambda: _purge_bare(client, bare))
        quarantined, purged = _destroy(client, ours, chosen.objects)
        for name in (bare, ours):
            left = client.list_object_versions(Bucket=name)
            _require(not left.get("Versions") and not left.get("DeleteMarkers"), f"something is left in {name}")
    whole = quarantined.seconds + purged.seconds
    for name, found in (("bare", floor), ("quarantine", quarantined), ("purge", purged)):
        said = ", ".join(f"{count} {operation}" for operation, count in sorted(found.requests.items()))
        print(f"{name:12} {found.seconds:7.2f} s {found.cpu * 1e6 / chosen.objects:7.0f} µs CPU a key  {said}")
    for name, seconds in rivals.items():
        print(f"{name:12} {seconds:7.2f} s, markers only")
    _figure("delete_objects_purge_over_bare", purged.seconds / floor.seconds, "ratio", at_most=RATIO)
    _figure("delete_objects_cpu", (quarantined.cpu + purged.cpu) * 1e6 / chosen.objects, "microseconds/key")
    _figure("delete_objects_requests", float((quarantined.requests + purged.requests).total()), "requests")
    for name, seconds in rivals.items():
        _figure(f"delete_objects_quarantine_over_{name}", quarantined.seconds / seconds, "ratio", at_most=1.0)
        _figure(f"delete_objects_whole_over_{name}", whole / seconds, "ratio", at_most=1.0)


def _keys(count: int) -> Iterator[str]:
    return (f"{FOLDER}/{number:08}.pdf" for number in range(count))


def _filled(client: Any, bucket: str, count: int) -> str:
    """A versioned bucket with three versions of each object."""
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(key: str) -> None:
        for number in range(VERSIONS):
            client.put_object(Bucket=bucket, Key=key, Body=b"%%PDF-1.7 version %d" % number)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, _keys(count)))
    return bucket


def _measure(client: Any, act: Callable[[], None]) -> Measured:
    found = Measured()

    def count(event_name: str, **_: Any) -> None:
        found.requests[event_name.rpartition(".")[2]] += 1

    client.meta.events.register("before-send.s3", count)
    started, cpu = time.perf_counter(), time.process_time()
    act()
    found.seconds, found.cpu = time.perf_counter() - started, time.process_time() - cpu
    client.meta.events.unregister("before-send.s3", count)
    return found


def _purge_bare(client: Any, bucket: str) -> None:
    listed = (
        {"Key": found["Key"], "VersionId": found["VersionId"]}
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for kind in ("Versions", "DeleteMarkers")
        for found in page.get(kind, ())
    )
    _each_thousand(client, bucket, listed)


def _each_thousand(client: Any, bucket: str, objects: Iterator[dict[str, str]]) -> None:
    every = list(objects)
    parts = [every[start : start + LIMIT] for start in range(0, len(every), LIMIT)]

    def delete(part: list[dict[str, str]]) -> None:
        client.delete_objects(Bucket=bucket, Delete={"Objects": part, "Quiet": True})

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(delete, parts))


def _destroy(client: Any, bucket: str, count: int) -> tuple[Measured, Measured]:
    """Quarantine and purge by the store, batch by batch, as a plan would."""
    store = S3Store(STORE, bucket=bucket, reader=client, unlock=lambda _: client)
    ref = CollectionRef(STORE, FOLDER)
    collection = Collection(ref, Medium.OBJECTS, "opaque", (), (), (), count, 0, count * VERSIONS, "")
    latest = {
        found["Key"]: found["VersionId"]
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for found in page["Versions"]
        if found["IsLatest"]
    }
    columns = [list(latest), list(latest.values()), [0] * len(latest)]
    located = pa.table(columns, names=list(store.locators(collection)))
    batches = tuple(split(store.batch_keys(collection, [located], size=BATCH_RECORDS)))
    selection = Selection("manifest", "0" * 64, count, tuple(batch.digest for batch in batches))
    order = Order(OrderId("bench"), ref, "all", Act.ERASE, Method.DELETE_MARKER, selection, 0, count)
    identity = f"bucket {bucket} at {client.meta.endpoint_url}"

    def run(power: Power) -> None:
        for batch in batches:
            ends = datetime.now(UTC) + timedelta(hours=1)
            right = Authorization(
                power, "bench", STORE, order.id, batch.digest, identity, "nonce", ends, lambda _: None
            )
            receipt = getattr(store, power.value)(right, order, batch)
            _require(receipt.records == batch.records, f"{power} of a batch is not whole")

    return _measure(client, lambda: run(Power.QUARANTINE)), _measure(client, lambda: run(Power.PURGE))


def _rivals(gateway: Gateway, client: Any, bucket: str, count: int) -> dict[str, float]:
    """Seconds that each rival takes to put the markers; these are taken away again after each."""
    address, found = gateway.address, {}
    # rclone's client cannot load a bundle of certificates; the service needs none.
    environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"} | {
        "RCLONE_CONFIG_BENCH_TYPE": "s3", "RCLONE_CONFIG_BENCH_PROVIDER": "Ceph",
        "RCLONE_CONFIG_BENCH_ENDPOINT": address.endpoint_url, "RCLONE_CONFIG_BENCH_ACCESS_KEY_ID": address.access_key,
        "RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY": address.secret_key, "AWS_ACCESS_KEY_ID": address.access_key,
        "AWS_SECRET_ACCESS_KEY": address.secret_key, "AWS_DEFAULT_REGION": "default",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        commands = {"rclone": ["rclone", "delete", f"bench:{bucket}"]} if shutil.which("rclone") else {}
        aws = Path(folder) / "aws" / "bin"
        subprocess.run([sys.executable, "-m", "venv", aws.parent], check=True)
        subprocess.run([aws / "pip", "install", "--quiet", "awscli"], check=True)
        remove = [str(aws / "aws"), "s3", "rm", "--recursive", "--only-show-errors", f"s3://{bucket}"]
        commands["aws_s3_rm"] = [*remove, "--endpoint-url", address.endpoint_url]
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            found[name] = time.perf_counter() - started
            markers = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket)
                for each in page.get("DeleteMarkers", ())
            ]
            _require(len(markers) == count, f"{name} hid {len(markers)} of {count} objects")
            _each_thousand(client, bucket, iter(markers))
    return found


def _require(is_so: bool, said: str) -> None:
    if not is_so:
        raise SystemExit(said)


def _figure(name: str, value: float, unit: str, *, at_most: float | None = None) -> None:
    bound = "none" if at_most is None else f"<={at_most}"
    met = "yes" if at_most is None or value <= at_most else "no"
    print(f"figure={name} value={value:.3f} unit={unit} target={bound} met={met}", flush=True)


if __name__ == "__main__":
    main()
