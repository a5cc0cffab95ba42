"""International bank account number (国际银行账号), 15 to 34 characters, often in groups of four.

Country code, two check digits by ISO 7064 MOD 97-10 over the number with its first four characters moved to the end,
and the account of a length that the country fixes.

Source: ISO 13616-1; SWIFT IBAN registry (countries and lengths). Does not check a country's account structure. China
has no IBAN: this finds customers' foreign accounts.

>>> is_valid("GB82 WEST 1234 5698 7654 32"), is_valid("de89370400440532013000")
(True, True)
>>> is_valid("GB82WEST12345698765433"), is_valid("GB82WEST1234569876543")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, mod_97, narrowed
from winddown.detectors.kind import ALNUM, DIGIT, LETTER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS",
    23: "AE GI IL IQ OM TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "PT ST",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
}
LENGTHS = {code: length for length, codes in _COUNTRIES.items() for code in codes.split(" ")}
_BY_LENGTH = {
    length: np.array([ord(code[0]) << 8 | ord(code[1]) for code in codes.split(" ")], np.uint16)
    for length, codes in _COUNTRIES.items()
}


def _rotated(block: Block) -> Bools:
    return mod_97(np.concatenate([block[:, 4:], block[:, :4]], axis=1))


def _check(block: Block) -> tuple[Bools, Bools]:
    country = block[:, 0].astype(np.uint16) << 8 | block[:, 1]
    shaped = np.isin(country, _BY_LENGTH[block.shape[1]])
    shaped &= all_digits(block[:, 2:4])
    return narrowed(np.asarray(shaped), block, _rotated)


KIND = Kind(
    id="iban",
    title_zh="国际银行账号",
    title_en="international bank account number",
    proof=Proof.CHECKSUM,
    headers=("iban", "国际银行账号", "iban_no"),
    min_length=15,
    max_length=32,
    classes=ALNUM,
    needs=DIGIT,
    needs_any=LETTER,
    lengths=frozenset(LENGTHS.values()),
    check=_check,
    chance=1 / 97,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an IBAN."""
    return holds(KIND, text)
