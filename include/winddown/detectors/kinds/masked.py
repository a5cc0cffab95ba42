"""Masked value (脱敏值): something personal of which a part is overwritten, as in ``138****5678`` or ``z***@qq.com``.

At least one visible letter, digit or Han character and a run of asterisks; or a phone number whose middle is
overwritten by ``x``. A class of its own: the value is personal information still (a small circle of people fits it),
but no checksum can say which.

Source: GB/T 37964-2019 annex on masking.

>>> is_valid("138****5678"), is_valid("张*"), is_valid("z***@qq.com"), is_valid("138xxxx5678")
(True, True, True, True)
>>> is_valid("3301**********1234")
True
>>> is_valid("****"), is_valid("2 * 3 = 6"), is_valid("13812345678")
(False, False, False)
"""

import numpy as np

from winddown.detectors.checksums import IS_DIGIT, all_digits, reads
from winddown.detectors.kind import ALNUM, AT, DOT, HIGH, OTHER, STAR, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_VISIBLE = "[0-9A-Za-z一-鿿]"


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block[:, [0, 1, 2, 7, 8, 9, 10]]) & ~IS_DIGIT[block[:, 3]]
    return np.asarray(shaped), np.asarray(shaped & reads(block[:, 3:7], b"XXXX"))


KIND = Kind(
    id="masked",
    title_zh="脱敏值",
    title_en="masked value",
    proof=Proof.PATTERN,
    headers=("脱敏", "掩码", "masked", "mask", "desensitized"),
    min_length=3,
    max_length=120,
    classes=ALNUM | AT | DOT | STAR | OTHER | HIGH,
    chance=0.05,
    lookalike=0.3,
    embeds=True,
    lengths=frozenset({11}),
    check=_check,
    pattern=rf"[一-鿿]\*{{1,3}}|\*{{1,2}}[一-鿿]|{_VISIBLE}+[.-]?\*{{2,}}[0-9A-Za-z一-鿿.@*-]*|\*{{3,}}{_VISIBLE}+|[一-鿿]\*[一-鿿]",
    pattern_needs=STAR,
    finder=r"(?:^|[^0-9A-Za-z])[0-9]{2,6}\*{3,}[0-9]{2,4}(?:[^0-9A-Za-z]|$)",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a masked value."""
    return holds(KIND, text)
