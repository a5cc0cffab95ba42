"""Encrypted manifests: the keys of a selection, the subjects of a hold, the probes of a residual search.

A manifest is one Arrow table in one encrypted container in the case's workspace. Whatever names a person leaves a
store only in here. A manifest is written once; the digest in the plan says which one was meant.
"""

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from winddown.archive.container import open_container, seal
from winddown.domain.batch import Batch, keys_digest
from winddown.domain.errors import Refused
from winddown.domain.plan import Order
from winddown.domain.selection import Selection
from winddown.stages.deployment import Deployment


def write_manifest(deployment: Deployment, case_id: str, name: str, table: pa.Table) -> None:
    """Write a table as an encrypted manifest, replacing one of the same name."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    seal(
        sink.getvalue(),
        deployment.folder(case_id, "manifests") / f"{name}.sealed",
        key=deployment.keys(case_id).container_key(),
        context=f"manifest/{case_id}/{name}",
        replace=True,
    )


def read_manifest(deployment: Deployment, case_id: str, name: str) -> pa.Table:
    """Read a manifest; raises Refused when it is missing or was changed."""
    pieces = open_container(
        deployment.folder(case_id, "manifests") / f"{name}.sealed",
        key=deployment.keys(case_id).container_key(),
        context=f"manifest/{case_id}/{name}",
    )
    with pa.ipc.open_stream(io.BytesIO(b"".join(pieces))) as stream:
        return stream.read_all()


def split(keys: pa.Table, *, salt: bytes = b"") -> Iterator[Batch]:
    """Cut a table of keys into its batches, by its column ``batch``."""
    numbers = keys.column("batch")
    for index in sorted(pc.unique(numbers).to_pylist()):
        part = keys.filter(pc.equal(numbers, index)).drop_columns(["batch"])
        yield Batch(index=index, digest=keys_digest(part, salt=salt), keys=part)


def select(deployment: Deployment, case_id: str, name: str, keys: pa.Table) -> Selection:
    """Write the keys of a selection as a manifest and return the selection, its digests salted with the case's key."""
    salt = deployment.keys(case_id).salt()
    write_manifest(deployment, case_id, name, keys)
    batches = list(split(keys, salt=salt))
    return Selection(
        manifest=name,
        digest=keys_digest(keys, salt=salt),
        count=sum(batch.records for batch in batches),
        batch_digests=tuple(batch.digest for batch in batches),
    )


def batches(deployment: Deployment, case_id: str, order: Order) -> tuple[Batch, ...]:
    """The approved batches of an order; raises Refused when the manifest is not the approved one."""
    keys = read_manifest(deployment, case_id, order.selection.manifest)
    found = tuple(split(keys, salt=deployment.keys(case_id).salt()))
    if tuple(batch.digest for batch in found) != order.selection.batch_digests:
        raise Refused(
            f"the manifest of order {order.id} is not the approved one",
            rule="approval binds the digest",
            next_step="restore the manifest, or plan the wave again",
        )
    return found
