"""A key of the company's under which objects lie (SSE-C): sent along with what concerns their bodies, and destroyed.

An object service encrypts a body under a key that a request brings, and keeps no copy of it. So whoever asks without
the key is answered 400, and a body whose key is gone is unreadable whatever keeps the object from being deleted. The
file is read anew for every request: no process knows the key any longer than the file is there.

See https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
"""

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from winddown.archive.atomic import sync_folder
from winddown.domain.errors import Refused

KEY_BYTES = 32
_MOST = 64  # bytes of a file: a key in base64 has 44, and a line may end behind it
_DOMAIN = b"winddown customer key v1\x00"
_ALGORITHM = "AES256"
_BODIES = ("GetObject", "HeadObject", "PutObject", "CreateMultipartUpload", "UploadPart")
_COPIES = ("CopyObject", "UploadPartCopy")


class CustomerKey:
    """The key of one store, in a file of mode 0600: 32 bytes, raw or in base64.

    Args:
        store: for messages.
        url: ``file:///folder/name``.

    Raises:
        Refused: the URL is another one. Of the file, every method says so: it is missing, open to others, a link, or
            holds no key. No message shows a byte of it.
    """

    def __init__(self, store: str, url: str) -> None:
        found = urlsplit(url)
        if found.scheme != "file" or found.netloc or not found.path.startswith("/") or found.path.endswith("/"):
            raise Refused(f"the connection of the key of store {store} has no URL like file:///folder/name")
        self._store = store
        self.path = Path(unquote(found.path))
        # What is about to go moves to this name first: so what is compared with the plan is what goes.
        self._going = self.path.with_name(f".{self.path.name}.going")

    def fingerprint(self) -> str:
        """What tells the key from any other and says nothing of it: SHA-256, 64 hex digits."""
        return _fingerprint(self._read())

    def names(self, head: Mapping[str, Any]) -> bool:
        """Whether the headers of an object, asked for with the key, say that its body is under it."""
        digest = base64.b64encode(hashlib.md5(self._read(), usedforsecurity=False).digest()).decode()
        return (head.get("SSECustomerAlgorithm"), head.get("SSECustomerKeyMD5")) == (_ALGORITHM, digest)

    def sent_by(self, client: Any, bucket: str) -> Any:
        """Let a client send the key with whatever concerns a body in this bucket, and in no other; returns the client.

        Without its file nothing of that is sent at all: what is written may never lie in clear by accident.
        """
        for operation in (*_BODIES, *_COPIES):
            client.meta.events.register(
                f"provide-client-params.s3.{operation}", self._handler(bucket, is_copy=operation in _COPIES)
            )
        return client

    def destroy(self, fingerprint: str) -> None:
        """Unlink the file, if it holds the key with this fingerprint; fine where it is gone. Nothing is overwritten.

        Killed anywhere and repeated, it comes to the same end. Two at once do no harm.

        Raises:
            Refused: it holds another key, which stays, or has a second name, or may not be deleted by this user.
        """
        try:
            if not os.path.lexists(self._going) and os.path.lexists(self.path):
                self._require(self.path, fingerprint)
                self.path.rename(self._going)
            if os.path.lexists(self._going):
                self._require_moved(fingerprint)
                self._going.unlink()
            sync_folder(self.path.parent)
        except FileNotFoundError:
            return  # another worker was quicker; whether it is gone, others look
        except OSError as error:
            raise Refused(
                f"the key of store {self._store} cannot be deleted: {error.strerror}",
                next_step="let the user of the purging worker write to the key's folder, then clear the task",
            ) from None

    def _require_moved(self, fingerprint: str) -> None:
        try:
            self._require(self._going, fingerprint)
        except Refused:
            # Somebody put another key there in the moment between. A link fails where the name is taken by now.
            os.link(self._going, self.path)
            self._going.unlink()
            raise

    def _require(self, path: Path, fingerprint: str) -> None:
        if _fingerprint(_load(self._store, path, is_only_name=True)) != fingerprint:
            raise Refused(
                f"the key of store {self._store} is another one than the planned one with fingerprint {fingerprint}",
                rule="the approved key, no other",
                next_step="leave it alone, and find out what became of the planned one",
            )

    def _handler(self, bucket: str, *, is_copy: bool) -> Callable[..., Any]:
        def provide(params: dict[str, Any], **_: Any) -> dict[str, Any] | None:
            if params.get("Bucket") != bucket:
                return None
            key = self._read()
            sent = {"SSECustomerAlgorithm": _ALGORITHM, "SSECustomerKey": key}
            if is_copy:
                sent |= {"CopySourceSSECustomerAlgorithm": _ALGORITHM, "CopySourceSSECustomerKey": key}
            return {**params, **sent}

        return provide

    def _read(self) -> bytes:
        # Between the last look at the conditions and its end the key may have its other name already.
        try:
            return _load(self._store, self.path)
        except FileNotFoundError:
            pass
        try:
            return _load(self._store, self._going)
        except FileNotFoundError:
            raise Refused(
                f"the key of store {self._store} is not there",
                rule="nothing under a customer's key is read or written without it",
                next_step="give the file of its connection back; without the key nobody reads what lies under it",
            ) from None


def _load(store: str, path: Path, *, is_only_name: bool = False) -> bytes:
    """The key in a file; raises FileNotFoundError, or Refused when there is anything wrong with it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Refused(f"the key of store {store} cannot be opened: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise Refused(
                f"the key of store {store} is no file of mode 0600", next_step="chmod 600, and ask who has read it"
            )
        if is_only_name and status.st_nlink != 1:
            raise Refused(
                f"the key of store {store} has {status.st_nlink} names, and would stay under the others",
                rule="a key that can be brought back is not destroyed",
                next_step="delete its other names (find -samefile), then clear the task",
            )
        content = os.read(descriptor, _MOST + 1)
    finally:
        os.close(descriptor)
    if len(content) == KEY_BYTES:
        return content
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise Refused(f"the key of store {store} is not {KEY_BYTES} bytes, raw or in base64")
    return key


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(_DOMAIN + key).hexdigest()
