"""Passport or travel permit number (护照、通行证号), nine characters.

Chinese passports: ``E``, ``G``, ``D``, ``S`` or ``P`` and eight digits, or ``E`` with a letter and seven digits.
Permits for Hong Kong and Macao: ``C`` in the same two forms; home-return permits of their residents: ``H`` or ``M``
and eight digits.

Source: National Immigration Administration, descriptions of documents. Has no check digit in print, and article
numbers look the same: values alone are never proof.

>>> is_valid("E12345678"), is_valid("EA1234567"), is_valid("H12345678"), is_valid("Z12345678")
(True, True, True, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_FIRST, _PAIRED = member("EGDSPCHM"), member("EC")
_LETTER = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _check(block: Block) -> tuple[Bools, Bools]:
    digits, second = all_digits(block[:, 2:]), block[:, 1]
    shaped = digits & _LETTER[block[:, 0]]
    single = _FIRST[block[:, 0]] & (second >= ord("0")) & (second <= ord("9"))
    return np.asarray(shaped), np.asarray(shaped & (single | (_PAIRED[block[:, 0]] & _LETTER[second])))


KIND = Kind(
    id="travel_document",
    title_zh="护照或通行证号",
    title_en="passport or travel permit number",
    sensitive=True,
    proof=Proof.PATTERN,
    headers=(
        "护照",
        "护照号",
        "通行证",
        "回乡证",
        "台胞证",
        "hzh",
        "huzhao",
        "passport",
        "passport_no",
        "travel_permit",
    ),
    min_length=9,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    lengths=frozenset({9}),
    check=_check,
    chance=0.3,
    lookalike=1.0,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a Chinese travel document number."""
    return holds(KIND, text)
