"""Macao resident identity card number (澳门居民身份证号), written ``1234567(8)``.

Seven digits beginning with 1, 5 or 7, and a check digit in parentheses whose rule is not published.

Source: Identification Services Bureau of Macao, Law 8/2002 on the resident identity card. Eight digits are a customer
number like any other: only a header can tell.

>>> is_valid("1234567(8)"), is_valid("51234567"), is_valid("7/123456/8")
(True, True, True)
>>> is_valid("2234567(8)"), is_valid("123456(8)")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, member
from winddown.detectors.kind import DIGIT, OTHER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_FIRST = member("157")


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    return shaped, np.asarray(shaped & _FIRST[block[:, 0]])


KIND = Kind(
    id="macau_id",
    title_zh="澳门居民身份证号",
    title_en="Macao resident identity card number",
    proof=Proof.HEADER,
    headers=("澳门身份证", "澳门居民身份证", "澳门证件", "amsfz", "macau_id", "macao_id", "bir_no"),
    min_length=8,
    max_length=10,
    classes=DIGIT | OTHER,
    needs=DIGIT,
    chance=0.3,
    lookalike=1.0,
    lengths=frozenset({8}),
    check=_check,
    joins=True,
    pattern="[157]/[0-9]{6}/[0-9]",
    pattern_needs=OTHER,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a Macao identity card number."""
    return holds(KIND, text)
