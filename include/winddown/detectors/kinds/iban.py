"""International bank account number (国际银行账号), 15 to 34 characters, often in groups of four.

Country code, two check digits by ISO 7064 MOD 97-10 over the number with its first four characters moved to the end, and the
account of a length that the country fixes.

Source: ISO 13616-1; SWIFT IBAN registry (countries and lengths). Does not check a country's account structure. China has no
IBAN: this finds customers' foreign accounts.

>>> is_valid("GB82 WEST 1234 5698 7654 32"), is_valid("de89370400440532013000")
(True, True)
>>> is_valid("GB82WEST12345698765433"), is_valid("GB82WEST1234569876543")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, mod_97, narrowed
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_COUNTRIES = (
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 XK20 CH21 HR21 LI21 LV21 BG22 BH22 CR22 DE22 "
    "GB22 GE22 IE22 ME22 RS22 AE23 GI23 IL23 IQ23 OM23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 PT25 ST25 "
    "IS26 TR26 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 PL28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 "
    "MU30 MT31 SC31 LC32"
).split()
LENGTHS = {entry[:2]: int(entry[2:]) for entry in _COUNTRIES}
_BY_LENGTH = {
    length: np.array([ord(code[0]) << 8 | ord(code[1]) for code, own in LENGTHS.items() if own == length], np.uint16)
    for length in set(LENGTHS.values())
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
    sensitive=True,
    proof=Proof.CHECKSUM,
    headers=("iban", "国际银行账号", "iban_no"),
    min_length=15,
    max_length=32,
    classes=ALNUM,
    needs=DIGIT,
    lengths=frozenset(LENGTHS.values()),
    check=_check,
    chance=1 / 97,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an IBAN."""
    return holds(KIND, text)
