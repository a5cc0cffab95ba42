"""Unified social credit code (统一社会信用代码), 18 characters.

``A T RRRRRR OOOOOOOOO C``: registering authority, type of entity, division code, organisation code of nine
characters, and a check character modulo 31 over the alphabet without I, O, S, V, Z. The organisation code has a check
character of its own, which is not demanded, because some registrars broke it, but expected of nearly every value of a
column.

Source: GB 32100-2015. Identifies a company or a sole trader, so it is a business partner's rather than a person's.
Random digits pass 1 time in 31.

>>> is_valid("91110000600037341L"), is_valid("9111 0000 6000 3734 1l")
(True, True)
>>> is_valid("91110000600037341M"), is_valid("A1110000600037341L")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, every, member, narrowed, table, weighted
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.kinds.organisation_code import check_digit_fits
from winddown.detectors.recognise import holds

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_VALUE = table(ALPHABET)
_ALLOWED = member(ALPHABET)
_AUTHORITY = member("123456789ANY")


def _mod_31(block: Block) -> Bools:
    return np.asarray((weighted(block[:, :17], WEIGHTS, _VALUE) + _VALUE[block[:, 17]]) % 31 == 0)


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = _AUTHORITY[block[:, 0]] & (block[:, 1] != ord("0")) & all_digits(block[:, 1:8])
    return narrowed(shaped & every(block[:, 8:], _ALLOWED), block, _mod_31)


KIND = Kind(
    id="uscc",
    title_zh="统一社会信用代码",
    title_en="unified social credit code",
    proof=Proof.CHECKSUM,
    headers=(
        "统一社会信用代码",
        "社会信用代码",
        "信用代码",
        "税号",
        "纳税人识别号",
        "tyshxydm",
        "shxydm",
        "nsrsbh",
        "uscc",
        "usci",
        "social_credit_code",
        "credit_code",
        "tax_no",
        "taxpayer_id",
    ),
    min_length=18,
    max_length=18,
    classes=ALNUM,
    needs=DIGIT,
    lengths=frozenset({18}),
    check=_check,
    chance=1 / 31,
    joins=True,
    embeds=True,
    typical=lambda block: check_digit_fits(block[:, 8:17]),
    typical_share=0.7,
    typical_means="carry a valid organisation code inside",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a unified social credit code."""
    return holds(KIND, text)
