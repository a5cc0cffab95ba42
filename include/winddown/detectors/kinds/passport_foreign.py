"""Passport number of another country (外国护照号码): up to nine letters and digits, of which four digits at least.

Source: ICAO Doc 9303 part 4, document number of up to nine characters; countries choose freely within it. Half of all
article numbers have this form, so that only a header can tell.

>>> is_valid("C01X00T47"), is_valid("123456789"), is_valid("X1234567")
(True, True, True)
>>> is_valid("PASSPORT"), is_valid("A1B2"), is_valid("1234567890")
(False, False, False)
"""

import numpy as np

from winddown.detectors.checksums import IS_DIGIT
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_DIGITS = 4


def _check(block: Block) -> tuple[Bools, Bools]:
    return np.ones(len(block), np.bool_), np.asarray(IS_DIGIT[block].sum(axis=1) >= _DIGITS)


KIND = Kind(
    id="passport_foreign",
    title_zh="外国护照号码",
    title_en="passport number of another country",
    proof=Proof.HEADER,
    headers=(
        "外国护照",
        "境外证件",
        "passport",
        "passport_no",
        "passport_number",
        "passport_num",
        "travel_document_no",
    ),
    min_length=7,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.9,
    lookalike=1.0,
    lengths=frozenset({7, 8, 9}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text could be a passport number of some country."""
    return holds(KIND, text)
