"""Aadhaar number of India (印度 Aadhaar 号), 12 digits, often in groups of four.

The first digit is 2 to 9, the last a check digit by Verhoeff's scheme.

Source: Unique Identification Authority of India, numbering scheme (2010). Random digits pass 1 time in 10.

>>> is_valid("2341 2341 2346"), is_valid("234123412346")
(True, True)
>>> is_valid("234123412347"), is_valid("123412341234")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, narrowed, verhoeff
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds


def _check(block: Block) -> tuple[Bools, Bools]:
    return narrowed(np.asarray(all_digits(block) & (block[:, 0] >= ord("2"))), block, verhoeff)


KIND = Kind(
    id="aadhaar",
    title_zh="印度Aadhaar号",
    title_en="Indian Aadhaar number",
    proof=Proof.CHECKSUM,
    headers=("aadhaar", "aadhar", "aadhaar_no", "aadhaar_number", "uid_no"),
    min_length=12,
    max_length=12,
    classes=DIGIT,
    lengths=frozenset({12}),
    check=_check,
    chance=1 / 10,
    joins=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an Aadhaar number."""
    return holds(KIND, text)
