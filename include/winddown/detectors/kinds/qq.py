"""QQ number (QQ号), five to eleven digits not beginning with 0.

Source: Tencent's account numbers. Any surrogate key has this form, so that only a header can tell.

>>> is_valid("123456789"), is_valid("012345"), is_valid("1234")
(True, False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    return shaped, np.asarray(shaped & (block[:, 0] != ord("0")))


KIND = Kind(
    id="qq",
    title_zh="QQ号",
    title_en="QQ number",
    proof=Proof.HEADER,
    headers=("qq", "qq号", "qq号码", "qqhm", "qq_no", "qq_number"),
    min_length=5,
    max_length=11,
    classes=DIGIT,
    lengths=frozenset(range(5, 12)),
    check=_check,
    chance=0.9,
    lookalike=1.0,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a QQ number."""
    return holds(KIND, text)
