"""Longitude of a person or place (经度), in degrees with decimals, in a column of its own.

Source: ISO 6709. A fraction is any number: only a header can tell. Sensitive when it is a person's track (PIPL 28).

>>> is_valid("121.4737"), is_valid("-45.0"), is_valid("180")
(True, True, True)
>>> is_valid("181.5"), is_valid("1234"), is_valid("abc")
(False, False, False)
"""

from winddown.detectors.kind import DIGIT, DOT, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="longitude",
    title_zh="经度",
    title_en="longitude",
    proof=Proof.HEADER,
    headers=(
        "经度",
        "jd",
        "jingdu",
        "lng",
        "lon",
        "long",
        "longitude",
        "gps_lng",
        "gps_lon",
    ),
    min_length=1,
    max_length=24,
    classes=DIGIT | DOT | OTHER,
    needs=DIGIT,
    chance=0.9,
    lookalike=1.0,
    pattern="[+-]?(?:180(?:[.]0+)?|(?:1[0-7][0-9]|[0-9]{1,2})(?:[.][0-9]+)?)",
    numbers=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a longitude in degrees."""
    return holds(KIND, text)
