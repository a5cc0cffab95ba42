"""Papers that customers handed in: photos of identity cards, and signed agreements as PDF documents.

Both are made byte by byte from a generator's draws. The photos show noise; some tell where they were taken, as phones
do. The documents have a text layer with a number, phone and address of nobody: no customer is of that county.
"""

import struct
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

from winddown.demo import numbers
from winddown.demo.people import chinese_name

_COUNTY = "120101"
_FONT = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [<< /Type /Font "
    b"/Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 "
    b"/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> >>] >>"
)
_ASCII, _LONG, _RATIONAL = 2, 4, 5


def photo(rng: Random, *, is_placed: bool) -> bytes:
    """Return a JPEG whose picture is noise; with a position somewhere in Shanghai if it is placed."""
    noise = rng.randbytes(rng.randrange(400, 900)).replace(b"\xff", b"\0")
    exif = (
        _segment(0xE1, b"Exif\0\0" + _position(rng.uniform(31.1, 31.3), rng.uniform(121.3, 121.6)))
        if is_placed
        else b""
    )
    start = b"\xff\xd8" + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    return start + exif + _segment(0xDA, b"\1\1\0\0\x3f\0") + noise + b"\xff\xd9"


def agreement(rng: Random) -> bytes:
    """Return a PDF document of one page: a real-name agreement with the number, phone and address of its signer."""
    born_on = date(1958, 1, 1) + timedelta(days=rng.randrange(15_000))
    number = numbers.resident_id(_COUNTY, born_on, rng.randrange(1_000))
    return _document(
        (
            "实名认证服务协议",
            f"本人 {chinese_name(rng)},身份证号码 {number},",
            f"联系电话 {numbers.mobile(4_000_000_000 + rng.randrange(10**6))},",
            f"住址 天津市和平区南京路{rng.randrange(1, 400)}号,",
            "同意提交身份证件照片用于实名认证。",
        )
    )


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def _position(latitude: float, longitude: float) -> bytes:
    """A TIFF block with one directory, which leads to the four entries of a position."""
    header = b"MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x8825, _LONG, 1, 26, 0)
    behind = 26 + 2 + 4 * 12 + 4
    entries = [
        struct.pack(">HHI4s", 1, _ASCII, 2, b"N"),
        struct.pack(">HHII", 2, _RATIONAL, 3, behind),
        struct.pack(">HHI4s", 3, _ASCII, 2, b"E"),
        struct.pack(">HHII", 4, _RATIONAL, 3, behind + 24),
    ]
    values = [number for degrees in (latitude, longitude) for number in _sexagesimal(degrees)]
    return header + struct.pack(">H", 4) + b"".join(entries) + bytes(4) + struct.pack(">12I", *values)


def _sexagesimal(degrees: float) -> tuple[int, ...]:
    minutes, seconds = divmod(round(degrees * 360_000), 6_000)
    return minutes // 60, 1, minutes % 60, 1, seconds, 100


def _document(lines: Sequence[str]) -> bytes:
    shown = "\n".join(f"<{line.encode('utf-16-be').hex()}> Tj T*" for line in lines)
    content = f"BT /F1 12 Tf 18 TL 72 770 Td\n{shown}\nET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font <</F1 5 0 R>> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        _FONT,
    )
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, count = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    return bytes(out)
