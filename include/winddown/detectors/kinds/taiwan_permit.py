"""Travel permit between the mainland and Taiwan (台胞证号码, 大陆居民往来台湾通行证号码).

Residents of Taiwan: eight digits, with a count of renewals in two more digits or in parentheses on older permits.
Mainland residents: ``L`` or ``T`` and eight digits.

Source: National Immigration Administration, notice on the electronic permit for Taiwan residents (2015); description of
the permit for mainland residents. Eight digits are a customer number like any other: only a header can tell.

>>> is_valid("12345678"), is_valid("0123456701"), is_valid("12345678(01)"), is_valid("T12345678")
(True, True, True, True)
>>> is_valid("1234567"), is_valid("A12345678")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_FIRST = member("LT")
_LETTERED = 9


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block[:, 1:])
    first = _FIRST[block[:, 0]] if block.shape[1] == _LETTERED else all_digits(block[:, :1])
    return shaped, np.asarray(shaped & first)


KIND = Kind(
    id="taiwan_permit",
    title_zh="台湾居民来往大陆通行证号码",
    title_en="travel permit number between the mainland and Taiwan",
    proof=Proof.HEADER,
    headers=(
        "台胞证",
        "台胞证号",
        "台湾居民来往大陆通行证",
        "往来台湾通行证",
        "通行证",
        "通行证号",
        "tbz",
        "tbzh",
        "taibaozheng",
        "taiwan_permit",
        "mtp_no",
        "travel_permit",
    ),
    min_length=8,
    max_length=10,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.9,
    lookalike=1.0,
    lengths=frozenset({8, 9, 10}),
    check=_check,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of such a permit's number."""
    return holds(KIND, text)
