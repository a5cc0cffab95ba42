"""Looks into a bucket by another path: its own listing code, another reader for rows, and the bytes of every version.

Shares no code with the store: versions are paged by hand with markers, and other readers read files (``file_records``).
Of an object no more is held than a part of it, whatever its size.
"""

import hashlib
import io
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from winddown.archive.escrow import Escrow
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order
from winddown.inspection.delta import DeltaFiles
from winddown.inspection.file_rows import contradictions
from winddown.inspection.iceberg import IcebergFiles
from winddown.inspection.in_escrow import as_file, contents, held
from winddown.inspection.ranged import BUFFER, RangedObject
from winddown.inspection.raw_bytes import Patterns, search_file
from winddown.inspection.retained import is_retained
from winddown.inspection.table_files import TableFiles
from winddown.inspection.under_key import UnderKey
from winddown.ports import ByteSearch

_READERS = 8
_ESCROWED = {Method.ESCROW_OBJECT, Method.ESCROW_AND_REWRITE}
_PIECE = 1 << 20
_CLOCKS = timedelta(minutes=2)
"""By how much the service's clock may be behind this machine's."""
_SMALL = 1 << 20
_WINDOW = 64


class S3Inspector:
    """Reads with a credential of its own.

    Args:
        escrow: of the store, where what a bucket without versions loses waits for its purge.
        set_apart: folders that are known to hold copies until a stated day, e.g. backups; they are not searched.
        catalogue: URL of the catalogue of the bucket's Iceberg tables; "" for none.
        key: looks at what lies under a key of the company's, which ``client`` sends; None where none is declared.
    """

    def __init__(
        self,
        name: str,
        *,
        bucket: str,
        client: Any,
        escrow: Escrow,
        set_apart: Sequence[str],
        catalogue: str = "",
        key: UnderKey | None = None,
    ) -> None:
        self._name = name
        self._key = key
        self._catalogue = catalogue
        self._escrow = escrow
        self._bucket = bucket
        self._client = client
        self._keeps_versions = False  # as far as it was asked
        self._set_apart = tuple(f"{folder}/" for folder in set_apart)

    def identity(self) -> str:
        """Bucket and service."""
        return f"bucket {self._bucket} at {self._client.meta.endpoint_url}"

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count records of objects whose planned versions are all listed, with nothing of the order above them.

        A writer's newer version may lie on top: it takes nothing away. Without versions, contents are hashed.
        """
        if _is_of_table(batch):
            return self._table(order, batch).unchanged(order, batch)
        if order.method in _ESCROWED:
            return sum(_records(key) for key in batch.keys.to_pylist() if self._digest(key["object"]) == key[CONTENT])
        seen = 0
        for key, history in self._histories(batch):
            above = [found for found in history if found["version"] not in key["versions"]]
            whole = len(history) - len(above) == len(key["versions"])
            if whole and not any(self._made_by(order, found) for found in above):
                seen += _records(key)
        return seen

    def set_aside(self, order: Order, batch: Batch) -> int:
        """Count records of objects whose planned versions are all listed and none of them is the latest.

        Without versions: whose planned content is in the escrow, and not in the bucket.
        """
        if _is_of_table(batch):
            return self._table(order, batch).set_aside(order, batch)
        if order.method in _ESCROWED:
            kept = held(self._escrow, order, batch)
            return sum(
                _records(key)
                for number, key in enumerate(batch.keys.to_pylist())
                if number in kept and self._digest(key["object"]) != key[CONTENT]
            )
        seen = 0
        for key, history in self._histories(batch):
            planned = [found for found in history if found["version"] in key["versions"]]
            if len(planned) == len(key["versions"]) and not any(found["latest"] for found in planned):
                seen += _records(key)
        return seen

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:  # noqa: ARG002 - a policy is a bucket's
        """Read the bucket's policy as it stands: without our denial, everybody may write whom it let before."""
        try:
            policy = json.loads(self._client.get_bucket_policy(Bucket=self._bucket)["Policy"])
        except ClientError as error:
            # A service that knows no policies denies nobody anything by one.
            if error.response["Error"]["Code"] not in {"NoSuchBucketPolicy", "NotImplemented", "MethodNotAllowed"}:
                raise Transient(f"the inspector cannot read the policy of store {self._name}") from None
            policy = {"Statement": []}
        except ValueError:  # a service that overhears the question lists the bucket
            policy = {"Statement": []}
        named = {"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"}
        for statement in policy["Statement"]:
            denies = statement.get("Effect") == "Deny" and statement.get("Principal") == "*"
            is_ours = str(statement.get("Sid", "")).startswith("winddown-freeze")
            if denies and is_ours and named <= set(statement.get("Action", ())):
                return ()
        return ("everybody whom the bucket let write before",)

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:  # noqa: ARG002 - nothing is withdrawn
        """Nothing takes reads away here."""
        return ("everybody whom the bucket lets read",)

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count records of the batch that a reader of the bucket still sees.

        For rewritten files, the survivors are compared row by row with the planned version while that is still there:
        a survivor that is missing or changed counts as a contradiction too.
        """
        if _is_of_table(batch):
            return self._table(order, batch).remaining(order, batch)
        if order.method is Method.ESCROW_AND_REWRITE:
            return self._remaining_rows(order, batch)
        seen = 0
        for key, history in self._histories(batch):
            latest = history[0] if history else None
            if latest is None or latest["marker"]:
                continue
            if latest["version"] == key["version"] or order.method is not Method.REWRITE_OBJECT:
                seen += _records(key)
                continue
            is_there = any(found["version"] == key["version"] for found in history)
            if is_there or order.act is Act.MINIMISE:
                with ExitStack() as opened:
                    before = opened.enter_context(self._opened(key["object"], key["version"])) if is_there else None
                    after = opened.enter_context(self._opened(key["object"], latest["version"]))
                    seen += contradictions(before, after, order, set(key["rows"]))
        return seen

    def _remaining_rows(self, order: Order, batch: Batch) -> int:
        """The same in a bucket without versions, whose planned objects are in the escrow while they are."""
        planned = contents(self._escrow, order, batch)
        seen = 0
        for key in batch.keys.to_pylist():
            digest = self._digest(key["object"])
            old = next(planned, None)
            if digest == key[CONTENT]:
                seen += _records(key)
            elif digest:
                with ExitStack() as opened:
                    before = None if old is None else opened.enter_context(as_file(self._escrow, old))
                    after = opened.enter_context(self._opened(key["object"]))
                    seen += contradictions(before, after, order, set(key["rows"]))
        return seen

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count planned versions that are still listed, and markers above whole objects; of tables, see there.

        What a retention keeps, and the marker that hides it, is none where the order may leave it: ``locked`` tells it.
        Without versions: all records, while a file of the batch is in the escrow; and versions that came nevertheless.
        """
        if _is_of_table(batch):
            return self._table(order, batch).leftovers(batch)
        if order.method in _ESCROWED:
            older = sum(not found["latest"] for _, history in self._histories(batch) for found in history)
            return older + (batch.records if self._escrow.names(order.id, batch.index) else 0)
        left = 0
        for key, history in self._histories(batch):
            planned = set(key["versions"])
            for found in history:
                left += found["version"] in planned or (found["marker"] and order.method is Method.DELETE_MARKER)
            if order.leaves_locked and (locked := self._locked_in(key, history)):
                left -= locked + history[0]["marker"]
        return left

    def locked(self, order: Order, batch: Batch) -> int:
        """Count planned versions that have a day until which they are retained, also one that is over by now.

        One under a legal hold of the service is none of them. Only orders that may leave such versions leave any.
        """
        if not order.leaves_locked:
            return 0
        return sum(self._locked_in(key, history) for key, history in self._histories(batch))

    def listed(self) -> int:
        """Count what the service lists in the bucket, markers apart."""
        return sum(not version["marker"] for version in self._versions(""))

    def key_is_there(self) -> bool:
        """Look into the key's folder; one that is not declared is not there."""
        return self._key is not None and self._key.key_is_there()

    def open_without_key(self) -> int:
        """Ask for every version with a client that sends no key; all of them where none is declared."""
        versions = (version for version in self._versions("") if not version["marker"])
        return self.listed() if self._key is None else self._key.open_without_key(versions)

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> ByteSearch:
        """Search every version of every object: raw bytes, what is packed, and Parquet's values and dictionaries."""
        patterns = Patterns(probes)
        folders = {name.partition("#")[0] for name in left_alone}
        found: set[bytes] = set()
        where, unread = set[str](), set[str]()
        read = 0
        searched = (
            version
            for version in self._versions("")
            if not version["marker"]
            and not version["key"].startswith(self._set_apart or ("\x00",))
            and _folder(version["key"]) not in folders
        )
        for folder, file in self._files(searched):
            size, hits, closed = search_file(file, patterns)
            read += size
            found |= hits
            where |= {folder} if hits else set()
            unread |= {f"{folder or '.'}: {closed}"} if closed else set()
        return ByteSearch(
            reached=read > 0,
            medium="every object version that the service lists; not the service's disks"
            + (f"; not searched, because they stay: {', '.join(sorted(folders))}" if folders else ""),
            bytes_read=read,
            probes=len(probes),
            found=len(found),
            where=tuple(sorted(where)),
            unread=tuple(sorted(unread)),
        )

    def bucket_is_there(self) -> bool:
        """Ask for the bucket's head; one that is refused to us is there as well, whoever it belongs to."""
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status == HTTPStatus.NOT_FOUND:
                return False
            if status not in {HTTPStatus.FORBIDDEN, HTTPStatus.MOVED_PERMANENTLY}:
                raise Transient(f"the inspector cannot ask for the bucket of store {self._name}") from None
        except BotoCoreError:
            raise Transient(f"the inspector cannot ask for the bucket of store {self._name}") from None
        return True

    def _table(self, order: Order, batch: Batch) -> TableFiles:
        folder = order.collection.name
        prefix = "" if folder == "." else f"{folder}/"
        if json.loads(batch.keys.column("action")[0].as_py()).get("table-format") == "iceberg":
            return IcebergFiles(prefix, self._versions, self._opened, catalogue=self._catalogue)
        return DeltaFiles(prefix, self._named_versions, self._opened)

    def _files(self, versions: Iterator[dict[str, Any]]) -> Iterator[tuple[str, BinaryIO]]:
        """Folder and content of each version; small ones are read side by side, bigger ones by ranges."""
        with ThreadPoolExecutor(max_workers=_READERS) as pool:
            while window := list(itertools.islice(versions, _WINDOW)):
                small = [version for version in window if version["size"] <= _SMALL]
                read = pool.map(lambda version: b"".join(self._pieces(version["key"], version["version"])), small)
                for version in window:
                    folder = version["key"].rpartition("/")[0]
                    if version["size"] <= _SMALL:
                        yield folder, io.BytesIO(next(read))
                        continue
                    with self._opened(version["key"], version["version"]) as file:
                        yield folder, file

    def _locked_in(self, key: dict[str, Any], history: list[dict[str, Any]]) -> int:
        planned = set(key["versions"])
        left = (found for found in history if found["version"] in planned and not found["marker"])
        return sum(is_retained(self._client, self._bucket, found, store=self._name) for found in left)

    def _made_by(self, order: Order, found: dict[str, Any]) -> bool:
        if found["marker"]:
            return order.method is Method.DELETE_MARKER
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=found["key"], VersionId=found["version"])
        except (ClientError, BotoCoreError):
            raise Transient(f"the inspector cannot read an object of store {self._name}") from None
        if head.get("Metadata", {}).get("winddown-order") != order.id:
            return False
        return bool(head["Metadata"].get("winddown-sha256") == self._digest(found["key"], found["version"]))

    def _histories(self, batch: Batch) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Each key of the batch with its versions, the latest first, from one listing of what the keys share."""
        keys = batch.keys.to_pylist()
        found: dict[str, list[dict[str, Any]]] = {key["object"]: [] for key in keys}
        prefix = os.path.commonprefix(list(found))  # noqa: RUF071 - the service compares characters too
        listed = self._named_versions if any("versions" in key for key in keys) else self._versions
        for version in listed(prefix):
            if version["key"] in found:
                found[version["key"]].append(version)
        for key in keys:
            yield key, sorted(found[key["object"]], key=lambda version: not version["latest"])

    def _versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        yield from self._objects(prefix) if self._keeps_none() else self._all_versions(prefix)

    def _named_versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        """The same where a plan names versions: none of them is gone because none is shown."""
        if self._keeps_none():
            raise Transient(f"the inspector is shown no versions in store {self._name}, where the plan names some")
        yield from self._all_versions(prefix)

    def _all_versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        position: dict[str, str] = {}
        live, is_one_page, began = 0, True, datetime.now(UTC) - _CLOCKS
        while True:
            try:
                page = self._client.list_object_versions(Bucket=self._bucket, Prefix=prefix, **position)
            except (ClientError, BotoCoreError):
                raise Transient(f"the inspector cannot list store {self._name}") from None
            for kind, marker in (("Versions", False), ("DeleteMarkers", True)):
                for raw in page.get(kind, ()):
                    live += raw["IsLatest"] and not marker
                    yield {
                        "key": raw["Key"],
                        "version": raw["VersionId"],
                        "latest": raw["IsLatest"],
                        # What names it in a plan: without versions of its own, its tag.
                        "state": raw["ETag"] if raw["VersionId"] == "null" and not marker else raw["VersionId"],
                        "size": raw.get("Size", 0),
                        "marker": marker,
                    }
            if not page.get("IsTruncated"):
                break
            is_one_page = False
            position = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
        if not is_one_page and live < sum(found["written"] < began for found in self._objects(prefix)):
            raise Transient(
                f"the service of store {self._name} leaves out objects where a listing of versions goes on, so the "
                "inspector cannot tell what is left",
                next_step="copy the objects to a service that lists all that it holds",
            )

    def _keeps_none(self) -> bool:
        """Whether the bucket never kept versions, as far as the service tells, and lists none that has an id.

        One that keeps versions never again keeps none, so it is asked once.
        """
        if self._keeps_versions:
            return False
        unknown = {"NotImplemented", "MethodNotAllowed"}
        try:
            self._keeps_versions = bool(self._client.get_bucket_versioning(Bucket=self._bucket).get("Status"))
            if self._keeps_versions:
                return False
        except (ClientError, BotoCoreError) as error:
            if _code(error) not in unknown:
                return False
        try:
            page = self._client.list_object_versions(Bucket=self._bucket, MaxKeys=1)
        except (ClientError, BotoCoreError) as error:
            if _code(error) in unknown:
                return True
            raise Transient(f"the inspector cannot list store {self._name}") from None
        return not page.get("DeleteMarkers") and all(raw["VersionId"] == "null" for raw in page.get("Versions", ()))

    def _objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        """The same by the oldest call, which knows no versions."""
        marker = ""
        while True:
            try:
                page = self._client.list_objects(Bucket=self._bucket, Prefix=prefix, Marker=marker)
            except (ClientError, BotoCoreError):
                raise Transient(f"the inspector cannot list store {self._name}") from None
            for raw in page.get("Contents", ()):
                written = raw["LastModified"]
                yield {
                    "key": raw["Key"],
                    "version": "",
                    "latest": True,
                    # Some list it without the quotation marks that it has when it is read.
                    "state": '"' + raw["ETag"].strip('"') + '"',
                    "size": raw["Size"],
                    "marker": False,
                    "written": datetime.fromisoformat(written) if isinstance(written, str) else written,
                }
            if not page.get("IsTruncated"):
                return
            following = max((raw["Key"] for raw in page.get("Contents", ())), default="")
            if following <= marker:
                raise Transient(f"the service of store {self._name} does not go on listing")
            marker = following

    @contextmanager
    def _opened(self, key: str, version: str = "") -> Iterator[BinaryIO]:
        """A content as a seekable file."""
        request = {"Bucket": self._bucket, "Key": key, **({"VersionId": version} if version else {})}
        try:
            answer = self._client.get_object(**request)
        except (ClientError, BotoCoreError):
            raise Transient(f"the inspector cannot read an object of store {self._name}") from None
        answer["Body"].close()
        ranged = RangedObject(self._client, request, size=answer["ContentLength"], etag=answer["ETag"])
        try:
            with io.BufferedReader(ranged, BUFFER) as file:
                yield file
        except Exception:
            if ranged.failure is not None:
                raise ranged.failure from None
            raise

    def _digest(self, key: str, version: str = "") -> str:
        """Hex SHA-256 of a content; "" where there is no such object."""
        hasher = hashlib.sha256()
        try:
            for piece in self._pieces(key, version):
                hasher.update(piece)
        except _NotThereError:
            return ""
        return hasher.hexdigest()

    def _pieces(self, key: str, version: str) -> Iterator[bytes]:
        exact = {"VersionId": version} if version else {}
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **exact)
            yield from answer["Body"].iter_chunks(_PIECE)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                raise _NotThereError(f"an object of store {self._name} is gone") from None
            raise Transient(f"the inspector cannot read an object of store {self._name}") from None
        except BotoCoreError:
            raise Transient(f"the inspector cannot read an object of store {self._name}") from None


class _NotThereError(Transient):
    """An object that was listed a moment ago, or was planned, is not there."""


def _code(error: ClientError | BotoCoreError) -> str:
    """The service's word for it, "" for none."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _folder(key: str) -> str:
    """Name of the folder of an object; folders that state a value are parts of the one above.

    >>> _folder("orders/year=2024/part-0.csv"), _folder("=/x"), _folder("x")
    ('orders', '=', '.')
    """
    folders = key.split("/")[:-1]
    while folders and not folders[-1].startswith("=") and folders[-1].partition("=")[1]:
        folders.pop()
    return "/".join(folders) or "."


def _records(key: dict[str, Any]) -> int:
    return max(len(key.get("rows") or ()), 1)


def _is_of_table(batch: Batch) -> bool:
    """Whether its keys name files of a table with a log, whoever asks: an order, or a look at sentinels."""
    return "action" in batch.keys.column_names
