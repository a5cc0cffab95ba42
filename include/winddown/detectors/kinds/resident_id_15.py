"""Resident identity number of the first generation (一代身份证号), 15 digits, without a check digit.

``RRRRRR YYMMDD SSS``: division code, date of birth in the twentieth century, serial. Issued until 1999 and void since
2013, but common in archives, insurance files and old ledgers.

Source: GB 11643-1989. Having no check digit it is judged by the share of values that fit. Does not see numbers in text.

>>> is_valid("110105491231002")
True
>>> is_valid("110105491331002"), is_valid("990105491231002")
(False, False)
"""

from winddown.detectors.calendar_dates import six_digits
from winddown.detectors.checksums import all_digits
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds
from winddown.detectors.regions import is_province


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    return shaped, shaped & is_province(block[:, :2]) & six_digits(block[:, 6:12])


KIND = Kind(
    id="resident_id_15",
    title_zh="一代身份证号",
    title_en="first-generation resident identity number",
    proof=Proof.PATTERN,
    headers=("老身份证", "旧身份证", "一代身份证", "old_id_card", "id_card_15"),
    min_length=15,
    max_length=15,
    classes=DIGIT,
    lengths=frozenset({15}),
    check=_check,
    chance=0.013,
    lookalike=0.05,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a first-generation number."""
    return holds(KIND, text)
