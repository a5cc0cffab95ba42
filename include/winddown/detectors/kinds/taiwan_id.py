"""Taiwan identity card number (台湾身份证号) and resident certificate number, one letter and nine digits.

The letter names the place of registration and stands for two digits, the next digit is 1 or 2 for citizens and 8 or 9
for foreign residents (``A`` to ``D`` on certificates of before 2021), and a weighted sum modulo 10 comes out at zero.

Source: Ministry of the Interior of Taiwan, rules on household registration numbers.

>>> is_valid("A123456789"), is_valid("a800000014")
(True, True)
>>> is_valid("A123456788"), is_valid("A323456789")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member, narrowed
from winddown.detectors.kind import ALNUM, DIGIT, LETTER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_PLACE = np.zeros(256, np.int64)
for _position, _letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO"):
    _PLACE[ord(_letter)] = 10 + _position
_LETTER = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SEX = member("1289ABCD")


def _mod_10(block: Block) -> Bools:
    place = _PLACE[block[:, 0]]
    second = np.where(_LETTER[block[:, 1]], _PLACE[block[:, 1]] % 10, block[:, 1].astype(np.int64) - 48)
    rest = block[:, 2:].astype(np.int64) - 48
    total = place // 10 + place % 10 * 9 + second * 8 + rest @ np.array([7, 6, 5, 4, 3, 2, 1, 1])
    return np.asarray(total % 10 == 0)


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = _LETTER[block[:, 0]] & _SEX[block[:, 1]] & all_digits(block[:, 2:])
    return narrowed(np.asarray(shaped), block, _mod_10)


KIND = Kind(
    id="taiwan_id",
    title_zh="台湾身份证号",
    title_en="Taiwan identity card number",
    proof=Proof.CHECKSUM,
    headers=("台湾身份证", "台湾证件", "居留证", "twid", "tw_id", "taiwan_id"),
    min_length=10,
    max_length=10,
    classes=ALNUM,
    needs=DIGIT,
    needs_any=LETTER,
    lengths=frozenset({10}),
    check=_check,
    chance=1 / 10,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a Taiwan identity or resident certificate number."""
    return holds(KIND, text)
