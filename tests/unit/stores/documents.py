"""Makes PDF documents and pictures, sound and hostile ones, byte by byte: no library that could know better."""

import struct
import zlib
from collections.abc import Sequence

Entry = tuple[int, int, int, bytes]  # tag, type, count, value

PICTURE = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x5a" * 200 + b"\xff\xd9"
ASCII, LONG, RATIONAL, UNDEFINED = 2, 4, 5, 7
FONT = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [<< /Type "
    b"/Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 "
    b"/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> >>] >>"
)
WHERE = [((31, 1), (13, 1), (4944, 100)), ((121, 1), (28, 1), (2532, 100))]  # 31.2304, 121.4737


def pdf(pages: Sequence[Sequence[str]], *, extra: str = "", more: Sequence[bytes] = (), page: str = "") -> bytes:
    """A document whose lines are written in a font that is not embedded and has no table of letters.

    ``extra`` goes into the trailer, ``page`` into every page, ``more`` are objects after these: their numbers begin at
    4 + twice the pages.
    """
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        FONT,
    ]
    for number, lines in enumerate(pages):
        shown = "\n".join(f"<{line.encode('utf-16-be').hex()}> Tj T*" for line in lines)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R {page} "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(stream(f"BT /F1 12 Tf 14 TL 72 770 Td\n{shown}\nET".encode() if lines else b""))
    return assembled([*objects, *more], extra=extra)


def stream(content: bytes, entries: str = "") -> bytes:
    return f"<< /Length {len(content)} {entries} >>\nstream\n".encode() + content + b"\nendstream"


def assembled(objects: Sequence[bytes], *, extra: str = "") -> bytes:
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {extra} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def tiff(
    first: Sequence[Entry] = (), *, exif: Sequence[Entry] = (), gps: Sequence[Entry] = (), order: str = "<"
) -> bytes:
    """A TIFF block of up to three directories."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    counts = [len(first) + bool(exif) + bool(gps), len(exif), len(gps)]
    starts = [8]
    for count in counts:
        starts.append(starts[-1] + (2 + 12 * count + 4 if count else 0))
    pointers = [
        *([(0x8769, LONG, 1, struct.pack(order + "I", starts[1]))] if exif else []),
        *([(0x8825, LONG, 1, struct.pack(order + "I", starts[2]))] if gps else []),
    ]
    body, data, place = b"", b"", starts[3]
    for entries in ([*first, *pointers], exif, gps):
        if not entries:
            continue
        body += struct.pack(order + "H", len(entries))
        for tag, kind, count, value in entries:
            body += struct.pack(order + "HHI", tag, kind, count)
            if len(value) <= 4:
                body += value.ljust(4, b"\0")
            else:
                body += struct.pack(order + "I", place + len(data))
                data += value
        body += b"\0\0\0\0"
    return head + struct.pack(order + "I", 8) + body + data


def text(tag: int, value: str) -> Entry:
    content = value.encode() + b"\0"
    return tag, ASCII, len(content), content


def position(axes: Sequence[Sequence[tuple[int, int]]] = WHERE, sides: str = "NE", order: str = "<") -> list[Entry]:
    found: list[Entry] = []
    for number, axis in enumerate(axes):
        found.append((1 + 2 * number, ASCII, 2, sides[number].encode() + b"\0"))
        values = b"".join(struct.pack(order + "II", *pair) for pair in axis)
        found.append((2 + 2 * number, RATIONAL, len(axis), values))
    return found


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def jpeg(block: bytes | None = None, *, before: bytes = b"") -> bytes:
    """A JPEG whose picture is noise, with an EXIF block."""
    exif = b"" if block is None else segment(0xE1, b"Exif\0\0" + block)
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + before + exif + PICTURE


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def png(block: bytes | None = None, *, behind: bool = False, picture: int = 100) -> bytes:
    """A PNG of so many bytes of noise, with an EXIF block before or behind it."""
    exif = b"" if block is None else chunk(b"eXIf", block)
    data = chunk(b"IDAT", b"\x5a" * picture)
    parts = [data, exif] if behind else [exif, data]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + b"".join(parts) + chunk(b"IEND", b"")
