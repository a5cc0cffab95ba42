"""Individual number of Japan (日本个人编号 マイナンバー), 12 digits.

Eleven digits and a check digit by a weighted sum modulo 11, of which 0 and 1 both give 0.

Source: Order of the Ministry of Internal Affairs of Japan No. 85 of 2014, article 5. Random digits pass 1 time in 10.

>>> is_valid("6214 9832 0257"), is_valid("621498320257")
(True, True)
>>> is_valid("621498320258")
False
"""

import numpy as np

from winddown.detectors.checksums import all_digits, digits_sum, narrowed
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def _mod_11(block: Block) -> Bools:
    remainder = digits_sum(block[:, :11], WEIGHTS) % 11
    return np.asarray(np.where(remainder <= 1, 0, 11 - remainder) == block[:, 11].astype(np.int64) - 48)


def _check(block: Block) -> tuple[Bools, Bools]:
    return narrowed(all_digits(block), block, _mod_11)


KIND = Kind(
    id="japanese_my_number",
    title_zh="日本个人编号",
    title_en="Japanese individual number",
    proof=Proof.CHECKSUM,
    headers=("my_number", "kojin_bango", "japanese_my_number", "マイナンバー"),
    min_length=12,
    max_length=12,
    classes=DIGIT,
    lengths=frozenset({12}),
    check=_check,
    chance=1 / 10,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a Japanese individual number."""
    return holds(KIND, text)
