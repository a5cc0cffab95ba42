"""The engine: reads every cell of a stream of record batches and counts what it recognises.

Every Arrow type ends in one of three ways. Text, and what can be written as text (integers, whole decimals and
floats), is recognised cell by cell. Types that cannot hold an identifier (booleans, times, fractions) are counted as
read. Everything else is counted as unread together with the reason, and blocks whoever relies on the profile: nothing
unread passes silently.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from winddown.detectors.calendar_dates import FIRST_YEAR, LAST_YEAR
from winddown.detectors.columnar import recognise
from winddown.detectors.kind import Kind
from winddown.detectors.kinds import ALL
from winddown.detectors.kinds.birth_date import YOUNG
from winddown.detectors.plan import plan_for
from winddown.detectors.profile import ColumnProfile
from winddown.detectors.tally import Tally
from winddown.detectors.written import halves, whole_decimals, written
from winddown.domain.errors import Refused

_PROBES, _FEW = (256, 1024), 128
_SHORTEST_INTEGER = 10_000  # five digits, a QQ number; no kind is shorter
_EXACT_FLOAT = float(1 << 53)
_CHUNK, _CHUNK_BYTES = 65_536, 1 << 22  # cells and bytes; keeps what is worked on near the processor and memory flat


class Profiler:
    """Profiles the fields of one collection.

    Args:
        field_names: the fields that every batch has, in any order.
        kinds: what to look for.

    Memory does not grow with the number of rows. No value is kept, in the profiler or in a profile.
    """

    def __init__(self, field_names: Sequence[str], *, kinds: Iterable[Kind] = ALL) -> None:
        if len(set(field_names)) != len(field_names):
            raise Refused("two fields share one name", rule="detectors.fields", next_step="rename one in the query")
        self._fields = tuple(field_names)
        self._plan = plan_for(tuple(kinds))
        self._tallies: dict[str, Tally] = {name: Tally(name) for name in self._fields}

    def feed(self, batch: pa.RecordBatch) -> None:
        """Read every cell of a batch.

        Raises:
            Refused: the batch has other fields than were declared; what was not declared would stay unread.
        """
        if sorted(batch.schema.names) != sorted(self._fields):
            raise Refused(
                f"the batch has {len(batch.schema.names)} fields that are not the {len(self._fields)} declared ones",
                rule="detectors.fields",
                next_step="profile each schema version with a profiler of its own",
            )
        for start in range(0, batch.num_rows, _CHUNK):
            part = batch.slice(start, _CHUNK)
            for name in self._fields:
                self._read(name, part.column(name))

    def profiles(self) -> dict[str, ColumnProfile]:
        """Return the profile of every field and of every member of a nested one, by name."""
        return {name: tally.profile() for name, tally in self._tallies.items()}

    def _read(self, name: str, array: "pa.Array[Any]") -> None:
        tally = self._tallies.setdefault(name, Tally(name))
        kind = array.type
        if isinstance(array, pa.ExtensionArray):
            self._read(name, array.storage)
            return
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            missing = _without_elements(array)
            tally.cells += missing
            tally.nulls += missing
            self._read(name, pc.list_flatten(array))
            return
        if pa.types.is_map(kind):
            self._read(name, array.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))))
            return
        tally.types[str(kind)] = None
        tally.cells += len(array)
        tally.nulls += array.null_count
        if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):  # Arrow cannot take nulls out of these
            array = array.cast(pa.large_string() if pa.types.is_string_view(kind) else pa.large_binary())
        present = array.drop_null() if array.null_count else array
        if not len(present):
            return
        if pa.types.is_struct(kind):
            self._read_members(tally, present)
        elif pa.types.is_dictionary(kind):
            self._read_dictionary(tally, present)
        else:
            self._read_plain(tally, present)

    def _read_members(self, tally: Tally, present: Any) -> None:
        for member, array in zip(present.type, present.flatten(), strict=True):
            name = f"{tally.field}.{member.name}"
            if name in self._fields:
                raise Refused("a member of a struct has the name of another field", rule="detectors.fields")
            tally.members[name] = None
            self._read(name, array)

    def _read_dictionary(self, tally: Tally, present: Any) -> None:
        # Only values that a cell points to are cells: a leftover entry of a dictionary is for the residual search.
        if pa.types.is_string(present.type.value_type) or pa.types.is_large_string(present.type.value_type):
            codes = present.indices.to_numpy(zero_copy_only=False)
            used, weights = np.unique(codes, return_counts=True)
            entries = present.dictionary.take(pa.array(used))
            if entries.null_count:  # an entry of the dictionary may be null
                absent = entries.is_null().to_numpy(zero_copy_only=False)
                tally.nulls += int(weights[absent].sum())
                entries, weights = entries.drop_null(), weights[~absent]
            self._read_text(tally, entries, weights.astype(np.int64))
        else:
            self._read_plain(tally, present.dictionary_decode())

    def _read_plain(self, tally: Tally, present: "pa.Array[Any]") -> None:  # noqa: PLR0911 - one line per family of types
        kind = present.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return self._read_strings(tally, present)
        if pa.types.is_integer(kind):
            return self._read_integers(tally, present)
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            return _read_dates(tally, present)
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return self._read_fractions(tally, present)
        if pa.types.is_boolean(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
            return tally.sketch.add(pl.from_arrow(present))
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            return self._read_bytes(tally, present)
        return tally.skip(len(present), because=f"no reader for the type {kind}")

    def _read_strings(self, tally: Tally, present: "pa.Array[Any]") -> None:
        if len(present) > _PROBES[-1] and all(len(present[:cells].unique()) <= _FEW for cells in _PROBES):
            self._read_dictionary(tally, present.dictionary_encode())
        else:
            self._read_text(tally, present, None)

    def _read_text(self, tally: Tally, present: "pa.Array[Any]", weights: npt.NDArray[np.int64] | None) -> None:
        text = present.cast(pa.large_string())
        step = max(1, len(text) * _CHUNK_BYTES // max(text.nbytes, _CHUNK_BYTES))
        for start in range(0, len(text), step):
            part = text.slice(start, step)
            weight = None if weights is None else weights[start : start + step]
            try:
                found = recognise(part, self._plan)
                tally.add(found, weight)
                tally.sketch.add_hashes(found.hashes)
            except pa.ArrowInvalid:  # Arrow does not look; and the exception would quote what it could not read
                cells = len(part) if weight is None else int(weight.sum())
                tally.skip(cells, because="text that is not UTF-8")

    def _read_integers(self, tally: Tally, present: "pa.Array[Any]") -> None:
        tally.sketch.add(pl.from_arrow(present))
        numbers = present.to_numpy(zero_copy_only=False)
        if len(numbers) > 1 and numbers.dtype != np.uint64:
            tally.sequential += int(np.count_nonzero(np.diff(numbers.astype(np.int64)) == 1))
        if numbers.max() >= _SHORTEST_INTEGER:
            tally.add(recognise(written(numbers), self._plan))

    def _read_fractions(self, tally: Tally, present: "pa.Array[Any]") -> None:
        # A nullable column of phone numbers often arrives as floats: whole numbers are read as what they mean.
        if pa.types.is_decimal(present.type):
            text = whole_decimals(present)
            if pa.types.is_decimal128(present.type):
                lower, upper = halves(present)
                tally.sketch.add(pl.Series(lower), pl.Series(upper))
            else:  # as text: there are decimals that Polars does not know
                tally.sketch.add(pl.from_arrow(present.cast(pa.large_string())))
        else:
            tally.sketch.add(pl.from_arrow(present.cast(pa.float64()) if present.type == pa.float16() else present))
            numbers = present.to_numpy(zero_copy_only=False).astype(np.float64)
            tally.nulls += int(np.count_nonzero(np.isnan(numbers)))  # so do the missing ones
            whole = (np.abs(numbers) <= _EXACT_FLOAT) & (np.floor(numbers) == numbers)
            text = written(numbers[whole].astype(np.int64))
        if len(text):
            tally.add(recognise(text, self._plan))

    def _read_bytes(self, tally: Tally, present: "pa.Array[Any]") -> None:
        try:
            text = present.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowInvalid:
            tally.skip(len(present), because="bytes that are not UTF-8 text")
            return
        self._read_text(tally, text, None)


def _without_elements(array: "pa.Array[Any]") -> int:
    lengths = pc.list_value_length(array)
    return int(np.count_nonzero(pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False) == 0))


def _read_dates(tally: Tally, present: Any) -> None:
    tally.sketch.add(pl.from_arrow(present))
    years = pc.year(present).to_numpy(zero_copy_only=False)
    plausible = (years >= FIRST_YEAR) & (years <= LAST_YEAR)
    tally.count("whole_shaped", "birth_date", len(years))
    tally.count("whole", "birth_date", int(np.count_nonzero(plausible)))
    tally.count("typical", "birth_date", int(np.count_nonzero(plausible & (years < YOUNG))))
