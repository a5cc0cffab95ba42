"""Postal code (邮政编码): six digits in China, and the forms of other countries.

Source: Universal Postal Union, addressing systems. Six digits are any number: only a header can
tell. A postal code alone tells a district, with other fields a person.

>>> is_valid("310012"), is_valid("SW1A 1AA"), is_valid("98128-1234"), is_valid("H2Y 1C6")
(True, True, True, True)
>>> is_valid("hello"), is_valid("1"), is_valid("123456789012")
(False, False, False)
"""

from winddown.detectors.kind import ALNUM, DIGIT, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="postal_code",
    title_zh="邮政编码",
    title_en="postal code",
    proof=Proof.HEADER,
    headers=(
        "邮编",
        "邮政编码",
        "yb",
        "yzbm",
        "youbian",
        "zip",
        "zip_code",
        "zipcode",
        "postal_code",
        "postcode",
        "post_code",
        "postalcode",
        "ship_postal_code",
    ),
    min_length=3,
    max_length=10,
    classes=ALNUM | OTHER,
    needs=DIGIT,
    chance=0.9,
    lookalike=1.0,
    pattern=(
        "(?:[A-Za-z]{1,2}-)?[0-9]{3,7}(?:[ -]?[0-9]{2,4})?(?: ?[A-Za-z]{2})?"
        "|[A-Za-z]{1,2}[0-9][0-9A-Za-z]? ?[0-9][A-Za-z]{2}|[A-Za-z][0-9][A-Za-z][ -]?[0-9][A-Za-z][0-9]"
    ),
    numbers=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a postal code."""
    return holds(KIND, text)
