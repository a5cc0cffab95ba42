"""Identifier of a device or an installation (设备标识): IDFA, OAID, GAID, Android id, OpenUDID.

A UUID, or 16, 32, 40 or 64 hexadecimal digits.

Source: RFC 9562 for the UUID; GB/T 35273-2020 annex A. UUIDs and hashes have this form:
only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import ALNUM, OTHER, Kind, Proof

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
    named_only=True,
)
