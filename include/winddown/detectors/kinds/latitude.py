"""Latitude of a person or place (纬度), in degrees with decimals, in a column of its own.

Source: ISO 6709. A fraction is any number: only a header can tell. Sensitive when it is a person's track (PIPL 28).

>>> is_valid("31.2304"), is_valid("-45.0"), is_valid("90")
(True, True, True)
>>> is_valid("91.5"), is_valid("121.4737"), is_valid("abc")
(False, False, False)
"""

from winddown.detectors.kind import DIGIT, DOT, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="latitude",
    title_zh="纬度",
    title_en="latitude",
    proof=Proof.HEADER,
    headers=(
        "纬度",
        "wd",
        "weidu",
        "lat",
        "latitude",
        "gps_lat",
    ),
    min_length=1,
    max_length=24,
    classes=DIGIT | DOT | OTHER,
    needs=DIGIT,
    chance=0.9,
    lookalike=1.0,
    pattern="[+-]?(?:90(?:[.]0+)?|[0-8]?[0-9](?:[.][0-9]+)?)",
    numbers=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a latitude in degrees."""
    return holds(KIND, text)
