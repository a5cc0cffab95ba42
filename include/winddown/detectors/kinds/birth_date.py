"""Date of birth (出生日期), and so any calendar date from 1880 to 2049.

``YYYYMMDD``; ``YYYY-MM-DD`` with dash, slash or dot; ``YYYY年M月D日``; or a timestamp. A date does not
say what happened on it: only a header can, and the years, for orders are young and people are not.

Source: ISO 8601-1; GB/T 7408.1. Years of two digits and days without leading zeros (but for the Chinese form) are not
recognised.

>>> is_valid("1985-03-21"), is_valid("19850321"), is_valid("1985年3月21日"), is_valid("1985-03-21 00:00:00")
(True, True, True, True)
>>> is_valid("1985-03-21T08:30:00Z"), is_valid("1985-03-21T08:30:00.000Z")
(True, True)
>>> is_valid("1985-02-30"), is_valid("85-03-21"), is_valid("30001231")
(False, False, False)
"""

import numpy as np

from winddown.detectors.calendar_dates import is_date
from winddown.detectors.checksums import all_digits, number, reads
from winddown.detectors.kind import DIGIT, DOT, HIGH, OTHER, UPPER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

YOUNG = 2010
_DAY = 8
_WITH_TIME, _SECONDS = 10, 19
_CLOCK = [11, 12, 14, 15, 17, 18]
_MARK = np.zeros(256, np.bool_)
_MARK[[ord("-"), ord("/"), ord(".")]] = True


def _check(block: Block) -> tuple[Bools, Bools]:
    if block.shape[1] == _DAY:
        shaped, day = all_digits(block), block[:, 4:8]
    else:
        day = block[:, [5, 6, 8, 9]]
        shaped = all_digits(block[:, :4]) & all_digits(day) & _MARK[block[:, 4]] & (block[:, 7] == block[:, 4])
        if block.shape[1] > 10:  # noqa: PLR2004 - a time follows
            shaped &= all_digits(block[:, _CLOCK])
            shaped &= (block[:, 13] == ord(":")) & (block[:, 16] == ord(":"))
            shaped &= (block[:, 10] == ord(" ")) | (block[:, 10] == ord("T"))
        if block.shape[1] > _SECONDS:  # and the mark of universal time, perhaps after thousandths
            shaped &= (block[:, -1] == ord("Z")) & ((block.shape[1] == _SECONDS + 1) | (block[:, 19] == ord(".")))
            shaped &= all_digits(block[:, 20:-1])
    return np.asarray(shaped), shaped & is_date(number(block[:, :4]), number(day))


def _old(block: Block) -> Bools:
    old = number(block[:, :4]) < YOUNG
    if block.shape[1] > _WITH_TIME:  # nobody keeps the minute of a birth, and what has one was stamped by a machine
        old &= reads(block[:, _CLOCK], b"000000")
    return np.asarray(old)


KIND = Kind(
    id="birth_date",
    title_zh="出生日期",
    title_en="date of birth",
    proof=Proof.HEADER,
    headers=(
        "出生",
        "出生日期",
        "生日",
        "出生年月",
        "csrq",
        "shengri",
        "birthday",
        "birth_date",
        "birthdate",
        "date_of_birth",
        "dob",
        "birth",
    ),
    min_length=12,
    max_length=17,
    classes=DIGIT | UPPER | DOT | OTHER | HIGH,
    needs=DIGIT,
    chance=0.01,
    lookalike=1.0,
    lengths=frozenset({8, 10, 19, 20, 24}),
    check=_check,
    pattern_needs=HIGH,
    pattern="(?:18[89]|19[0-9]|20[0-4])[0-9]年(?:0?[1-9]|1[0-2])月(?:0?[1-9]|[12][0-9]|3[01])日?",
    named_suffices=True,
    typical=_old,
    typical_pattern="(?:1[89]|200)[0-9]{1,2}年.*",
    typical_share=0.5,
    typical_means=f"lie before {YOUNG} and have no time of day",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a calendar date."""
    return holds(KIND, text)
