"""Hardware address of a network interface (MAC地址): six pairs of hexadecimal digits.

Pairs between colons or dashes, or three groups of four between dots.

Source: IEEE 802-2014, clause 8. Personal information when the device is a customer's (GB/T 35273-2020 annex A).

>>> is_valid("00:1B:44:11:3A:B7"), is_valid("00-1b-44-11-3a-b7"), is_valid("001b.4411.3ab7")
(True, True, True)
>>> is_valid("00:1B:44:11:3A"), is_valid("12:30:45")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DOT, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="mac_address",
    title_zh="MAC地址",
    title_en="MAC address",
    proof=Proof.PATTERN,
    headers=(
        "mac地址",
        "mac",
        "mac_address",
        "mac_addr",
        "macaddr",
        "wifi_mac",
        "bssid",
    ),
    min_length=14,
    max_length=17,
    classes=ALNUM | DOT | OTHER,
    chance=0.01,
    lookalike=0.1,
    pattern=r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a hardware address."""
    return holds(KIND, text)
