"""Foreigner's permanent residence number (外国人永久居留身份证号码) in the form used since December 2023, 18 digits.

``9 PP NNN YYYYMMDD SSS C``: the digit 9, province of application, ISO 3166-1 numeric nationality, date of birth,
serial, and a check character by ISO 7064 MOD 11-2 as on resident identity cards.

Source: National Immigration Administration, notice on the new permanent residence card, 2023. Does not recognise the
older form of 15 characters.

>>> is_valid("931840198001010017")
True
>>> is_valid("931840198001010016"), is_valid("831840198001010017")
(False, False)
"""

from winddown.detectors.calendar_dates import eight_digits
from winddown.detectors.checksums import all_digits, mod_11_2, narrowed
from winddown.detectors.kind import ALNUM, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds
from winddown.detectors.regions import is_province


def _check(block: Block) -> tuple[Bools, Bools]:
    last = block[:, -1]
    shaped = (block[:, 0] == ord("9")) & all_digits(block[:, :-1])
    shaped &= ((last >= ord("0")) & (last <= ord("9"))) | (last == ord("X"))
    shaped &= is_province(block[:, 1:3]) & eight_digits(block[:, 6:14])
    return narrowed(shaped, block, mod_11_2)


KIND = Kind(
    id="foreigner_residence",
    title_zh="外国人永久居留身份证号码",
    title_en="foreigner's permanent residence number",
    proof=Proof.CHECKSUM,
    headers=("永久居留", "永居证", "永久居留证号", "permanent_residence_no", "residence_permit_no", "green_card_no"),
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
    """Return whether the whole text is a permanent residence number of the new form."""
    return holds(KIND, text)
