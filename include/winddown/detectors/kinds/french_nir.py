"""Social security number of France (法国社会保险号 NIR), 15 digits.

Sex (1 or 2, and 3, 4, 7, 8 for provisional numbers), year and month of birth, department, commune, order, and two
check digits: 97 less the first 13 digits modulo 97. Corsica's ``2A`` and ``2B`` count as 19 and 18.

Source: Code de la sécurité sociale, article R115-1; INSEE, répertoire national d'identification. Random digits of the
form pass 1 time in 97.

>>> is_valid("2 95 10 99 126 111 93"), is_valid("253072B07300470")
(True, True)
>>> is_valid("295109912611194"), is_valid("995109912611193")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member, narrowed, number
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_SEX, _CORSICA = member("123478"), member("AB")
_TWO = ord("2")


def _mod_97(block: Block) -> Bools:
    digits = block.copy()
    corsican = _CORSICA[block[:, 6]]
    is_b = block[:, 6] == ord("B")
    digits[corsican, 5] = ord("1")
    digits[corsican, 6] = np.where(is_b[corsican], ord("8"), ord("9"))
    return np.asarray(number(digits[:, :13]) % 97 + number(digits[:, 13:]) == 97)  # noqa: PLR2004 - the modulus


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = _SEX[block[:, 0]] & all_digits(block[:, 1:6]) & all_digits(block[:, 7:])
    shaped &= all_digits(block[:, 6:7]) | ((block[:, 5] == _TWO) & _CORSICA[block[:, 6]])
    month = number(block[:, 3:5])
    shaped &= ((month >= 1) & (month <= 12)) | (month >= 20)  # noqa: PLR2004 - 20 and more: month unknown
    return narrowed(np.asarray(shaped), block, _mod_97)


KIND = Kind(
    id="french_nir",
    title_zh="法国社会保险号",
    title_en="French social security number",
    proof=Proof.CHECKSUM,
    headers=("nir", "insee_number", "numero_securite_sociale", "french_nir"),
    min_length=15,
    max_length=15,
    classes=ALNUM,
    needs=DIGIT,
    chance=1 / 97,
    lengths=frozenset({15}),
    check=_check,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a French social security number."""
    return holds(KIND, text)
