"""Values as text, the same for every format and store, so that links between stores can be compared."""

import pyarrow as pa


def as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Cast every column to text; nested values become their JSON-like Arrow text, binary becomes hexadecimal."""
    columns = [_column(batch.column(index)) for index in range(batch.num_columns)]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _column(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _column(array.dictionary_decode())
    if pa.types.is_nested(kind):
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], type=pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([None if value is None else value.hex() for value in array.to_pylist()], type=pa.string())
    return array.cast(pa.string())
