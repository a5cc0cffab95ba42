"""Identifier of a device or an installation (设备标识): IDFA, OAID, GAID, Android id, OpenUDID.

A UUID, or 16, 32, 40 or 64 hexadecimal digits.

Source: RFC 9562 for the UUID; GB/T 35273-2020 annex A. UUIDs and hashes have this form:
only a header can tell.

>>> is_valid("6D92078A-8246-4BA4-AE5B-76104861E7DC"), is_valid("9774d56d682e549c")
(True, True)
>>> is_valid("6D92078A-8246"), is_valid("device")
(False, False)
"""

from winddown.detectors.kind import ALNUM, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="device_id",
    title_zh="设备标识",
    title_en="device identifier",
    proof=Proof.HEADER,
    headers=(
        "设备标识",
        "设备id",
        "idfa",
        "idfv",
        "oaid",
        "gaid",
        "aaid",
        "android_id",
        "androidid",
        "openudid",
        "device_id",
        "deviceid",
        "device_uuid",
        "udid",
        "advertising_id",
    ),
    min_length=16,
    max_length=64,
    classes=ALNUM | OTHER,
    chance=0.9,
    lookalike=1.0,
    pattern=(
        "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|[0-9A-Fa-f]{16}(?:[0-9A-Fa-f]{16}|[0-9A-Fa-f]{24}|[0-9A-Fa-f]{48})?"
    ),
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a device identifier."""
    return holds(KIND, text)
