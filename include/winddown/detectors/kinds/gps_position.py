"""Geographic position (经纬度): latitude and longitude in one cell, either first, with three decimals or more.

Between them a comma, semicolon or blank; parentheses, brackets, ``POINT(…)`` or nothing around.

Source: ISO 6709; OGC Simple Features (POINT). Three decimals are 100 metres. A person's track is sensitive (PIPL 28).

>>> is_valid("31.2304,121.4737"), is_valid("(39.9042, 116.4074)"), is_valid("POINT(121.4737 31.2304)")
(True, True, True)
>>> is_valid("1,2"), is_valid("999.1234,31.2304"), is_valid("3.14159")
(False, False, False)
"""

from winddown.detectors.kind import DIGIT, DOT, LETTER, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="gps_position",
    title_zh="经纬度",
    title_en="geographic position",
    proof=Proof.PATTERN,
    headers=(
        "经纬度",
        "坐标",
        "gps",
        "位置坐标",
        "jwd",
        "zuobiao",
        "location",
        "coordinates",
        "coordinate",
        "latlng",
        "lat_lng",
        "lat_lon",
        "geo",
        "geo_point",
        "geolocation",
        "position",
    ),
    min_length=11,
    max_length=64,
    classes=DIGIT | DOT | OTHER | LETTER,
    needs=DIGIT | DOT | OTHER,
    chance=0.01,
    lookalike=0.1,
    pattern=(
        r"(?i:point)? ?[(\[]?[+-]?(?:1[0-7][0-9]|[0-9]{1,2})\.[0-9]{3,15} ?[,; ] ?[+-]?(?:1[0-7][0-9]|[0-9]{1,2})"
        r"\.[0-9]{3,15}[)\]]?"
    ),
    named_suffices=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a pair of latitude and longitude."""
    return holds(KIND, text)
