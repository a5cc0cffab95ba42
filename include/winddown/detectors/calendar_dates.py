"""Calendar dates inside numbers, checked for a whole block at once.

Years 1880 to 2049 count as dates of people and their records: a wider window only lets more order numbers through,
and a window that follows the wall clock would let the same column be judged differently tomorrow.
"""

import calendar

import numpy as np

from winddown.detectors.checksums import Ints, number
from winddown.detectors.kind import Block, Bools

FIRST_YEAR, LAST_YEAR = 1880, 2049

_DAYS = np.zeros(10000, np.bool_)
for _month in range(1, 13):
    _DAYS[_month * 100 + 1 : _month * 100 + calendar.monthrange(2024, _month)[1] + 1] = True
_LEAP = np.array([calendar.isleap(year) for year in range(10000)])


def is_date(year: Ints, month_day: Ints) -> Bools:
    """Return which pairs of a year and ``MMDD`` name an existing day in the window."""
    exists = _DAYS.take(month_day, mode="clip") & ((month_day != 229) | _LEAP.take(year, mode="clip"))  # noqa: PLR2004
    return np.asarray(exists & (year >= FIRST_YEAR) & (year <= LAST_YEAR))


def eight_digits(block: Block) -> Bools:
    """Return which rows of eight digits are ``YYYYMMDD``."""
    return is_date(number(block[:, :4]), number(block[:, 4:8]))


def six_digits(block: Block) -> Bools:
    """Return which rows of six digits are ``YYMMDD`` of the twentieth century, as first-generation numbers wrote it."""
    return is_date(1900 + number(block[:, :2]), number(block[:, 2:6]))
