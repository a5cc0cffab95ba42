"""Rows of a file that was written anew, compared with those of the old one; both are read side by side."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import zip_longest
from typing import Any, BinaryIO

from winddown.domain.plan import Act, Order
from winddown.inspection.file_records import ENCODINGS, Record, records_of, rows_of

_APART_MAX = 1 << 18
_NONE: Record = {}


def contradictions(before: BinaryIO | None, after: BinaryIO | None, order: Order, doomed: set[int]) -> int:
    """Number of records that a file which was written anew has and should not, or the other way round.

    Rows may have moved, but not far: once more than 262,144 of both files have found no like, they are the number.
    Memory is bounded by that and by a part of each file.

    Args:
        before: the old file, seekable; None when it is gone, and then only what should be empty is looked at.
        after: the new one, seekable; None when no row was to stay and nothing took its place.
        order: says whether rows go or fields, and which.
        doomed: numbers of rows.
    """
    utf_8, chinese = ENCODINGS
    try:
        return _contradictions(before, after, order, doomed, utf_8)
    except UnicodeDecodeError:
        # Both anew: what stays of a file may be text in another encoding as well, by chance.
        return _contradictions(before, after, order, doomed, chinese)


def _contradictions(
    before: BinaryIO | None, after: BinaryIO | None, order: Order, doomed: set[int], encoding: str
) -> int:
    if order.act is Act.MINIMISE:
        found = () if after is None else enumerate(records_of(after, encoding=encoding))
        left = sum(number in doomed and not _is_emptied(record, order) for number, record in found)
        if before is None or after is None:
            return left
        pairs = zip_longest(records_of(before, encoding=encoding), records_of(after, encoding=encoding))
        return left + _differences(pairs, order, doomed)
    if before is None:
        return 0
    survivors = (row for number, row in enumerate(rows_of(before, encoding=encoding)) if number not in doomed)
    return _apart(survivors, iter(()) if after is None else rows_of(after, encoding=encoding))


def _apart(survivors: Iterator[str], found: Iterator[str]) -> int:
    """Number of rows of which the other side has no like."""
    apart: dict[bytes, int] = {}
    for pair in zip_longest(survivors, found):
        if pair[0] == pair[1]:
            continue
        for row, sign in zip(pair, (1, -1), strict=True):
            if row is None:
                continue
            name = blake2b(row.encode("utf-8", "surrogateescape"), digest_size=16).digest()
            count = apart.get(name, 0) + sign
            if count:
                apart[name] = count
            else:
                del apart[name]
        if len(apart) > _APART_MAX:
            break
    return sum(map(abs, apart.values()))


def _is_emptied(record: Record, order: Order) -> bool:
    return all(is_empty(record, name) for name in order.fields)


def _differences(pairs: Iterator[tuple[Record | None, Record | None]], order: Order, doomed: set[int]) -> int:
    """Number of records that differ in what should have stayed; fields inside others are not told apart."""
    emptied = {*order.fields, *(name.partition(".")[0] for name in order.fields)}  # a name of its own may have dots

    def kept(number: int, record: Record | None) -> Record:
        fields = (record or _NONE).items()
        return {name: value for name, value in fields if number not in doomed or name not in emptied}

    def differs(number: int, old: Record | None, new: Record | None) -> bool:
        before, after = kept(number, old), kept(number, new)
        return before != after and repr(before) != repr(after)  # what is no number equals nothing, not even itself

    return sum(differs(number, old, new) for number, (old, new) in enumerate(pairs))


def is_empty(record: Record, field: str) -> bool:
    """Whether a field, or one inside another as ``address.street``, has no value; of a list, in every element."""
    if field in record:
        return record[field] is None or record[field] == ""
    return not _values(record, field.split("."))


def _values(found: Any, path: list[str]) -> list[Any]:
    if isinstance(found, list):
        return [value for each in found for value in _values(each, path)]
    if path:
        return _values(found.get(path[0]), path[1:]) if isinstance(found, dict) else []
    return [] if found is None or found == "" else [found]
