"""JSON web token (JWT令牌): three parts of Base64 between dots, the first of which begins with ``eyJ``.

Source: RFC 7519, RFC 7515. Its middle part is readable and usually names a person. Also found inside text.

>>> is_valid("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
True
>>> is_valid("eyJhbGciOiJIUzI1NiJ9"), is_valid("a.b.c")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DOT, OTHER, UNBOUNDED, UPPER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="jwt",
    title_zh="JWT令牌",
    title_en="JSON web token",
    proof=Proof.PATTERN,
    headers=(
        "令牌",
        "jwt",
        "token",
        "access_token",
        "id_token",
        "refresh_token",
        "bearer",
    ),
    min_length=30,
    max_length=UNBOUNDED,
    classes=ALNUM | DOT | OTHER,
    needs=UPPER | DOT,
    chance=0.001,
    lookalike=0.001,
    embeds=True,
    pattern=r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{4,}\.[0-9A-Za-z_-]*",
    finder=r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{4,}\.",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a JSON web token."""
    return holds(KIND, text)
