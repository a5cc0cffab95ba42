"""What is noted of documents and added up again is all that a profile says."""

import dataclasses

from winddown.detectors import ColumnProfile
from winddown.stages.documents import COUNTS, NUMBERS, WORDS


def test_every_field_of_a_profile_is_noted_or_worked_out() -> None:
    # Documents are texts without members; how many cells differ is worked out of their digests.
    others = {"field", "distinct", "distinct_is_exact", "members"}
    assert {each.name for each in dataclasses.fields(ColumnProfile)} == {*NUMBERS, *COUNTS, *WORDS, *others}
