"""Records of a collection, many at a time: more than a store hands out in a batch, and never all of them."""

from collections.abc import Iterator, Sequence

import polars as pl

from winddown.domain.batch import CONTENT
from winddown.domain.inventory import Collection
from winddown.ports import Store

PIECE_RECORDS = 1 << 15
_CONTENT_HELD = pl.Array(pl.UInt8, 32)


def looked_up(piece: pl.DataFrame, known: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Join what is known to the records of a piece, in their order; null where nothing is.

    A hash table is made of the piece, and not of all that is known, which takes longer and more memory.
    """
    found = known.join(piece.select(on), on=list(on), how="semi")
    return piece.join(found, on=list(on), how="left", maintain_order="left")


def in_pieces(
    store: Store, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False
) -> Iterator[pl.DataFrame]:
    """Yield what ``Store.read`` yields, joined; ``CONTENT`` as 32 bytes. One piece at least, which may be empty."""
    names = [*store.locators(collection), *(collection.field_names() if fields is None else fields)]
    waiting = [pl.DataFrame(schema=dict.fromkeys(names, pl.String))]
    count = 0
    for batch in store.read(collection, fields=fields, bound=bound):
        rows = pl.DataFrame(batch)
        if bound and CONTENT in rows.columns:
            rows = rows.with_columns(pl.col(CONTENT).str.decode("hex").bin.reinterpret(dtype=_CONTENT_HELD))
        waiting = [*waiting, rows] if count else [rows]
        count += batch.num_rows
        if count >= PIECE_RECORDS:
            yield pl.concat(waiting, rechunk=True)
            waiting, count = [], 0
    if waiting:
        yield pl.concat(waiting, rechunk=True)
