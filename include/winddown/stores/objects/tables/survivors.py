"""What stays of a table's file without some of its rows; memory for one file and its survivors."""

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

from winddown.domain.plan import OrderId
from winddown.stores.objects import formats
from winddown.stores.objects.formats.change import Change
from winddown.stores.objects.naming import Key
from winddown.stores.objects.standing import DIGEST, ORDER, SOURCE


@dataclass(frozen=True, slots=True)
class Survivors:
    """What stays of a file without some of its rows.

    Attributes:
        body: the new content.
        rows: how many rows are in it.
        source: the service's answer about the file's planned version.
    """

    body: bytes = field(repr=False)
    rows: int
    source: dict[str, Any] = field(repr=False)

    def metadata(self, key: Key, *, order_id: OrderId) -> dict[str, str]:
        """The file's own, and what says whose work the new content is."""
        ours = {ORDER: order_id, SOURCE: key["version"], DIGEST: hashlib.sha256(self.body).hexdigest()}
        return {**self.source.get("Metadata", {}), **ours}


def survivors_of(client: Any, bucket: str, key: Key) -> Survivors:
    """Take the key's rows out of its planned version."""
    answer = client.get_object(Bucket=bucket, Key=key["object"], VersionId=key["version"])
    found = formats.recognise_content(content := bytes(answer["Body"].read()))
    sink = io.BytesIO()
    outcome = formats.rewrite(found, io.BytesIO(content), sink, Change.of(key["rows"]))
    return Survivors(sink.getvalue(), outcome.survivors, answer)
