"""Looks at a bucket as somebody does who has no key to it, and at the place where its key was."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from winddown.domain.errors import Transient

_WINDOW, _READERS = 1_000, 8


class UnderKey:
    """What lies in a bucket under a key of the company's (SSE-C).

    Args:
        store: for messages.
        bare: client with the inspector's credential that sends no key.
        path: where the key's file is.
    """

    def __init__(self, store: str, bare: Any, bucket: str, path: Path) -> None:
        self._store, self._bare, self._bucket, self._path = store, bare, bucket, path

    def key_is_there(self) -> bool:
        """Whether its folder lists the file, or a hidden one named after it; a folder that is not there tells nothing.

        Raises:
            Transient: the folder cannot be listed, so nobody knows.
        """
        try:
            names = [found.name for found in self._path.parent.iterdir()]
        except OSError as error:
            raise Transient(
                f"the inspector cannot look for the key of store {self._store}: {error.strerror}",
                next_step="let this worker see the folder of the key",
            ) from None
        return any(name == self._path.name or name.startswith(f".{self._path.name}.") for name in names)

    def open_without_key(self, versions: Iterator[dict[str, Any]]) -> int:
        """Count the versions that are not answered with the one refusal that a missing key gets: 400."""
        found = 0
        with ThreadPoolExecutor(max_workers=_READERS) as pool:
            while window := list(islice(versions, _WINDOW)):
                found += sum(pool.map(self._is_open, window))
        return found

    def _is_open(self, version: dict[str, Any]) -> bool:
        try:
            exact = {"VersionId": version["version"]} if version["version"] else {}
            answer = self._bare.get_object(Bucket=self._bucket, Key=version["key"], **exact)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status == HTTPStatus.BAD_REQUEST:
                return False
            if status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
                return True  # refused for another reason, so nothing is known of a key
            raise Transient(f"the inspector cannot ask for an object of store {self._store}") from None
        except BotoCoreError:
            raise Transient(f"the inspector cannot ask for an object of store {self._store}") from None
        answer["Body"].close()
        return True
