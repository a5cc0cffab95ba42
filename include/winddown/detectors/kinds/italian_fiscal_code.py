"""Fiscal code of Italy (意大利税号 codice fiscale), 16 characters, as in ``RCCMNL83S18D969H``.

Six letters from the name, year, a letter for the month, day (plus 40 for women), four characters for the place, and a
check letter modulo 26 in which odd and even places count by different tables.

Source: Decreto Ministeriale 23 December 1976 of Italy. Codes with letters in place of digits (omocodia) and companies'
11 digits are not recognised.

>>> is_valid("RCCMNL83S18D969H"), is_valid("rccmnl83s18d969h")
(True, True)
>>> is_valid("RCCMNL83S18D969I"), is_valid("RCCMNL83Z18D969H")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import BASE36, all_digits, every, member, narrowed
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_LETTER, _MONTH = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), member("ABCDEHLMPRST")
_ODD_VALUES = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD, _EVEN = np.zeros(256, np.int64), np.zeros(256, np.int64)
for _place, _value in enumerate(_ODD_VALUES):
    _ODD[65 + _place], _EVEN[65 + _place] = _value, _place
    if _place <= 9:  # noqa: PLR2004 - digits count like the first ten letters
        _ODD[48 + _place], _EVEN[48 + _place] = _value, _place


def _mod_26(block: Block) -> Bools:
    total = _ODD[block[:, 0:15:2]].sum(axis=1) + _EVEN[block[:, 1:15:2]].sum(axis=1)
    return np.asarray(total % 26 == BASE36[block[:, 15]].astype(np.int64) - 10)


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = every(block[:, [0, 1, 2, 3, 4, 5, 11, 15]], _LETTER) & all_digits(block[:, [6, 7, 9, 10, 12, 13, 14]])
    return narrowed(np.asarray(shaped & _MONTH[block[:, 8]]), block, _mod_26)


KIND = Kind(
    id="italian_fiscal_code",
    title_zh="意大利税号",
    title_en="Italian fiscal code",
    proof=Proof.CHECKSUM,
    headers=("codice_fiscale", "fiscal_code", "italian_fiscal_code"),
    min_length=16,
    max_length=16,
    classes=ALNUM,
    needs=DIGIT,
    chance=1 / 26,
    lengths=frozenset({16}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an Italian fiscal code."""
    return holds(KIND, text)
