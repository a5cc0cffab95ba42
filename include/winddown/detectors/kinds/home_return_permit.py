"""Home-return permit of Hong Kong and Macao residents (港澳居民来往内地通行证号码, 回乡证).

``H`` (Hong Kong) or ``M`` (Macao) and eight digits that a person keeps for life; older cards print two more digits,
which count the renewals.

Source: National Immigration Administration, description of the permit. Without a check digit: values alone are
never proof.

>>> is_valid("H12345678"), is_valid("M0123456701"), is_valid("K12345678")
(True, True, False)
"""

import numpy as np

from winddown.detectors.checksums import IS_DIGIT, all_digits, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_FIRST = member("HM")


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block[:, 1:]) & ~IS_DIGIT[block[:, 0]]
    return np.asarray(shaped), np.asarray(shaped & _FIRST[block[:, 0]])


KIND = Kind(
    id="home_return_permit",
    title_zh="港澳居民来往内地通行证号码",
    title_en="home-return permit number",
    proof=Proof.PATTERN,
    headers=(
        "回乡证",
        "回乡证号",
        "港澳居民来往内地通行证",
        "来往内地通行证",
        "通行证",
        "通行证号",
        "hxz",
        "hxzh",
        "huixiangzheng",
        "home_return_permit",
        "travel_permit",
    ),
    min_length=9,
    max_length=11,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.1,
    lookalike=1.0,
    lengths=frozenset({9, 11}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a home-return permit number."""
    return holds(KIND, text)
