"""Identity number of Spain (西班牙身份号 DNI, NIE): eight digits and a letter, or X, Y or Z, seven digits and a letter.

The letter follows from the number modulo 23; X, Y and Z count as 0, 1 and 2.

Source: Real Decreto 1553/2005 and Real Decreto 557/2011 of Spain. Companies' numbers (CIF) are not recognised.

>>> is_valid("54362315K"), is_valid("X-5253868-R"), is_valid("54362315-k")
(True, True, True)
>>> is_valid("54362315Z"), is_valid("A5253868R")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member, narrowed, number
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_ALPHABET = "TRWAGMYFPDXBNJZSQVHLCKE"
_LETTERS = np.frombuffer(_ALPHABET.encode(), np.uint8)
_LAST, _FOREIGN = member(_ALPHABET), member("XYZ")
_LEADING = np.arange(256, dtype=np.uint8)
_LEADING[[ord("X"), ord("Y"), ord("Z")]] = [ord("0"), ord("1"), ord("2")]


def _mod_23(block: Block) -> Bools:
    digits = block[:, :8].copy()
    digits[:, 0] = _LEADING[digits[:, 0]]
    return np.asarray(_LETTERS[number(digits) % 23] == block[:, 8])


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block[:, 1:8]) & _LAST[block[:, 8]]
    shaped &= all_digits(block[:, :1]) | _FOREIGN[block[:, 0]]
    return narrowed(np.asarray(shaped), block, _mod_23)


KIND = Kind(
    id="spanish_nif",
    title_zh="西班牙身份号",
    title_en="Spanish identity number",
    proof=Proof.CHECKSUM,
    headers=("dni", "nie", "nif", "spanish_nif"),
    min_length=9,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    chance=1 / 23,
    lengths=frozenset({9}),
    check=_check,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a Spanish identity number."""
    return holds(KIND, text)
