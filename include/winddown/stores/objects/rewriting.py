"""Writes an object again without some of its rows, or with fields of them emptied; all else is the planned one's.

The new content goes through an encrypted temporary file, so memory does not grow with the object. Long ranges that
stay as they are, are copied by the service where it can (``uploading``). Where the service supports it, the write is
conditional: nothing is written when another content came on top meanwhile. Elsewhere only looking again tells, so
whoever rewrites looks again in any case. A body under a key of the company's (SSE-C) is read and written with it, by
what the client sends along; under any other key it cannot be read, so it never gets here. Object Lock stays with the
planned version, because a locked survivor could not be taken back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from winddown.archive.escrow import Escrow
from winddown.archive.spool import Spool
from winddown.domain.errors import Refused
from winddown.domain.plan import Order
from winddown.stores.objects import formats
from winddown.stores.objects.abilities import (
    Abilities,
    completes_conditionally,
    copies_ranges,
    writes_conditionally,
)
from winddown.stores.objects.attributes import attributes
from winddown.stores.objects.faults import OVERTAKEN_CODES, code_of
from winddown.stores.objects.formats.change import Change, Copied
from winddown.stores.objects.naming import Key
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.standing import DIGEST, ORDER, SOURCE, digest_of
from winddown.stores.objects.uploading import SINGLE, Upload, parts_of
from winddown.stores.objects.versions import UNNAMED, Version


class Rewriting:
    """Rewrites objects of one bucket for one order.

    Args:
        store: for messages.
        escrow: where temporary files may lie.
    """

    def __init__(
        self, store: str, client: Any, bucket: str, *, order: Order, abilities: Abilities, escrow: Escrow
    ) -> None:
        self._store, self._client, self._bucket = store, client, bucket
        self._order, self._abilities, self._escrow = order, abilities, escrow

    def rewrite(self, key: Key, version: Version, head: dict[str, Any]) -> bool:
        """Put an object without the key's rows, or without their fields, in the place of a version with its headers.

        Returns False, and nothing is written, when another content is there and the service tells.
        """
        source = cast("BinaryIO", ObjectFile(self._store, self._client, bucket=self._bucket, version=version))
        form = formats.identify(source, version.size)
        if form not in formats.REWRITABLE:
            raise Refused("an object is no longer of the format that was planned", next_step="discover and plan again")
        named = {"Bucket": self._bucket, "Key": version.key}
        exact = named if version.version_id == UNNAMED else {**named, "VersionId": version.version_id}
        with self._escrow.spool() as spool:
            change = Change.of(key["rows"], fields=self._order.fields)
            outcome = formats.rewrite(str(form), source, cast("BinaryIO", spool), change)
            ours = {ORDER: self._order.id, SOURCE: key["version"].strip('"'), DIGEST: spool.finish()}
            kept = attributes(self._client, exact, head)
            kept["Metadata"] = {**kept.get("Metadata", {}), **ours}
            is_small = spool.size <= SINGLE
            is_conditional = self._abilities.can(
                self._client, writes_conditionally if is_small else completes_conditionally
            )
            upload = Upload(self._client, named, kept, {"IfMatch": version.etag} if is_conditional else {})
            try:
                if is_small:
                    upload.whole(spool, spool.size)
                else:
                    self._in_parts(upload, spool, outcome.copied, source=exact, tag=version.etag)
            except ClientError as error:
                if code_of(error) not in OVERTAKEN_CODES:
                    raise
                return False
        return True

    def _in_parts(
        self, upload: Upload, spool: Spool, copied: Sequence[Copied], *, source: Mapping[str, str], tag: str
    ) -> None:
        """Let the service copy what it can, and send all of it where it cannot, or copied something else."""
        parts = parts_of(spool.size, copied)
        is_copied = any(part.origin is not None for part in parts)
        if is_copied and self._abilities.can(self._client, copies_ranges):
            made = upload.parted(spool, parts, source=source, tag=tag)
            if self._is_as_meant(upload, made):
                return
            self._abilities.lack(copies_ranges)
            if "VersionId" in source:
                self._client.delete_object(**upload.named, VersionId=made["VersionId"])
            elif upload.condition:
                upload = replace(upload, condition={"IfMatch": made["ETag"]})
        upload.parted(spool, parts_of(spool.size))

    def _is_as_meant(self, upload: Upload, made: Mapping[str, Any]) -> bool:
        exact = {name: made[said] for name, said in (("VersionId", "VersionId"), ("IfMatch", "ETag")) if made.get(said)}
        answer = self._client.get_object(**upload.named, **exact)
        return bool(digest_of(answer) == upload.attributes["Metadata"][DIGEST])
