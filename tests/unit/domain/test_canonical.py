"""The bytes are those of RFC 8785, whichever library wrote them."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.canonical import canonical

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)
DOCUMENTS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(DOCUMENTS)
def test_every_document_has_the_bytes_of_the_specification(document: Any) -> None:
    assert canonical(document) == rfc8785.dumps(document)


@pytest.mark.parametrize(
    "document",
    [
        "".join(map(chr, range(0xD800))),
        {"\uffff": 1, "\U00010000": 2},  # the order of UTF-16 units is another one than that of code points
        {"b": (1, {"a": ["é\x7f\u2028"]}), "": {}},
        1e21,
        [1.0, -0.0, 5e-324],
    ],
)
def test_characters_order_and_numbers(document: Any) -> None:
    assert canonical(document) == rfc8785.dumps(document)


@pytest.mark.parametrize("document", [2**53, -(2**53), float("nan"), "\ud800", {"\udfff": 1}, {1: 2}, b"", {1, 2}])
def test_what_has_no_canonical_form_is_refused(document: Any) -> None:
    with pytest.raises((rfc8785.CanonicalizationError, UnicodeEncodeError)):
        canonical(document)
