"""Longitude of a person or place (经度), in degrees with decimals, in a column of its own.

Source: ISO 6709. A fraction is any number: only a header can tell, and no cell is looked at. Sensitive when it
is a person's track (PIPL 28).
"""

from winddown.detectors.kind import DIGIT, DOT, OTHER, Kind, Proof

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
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
