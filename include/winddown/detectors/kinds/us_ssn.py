"""Social security number of the United States (美国社会安全号), nine digits, written ``123-45-6789``.

Area 001 to 899 but not 666, group 01 to 99, serial 0001 to 9999; 900 to 999 are the tax numbers of people without one
(ITIN) and count as well. No check digit.

Source: Social Security Administration, randomization of 2011; IRS Publication 1915 for the ITIN. Written with dashes it
is recognised by its form, also inside text; nine bare digits only under a header that names it.

>>> is_valid("536-90-4399"), is_valid("536904399"), is_valid("912-70-1234")
(True, True, True)
>>> is_valid("666-12-3456"), is_valid("000-12-3456"), is_valid("536-00-4399")
(False, False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, number
from winddown.detectors.kind import DIGIT, OTHER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_UNUSED = 666
_AREA = "(?:00[1-9]|0[1-9][0-9]|[1-57-9][0-9]{2}|6[0-57-9][0-9]|66[0-57-9])"
_GROUP = "(?:0[1-9]|[1-9][0-9])"
_SERIAL = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_DASHED = f"{_AREA}-{_GROUP}-{_SERIAL}"


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    area, group, serial = number(block[:, :3]), number(block[:, 3:5]), number(block[:, 5:])
    return shaped, np.asarray(shaped & (area > 0) & (area != _UNUSED) & (group > 0) & (serial > 0))


def _bare(block: Block) -> Bools:
    return np.zeros(len(block), np.bool_)


KIND = Kind(
    id="us_ssn",
    title_zh="美国社会安全号",
    title_en="US social security number",
    proof=Proof.PATTERN,
    headers=("美国社保号", "ssn", "us_ssn", "social_security", "social_security_no", "social_security_number", "itin"),
    min_length=9,
    max_length=11,
    classes=DIGIT | OTHER,
    needs=DIGIT,
    chance=0.2,
    lookalike=0.3,
    embeds=True,
    lengths=frozenset({9}),
    check=_check,
    pattern=_DASHED,
    pattern_needs=OTHER,
    finder=f"(?:^|[^0-9A-Za-z-]){_DASHED}(?:[^0-9A-Za-z-]|$)",
    typical=_bare,
    typical_pattern=_DASHED,
    typical_share=0.9,
    typical_means="are written with dashes",
    named_suffices=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a US social security number."""
    return holds(KIND, text)
