"""Whatever the table: every combination that is left is shared by k persons, and none that is shared is left out."""

from collections import Counter, defaultdict
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from winddown.domain.generalise import Generalisation
from winddown.inspection.anonymous import check_extract
from winddown.stages.anonymise import _parquet, shared_rows

FIELDS = (("amount", "band:10"), ("city", "keep"), ("on", "year"))
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2", "p3", "p4", "p5", None]),
        st.sampled_from(["1", "5.5", "12", "-3", "", "x", None]),
        st.sampled_from(["上海", "北京", "", None]),
        st.sampled_from(["2024-02-29", "2024-12-31", "2025-01-01", "2025", None]),
    ),
    min_size=1,
    max_size=60,
)


@given(rows=ROWS, k=st.integers(2, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
def test_k_persons_share_every_combination(tmp_path: Path, rows: list[tuple[str | None, ...]], k: int) -> None:
    names = ["subject", *(name for name, _ in FIELDS)]
    source = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    persons = defaultdict(set)
    expected: Counter[tuple[str | None, ...]] = Counter()
    for person, *values in rows:
        combination = tuple(Generalisation.parse(how).of(v) for (_, how), v in zip(FIELDS, values, strict=True))
        persons[combination].add(person)
        expected[combination] += 1
    expected = Counter({found: count for found, count in expected.items() if len(persons[found]) >= k})
    written = shared_rows(source, FIELDS, k)
    assert Counter(written.rows()) == expected  # so every value is a coarser form of a value, and nothing is made up
    assert written.equals(shared_rows(source.reverse(), FIELDS, k)), "the order of the source does not matter"
    path = tmp_path / "x.parquet"
    path.write_bytes(_parquet(written))
    found = check_extract(path, ["p1-no-such", "2024-02-29"])
    assert (found.rows, found.found, found.extras) == (written.height, 0, 0)
    assert found.smallest >= k or not written.height
