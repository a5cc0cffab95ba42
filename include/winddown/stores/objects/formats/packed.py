"""A text format inside gzip (RFC 1952), zstd (RFC 8878) or bzip2: unpacked while it is read, never as a whole."""

import bz2
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa
from isal import igzip, isal_zlib

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.change import Change, Outcome
from winddown.stores.objects.formats.ends import HEAD
from winddown.stores.objects.formats.problem import Problem, Unreadable


@dataclass(frozen=True, slots=True)
class Codec:
    """A way of packing.

    Attributes:
        arrow: Arrow's name of it.
        magic: what packed files begin with.
        head: bytes from which something can be unpacked; bzip2 unpacks whole blocks of up to 900 kB.
    """

    suffix: str
    arrow: str
    magic: tuple[bytes, ...]
    head: int = HEAD


GZIP = Codec("gz", "gzip", (b"\x1f\x8b",))
_BZIP2 = tuple(b"BZh%d1AY&SY" % size for size in range(1, 10))
_LEVEL = 2  # of isal's four: as small as zlib's sixth, in a tenth of the time
_WITH_HEADER = 31
_ISAL_ERROR = cast("type[Exception]", isal_zlib.error)
CODECS = (GZIP, Codec("zst", "zstd", (b"\x28\xb5\x2f\xfd",)), Codec("bz2", "bz2", _BZIP2, 1 << 20))


class TextFormat(Protocol):
    """What may stand inside."""

    ID: str

    def read(self, source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows; reads strictly forwards."""
        ...

    def rewrite(self, source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
        """Write the file with the change made; reads and writes strictly forwards."""
        ...


class Packed:
    """A row format: ``inner`` in ``codec``; its id is e.g. ``csv.zst``."""

    def __init__(self, inner: TextFormat, codec: Codec) -> None:
        self.ID = f"{inner.ID}.{codec.suffix}"
        self._inner, self._codec = inner, codec

    def read(self, source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows; raises Unreadable for a packed stream that is torn, damaged or a bomb."""
        return self._inner.read(cast("BinaryIO", Unpacking(source, self._codec)), fields=fields)

    def rewrite(self, source: BinaryIO, sink: BinaryIO, change: Change) -> Outcome:
        """See ``formats.rewrite``; of the packing, only the codec stays: a gzip header loses its file name and time."""
        head = source.read(len(_BZIP2[0]))
        source.seek(0)
        packing = _Packing(sink, _compressor(self._codec, head))
        outcome = self._inner.rewrite(
            cast("BinaryIO", Unpacking(source, self._codec)), cast("BinaryIO", packing), change
        )
        packing.finish()
        return outcome


def unpacked_head(head: bytes, codec: Codec) -> bytes:
    """The beginning of what is packed, as far as the head shows it; empty when nothing can be unpacked."""
    stream = pa.CompressedInputStream(pa.BufferReader(head), codec.arrow)
    pieces: list[bytes] = []
    try:
        while sum(map(len, pieces)) < HEAD and (piece := stream.read(1 << 12)):
            pieces.append(piece)
    except OSError:
        pass  # a head ends in the middle of the stream; what came out before counts
    return b"".join(pieces)[:HEAD]


class Unpacking(io.RawIOBase):
    """Reads what is packed, forwards only, and stops at a bomb."""

    def __init__(self, source: BinaryIO, codec: Codec) -> None:
        self._source = _Counted(source)
        self._stream: Any = (
            igzip.IGzipFile(fileobj=self._source, mode="rb")
            if codec == GZIP
            else pa.CompressedInputStream(pa.PythonFile(self._source, mode="r"), codec.arrow)
        )
        self._unpacked = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, b"" at the end; a bomb is noticed within one such piece."""
        try:
            piece = bytes(self._stream.read(limits.PIECE if size < 0 else size))
        except (OSError, EOFError, _ISAL_ERROR, pa.ArrowException) as error:
            if self._source.failure is not None:
                raise self._source.failure from None
            del error  # its words may quote the file
            raise Unreadable(Problem.BROKEN, "a packed file cannot be read to its end") from None
        self._unpacked += len(piece)
        limits.check_unpacked(self._source.count, self._unpacked)
        return piece


class _Compressor(Protocol):
    """What packs bytes piece by piece."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def _compressor(codec: Codec, head: bytes) -> _Compressor:
    if codec == GZIP:
        return cast("_Compressor", isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _WITH_HEADER))
    if codec.suffix == "bz2":
        return bz2.BZ2Compressor(int(head[3:4]))  # the size of its blocks
    return _Zstd()


class _Pieces(io.RawIOBase):
    """Collects what is written; Arrow closes it, which loses nothing."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        found = b"".join(self._pieces)
        self._pieces.clear()
        return found


class _Zstd:
    """Arrow's packer, asked for what it has packed so far."""

    def __init__(self) -> None:
        self._packed = _Pieces()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._packed, mode="w"), "zstd")

    def compress(self, data: bytes) -> bytes:
        self._stream.write(data)
        return self._packed.take()

    def flush(self) -> bytes:
        self._stream.close()
        return self._packed.take()


class _Packing(io.RawIOBase):
    """Packs what is written."""

    def __init__(self, sink: BinaryIO, compressor: _Compressor) -> None:
        self._sink, self._compressor = sink, compressor

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        packed = self._compressor.compress(data)
        if packed:
            self._sink.write(packed)
        return len(data)

    def finish(self) -> None:
        self._sink.write(self._compressor.flush())


class _Counted(io.RawIOBase):
    """Counts what is taken from a source, and remembers why the source failed: Arrow loses the exception's type."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.count = 0
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            piece = self._source.read(size)
        except Exception as error:
            self.failure = error
            raise
        self.count += len(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
