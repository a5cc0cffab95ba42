"""Identity card number of Singapore (新加坡身份证号 NRIC, FIN): a letter, seven digits and a check letter.

``S`` and ``T`` for citizens and permanent residents born before and since 2000, ``F``, ``G`` and ``M`` for foreigners;
a weighted sum modulo 11 chooses the last letter from an alphabet of each series.

Source: National Registration Act of Singapore; Immigration and Checkpoints Authority on series M (2022).

>>> is_valid("S1234567D"), is_valid("F1234567N"), is_valid("M1234567K")
(True, True, True)
>>> is_valid("S1234567E"), is_valid("A1234567D")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, digits_sum, member, narrowed
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

WEIGHTS = (2, 7, 6, 5, 4, 3, 2)
_SERIES = member("STFGM")
_OFFSET = np.zeros(256, np.int64)
_OFFSET[[ord("T"), ord("G")]] = 4
_OFFSET[ord("M")] = 3
_LETTERS = np.zeros((256, 11), np.uint8)
for _series, _alphabet in (("ST", "JZIHGFEDCBA"), ("FG", "XWUTRQPNMLK"), ("M", "XWUTRQPNJLK")):
    for _letter in _series:
        _LETTERS[ord(_letter)] = np.frombuffer(_alphabet.encode(), np.uint8)
_LAST = member("ABCDEFGHIJZKLMNPQRTUWX")


def _mod_11(block: Block) -> Bools:
    total = digits_sum(block[:, 1:8], WEIGHTS) + _OFFSET[block[:, 0]]
    return np.asarray(_LETTERS[block[:, 0], total % 11] == block[:, 8])


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = _SERIES[block[:, 0]] & all_digits(block[:, 1:8]) & _LAST[block[:, 8]]
    return narrowed(np.asarray(shaped), block, _mod_11)


KIND = Kind(
    id="singapore_nric",
    title_zh="新加坡身份证号",
    title_en="Singapore identity card number",
    proof=Proof.CHECKSUM,
    headers=("新加坡身份证", "nric", "nric_no", "fin_no", "singapore_nric"),
    min_length=9,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    chance=1 / 11,
    lengths=frozenset({9}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a Singapore identity card number."""
    return holds(KIND, text)
