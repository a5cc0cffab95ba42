"""Empties fields of some rows of an Arrow column: null, or no characters where a field may not be null."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from winddown.domain.errors import Refused
from winddown.stores.objects.formats.change import Mask

Named = Callable[[str], str]


def emptied(column: pa.Array, rows: Mask, path: Sequence[str], named: Named, *, nullable: bool = True) -> pa.Array:
    """Return the column with what the path names emptied in these rows.

    Args:
        column: one field's values.
        rows: a flag for each of them.
        path: names of fields inside this one, outermost first; none for the field itself. Lists on the way are no
            step of it: all of their elements are meant. A path that leads nowhere empties nothing.
        named: turns Arrow's name of an inner field into the file's.
        nullable: whether the field may be null.

    Raises:
        Refused: the field may neither be null nor without characters.
    """
    kind = column.type
    if not path:
        return _without_value(column, rows, nullable=nullable)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return _in_list(column, rows, path, named)
    if pa.types.is_struct(kind):
        return _in_struct(column, rows, path, named)
    return column


def _without_value(column: pa.Array, rows: Mask, *, nullable: bool) -> pa.Array:
    kind = column.type
    if nullable:
        # Arrow's null keeps no value of the row; the writers skip what lies below it.
        numbers = np.arange(len(column), dtype=np.int64)
        return column.take(pa.array(numbers, mask=rows))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_string(kind):
        return pc.if_else(pa.array(rows), pa.scalar(b"" if "binary" in str(kind) else "", type=kind), column)
    raise Refused(
        "a field of a file may neither be null nor empty, so it cannot be emptied",
        rule="a rewrite keeps the schema",
        next_step="erase the rows, or have the field made nullable by the file's producer",
    )


def _in_struct(column: pa.Array, rows: Mask, path: Sequence[str], named: Named) -> pa.Array:
    kind = column.type
    children = [column.field(index) for index in range(kind.num_fields)]
    for index, child in enumerate(kind):
        for length in range(1, len(path) + 1):
            if named(child.name) == ".".join(path[:length]):
                there = rows & column.is_valid().to_numpy(zero_copy_only=False)
                children[index] = emptied(children[index], there, path[length:], named, nullable=child.nullable)
    if all(new is old for new, old in zip(children, (column.field(i) for i in range(kind.num_fields)), strict=True)):
        return column
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=column.is_null())


def _in_list(column: pa.Array, rows: Mask, path: Sequence[str], named: Named) -> pa.Array:
    kind = column.type
    if pa.types.is_map(kind):
        column = column.cast(pa.list_(kind.field(0)))
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    inner = column.type.value_field
    values = emptied(column.flatten(), np.repeat(rows, lengths), path, named, nullable=inner.nullable)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    make = pa.LargeListArray if pa.types.is_large_list(column.type) else pa.ListArray
    array = make.from_arrays(
        pa.array(offsets, type=pa.int64() if make is pa.LargeListArray else pa.int32()),
        values,
        type=column.type,
        mask=column.is_null(),
    )
    return array.cast(kind) if pa.types.is_map(kind) else array
