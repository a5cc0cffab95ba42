"""Business registration number (工商注册号) of before 2015, 15 digits.

``RRRRRR SSSSSSSS C``: division code of the registrar (100000 for the national one), serial, and a check digit by ISO
7064 MOD 11,10.

Source: GS 15-2006 of the former State Administration for Industry and Commerce. A company's, not a person's.

>>> is_valid("110108000000016")
True
>>> is_valid("110108000000017"), is_valid("990108000000016")
(False, False)
"""

from winddown.detectors.checksums import all_digits, mod_11_10, narrowed, reads
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds
from winddown.detectors.regions import is_province


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    shaped &= is_province(block[:, :2]) | reads(block[:, :6], b"100000")
    return narrowed(shaped, block, mod_11_10)


KIND = Kind(
    id="business_registration",
    title_zh="工商注册号",
    title_en="business registration number",
    proof=Proof.CHECKSUM,
    headers=("工商注册号", "注册号", "营业执照号", "gszch", "yyzzh", "business_license_no", "registration_no"),
    min_length=15,
    max_length=15,
    classes=DIGIT,
    lengths=frozenset({15}),
    check=_check,
    chance=1 / 10,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a business registration number."""
    return holds(KIND, text)
