"""Taxpayer number of before 2015 (纳税人识别号), 15 characters.

The division code of six digits and the taxpayer's organisation code of nine characters, whose check character is
checked. Individuals had their identity number, with a serial behind it, and are recognised as that.

Source: SW 5-2013, the tax administration's standard of taxpayer codes; GB 11714-1997 for the organisation code.

>>> is_valid("110105600037341"), is_valid("33010671786999X")
(True, False)
>>> is_valid("110105600037342"), is_valid("990105600037341")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member, narrowed
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.kinds.organisation_code import check_digit_fits
from winddown.detectors.recognise import holds
from winddown.detectors.regions import is_province

_LAST = member("0123456789X")


def _code(block: Block) -> Bools:
    return check_digit_fits(block[:, 6:])


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block[:, :6]) & _LAST[block[:, 14]]
    shaped &= is_province(block[:, :2])
    return narrowed(np.asarray(shaped), block, _code)


KIND = Kind(
    id="taxpayer_15",
    title_zh="纳税人识别号（旧版）",
    title_en="taxpayer number of the older form",
    proof=Proof.CHECKSUM,
    headers=("税号", "纳税人识别号", "税务登记号", "nsrsbh", "swdjh", "tax_no", "taxpayer_id", "tax_registration_no"),
    min_length=15,
    max_length=15,
    classes=ALNUM,
    needs=DIGIT,
    chance=1 / 11,
    lengths=frozenset({15}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a taxpayer number of the older form."""
    return holds(KIND, text)
