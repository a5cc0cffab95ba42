"""National insurance number of the United Kingdom (英国国民保险号), as in ``AB 12 34 56 C``.

Two letters, six digits, and ``A`` to ``D``. The first letter is none of D, F, I, Q, U, V, the second none of these nor
O, and BG, GB, KN, NK, NT, TN, ZZ are not used. No check digit.

Source: HMRC National Insurance Manual NIM39110. Of random values of the form about 7% pass.

>>> is_valid("AB123456C"), is_valid("jg 10 37 59 a")
(True, True)
>>> is_valid("QQ123456C"), is_valid("AB123456E"), is_valid("GB123456A")
(False, False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_LETTER = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_FIRST, _SECOND, _LAST = member("ABCEGHJKLMNOPRSTWXYZ"), member("ABCEGHJKLMNPRSTWXYZ"), member("ABCD")
_UNUSED = np.array([ord(pair[0]) << 8 | ord(pair[1]) for pair in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")], np.uint16)


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = _LETTER[block[:, 0]] & _LETTER[block[:, 1]] & all_digits(block[:, 2:8]) & _LETTER[block[:, 8]]
    valid = shaped & _FIRST[block[:, 0]] & _SECOND[block[:, 1]] & _LAST[block[:, 8]]
    valid &= ~np.isin(block[:, 0].astype(np.uint16) << 8 | block[:, 1], _UNUSED)
    return np.asarray(shaped), np.asarray(valid)


KIND = Kind(
    id="uk_nino",
    title_zh="英国国民保险号",
    title_en="UK national insurance number",
    proof=Proof.PATTERN,
    headers=(
        "英国国民保险号",
        "nino",
        "ni_number",
        "national_insurance",
        "national_insurance_no",
        "national_insurance_number",
    ),
    min_length=9,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.09,
    lookalike=0.3,
    lengths=frozenset({9}),
    check=_check,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a UK national insurance number."""
    return holds(KIND, text)
