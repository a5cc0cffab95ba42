"""Resident identity number (公民身份号码) of the second generation, 18 characters.

``RRRRRR YYYYMMDD SSS C``: division code of first registration, date of birth, serial (odd for men), and a check
character ``0-9`` or ``X`` by ISO 7064 MOD 11-2. Only the province is looked up: a county code has to have existed in
the year of birth, and lists of today refuse half of the valid older numbers. Residence permits of residents of Hong
Kong, Macao and Taiwan (81, 82, 83) have the same form and are a kind of their own.

Source: GB 11643-1999. Does not say whether the number was ever issued.

>>> is_valid("11010519491231002X")
True
>>> is_valid("11010519491231002x"), is_valid("１１０１０５１９４９１２３１００２Ｘ"), is_valid("110105 19491231 002X")
(True, True, True)
>>> is_valid("110105194912310021")  # check character
False
>>> is_valid("110105194913310028")  # month 13
False
"""

from winddown.detectors.calendar_dates import eight_digits
from winddown.detectors.checksums import all_digits, mod_11_2, narrowed
from winddown.detectors.kind import ALNUM, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds
from winddown.detectors.regions import is_mainland


def _check(block: Block) -> tuple[Bools, Bools]:
    last = block[:, -1]
    shaped = all_digits(block[:, :-1]) & (((last >= ord("0")) & (last <= ord("9"))) | (last == ord("X")))
    shaped &= is_mainland(block[:, :2]) & eight_digits(block[:, 6:14])
    return narrowed(shaped, block, mod_11_2)


KIND = Kind(
    id="resident_id",
    title_zh="公民身份号码",
    title_en="resident identity number",
    proof=Proof.CHECKSUM,
    headers=(
        "身份证",
        "身份证号",
        "公民身份号码",
        "证件号",
        "证件号码",
        "sfz",
        "sfzh",
        "sfzhm",
        "shenfenzheng",
        "zjhm",
        "zjh",
        "gmsfhm",
        "id_card",
        "idcard",
        "id_no",
        "id_number",
        "identity_no",
        "identity_card",
        "cert_no",
        "certificate_no",
        "resident_id",
        "citizen_id",
        "national_id",
        "idnum",
    ),
    min_length=18,
    max_length=18,
    classes=ALNUM,
    lengths=frozenset({18}),
    check=_check,
    chance=1 / 11,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a resident identity number."""
    return holds(KIND, text)
