"""Permanent account number of India (印度永久账号 PAN), as in ``ABCPE1234F``: five letters, four digits, a letter.

The fourth letter names the holder: ``P`` a person, ``C`` a company, and eight others. The last letter is a check
character whose rule is not published.

Source: Income-tax Rules of India 1962, rule 114; Income Tax Department, structure of PAN. Of random values of the form
10 in 26 pass.

>>> is_valid("ACUPA7085R"), is_valid("AAPPV8261K")
(True, True)
>>> is_valid("ABXDE1234F"), is_valid("ABCP1234FE")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, every, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_LETTER, _HOLDER = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), member("ABCFGHJLPT")


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = every(block[:, :5], _LETTER) & all_digits(block[:, 5:9]) & _LETTER[block[:, 9]]
    return np.asarray(shaped), np.asarray(shaped & _HOLDER[block[:, 3]])


KIND = Kind(
    id="indian_pan",
    title_zh="印度永久账号",
    title_en="Indian permanent account number",
    proof=Proof.PATTERN,
    headers=("pan_no", "pan_number", "pan_card", "indian_pan", "permanent_account_number"),
    min_length=10,
    max_length=10,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.39,
    lookalike=0.5,
    lengths=frozenset({10}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of an Indian permanent account number."""
    return holds(KIND, text)
