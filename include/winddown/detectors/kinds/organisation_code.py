"""Organisation code (组织机构代码), nine characters, often written ``12345678-9``.

Eight characters ``0-9A-Z`` and a check character by a weighted sum modulo 11: 0 to 9, or ``X`` for ten.

Source: GB 11714-1997. It lives on as characters 9 to 17 of the unified social credit code. Looked for in whole cells
only: nine letters and digits are too ordinary inside text.

>>> is_valid("60003734-1"), is_valid("600037341")
(True, True)
>>> is_valid("600037342")
False
"""

import numpy as np

from winddown.detectors.checksums import BASE36, IS_DIGIT, member, narrowed, weighted
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_LAST = member("0123456789X")
_LEADING = IS_DIGIT | member("MN")  # codes assigned since 2015 begin with MA


def check_digit_fits(block: Block) -> Bools:
    """Return which rows of nine upper-case letters and digits carry the right check character."""
    last = block[:, 8]
    check = np.where(last == ord("X"), 10, BASE36[last].astype(np.int64))
    return np.asarray(((weighted(block[:, :8], WEIGHTS) + check) % 11 == 0) & _LAST[last])


def _check(block: Block) -> tuple[Bools, Bools]:
    return narrowed(_LAST[block[:, 8]] & _LEADING[block[:, 0]], block, check_digit_fits)


KIND = Kind(
    id="organisation_code",
    title_zh="组织机构代码",
    title_en="organisation code",
    proof=Proof.CHECKSUM,
    headers=("组织机构代码", "机构代码", "zzjgdm", "org_code", "organization_code", "organisation_code"),
    min_length=9,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    lengths=frozenset({9}),
    check=_check,
    chance=1 / 11,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an organisation code."""
    return holds(KIND, text)
