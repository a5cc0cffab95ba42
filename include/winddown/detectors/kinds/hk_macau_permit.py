"""Permit of mainland residents for Hong Kong and Macao (往来港澳通行证号码), nine characters beginning with ``C``.

``C`` and eight digits, or ``C``, a letter other than I and O, and seven digits; the paper booklets of before 2014 had
``W`` and eight digits.

Source: National Immigration Administration, notice on the electronic exit-entry permit (2014) and on the extension of
its numbers. Without a check digit: values alone are never proof.

>>> is_valid("C12345678"), is_valid("CA1234567"), is_valid("W12345678"), is_valid("CO1234567")
(True, True, True, False)
"""

import numpy as np

from winddown.detectors.checksums import IS_DIGIT, all_digits, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_FIRST, _SECOND = member("CW"), member("ABCDEFGHJKLMNPQRSTUVWXYZ")


def _check(block: Block) -> tuple[Bools, Bools]:
    second = block[:, 1]
    shaped = all_digits(block[:, 2:]) & ~IS_DIGIT[block[:, 0]]
    lettered = (block[:, 0] == ord("C")) & _SECOND[second]
    return np.asarray(shaped), np.asarray(shaped & ((_FIRST[block[:, 0]] & IS_DIGIT[second]) | lettered))


KIND = Kind(
    id="hk_macau_permit",
    title_zh="往来港澳通行证号码",
    title_en="permit number for Hong Kong and Macao",
    proof=Proof.PATTERN,
    headers=(
        "港澳通行证",
        "往来港澳通行证",
        "通行证",
        "通行证号",
        "gatxz",
        "txzhm",
        "hk_macau_permit",
        "travel_permit",
    ),
    min_length=9,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.1,
    lookalike=1.0,
    lengths=frozenset({9}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of such a permit's number."""
    return holds(KIND, text)
