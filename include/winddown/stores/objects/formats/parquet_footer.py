"""The footer of a Parquet file (https://github.com/apache/parquet-format, ``parquet.thrift``): read exactly, written
again with what nobody here knows.

Numbers below are those of the fields in ``parquet.thrift``.
"""  # noqa: D205 - the address is part of the sentence

from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from winddown.domain.errors import Refused
from winddown.stores.objects.formats import limits, thrift
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.formats.thrift import Struct

MAGIC = b"PAR1"
_ENCRYPTED = b"PARE"
TAIL = 8

# FileMetaData
SCHEMA, ROWS, GROUPS, KEY_VALUES, CREATED_BY, ENCRYPTION = 2, 3, 4, 5, 6, 8
# SchemaElement
TYPE, TYPE_LENGTH, REPETITION, NAME, CHILDREN, CONVERTED, LOGICAL = 1, 2, 3, 4, 5, 6, 10
# RowGroup
COLUMNS, BYTE_SIZE, GROUP_ROWS, SORTING, GROUP_OFFSET, COMPRESSED_SIZE, ORDINAL = 1, 2, 3, 4, 5, 6, 7
# ColumnChunk
FILE_PATH, FILE_OFFSET, META, OFFSET_INDEX, OFFSET_INDEX_LENGTH, COLUMN_INDEX, COLUMN_INDEX_LENGTH, CRYPTO = range(1, 9)
# ColumnMetaData
KIND, ENCODINGS, PATH, CODEC, VALUES, UNCOMPRESSED, COMPRESSED, META_KEY_VALUES = range(1, 9)
DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, STATISTICS, ENCODING_STATS, BLOOM, BLOOM_LENGTH = range(9, 16)

INT32, INT64, INT96, BYTE_ARRAY, FIXED = 1, 2, 3, 6, 7
REQUIRED, REPEATED = 0, 2
_DECIMAL, _INTERVAL, _LIST, _MAPS = 5, 21, 3, frozenset({1, 2})
_UNSIGNED = frozenset(range(11, 15))
_LOGICAL_LIST, _LOGICAL_MAP, _LOGICAL_DECIMAL, _LOGICAL_INTEGER = 3, 2, 5, 10
# Logical types of bytes whose order is that of the bytes: string, enum, JSON, BSON, UUID.
_BYTE_ORDER = frozenset({1, 4, 12, 13, 14})


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column.

    Attributes:
        field: which of the top-level fields it belongs to.
        shape: what a column's data mean to a reader of them: physical type, its length, definition and repetition
            levels. Names and logical types are written in the schema alone.
        is_ordered: whether Arrow orders the bare physical type as the logical one is ordered, so that smallest and
            greatest values may be written.
    """

    field: int
    shape: tuple[int, int, int, int]
    is_ordered: bool


def read_footer(source: BinaryIO, size: int) -> Struct:
    """Read the footer of a file; raises Unreadable or Refused for what cannot be written again."""
    source.seek(0)
    head = source.read(len(MAGIC))
    source.seek(max(size - TAIL, 0))
    tail = source.read(TAIL)
    if tail.endswith(_ENCRYPTED) or head == _ENCRYPTED:
        raise _encrypted()
    length = int.from_bytes(tail[:4], "little")
    if head != MAGIC or not tail.endswith(MAGIC) or not 0 < length <= size - TAIL - len(MAGIC):
        raise Unreadable(Problem.BROKEN, "a Parquet file does not end with a footer")
    if length > limits.PART:
        raise Unreadable(Problem.LIMIT, f"the footer of a Parquet file is longer than {limits.PART >> 20} MiB")
    source.seek(size - TAIL - length)
    footer, end = thrift.read(source.read(length))
    if end != length and ENCRYPTION not in footer:  # a footer in clear of encrypted columns carries its signature
        raise Unreadable(Problem.BROKEN, "the footer of a Parquet file is not what it should be")
    try:
        _check(footer, size - TAIL - length)
    except (KeyError, IndexError, TypeError, ValueError):
        raise Unreadable(Problem.BROKEN, "the footer of a Parquet file is not what it should be") from None
    return footer


def _check(footer: Struct, end: int) -> None:
    if ENCRYPTION in footer:
        raise _encrypted()
    columns = len(leaves(footer))
    for group in groups(footer):
        if len(chunks(group)) != columns:
            raise Unreadable(Problem.BROKEN, "a row group of a Parquet file has other columns than its schema")
        for chunk in chunks(group):
            if CRYPTO in chunk:
                raise _encrypted()
            if FILE_PATH in chunk:
                raise Refused(
                    "a Parquet file keeps columns in other files",
                    rule="a rewrite keeps what stays",
                    next_step="have its producer write it as one file",
                )
            first, last = span(chunk)
            last = max(last, meta(chunk)[DATA_PAGE][1])
            if first != last and (first < len(MAGIC) or last > end or last < first):
                raise Unreadable(Problem.BROKEN, "a column of a Parquet file lies outside of the file")
    if sum(group[GROUP_ROWS][1] for group in groups(footer)) != footer[ROWS][1]:
        raise Unreadable(Problem.BROKEN, "the row groups of a Parquet file have other rows than the file")


def groups(footer: Struct) -> list[Struct]:
    """The row groups."""
    found: list[Struct] = footer[GROUPS][1][1]
    return found


def chunks(group: Struct) -> list[Struct]:
    """The column chunks of a row group, in the order of the leaves."""
    found: list[Struct] = group[COLUMNS][1][1]
    return found


def meta(chunk: Struct) -> Struct:
    """What the footer says of a column chunk."""
    found: Struct = chunk[META][1]
    return found


def value(struct: Struct, number: int, default: Any = 0) -> Any:
    """A field's value, or the default where it is absent."""
    return struct[number][1] if number in struct else default


def span(chunk: Struct) -> tuple[int, int]:
    """Where the pages of a chunk begin and end."""
    found = meta(chunk)
    places = (found[DATA_PAGE][1], value(found, DICTIONARY_PAGE))
    first = min((place for place in places if place > 0), default=0)
    return first, first + found[COMPRESSED][1]


def leaves(footer: Struct) -> list[Leaf]:
    """The columns, in the order of the schema."""
    elements: list[Struct] = footer[SCHEMA][1][1]
    found: list[Leaf] = []

    def walk(place: int, field: int, definition: int, repetition: int) -> int:
        element = elements[place]
        kind = value(element, REPETITION, REQUIRED)
        definition, repetition = definition + (kind != REQUIRED), repetition + (kind == REPEATED)
        if TYPE in element:
            shape = (element[TYPE][1], value(element, TYPE_LENGTH), definition, repetition)
            found.append(Leaf(field, shape, _is_ordered(element)))
            return place + 1
        limits.check_depth(definition)
        place += 1
        for _ in range(value(elements[place - 1], CHILDREN)):
            place = walk(place, field, definition, repetition)
        return place

    place = 1
    for field in range(value(elements[0], CHILDREN)):
        place = walk(place, field, 0, 0)
    if place != len(elements):
        raise ValueError
    return found


def field_places(footer: Struct) -> list[int]:
    """The place of each top-level field in the schema's list."""
    elements: list[Struct] = footer[SCHEMA][1][1]
    places: list[int] = []
    place = 1
    for _ in range(value(elements[0], CHILDREN)):
        places.append(place)
        pending = 1
        while pending:
            pending += value(elements[place], CHILDREN) - 1
            place += 1
    return places


def names(footer: Struct) -> list[str]:
    """Names of all elements of the schema, the root's first."""
    return [element[NAME][1].decode("utf-8", "replace") for element in footer[SCHEMA][1][1]]


def _is_ordered(element: Struct) -> bool:
    if element[TYPE][1] == INT96:
        return False
    if element[TYPE][1] not in {BYTE_ARRAY, FIXED}:
        return True
    logical: Struct = value(element, LOGICAL, {})
    return value(element, CONVERTED, None) not in {_DECIMAL, _INTERVAL} and not set(logical) - _BYTE_ORDER


def bare(footer: Struct) -> pq.FileMetaData:
    """The footer as Arrow shall see it: elements named by their place, physical types alone.

    So every value is read and written as its bytes or number, and none is changed by a conversion: no timestamp of 96
    bits overflows, no decimal changes its width. Only unsigned numbers keep their type, for its order. A map is the
    list of pairs that it is stored as.
    """
    elements = [_bare_element(element, place) for place, element in enumerate(footer[SCHEMA][1][1])]
    found = dict(footer)
    found.pop(KEY_VALUES, None)
    found[SCHEMA] = (thrift.LIST, (thrift.STRUCT, elements))
    found[GROUPS] = (thrift.LIST, (thrift.STRUCT, [_bare_group(group) for group in groups(footer)]))
    body = thrift.write(found)
    return pq.read_metadata(pa.BufferReader(MAGIC + body + len(body).to_bytes(4, "little") + MAGIC))


def _bare_element(element: Struct, place: int) -> Struct:
    found = {number: element[number] for number in (TYPE, TYPE_LENGTH, REPETITION, CHILDREN) if number in element}
    found[NAME] = (thrift.BINARY, b"n%d" % place)
    converted, logical = value(element, CONVERTED, None), value(element, LOGICAL, {})
    if TYPE not in element:
        if converted == _LIST or converted in _MAPS or set(logical) & {_LOGICAL_LIST, _LOGICAL_MAP}:
            found[CONVERTED] = (thrift.I32, _LIST)
    elif element[TYPE][1] == INT96:
        found |= {TYPE: (thrift.I32, FIXED), TYPE_LENGTH: (thrift.I32, 12)}
    elif converted in _UNSIGNED:
        found[CONVERTED] = element[CONVERTED]
    elif _LOGICAL_INTEGER in logical and value(logical[_LOGICAL_INTEGER][1], 2, None) is False:
        found[LOGICAL] = element[LOGICAL]
    return found


def _bare_group(group: Struct) -> Struct:
    return {**group, COLUMNS: (thrift.LIST, (thrift.STRUCT, [_bare_chunk(chunk) for chunk in chunks(group)]))}


def _bare_chunk(chunk: Struct) -> Struct:
    found = {number: each for number, each in meta(chunk).items() if number not in {STATISTICS, META_KEY_VALUES}}
    if found[KIND][1] == INT96:
        found[KIND] = (thrift.I32, FIXED)
    return {FILE_OFFSET: chunk.get(FILE_OFFSET, (thrift.I64, 0)), META: (thrift.STRUCT, found)}


def _encrypted() -> Refused:
    return Refused(
        "a Parquet file is encrypted",
        rule="a rewrite keeps what stays",
        next_step="erase with the key of its producer, or delete the whole file, or destroy its key",
    )
