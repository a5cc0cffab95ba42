"""Lets ``pyiceberg`` read and write files of a table through the store's own client."""

import io
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from botocore.exceptions import ClientError
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from winddown.stores.objects.attributes import attributes
from winddown.stores.objects.faults import code_of
from winddown.stores.objects.ranges import ObjectFile
from winddown.stores.objects.versions import Version

_GONE = {"NoSuchKey", "404"}


class ClientIO(FileIO):
    """Files of one bucket. Each is held in memory whole: these are metadata, not rows.

    Args:
        store: for messages.
    """

    def __init__(self, store: str, client: Any, bucket: str) -> None:
        super().__init__()
        self._store, self._client, self._bucket = store, client, bucket
        self._like = ""
        self._kept: dict[str, Any] | None = None

    def resemble(self, location: str) -> None:
        """Let what is written have what the object there has beside its body, so that who reads it reads both.

        It is looked at once, before the first file is written.
        """
        self._like = location

    def new_input(self, location: str) -> InputFile:
        """A file that may be there."""
        return _Input(self, location)

    def new_output(self, location: str) -> OutputFile:
        """A file to be written."""
        return _Output(self, location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Nothing: a purge deletes by versions, and nobody else here deletes."""

    def open(self, version: Version) -> BinaryIO:
        """A version as a seekable file."""
        return cast("BinaryIO", ObjectFile(self._store, self._client, bucket=self._bucket, version=version))

    def read(self, location: str) -> bytes:
        """All of a file; raises FileNotFoundError."""
        for key in dict.fromkeys((self._key(location), unquote(self._key(location)))):
            try:
                return bytes(self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read())
            except ClientError as error:
                if code_of(error) not in _GONE:
                    raise
        raise FileNotFoundError("a file of the table is not there")

    def write(self, location: str, body: bytes) -> None:
        """Put a file there."""
        if self._kept is None:
            self._kept = self._alike()
        self._client.put_object(Bucket=self._bucket, Key=self._key(location), Body=body, **self._kept)

    def _alike(self) -> dict[str, Any]:
        named = {"Bucket": self._bucket, "Key": self._key(self._like)}
        try:
            kept = attributes(self._client, named, self._client.head_object(**named))
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            return {}  # another purge was quicker, so the commit that this is for will be refused
        kept.pop("Metadata", None)  # says whose file it is
        return kept

    def _key(self, location: str) -> str:
        scheme, _, rest = location.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme not in {"s3", "s3a", "s3n"} or bucket != self._bucket:
            raise FileNotFoundError("a file of the table lies in another bucket")
        return key


class _Input(InputFile):
    def __init__(self, files: ClientIO, location: str) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return len(self._files.read(self.location))

    def exists(self) -> bool:
        try:
            self._files.read(self.location)
        except FileNotFoundError:
            return False
        return True

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002
        return cast("InputStream", io.BytesIO(self._files.read(self.location)))


class _Output(OutputFile):
    def __init__(self, files: ClientIO, location: str) -> None:
        super().__init__(location)
        self._files, self._size = files, 0

    def __len__(self) -> int:
        return self._size

    def exists(self) -> bool:
        return self.to_input_file().exists()

    def to_input_file(self) -> InputFile:
        return _Input(self._files, self.location)

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: ARG002 - names are never used twice
        return cast("OutputStream", _Stream(self))

    def take(self, body: bytes) -> None:
        """All that the file is to hold."""
        self._size = len(body)
        self._files.write(self.location, body)


class _Stream(io.BytesIO):
    """Collects what is written, and sends it when it is closed."""

    def __init__(self, target: _Output) -> None:
        super().__init__()
        self._target = target

    def close(self) -> None:
        if not self.closed:
            self._target.take(self.getvalue())
        super().close()
