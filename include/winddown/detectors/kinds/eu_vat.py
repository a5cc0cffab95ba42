"""Value added tax number of the European Union (欧盟增值税号), with its country code.

Checked are the numbers of Germany (DE and 9 digits, MOD 11,10), France (FR, two digits and a SIREN), Italy (IT and 11
digits, Luhn), Belgium (BE and 10 digits, modulo 97), Poland (PL and 10 digits), Austria (ATU and 8 digits), Portugal
(PT and 9 digits), Denmark (DK and 8 digits), Finland (FI and 8 digits) and Luxembourg (LU and 8 digits).

Source: European Commission, VIES, "VAT identification number structure"; check digits as python-stdnum has them, which
its test compares. Other member states, letters in French numbers and the existence of a number are not checked.
Random digits pass 1 time in 10 or fewer.

>>> is_valid("DE136695976"), is_valid("BE0403170701"), is_valid("IT00743110157"), is_valid("ATU13585627")
(True, True, True, True)
>>> is_valid("DE136695978"), is_valid("XX136695976"), is_valid("136695976")
(False, False, False)
"""

from collections.abc import Callable

import numpy as np

from winddown.detectors.checksums import all_digits, digits_sum, luhn, mod_11_10, narrowed, number, reads
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds


def _france(digits: Block) -> Bools:
    siren = number(digits[:, 2:])
    return np.asarray(luhn(digits[:, 2:]) & ((siren * 100 + 12) % 97 == number(digits[:, :2])))


def _belgium(digits: Block) -> Bools:
    return np.asarray((number(digits[:, :8]) + number(digits[:, 8:])) % 97 == 0)


def _poland(digits: Block) -> Bools:
    return np.asarray(digits_sum(digits, (6, 5, 7, 2, 3, 4, 5, 6, 7, -1)) % 11 == 0)


def _austria(digits: Block) -> Bools:
    total = np.zeros(len(digits), np.int64)
    for place in range(7):
        value = (digits[:, place].astype(np.int64) - 48) * (1 + place % 2)
        total += value // 10 + value % 10
    return np.asarray((96 - total) % 10 == digits[:, 7].astype(np.int64) - 48)


def _portugal(digits: Block) -> Bools:
    check = (11 - digits_sum(digits[:, :8], (9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10
    return np.asarray((check == digits[:, 8].astype(np.int64) - 48) & (digits[:, 0] != ord("0")))


def _denmark(digits: Block) -> Bools:
    return np.asarray((digits_sum(digits, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0) & (digits[:, 0] != ord("0")))


def _finland(digits: Block) -> Bools:
    return np.asarray(digits_sum(digits, (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0)


def _luxembourg(digits: Block) -> Bools:
    return np.asarray(number(digits[:, :6]) % 89 == number(digits[:, 6:]))


_COUNTRIES: dict[int, dict[str, Callable[[Block], Bools]]] = {
    10: {"DK": _denmark, "FI": _finland, "LU": _luxembourg},
    11: {"DE": mod_11_10, "ATU": _austria, "PT": _portugal},
    12: {"BE": _belgium, "PL": _poland},
    13: {"FR": _france, "IT": luhn},
}


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped_any, valid_any = np.zeros(len(block), np.bool_), np.zeros(len(block), np.bool_)
    for code, verify in _COUNTRIES[block.shape[1]].items():
        place = len(code)
        shaped = reads(block[:, :place], code.encode())
        if shaped.any():
            shaped, valid = narrowed(np.asarray(shaped & all_digits(block[:, place:])), block[:, place:], verify)
            shaped_any |= shaped
            valid_any |= valid
    return shaped_any, valid_any


KIND = Kind(
    id="eu_vat",
    title_zh="欧盟增值税号",
    title_en="EU VAT number",
    proof=Proof.CHECKSUM,
    headers=("增值税号", "vat", "vat_no", "vat_id", "vat_number", "eu_vat"),
    min_length=10,
    max_length=13,
    classes=ALNUM,
    needs=DIGIT,
    chance=1 / 10,
    lengths=frozenset(_COUNTRIES),
    check=_check,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a VAT number of one of the countries that are checked."""
    return holds(KIND, text)
