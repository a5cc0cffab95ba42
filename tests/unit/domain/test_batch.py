"""The digest of a batch's keys: bound to the keys and their order, not to Arrow's layout."""

import hashlib
import itertools

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.batch import (
    CONTENT,
    CONTENT_HELD,
    RANK,
    Batch,
    KeysHash,
    content_sum,
    keys_digest,
    numbered,
    record_count,
    spelled,
)

KEYS = pa.table({"id": ["3", "1", "2"], "part": ["a", "b", None]})


@given(
    ids=st.lists(st.text(max_size=5), min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=5),
)
def test_the_digest_does_not_depend_on_chunks_or_on_the_kind_of_string(ids: list[str], cuts: list[int]) -> None:
    whole = pa.table({"id": pa.array(ids, pa.string())})
    edges = sorted({0, len(ids), *(cut for cut in cuts if cut < len(ids))})
    pieces = [ids[start:end] for start, end in itertools.pairwise(edges)]
    chunked = pa.Table.from_arrays([pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces])], ["id"])
    large = pa.table({"id": pa.array(ids, pa.large_string())})
    assert keys_digest(chunked) == keys_digest(large) == keys_digest(whole)


def test_the_digest_of_many_keys_does_not_depend_on_where_reading_pauses() -> None:
    ids = [str(number) for number in range(25_000)]
    halves = pa.concat_tables([pa.table({"id": ids[:9_999]}), pa.table({"id": ids[9_999:]})])
    assert halves.column("id").num_chunks == 2
    whole = keys_digest(pa.table({"id": ids}), salt=b"salt")
    assert keys_digest(halves, salt=b"salt") == whole
    for size in (1_000, 9_999, 10_000, 24_000):
        hasher = KeysHash(b"salt")
        for start in range(0, 25_000, size):
            hasher.update(halves.slice(start, size))
        assert hasher.hexdigest() == whole


def test_contents_that_are_held_as_bytes_are_spelled_in_hex() -> None:
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(7)]
    keys = pa.table({"id": [str(number) for number in range(7)], CONTENT: [digest.hex() for digest in digests]})
    parts = [pa.array(digests[:3], CONTENT_HELD), pa.array(digests[3:], CONTENT_HELD)]
    held = keys.set_column(1, CONTENT, pa.chunked_array(parts))
    for part in (held, held.slice(1, 5), held.take([6, 0]), held.slice(0, 0)):
        assert spelled(part).column(CONTENT).to_pylist() == [found.hex() for found in part.column(CONTENT).to_pylist()]
        assert keys_digest(part) == keys_digest(spelled(part))
        assert content_sum(part.column(CONTENT)) == content_sum(spelled(part).column(CONTENT))
    assert spelled(held).equals(keys)
    assert spelled(keys) is keys


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(KEYS.slice(0, 2), id="a key less"),
        pytest.param(KEYS.take([1, 0, 2]), id="another order"),
        pytest.param(KEYS.rename_columns(["id", "piece"]), id="another name"),
        pytest.param(KEYS.set_column(1, "part", [["a", "b", ""]]), id="empty instead of null"),
        pytest.param(KEYS.set_column(0, "id", [[3, 1, 2]]), id="numbers instead of text"),
    ],
)
def test_another_set_of_keys_has_another_digest(other: pa.Table) -> None:
    assert keys_digest(other) != keys_digest(KEYS)


def test_the_order_of_columns_does_not_matter() -> None:
    assert keys_digest(KEYS.select(["part", "id"])) == keys_digest(KEYS)


def test_records_are_rows_of_tables_and_listed_rows_of_files() -> None:
    assert record_count(KEYS) == 3
    assert Batch(0, "", KEYS).records == 3
    assert record_count(pa.table({"object": ["a", "b"], "rows": [[0, 5], [7]]})) == 3


def test_a_batch_does_not_show_its_keys() -> None:
    secret = "13812345678"
    assert secret not in repr(Batch(0, "d" * 64, pa.table({"id": [secret]})))


@pytest.mark.parametrize(
    ("is_apart", "batches"),
    [(False, [["a", "b"], ["c", "d"], ["e"]]), (True, [["a"], ["b", "c"], ["d"], ["e"]])],
)
def test_records_are_numbered_by_rank_and_key(*, is_apart: bool, batches: list[list[str]]) -> None:
    located = pa.table({"id": list("abcde"), RANK: [0, 1, 1, 1, 2], CONTENT: list("12345")})
    for pieces in ([located], [located.slice(0, 0), located.slice(0, 3), located.slice(3)]):
        keys = list(numbered(pieces, ["id"], size=2, is_apart=is_apart))
        assert [piece.column_names for piece in keys] == [["id", CONTENT, "batch"]] * len(batches)
        assert [piece.column("id").to_pylist() for piece in keys] == batches
        numbers = [set(piece.column("batch").to_pylist()) for piece in keys]
        assert numbers == [{index} for index in range(len(batches))]


@pytest.mark.parametrize("is_apart", [False, True])
def test_of_no_records_there_are_keys_without_a_row(*, is_apart: bool) -> None:
    located = pa.table({"id": pa.array([], pa.string()), CONTENT: pa.array([], CONTENT_HELD)})
    (keys,) = numbered([located, located], ["id"], size=2, is_apart=is_apart)
    assert (keys.column_names, keys.num_rows) == (["id", CONTENT, "batch"], 0)


def test_full_batches_are_followed_by_no_empty_one() -> None:
    located = pa.table({"id": list("abcd"), CONTENT: list("1234")})
    assert [keys.num_rows for keys in numbered([located], ["id"], size=2)] == [2, 2]
