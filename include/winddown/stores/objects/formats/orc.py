"""Apache ORC: columns in stripes, magic ``ORC`` at the beginning and before the last byte
(https://orc.apache.org/specification/ORCv1/). Read a stripe at a time; nothing is written.
"""  # noqa: D205 - the address is part of the sentence

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
from pyarrow import orc

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.columnar import opened, rows_a_batch, translated
from winddown.stores.objects.formats.ends import Ends

ID = "orc"
_MAGIC = b"ORC"


def recognise(ends: Ends) -> bool:
    """ORC's magic at both ends."""
    return ends.head.startswith(_MAGIC) and ends.tail[:-1].endswith(_MAGIC)


def read(source: BinaryIO, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield all rows in the file's types, only ``fields`` when given; memory is bounded by a stripe."""
    with translated(source, "ORC"):
        file = orc.ORCFile(opened(source))
        names = list(file.schema.names)
        limits.check_names(names)
        wanted = None if fields is None else [name for name in names if name in set(fields)]
        for number in range(file.nstripes):
            stripe = file.read_stripe(number, columns=wanted)
            size = rows_a_batch(stripe.nbytes // max(stripe.num_rows, 1))
            for start in range(0, stripe.num_rows, size):
                yield stripe.slice(start, size)


def describe(source: BinaryIO) -> tuple[pa.Schema, int]:
    """Schema and number of rows, from the footer alone."""
    with translated(source, "ORC"):
        file = orc.ORCFile(opened(source))
        limits.check_names(list(file.schema.names))
        return file.schema, file.nrows
