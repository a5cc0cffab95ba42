"""One version of an object as a seekable file: its bytes are fetched by ranges when they are asked for."""

import io
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from winddown.domain.errors import Transient

BUFFER = 1 << 22


class RangedObject(io.RawIOBase):
    """Reads one content to its end: whatever replaces it meanwhile makes the next range fail.

    Attributes:
        failure: why a range could not be fetched; libraries in between lose the exception's type.
    """

    def __init__(self, client: Any, request: dict[str, str], *, size: int, etag: str) -> None:
        self._client, self._request, self._size, self._place = client, {**request, "IfMatch": etag}, size, 0
        self.failure: Transient | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is fetched."""
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def readinto(self, into: Any) -> int:
        """Fill a buffer, as far as there is anything."""
        end = min(self._place + len(into), self._size)
        if self._place >= end:
            return 0
        try:
            answer = self._client.get_object(**self._request, Range=f"bytes={self._place}-{end - 1}")
            piece = answer["Body"].read()
        except (ClientError, BotoCoreError):
            self.failure = Transient("the inspector cannot read an object to its end")
            raise self.failure from None
        into[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)
