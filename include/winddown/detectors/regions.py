"""Province codes of the Chinese administrative division codes.

Source: GB/T 2260 first two digits; 81 to 83 are the residence permits of residents of Hong Kong, Macao and Taiwan
(2018).
"""

import numpy as np

from winddown.detectors.checksums import number
from winddown.detectors.kind import Block, Bools

PROVINCES = (
    *range(11, 16),
    *range(21, 24),
    *range(31, 38),
    *range(41, 47),
    *range(50, 55),
    *range(61, 66),
    71,
    *range(81, 84),
)
PERMITS = 81  # from here on, codes of residence permits
_KNOWN = np.zeros(100, np.bool_)
_KNOWN[list(PROVINCES)] = True


def is_province(two_digits: Block) -> Bools:
    """Return which rows are the two digits of a province code."""
    return _KNOWN.take(number(two_digits), mode="clip")


def is_mainland(two_digits: Block) -> Bools:
    """Return which rows of two digits are a province code, the three codes of residence permits left out."""
    numbers = number(two_digits)
    return np.asarray(_KNOWN.take(numbers, mode="clip") & (numbers < PERMITS))
