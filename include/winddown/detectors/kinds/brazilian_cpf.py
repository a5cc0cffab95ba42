"""Individual taxpayer number of Brazil (巴西个人税号 CPF), 11 digits, written ``123.456.789-09``.

Nine digits and two check digits, each by a weighted sum modulo 11.

Source: Receita Federal, Instrução Normativa 1548/2015. Random digits pass 1 time in 100; eleven equal digits pass and
are refused.

>>> is_valid("390.533.447-05"), is_valid("39053344705")
(True, True)
>>> is_valid("390.533.447-06"), is_valid("111.111.111-11")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import alike, all_digits, digits_sum, narrowed, reads
from winddown.detectors.kind import DIGIT, DOT, OTHER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_DOTTED = 14
_DIGITS = (0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13)


def _two_digits(block: Block) -> Bools:
    result = ~alike(block)
    for width in (9, 10):
        check = digits_sum(block[:, :width], tuple(range(width + 1, 1, -1))) * 10 % 11 % 10
        result &= check == block[:, width] - np.int32(48)
    return np.asarray(result)


def _check(block: Block) -> tuple[Bools, Bools]:
    digits = block[:, _DIGITS] if block.shape[1] == _DOTTED else block
    shaped = all_digits(digits)
    if block.shape[1] == _DOTTED:
        shaped &= reads(block[:, [3, 7]], b"..") & (block[:, 11] == ord("-"))
    return narrowed(np.asarray(shaped), digits, _two_digits)


KIND = Kind(
    id="brazilian_cpf",
    title_zh="巴西个人税号",
    title_en="Brazilian individual taxpayer number",
    proof=Proof.CHECKSUM,
    headers=("cpf", "cpf_no", "brazilian_cpf"),
    min_length=11,
    max_length=14,
    classes=DIGIT | DOT | OTHER,
    needs=DIGIT,
    chance=1 / 100,
    lengths=frozenset({11, 14}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a Brazilian individual taxpayer number."""
    return holds(KIND, text)
