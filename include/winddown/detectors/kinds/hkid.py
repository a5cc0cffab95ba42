"""Hong Kong identity card number (香港身份证号), written ``A123456(3)``.

One or two letters, six digits, and a check character ``0-9`` or ``A`` for ten in parentheses, by a weighted sum
modulo 11 in which a missing first letter counts 36.

Source: Immigration Department of Hong Kong; Registration of Persons Ordinance, Cap. 177.

>>> is_valid("A123456(3)"), is_valid("AB987654(3)"), is_valid("a1234563")
(True, True, True)
>>> is_valid("A123456(4)"), is_valid("1234567(3)")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import BASE36, all_digits, every, member, narrowed
from winddown.detectors.kind import ALNUM, DIGIT, LETTER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_LAST = member("0123456789A")
_LETTER = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_BLANK = 36 * 9
_LETTERS_THEN_DIGITS = 9  # characters of a number with two letters


def _mod_11(block: Block) -> Bools:
    width = block.shape[1]
    weights = np.arange(width, 0, -1)
    total = BASE36[block].astype(np.int64) @ weights
    return np.asarray((total + (0 if width == _LETTERS_THEN_DIGITS else _BLANK)) % 11 == 0)


def _check(block: Block) -> tuple[Bools, Bools]:
    letters = block.shape[1] - 7
    shaped = every(block[:, :letters], _LETTER) & all_digits(block[:, letters:-1]) & _LAST[block[:, -1]]
    return narrowed(np.asarray(shaped), block, _mod_11)


KIND = Kind(
    id="hkid",
    title_zh="香港身份证号",
    title_en="Hong Kong identity card number",
    proof=Proof.CHECKSUM,
    headers=("香港身份证", "香港证件", "hkid", "hkid_no", "hk_id"),
    min_length=8,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    needs_any=LETTER,
    lengths=frozenset({8, 9}),
    check=_check,
    chance=1 / 11,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a Hong Kong identity card number."""
    return holds(KIND, text)
