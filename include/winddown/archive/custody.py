"""Archives for the custodian: records that the law keeps, readable by nobody but the custodian, for decades.

Layout::

    preamble    "WDCUST" | version 1 (1 byte) | SHA-256 of the custodian's raw public key (32 bytes)
                | length of the wrapped key (2 bytes, big-endian) | wrapped key
    container   ``winddown.archive.container`` around one Parquet file, to the end

A fresh content key is wrapped by HPKE (RFC 9180, base mode: X25519, HKDF-SHA256, AES-256-GCM) and opens the container.
The description travels in the Parquet metadata under ``winddown.description``, so it is as secret as the rows. HPKE's
base mode does not say who sealed the archive: the ledger does, by ``archive_sha256``. X25519 is not safe against a
later quantum computer.

The custodian opens it alone, without the case's keys or database::

    python -m winddown.archive.custody open PATH --key custodian.key
"""

import argparse
import hashlib
import io
import json
import secrets
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from winddown.archive.atomic import write_atomically
from winddown.archive.container import KEY_BYTES, ContainerKey, decrypt, encrypt
from winddown.archive.content import ContentDigest, content_digest
from winddown.domain.canonical import canonical
from winddown.domain.errors import Refused, WinddownError

_PREAMBLE = struct.Struct(">6sB32sH")
_MAGIC = b"WDCUST"
_VERSION = 1
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_DESCRIPTION = b"winddown.description"
_CONTEXT = "custody archive"
_GROUP_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class ArchiveReceipt:
    """What was sealed. ``archive_sha256`` covers the file, ``content_sha256`` the rows (``archive.content``)."""

    path: Path
    archive_sha256: str
    content_sha256: str
    record_count: int


def seal_for_custodian(
    table_batches: Iterable[pa.RecordBatch],
    path: Path,
    *,
    public_key_pem: bytes,
    description: dict[str, Any],
    replace: bool = False,
) -> ArchiveReceipt:
    """Seal the batches of one table for the holder of the private key; the file appears whole or not at all.

    Row groups of about 8 MiB are held in memory, never the whole table, and nothing is written in clear. Dictionary
    columns are written plain, and schema metadata is dropped: both may hold values of records that are not in it.

    Args:
        table_batches: non-empty rows, the same schema in every batch.
        path: where the archive appears, mode 0600.
        public_key_pem: the custodian's X25519 public key.
        description: a JSON document (case, rule, fields, end of the period) without values of records.
        replace: overwrite an archive of this name.

    Raises:
        Refused: no rows, differing schemas, a type without canonical form, another kind of key, a taken name.
    """
    public_key = _public_key(public_key_pem)
    content_key = secrets.token_bytes(KEY_BYTES)
    recipient = hashlib.sha256(public_key.public_bytes_raw()).digest()
    wrapped = _SUITE.encrypt(content_key, public_key, info=_MAGIC + recipient)
    preamble = _PREAMBLE.pack(_MAGIC, _VERSION, recipient, len(wrapped)) + wrapped
    whole = hashlib.sha256()
    contents: list[ContentDigest] = []

    def pieces() -> Iterator[bytes]:
        whole.update(preamble)
        yield preamble
        parquet = _parquet(table_batches, description, contents)
        for piece in encrypt(parquet, key=ContainerKey(content_key), context=_CONTEXT):
            whole.update(piece)
            yield piece

    write_atomically(path, pieces(), replace=replace)
    return ArchiveReceipt(path, whole.hexdigest(), contents[0].hexdigest(), contents[0].rows)


def open_as_custodian(path: Path, *, private_key_pem: bytes) -> tuple[dict[str, Any], pa.Table]:
    """Return description and rows, in memory only; nothing is written in clear.

    To acknowledge receipt, send back ``content_digest(table.to_batches())``, which is computed from the rows alone.

    Raises:
        Refused: no archive, an archive for somebody else, another kind of key, any changed or missing byte.
    """
    private_key = _private_key(private_key_pem)
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise Refused(f"there is no archive {path.name}") from error
    with file:
        plain = io.BytesIO()
        for chunk in _decrypted(file, private_key):
            plain.write(chunk)
    # Without Arrow's threads: one that lets go of Python's memory while the process ends, aborts it.
    with pq.ParquetFile(plain) as parquet:
        table = parquet.read(use_threads=False)
    description = json.loads((table.schema.metadata or {})[_DESCRIPTION])
    return description, table.replace_schema_metadata(None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what an archive holds as one JSON object, without any value of a record; 2 when it is refused."""
    parser = argparse.ArgumentParser(prog="python -m winddown.archive.custody")
    commands = parser.add_subparsers(dest="command", required=True)
    opening = commands.add_parser("open", help="open an archive and print its record count, fields and content digest")
    opening.add_argument("path", type=Path)
    opening.add_argument("--key", type=Path, required=True, help="the custodian's X25519 private key, PEM")
    options = parser.parse_args(arguments)
    try:
        _, table = open_as_custodian(options.path, private_key_pem=options.key.read_bytes())
    except (WinddownError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    report = {
        "record_count": table.num_rows,
        "fields": [{"name": field.name, "type": str(field.type)} for field in table.schema],
        "content_sha256": content_digest(table.to_batches()),
    }
    sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    return 0


def _parquet(
    batches: Iterable[pa.RecordBatch], description: dict[str, Any], contents: list[ContentDigest]
) -> Iterator[bytes]:
    sink = _Sink()
    writer: pq.ParquetWriter | None = None
    waiting: list[pa.RecordBatch] = []
    waiting_bytes = 0
    for given in batches:
        batch = _plain(given)
        if writer is None:
            contents.append(ContentDigest(batch.schema))
            described = batch.schema.with_metadata({_DESCRIPTION: canonical(description)})
            writer = pq.ParquetWriter(pa.PythonFile(sink, mode="w"), described, compression="zstd")
        contents[0].update(batch)
        waiting.append(batch)
        waiting_bytes += batch.nbytes
        if waiting_bytes >= _GROUP_BYTES:
            writer.write_table(pa.Table.from_batches(waiting))
            waiting.clear()
            waiting_bytes = 0
            yield sink.take()
    if writer is None or not contents[0].rows:
        raise Refused("there are no records to archive", rule="design 3", next_step="zero where some were expected")
    if waiting:
        writer.write_table(pa.Table.from_batches(waiting))
    writer.close()
    yield sink.take()


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    fields = [pa.field(field.name, _without_dictionary(field.type), field.nullable) for field in batch.schema]
    return pa.RecordBatch.from_arrays(
        [column.cast(field.type) for column, field in zip(batch.columns, fields, strict=True)],
        schema=pa.schema(fields),
    )


def _without_dictionary(kind: Any) -> Any:
    if "dictionary<" in str(kind) and not pa.types.is_dictionary(kind):
        raise Refused(f"a dictionary inside {kind} may hold other records' values", next_step="read it as plain values")
    return kind.value_type if pa.types.is_dictionary(kind) else kind


class _Sink(io.RawIOBase):
    """Takes what the Parquet writer writes and gives it on, so that the file never stands anywhere in clear."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _decrypted(file: BinaryIO, private_key: X25519PrivateKey) -> Iterator[bytes]:
    head = file.read(_PREAMBLE.size)
    if len(head) != _PREAMBLE.size or not head.startswith(_MAGIC):
        raise Refused("this is no winddown archive")
    _, version, recipient, length = _PREAMBLE.unpack(head)
    if version != _VERSION:
        raise Refused(f"archive version {version} is unknown", next_step="open it with a newer release")
    if recipient != hashlib.sha256(private_key.public_key().public_bytes_raw()).digest():
        raise Refused("the archive is sealed for another key", next_step=f"find the key {recipient.hex()[:16]}")
    wrapped = file.read(length)
    try:
        content_key = _SUITE.decrypt(wrapped, private_key, info=_MAGIC + recipient)
    except (InvalidTag, ValueError) as error:
        raise Refused("the wrapped key of the archive is cut or changed") from error
    yield from decrypt(file, key=ContainerKey(content_key), context=_CONTEXT)


def _public_key(pem: bytes) -> X25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused("the custodian's public key is no readable PEM") from error
    if not isinstance(key, X25519PublicKey):
        raise Refused("the custodian's public key is no X25519 key", next_step="openssl genpkey -algorithm x25519")
    return key


def _private_key(pem: bytes) -> X25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is left out, because nothing that was read from a key file belongs in a log.
        raise Refused("the private key is no readable, unencrypted PEM") from None
    if not isinstance(key, X25519PrivateKey):
        raise Refused("the private key is no X25519 key")
    return key


if __name__ == "__main__":
    sys.exit(main())
