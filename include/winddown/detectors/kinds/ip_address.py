"""Internet protocol address (IP地址), version 4 or 6.

Four numbers up to 255 between dots, or eight groups of hexadecimal digits between colons of which ``::`` may
stand for a run of zeros. Four-part software versions have the same form as version 4; they seldom hold a number
above 99, which inside text is demanded.

Source: RFC 791; RFC 4291 section 2.2. Personal information when it belongs to a customer's connection (PIPL 4).

>>> is_valid("203.0.113.7"), is_valid("2001:db8::1")
(True, True)
>>> is_valid("256.1.1.1"), is_valid("1.2.3"), is_valid("12:30:45")
(False, False, False)
"""

from winddown.detectors.kind import DIGIT, DOT, LETTER, Kind, Proof
from winddown.detectors.recognise import holds

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_FOUR = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_LONG = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9])"
_IN_TEXT = "|".join(r"\.".join(_LONG if place == chosen else _OCTET for place in range(4)) for chosen in range(4))
_GROUP = "[0-9A-Fa-f]{1,4}"
_SIX = f"(?:{_GROUP}:){{7}}{_GROUP}|(?:{_GROUP}(?::{_GROUP}){{0,5}})?::(?:{_GROUP}(?::{_GROUP}){{0,5}})"

KIND = Kind(
    id="ip_address",
    title_zh="IP地址",
    title_en="IP address",
    proof=Proof.PATTERN,
    headers=(
        "ip",
        "ip地址",
        "登录ip",
        "ip_address",
        "ip_addr",
        "client_ip",
        "login_ip",
        "last_login_ip",
        "remote_addr",
    ),
    min_length=3,
    max_length=39,
    classes=DIGIT | LETTER | DOT,
    needs=DOT,
    chance=0.05,
    lookalike=0.9,
    embeds=True,
    pattern=f"{_FOUR}|{_SIX}",
    finder=rf"(?:^|//|[^0-9A-Za-z./])(?:{_IN_TEXT})(?:[^0-9A-Za-z.]|$)",
    typical_pattern=r".*[12][0-9][0-9].*|.*:.*",
    typical_share=0.5,
    typical_means="hold a part above 99 or are of version 6",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an IP address."""
    return holds(KIND, text)
