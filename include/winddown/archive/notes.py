"""Notes about objects that were looked at, kept in one encrypted container, so that what did not change is not read.

A note is found by a keyed digest of its object's name. In memory and in the container it takes some 40 bytes and what
is ``own``; nothing is a Python object of its own, so a million objects fit. Notes of another program are not read.

A service may change content under the same name all the same. So one note in ``TRIED`` is not given out, and what is
found then must be the same. Otherwise all notes of the store are dropped, and a file beside them says that its versions
are doubted: until a person deletes that file, nothing is recalled or kept.
"""

import hashlib
import hmac
import io
import secrets
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from winddown.archive.atomic import made_folder, write_atomically
from winddown.archive.container import open_container, seal
from winddown.archive.keys import CaseKeys
from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.ports import Note

TRIED = 100
_NOTES_MAX, _COMMON_MAX, _OWN_MAX = 4_000_000, 65_536, 1 << 28  # what goes beyond is not noted
_DIGEST_BYTES = 8
_ROWS = 65_536  # are written at a time
_SCHEMA = pa.schema(
    [
        ("first", pa.uint64()),
        ("second", pa.uint64()),
        ("common", pa.dictionary(pa.int32(), pa.large_binary())),
        ("own", pa.large_binary()),
    ]
)
_Name = tuple[int, int]


class CaseNotes:
    """The notes of one kind in a case, ``ports.Notes``.

    Args:
        folder: of the case's containers of notes; made when it is not there.
        name: which notes of the store.
        store: whose objects they are about; a doubt holds for all notes of the store.
        code_version: of the program; another one may find something else in the same object.
        is_withheld: says of what objects have in common whether it may not be kept, e.g. because it names a person;
            these objects are not noted.

    Attributes:
        doubt: name of the file in ``folder`` that says that the store's versions are doubted.
        is_doubted: whether it was there when the notes were opened.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        store: str,
        keys: CaseKeys,
        code_version: str,
        is_withheld: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        made_folder(folder)
        self._folder, self._store = folder, store
        self._path = folder / f"{self._stem}-{digest(name)[:32]}.sealed"
        self._key, self._salt = keys.container_key(), keys.salt()
        self._context = f"notes/{store}/{name}/{code_version}"
        self.doubt = f"{self._stem}.doubted"
        self.is_doubted = self._is_doubted_now()
        self._known = _Kept(_SCHEMA.empty_table() if self.is_doubted else self._load())
        # Which ones are tried cannot be foreseen; where all are met, one is.
        self._turn = secrets.randbelow(min(len(self._known), TRIED) or 1)
        self._met = 0
        self._tried: dict[_Name, Note] = {}
        self._is_contradicted = False
        self._is_withheld = is_withheld
        self._found = _Found(is_withheld)

    def recall(self, name: str) -> Note | None:
        """Return the note, unless it is its turn to be tried."""
        place = self._place(name)
        note = self._known.find(place)
        if note is None:
            return None
        self._met += 1
        if (self._met - 1) % TRIED == self._turn:
            self._tried[place] = note
            return None
        self._known.mark(place)
        return note

    def put(self, name: str, note: Note | None) -> None:
        """Note what was found; None when it is not to be noted, which contradicts an earlier note all the same."""
        place = self._place(name)
        tried = self._tried.pop(place, None)
        if tried is None and note is not None:
            self._found.add(place, note, self._known)
        elif tried is not None and tried == note:
            self._known.mark(place)
        elif tried is not None:
            # At once: whoever reads on may be killed, or come to an object that cannot be fetched.
            self._is_contradicted = True
            write_atomically(self._folder / self.doubt, [f"{self._store}\n".encode()], replace=True)
            self._drop()

    def forget(self) -> None:
        """Recall nothing of what was kept."""
        self._known = _Kept(_SCHEMA.empty_table())
        self._tried.clear()

    def digest(self, content: bytes) -> bytes:
        """Eight bytes, keyed with the case's salt."""
        return hashlib.blake2b(content, key=self._salt, digest_size=_DIGEST_BYTES, person=b"content").digest()

    def keep(self) -> bool:
        """Replace the container, or remove all of the store when its versions are doubted, by whomever."""
        if self.is_doubted or self._is_contradicted or self._is_doubted_now():
            self._drop()
            return False
        tables = [self._known.marked(), self._found.table()]
        self._known, self._found = _Kept(_SCHEMA.empty_table()), _Found(self._is_withheld)
        seal(_written(tables), self._path, key=self._key, context=self._context, replace=True)
        if self._is_doubted_now():
            # Somebody else found out meanwhile, and may have dropped the notes before these came.
            self._drop()
            return False
        return True

    @property
    def _stem(self) -> str:
        return digest(self._store)[:32]

    def _is_doubted_now(self) -> bool:
        return (self._folder / self.doubt).exists()

    def _drop(self) -> None:
        for path in self._folder.glob(f"{self._stem}-*.sealed"):
            path.unlink(missing_ok=True)

    def _load(self) -> pa.Table:
        # Notes that are missing, torn, another program's or not ours only cost another look.
        try:
            content = bytearray()
            for piece in open_container(self._path, key=self._key, context=self._context):
                content += piece
        except Refused:
            return _SCHEMA.empty_table()
        with pa.ipc.open_stream(pa.py_buffer(content)) as stream:
            return stream.read_all()

    def _place(self, name: str) -> _Name:
        found = hmac.digest(self._salt, name.encode("utf-8", "surrogatepass"), "sha256")
        return int.from_bytes(found[:8], "big"), int.from_bytes(found[8:16], "big")


class _Piece:
    """Some of the notes, looked into where Arrow has them: there is no memory to spare for a copy."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        first, second, common, own = batch.columns
        self.batch = batch
        self.first, self.second = (memoryview(each.buffers()[1]).cast("Q")[: len(batch)] for each in (first, second))
        self._codes = memoryview(common.indices.buffers()[1]).cast("i")
        _, ends, content = own.buffers()
        self._ends, self.own = memoryview(ends).cast("q"), memoryview(content or b"")
        self.marks = bytearray(len(batch))

    def note(self, row: int, common: list[bytes]) -> Note:
        return Note(common[self._codes[row]], bytes(self.own[self._ends[row] : self._ends[row + 1]]))


class _Kept:
    """Notes as they were read, sorted by the first half of their places, all pieces with the same dictionary."""

    def __init__(self, table: pa.Table) -> None:
        self._pieces = [_Piece(batch) for batch in table.to_batches() if batch.num_rows]
        self._begins = [piece.first[0] for piece in self._pieces]
        self._common: list[bytes] = table.column("common").chunk(0).dictionary.to_pylist() if self._pieces else []
        self.own_bytes = sum(len(piece.own) for piece in self._pieces)
        self._size: int = table.num_rows

    def __len__(self) -> int:
        return self._size

    @cached_property
    def common(self) -> frozenset[bytes]:
        return frozenset(self._common)

    def find(self, place: _Name) -> Note | None:
        found = self._found(place)
        return None if found is None else found[0].note(found[1], self._common)

    def mark(self, place: _Name) -> None:
        if (found := self._found(place)) is not None:
            found[0].marks[found[1]] = 1

    def marked(self) -> pa.Table:
        found = [piece.batch.filter(pa.array(np.frombuffer(piece.marks, np.bool_))) for piece in self._pieces]
        return pa.Table.from_batches(found, schema=_SCHEMA)

    def _found(self, place: _Name) -> tuple[_Piece, int] | None:
        number = bisect_right(self._begins, place[0])
        if not number:
            return None
        piece = self._pieces[number - 1]
        row = bisect_left(piece.first, place[0])
        is_there = row < len(piece.first) and (piece.first[row], piece.second[row]) == place
        return (piece, row) if is_there else None


class _Found:
    """Notes as they are made."""

    def __init__(self, is_withheld: Callable[[bytes], bool]) -> None:
        self._is_withheld = is_withheld
        self._first, self._second, self._codes = array("Q"), array("Q"), array("i")
        self._common: dict[bytes, int] = {}
        self._further = 0  # of these, not among the kept ones
        self._own, self._ends = bytearray(), array("q", [0])

    def add(self, place: _Name, note: Note, kept: _Kept) -> None:
        """Together with all that was kept it stays within the limits, although some of that may be forgotten."""
        own_bytes = kept.own_bytes + len(self._own) + len(note.own)
        if len(kept) + len(self._codes) >= _NOTES_MAX or own_bytes > _OWN_MAX:
            return
        if note.common not in self._common:
            is_known = note.common in kept.common
            if not is_known and len(kept.common) + self._further >= _COMMON_MAX:
                return
            if self._is_withheld(note.common):
                return
            self._further += not is_known
        self._first.append(place[0])
        self._second.append(place[1])
        self._codes.append(self._common.setdefault(note.common, len(self._common)))
        self._own += note.own
        self._ends.append(len(self._own))

    def table(self) -> pa.Table:
        codes = pa.array(np.frombuffer(self._codes, np.int32))
        content = [None, pa.py_buffer(self._ends), pa.py_buffer(self._own)]
        columns = [
            pa.array(np.frombuffer(self._first, np.uint64)),
            pa.array(np.frombuffer(self._second, np.uint64)),
            pa.DictionaryArray.from_arrays(codes, pa.array(list(self._common), pa.large_binary())),
            pa.Array.from_buffers(pa.large_binary(), len(self._codes), content),
        ]
        return pa.Table.from_arrays(columns, schema=_SCHEMA)


def _written(tables: list[pa.Table]) -> Iterator[bytes]:
    """Sorted by the first halves of the places, in pieces; what objects had in common and none has any more goes.

    The tables are taken out of their list, so that nobody keeps them in memory.
    """
    whole = pa.concat_tables([tables.pop(0) for _ in tuple(tables)]).unify_dictionaries().combine_chunks()
    common = whole.column("common").combine_chunks()
    codes = common.indices.to_numpy()
    is_used = np.bincount(codes, minlength=len(common.dictionary)) > 0
    renumbered = (np.cumsum(is_used) - 1).astype(np.int32)[codes]
    kept = pa.DictionaryArray.from_arrays(pa.array(renumbered), common.dictionary.filter(pa.array(is_used)))
    whole = whole.set_column(2, "common", kept)
    order = np.argsort(whole.column("first").to_numpy())
    del common, codes, renumbered, kept
    sink = _Sink()
    with pa.ipc.new_stream(sink, whole.schema) as stream:
        for begin in range(0, len(order), _ROWS):
            stream.write_table(whole.take(pa.array(order[begin : begin + _ROWS])))
            yield from sink.taken()
    yield from sink.taken()


class _Sink(io.RawIOBase):
    """A file that is taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces
