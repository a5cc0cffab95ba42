"""Passport number (护照号码) of China, nine characters.

``E``, ``G``, ``D``, ``S`` or ``P`` (and ``PE`` for service, ``SE``, ``DE``) before the digits: a letter and eight
digits, or two letters and seven digits, of which the second letter is never I or O.

Source: National Immigration Administration, descriptions of ordinary, diplomatic, service and public-affairs
passports; ICAO Doc 9303 part 4 for the nine places. The check digit stands in the machine-readable zone only, and
article numbers look the same: values alone are never proof.

>>> is_valid("E12345678"), is_valid("EA1234567"), is_valid("PE1234567"), is_valid("Z12345678")
(True, True, True, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_FIRST, _PAIRED, _SECOND = member("EGDSP"), member("EPSD"), member("ABCDEFGHJKLMNPQRSTUVWXYZ")
_LETTER = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _check(block: Block) -> tuple[Bools, Bools]:
    second = block[:, 1]
    shaped = all_digits(block[:, 2:]) & _LETTER[block[:, 0]]
    single = _FIRST[block[:, 0]] & (second >= ord("0")) & (second <= ord("9"))
    return np.asarray(shaped), np.asarray(shaped & (single | (_PAIRED[block[:, 0]] & _SECOND[second])))


KIND = Kind(
    id="passport",
    title_zh="护照号码",
    title_en="passport number",
    proof=Proof.PATTERN,
    headers=("护照", "护照号", "护照号码", "hzh", "hzhm", "huzhao", "passport", "passport_no", "passport_number"),
    min_length=9,
    max_length=9,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.2,
    lookalike=1.0,
    lengths=frozenset({9}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a Chinese passport number."""
    return holds(KIND, text)
