"""What names records is handed on as it is, whichever part of a table it comes from."""

import hashlib

import polars as pl
import pytest

from winddown.domain.batch import CONTENT, spelled
from winddown.stages.manifests import plain

CONTENTS = {str(number): hashlib.sha256(b"%d" % number).hexdigest() for number in range(20)}
PARTS = {
    "all": lambda records: records,
    "a slice": lambda records: records.slice(5, 7),
    "a filter that leaves the end": lambda records: records.filter(pl.col("id").cast(pl.Int64) > 9),
    "a filter that leaves some": lambda records: records.filter(pl.col("id").cast(pl.Int64) % 3 == 1),
    "the end": lambda records: records.tail(3),
    "two slices": lambda records: pl.concat([records.slice(3, 4), records.slice(10, 5)]),
    "another order": lambda records: records.sort("id"),
    "nothing": lambda records: records.clear(),
}


@pytest.mark.parametrize("part", PARTS)
def test_each_record_keeps_its_own_content(part: str) -> None:
    held = pl.col(CONTENT).str.decode("hex").bin.reinterpret(dtype=pl.Array(pl.UInt8, 32))
    records = pl.DataFrame({"id": list(CONTENTS), CONTENT: list(CONTENTS.values())}).with_columns(held)
    chosen = PARTS[part](records)
    keys = spelled(plain(chosen))
    found = dict(zip(keys["id"].to_pylist(), keys[CONTENT].to_pylist(), strict=True))
    assert found == {one: CONTENTS[one] for one in chosen.get_column("id")}
