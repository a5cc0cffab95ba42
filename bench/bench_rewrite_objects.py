"""How much memory it takes to destroy one big object, or rows of one, on the embedded service.

Each way runs in a process of its own, whose peak is told: rows of a Parquet object in a bucket with versions, and a
whole object and rows of one in a bucket without, which are copied into the escrow first. The object is made and sent by
other processes.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import memory
import pyarrow as pa
import pyarrow.parquet as pq

from winddown.archive.container import ContainerKey
from winddown.archive.escrow import Escrow
from winddown.demo.bucket import connect
from winddown.demo.servers import EmbeddedS3
from winddown.domain.authorization import Authorization, Power
from winddown.domain.inventory import Collection, CollectionRef, Medium
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Whereabouts
from winddown.domain.selection import Selection
from winddown.stages.manifests import split
from winddown.stores.objects.s3 import S3Store

STORE, KEY, ERASED = "shop_files", "orders/part-0.parquet", 1_000
VALUE, GROUP = 1 << 10, 64 << 20
MEBIBYTES = 450
WAYS = {"rewrite": (True, False), "escrow": (False, True), "escrow-rewrite": (False, False)}


def main() -> None:
    """Print peak memory and requests of each way, then one line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=1_024)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    if chosen.way:
        destroy(chosen.folder, chosen.way)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "object", chosen.megabytes)
        for way in WAYS:
            server = EmbeddedS3(folder)
            send(connect(server.start()), way, folder / "object")
            command = [sys.executable, __file__, "--way", way, "--folder", name]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            server.stop()
            said = ", ".join(f"{count} {operation}" for operation, count in sorted(found["requests"].items()))
            print(f"{way:15} {chosen.megabytes} MB: peak {found['peak']} MiB; {found['sent'] >> 20} MiB sent; {said}")
            met = "yes" if found["peak"] <= MEBIBYTES else "no"
            figure = f"objects_{way.replace('-', '_')}_peak_memory"
            print(f"figure={figure} value={found['peak']} unit=MiB target=<={MEBIBYTES} met={met}", flush=True)


def write(path: Path, megabytes: int) -> None:
    """A Parquet file of random values that cannot be packed, in row groups of 64 MiB."""
    drawn, rows = random.Random(7), GROUP // VALUE
    schema = pa.schema([("id", pa.int64()), ("photo", pa.binary())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for number in range(max(megabytes * (1 << 20) // GROUP, 2)):
            ids = pa.array(range(number * rows, (number + 1) * rows), type=pa.int64())
            values = pa.array([drawn.randbytes(VALUE) for _ in range(rows)], type=pa.binary())
            writer.write_table(pa.table([ids, values], schema=schema), row_group_size=rows)


def send(client: Any, bucket: str, path: Path) -> None:
    """Put a file into a bucket of its own."""
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": client.meta.region_name})
    if WAYS[bucket][0]:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.upload_file(str(path), bucket, KEY)
    # The service puts parts together whatever came in between, so a bucket without versions has to count as frozen.
    denial = {"Sid": "winddown-freeze", "Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject"]}
    statement = {**denial, "Resource": f"arn:aws:s3:::{bucket}/nothing"}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def destroy(folder: Path, way: str) -> None:
    """Quarantine, restore, quarantine and purge; print what it took as JSON."""
    client = connect(EmbeddedS3(folder).address())
    requests: Counter[str] = Counter()
    sent = 0

    def count(request: Any, event_name: str, **_: Any) -> None:
        nonlocal sent
        requests[event_name.rpartition(".")[2]] += 1
        sent += int(request.headers.get("X-Amz-Decoded-Content-Length") or request.headers.get("Content-Length") or 0)

    client.meta.events.register("before-send.s3", count)
    escrow = Escrow(folder / "escrow", scope="bench", key=lambda: ContainerKey(bytes(32)))
    store = S3Store(STORE, bucket=way, reader=client, unlock=lambda _: client, escrow=escrow)
    ref = CollectionRef(STORE, "orders")
    is_whole = WAYS[way][1]
    medium = Medium.OBJECTS if is_whole else Medium.ROW_FILES
    collection = Collection(ref, medium, "parquet", (), (), (), 1, 0, 1, "")
    method = store.method(collection, Act.ERASE, whole=is_whole)
    if not isinstance(method, Method):
        raise SystemExit(method.explanation)
    state = next(iter(versions(client, way, keeps=WAYS[way][0])))
    rows = [0] if is_whole else list(range(ERASED))
    columns = [[KEY] * len(rows), [state] * len(rows), rows]
    located = pa.table(columns, names=list(store.locators(collection)))
    (batch,) = split(store.batch_keys(collection, [located], size=100_000))
    selection = Selection("manifest", "0" * 64, batch.records, (batch.digest,))
    order = Order(OrderId("bench"), ref, "all", Act.ERASE, method, selection, 0, batch.records)
    identity, ends = f"bucket {way} at {client.meta.endpoint_url}", datetime.now(UTC) + timedelta(hours=1)
    for power in (Power.QUARANTINE, Power.RESTORE, Power.QUARANTINE, Power.PURGE):
        right = Authorization(power, "bench", STORE, order.id, batch.digest, identity, "nonce", ends, lambda _: None)
        getattr(store, power.value)(right, order, batch)
    if store.locate(order, batch) is not Whereabouts.GONE:
        raise SystemExit("it is not gone")
    print(json.dumps({"peak": memory.peak(), "requests": requests, "sent": sent}))


def versions(client: Any, bucket: str, *, keeps: bool) -> Iterator[str]:
    """What names the object in a plan."""
    for found in client.list_object_versions(Bucket=bucket)["Versions"]:
        yield found["VersionId"] if keeps else found["ETag"]


if __name__ == "__main__":
    main()
