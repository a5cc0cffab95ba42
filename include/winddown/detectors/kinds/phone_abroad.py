"""Telephone number outside of mainland China (境外电话), in the forms that people write.

A plus and 7 to 15 digits; North American ``(NPA) NXX-XXXX`` with any separators and an extension; an area code in
parentheses, or one that begins with 0, before groups of digits; pairs of digits. Nine to twelve bare digits that are no
number of the mainland count under a header that says phone, and say nothing without one. Dates and dotted groups, which
look like addresses of computers, are not recognised.

Source: ITU-T E.123 and E.164; North American Numbering Plan. There is no check digit.

>>> is_valid("+1 415-555-2671"), is_valid("(503) 555-9831"), is_valid("030-0074321"), is_valid("+852 2345 6789")
(True, True, True, True)
>>> is_valid("2024-01-01"), is_valid("10.0.0.1"), is_valid("+86 13812345678"), is_valid("12345678")
(False, False, False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits
from winddown.detectors.kind import DIGIT, DOT, LOWER, OTHER, Block, Bools, Kind, Proof
from winddown.detectors.kinds import landline, mobile
from winddown.detectors.recognise import holds

_PLUS = r"\+(?:[1-79]|8[0-57-9])(?:[ ().-]{0,2}[0-9]){6,14}"
_NANP = (
    r"(?:\+?1[ .-]?)?(?:\([2-9][0-9]{2}\)[ -]?|[2-9][0-9]{2}[ .-])[0-9]{3}[ .-]?[0-9]{4}(?: ?(?:x|ext\.? ?)[0-9]{1,6})?"
)
_AREA = r"\([0-9]{1,5}\) ?[0-9]{2,4}(?:[ .-]?[0-9]{2,4}){1,3}"
_TRUNK = r"0[0-9]{1,4}[ -]?(?:\(0\))?[0-9]{2,4}[ -][0-9]{2,5}(?:[ -]?[0-9]{2,4}){0,2}|0[0-9]{1,4}-[0-9]{5,8}"
_PAIRS = "[0-9]{2}(?: [0-9]{2}){3,4}"
_EXIT = r"(?:00|011)[ -](?:[1-79]|8[0-57-9])(?:[ ().-]{0,2}[0-9]){6,14}|1 \(11\) [0-9]{3} [0-9]{3}-[0-9]{4}"


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    valid = shaped.copy()
    for kind in (mobile.KIND, landline.KIND):
        if block.shape[1] in kind.lengths and kind.check is not None:
            valid &= ~kind.check(block)[1]
    return shaped, valid


def _bare(block: Block) -> Bools:
    return np.zeros(len(block), np.bool_)


KIND = Kind(
    id="phone_abroad",
    title_zh="境外电话",
    title_en="telephone number outside of mainland China",
    proof=Proof.PATTERN,
    headers=(
        "电话",
        "境外电话",
        "联系电话",
        "phone",
        "phone_no",
        "phone_number",
        "telephone",
        "telephone_number",
        "tel",
        "fax",
        "mobile",
        "cell",
        "cellphone",
        "home_phone",
        "work_phone",
        "contact_phone",
    ),
    min_length=7,
    max_length=30,
    classes=DIGIT | OTHER | DOT | LOWER,
    needs=DIGIT,
    chance=0.1,
    lookalike=0.3,
    embeds=True,
    lengths=frozenset({9, 10, 11, 12}),
    check=_check,
    pattern_needs=OTHER,
    pattern=f"{_PLUS}|{_NANP}|{_AREA}|{_TRUNK}|{_PAIRS}|{_EXIT}",
    finder=(
        r"(?:^|[^0-9A-Za-z.+-])(?:\+(?:[1-79]|8[0-57-9])[0-9 ().-]{6,16}[0-9]|\([2-9][0-9]{2}\) ?[0-9]{3}-[0-9]{4})"
        r"(?:[^0-9A-Za-z-]|$)"
    ),
    typical=_bare,
    typical_pattern=r"\+.*|[(].*|(?:1[ .-])?[2-9][0-9]{2}[.-][0-9]{3}[.-][0-9]{4}.*",
    typical_share=0.5,
    typical_means="have a plus, parentheses or the groups of North America",
    named_suffices=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a telephone number abroad."""
    return holds(KIND, text)
