"""Objects as records of an escrow."""

import pytest

from winddown.archive.objects import as_records, from_records
from winddown.domain.errors import Refused


def test_objects_come_back_with_their_headings_whether_their_content_is_taken_or_not() -> None:
    objects = [({"n": 0}, [b"a", b"", b"b"]), ({"n": 1}, []), ({"n": 2, "名": "\udc80"}, [b"H"])]
    records = list(as_records(objects))
    assert [(heading, list(pieces)) for heading, pieces in from_records(records)] == objects
    assert [heading["n"] for heading, _ in from_records(records)] == [0, 1, 2]
    taken = from_records(records)
    _, pieces = next(taken)
    assert next(pieces) == b"a"
    assert next(taken)[0] == {"n": 1}


def test_a_piece_without_a_heading_is_refused() -> None:
    with pytest.raises(Refused):
        list(from_records([b"Pa"]))
