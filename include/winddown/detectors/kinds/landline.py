"""Landline number of mainland China (固定电话) with its area code, and the 400 and 800 service numbers.

``0`` and an area code of two (1x, 2x) or three digits, then seven or eight digits not beginning with 0 or 1; ``+86``
may stand for the 0. Extensions after the number are not read.

Source: area codes of the numbering plan of 2017. Numbers without an area code are eight digits like any other and are
not recognised. There is no check digit.

>>> is_valid("010-62345678"), is_valid("(0571)87654321"), is_valid("+86 21 5888 1234"), is_valid("400-810-8888")
(True, True, True, True)
>>> is_valid("62345678"), is_valid("010-12345678"), is_valid("2024-01-01")
(False, False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds


def _after_zero(digits: Block) -> Bools:
    # What follows the trunk prefix: 9 to 11 digits of area code and subscriber number.
    width, first, second = digits.shape[1], digits[:, 0], digits[:, 1]
    short_area = (first == ord("1")) & (second == ord("0"))
    short_area |= (first == ord("2")) & (second >= ord("0")) & (second != ord("6"))
    long_area = (first >= ord("3")) & (first <= ord("9"))
    result = np.zeros(len(digits), np.bool_)
    for area, place in ((short_area, 2), (long_area, 3)):
        if width - place in {7, 8}:
            result |= area & (digits[:, place] >= ord("2"))
    return result


def _check(block: Block) -> tuple[Bools, Bools]:
    digits, width = all_digits(block), block.shape[1]
    trunk = digits & (block[:, 0] == ord("0"))
    country = digits & (block[:, 0] == ord("8")) & (block[:, 1] == ord("6"))
    service = digits & (width == 10) & ((block[:, 0] == ord("4")) | (block[:, 0] == ord("8")))  # noqa: PLR2004
    service &= (block[:, 1] == ord("0")) & (block[:, 2] == ord("0"))
    valid = service | (trunk & _after_zero(block[:, 1:]))
    if width > 10:  # noqa: PLR2004 - two digits of country code and nine at least
        valid |= country & _after_zero(block[:, 2:])
    return digits, np.asarray(valid)


KIND = Kind(
    id="landline",
    title_zh="固定电话",
    title_en="landline number",
    proof=Proof.PATTERN,
    headers=(
        "固定电话",
        "固话",
        "座机",
        "座机号",
        "办公电话",
        "家庭电话",
        "传真",
        "gddh",
        "zuoji",
        "landline",
        "fixed_phone",
        "office_phone",
        "home_phone",
        "fax",
        "tel",
    ),
    min_length=10,
    max_length=13,
    classes=DIGIT,
    lengths=frozenset({10, 11, 12, 13}),
    check=_check,
    chance=0.06,
    lookalike=0.5,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a landline or service number."""
    return holds(KIND, text)
