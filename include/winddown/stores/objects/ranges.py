"""An object as a seekable file: only what is asked for is fetched, and only as long as nobody replaces the object."""

import io
from typing import Any

from botocore.exceptions import ClientError

from winddown.stores.objects.faults import translated
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.versions import Version

_FIRST = 1 << 16
_AHEAD = 1 << 23
_GONE = {"NoSuchKey", "NoSuchVersion", "PreconditionFailed", "404", "412"}
_COLD = {"InvalidObjectState"}
_KEY = {"InvalidRequest", "InvalidArgument"}  # what services answer who asks without the object's own key


class ObjectFile(io.RawIOBase):
    """One version of an object, read in ranges; reading forwards fetches some mebibytes ahead.

    Args:
        store: for messages.
        version: with an ETag, every range must still be of it; without a size, the size is asked for.

    Attributes:
        failure: why a range could not be fetched; libraries in between lose the exception's type.
        beginning: up to 64 KiB of the first range.
    """

    def __init__(self, store: str, client: Any, *, bucket: str, version: Version) -> None:
        self._store, self._client, self._bucket, self._version = store, client, bucket, version
        self._place = 0
        self._start, self._buffer = 0, b""
        self.failure: Exception | None = None
        self.beginning = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is fetched."""
        self._place = offset + (0, self._place, self._version.size)[whence]
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, b"" at the end.

        Raises:
            Unreadable: the object was replaced or removed, or lies in an archive class.
        """
        end = self._version.size if size < 0 else min(self._place + size, self._version.size)
        pieces: list[bytes] = []
        while self._place < end:
            inside = self._place - self._start
            if not 0 <= inside < len(self._buffer):
                self._fetch(end)
                inside = 0
            piece = self._buffer[inside : inside + end - self._place]
            pieces.append(piece)
            self._place += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _fetch(self, end: int) -> None:
        is_next = self._buffer and self._place == self._start + len(self._buffer)
        ahead = _AHEAD if is_next else _FIRST
        last = min(max(end, self._place + ahead), self._version.size) - 1
        try:
            self._start, self._buffer = self._place, self._range(self._place, last)
            self.beginning = self.beginning or self._buffer[:_FIRST]
        except Exception as error:
            self.failure = error
            raise

    def _range(self, first: int, last: int) -> bytes:
        matching = {"IfMatch": self._version.etag} if self._version.etag else {}
        with translated(self._store, "reading an object"):
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket,
                    Key=self._version.key,
                    VersionId=self._version.version_id,
                    Range=f"bytes={first}-{last}",
                    **matching,
                )
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                if code in _GONE:
                    raise Unreadable(Problem.CHANGED, "an object was replaced or removed while it was read") from None
                if code in _COLD:
                    raise Unreadable(
                        Problem.COLD, "an object lies in an archive class, from which nothing is read"
                    ) from None
                if code in _KEY:
                    raise Unreadable(
                        Problem.KEY, "an object is encrypted with a key that the service was not given"
                    ) from None
                raise
            found = bytes(answer["Body"].read())
        if len(found) != last - first + 1:
            raise Unreadable(Problem.CHANGED, "an object is shorter than it was listed")
        return found
