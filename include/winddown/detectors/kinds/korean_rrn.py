"""Resident registration number of South Korea (韩国居民登录号), 13 digits, written ``YYMMDD-SNNNNNC``.

Date of birth, a digit for century and sex (5 to 8 for foreigners), five digits and a check digit by a weighted sum
modulo 11. Since October 2020 new numbers are random after the sex digit and need not satisfy the check.

Source: Enforcement Rules of the Resident Registration Act of Korea, article 2.

>>> is_valid("971013-9019902"), is_valid("9710139019902")
(True, True)
>>> is_valid("971013-9019903"), is_valid("971313-9019902")
(False, False)
"""

import numpy as np

from winddown.detectors.calendar_dates import six_digits
from winddown.detectors.checksums import all_digits, digits_sum, narrowed
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)


def _mod_11(block: Block) -> Bools:
    check = (11 - digits_sum(block[:, :12], WEIGHTS) % 11) % 10
    return np.asarray(check == block[:, 12].astype(np.int64) - 48)


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    shaped &= six_digits(block[:, :6])
    return narrowed(shaped, block, _mod_11)


KIND = Kind(
    id="korean_rrn",
    title_zh="韩国居民登录号",
    title_en="Korean resident registration number",
    proof=Proof.CHECKSUM,
    headers=("韩国身份证", "rrn", "korean_rrn", "resident_registration_number"),
    min_length=13,
    max_length=13,
    classes=DIGIT,
    lengths=frozenset({13}),
    check=_check,
    chance=1 / 10,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a Korean resident registration number with its check digit."""
    return holds(KIND, text)
