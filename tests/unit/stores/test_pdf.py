"""The text of PDF documents is found; hostile ones cost bounded memory and time, and what was not read is told."""

import hashlib
import io
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from winddown.stores.objects.contents.pdf import PdfReader, Told

from .documents import assembled, pdf, stream

LINES = ["租赁合同", "承租人：欧阳建国，身份证号码 310115198506152345，"]
WHOLE = Told("text", "\n".join(LINES))
NO_TEXT = "PDF documents without a text layer"
ENDED = "PDF documents that need too much memory or end what reads them, as far as they were read"
SLOW = "PDF documents that took too long to read, as far as they were"
FORM = b"q 100 0 0 100 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q"


@pytest.fixture(scope="module")
def reader() -> Iterator[PdfReader]:
    with PdfReader() as found:
        yield found


def read(reader: PdfReader, content: bytes) -> list[Told]:
    return list(reader.read(io.BytesIO(content), len(content)))


def scan(pages: int = 1) -> bytes:
    """Pages that show a picture and nothing else."""
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(pages))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode()]
    for number in range(pages):
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents {4 + 2 * number} 0 R >>".encode(),
            stream(FORM),
        ]
    return assembled(objects)


def test_every_page_is_a_cell_and_an_empty_one_is_none(reader: PdfReader) -> None:
    assert read(reader, pdf([LINES, [], ["第二条"]])) == [WHOLE, Told("text", "第二条")]


def test_title_author_notes_and_what_was_filled_in_are_read(reader: PdfReader) -> None:
    more = [
        b"<< /Author (Wang Xiaoming) /Title (Contract) >>",
        b"<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /T (Li Wei) /Contents (call 13800138000) >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (phone) /V (13912345678) /Rect [9 9 99 30] /P 4 0 R >>",
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [8 0 R] >> >>",
    ]
    content = pdf([LINES], more=more, page="/Annots [7 0 R 8 0 R]", extra="/Info 6 0 R")
    content = content.replace(b"/Root 1 0 R", b"/Root 9 0 R")
    found = read(reader, content)
    assert Told("author_name", "Wang Xiaoming") in found
    assert Told("title", "Contract") in found
    assert WHOLE in found
    beside = [told.text for told in found if told.field == "text" and told != WHOLE]
    assert len(beside) == 1
    assert {"Li Wei", "call 13800138000", "13912345678"} <= set(beside[0].splitlines())


def test_what_was_scanned_is_said_to_have_no_text(reader: PdfReader) -> None:
    assert read(reader, scan()) == [Told("", NO_TEXT)]
    mixed = pdf([LINES, ["x"]]).replace(b"BT /F1 12 Tf 14 TL 72 770 Td\n<0078> Tj T*\nET", FORM)
    assert read(reader, mixed) == [WHOLE, Told("", "pages without text in PDF documents that have some")]


def test_letters_that_a_font_does_not_tell_are_said_to_be_unread(reader: PdfReader) -> None:
    nameless = pdf([LINES]).replace(b"/UniGB-UCS2-H", b"/Identity-H").replace(b"(GB1)", b"(Identity)")
    assert [told.text for told in read(reader, nameless) if not told.field] == [
        "PDF documents some of whose letters cannot be told, because a font does not say what they are"
    ]


def test_an_encrypted_document_is_told(reader: PdfReader) -> None:
    assert read(reader, _encrypted()) == [Told("", "PDF documents that are encrypted")]


def _encrypted() -> bytes:
    """Encrypted for a user whose password is not empty (ISO 32000-1, 7.6.3, revision 2)."""
    pad = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    owner, identity = hashlib.sha256(b"owner").digest(), bytes(16)
    key = hashlib.md5(
        b"secret".ljust(32, b" ") + owner + b"\xfc\xff\xff\xff" + identity, usedforsecurity=False
    ).digest()
    user = _rc4(key[:5], pad)
    entries = f"/V 1 /R 2 /Filter /Standard /P -4 /O <{owner.hex()}> /U <{user.hex()}>"
    return pdf([LINES], extra=f"/Encrypt << {entries} >> /ID [<{identity.hex()}> <{identity.hex()}>]")


def _rc4(key: bytes, content: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in content:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def test_torn_documents_are_told_and_read_as_far_as_they_go(reader: PdfReader) -> None:
    content = pdf([LINES])
    assert read(reader, content[:300]) == [Told("", "PDF documents that are damaged")]
    torn = content[: content.rindex(b"startxref")]
    assert read(reader, torn) == [Told("", "PDF documents that end too early, as far as they go"), WHOLE]
    assert read(reader, b"%PDF-1.7") == [Told("", "PDF documents that are damaged")]


def test_an_attached_file_is_told(reader: PdfReader) -> None:
    names = b"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(a) 7 0 R] >> >> >>"
    spec = b"<< /Type /Filespec /F (a) /EF << /F 8 0 R >> >>"
    content = pdf([LINES], more=[names, spec, stream(b"name,phone")]).replace(b"/Root 1 0 R", b"/Root 6 0 R")
    assert Told("", "PDF documents with attached files, which are not read") in read(reader, content)


def _bomb(layers: int) -> bytes:
    """A page whose content unpacks to a gigabyte of blanks: one packed piece, again and again."""
    packer = zlib.compressobj(9)
    first, piece = (packer.compress(b" " * (1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    content = first + piece * 63
    for _ in range(layers - 1):
        content = zlib.compress(content, 9)
    filters = " ".join(["/FlateDecode"] * layers)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>"
    return assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page,
            stream(content, f"/Filter [{filters}]"),
        ]
    )


# In a process of its own, because the peak is that of all children a process ever had.
PEAK = """
import resource, sys
from winddown.stores.objects.contents.pdf import PdfReader
with PdfReader() as reader, open(sys.argv[1], "rb") as source:
    print([told.text for told in reader.read(source, source.seek(0, 2) - source.seek(0))])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, "KiB")
"""


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_ends_its_own_process_and_the_next_document_is_read(layers: int, tmp_path: Path) -> None:
    bomb = _bomb(layers)
    assert len(bomb) < 2 << 20
    with PdfReader() as reader:
        assert read(reader, bomb) == [Told("", ENDED)]
        assert read(reader, pdf([LINES])) == [WHOLE]
    path = tmp_path / "bomb.pdf"
    path.write_bytes(bomb)
    told, peak = subprocess.run(
        [sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert told == repr([ENDED])
    assert int(peak.removesuffix(" KiB")) < 768 << 10


def test_a_document_that_costs_too_much_time_is_ended_and_the_next_is_read() -> None:
    # Forms that call each other double the work at each of 60 levels.
    form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X %d 0 R >> >>"
    levels = [stream(b"/X Do /X Do", form % (number + 1)) for number in range(5, 65)]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>",
        stream(b"/X Do"),
    ]
    content = assembled([*objects, *levels])
    with PdfReader(seconds=1) as reader:
        assert read(reader, content) == [Told("", SLOW)]
        assert read(reader, pdf([LINES])) == [WHOLE]


@pytest.mark.parametrize(
    "objects",
    [
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"],
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 3 0 R >>", b"2 0 R"],
        [b"<< /Type /Catalog /Pages 2 0 R /X " + b"[" * 100_000 + b"]" * 100_000 + b" >>", b"<< /Kids [] /Count 0 >>"],
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 2147483647 >>"],
    ],
    ids=["circle", "reference", "nested", "count"],
)
def test_circles_and_nesting_are_told(reader: PdfReader, objects: Sequence[bytes]) -> None:
    told = read(reader, assembled(objects))
    assert told
    assert all(not each.field for each in told)
    assert read(reader, pdf([LINES])) == [WHOLE]


def test_pages_beyond_the_limit_are_told(reader: PdfReader) -> None:
    found = read(reader, pdf([["x"]] * 10_001))
    assert [told.text for told in found if not told.field] == [
        "PDF documents beyond 10,000 pages or 64 million letters, which are read at their beginning"
    ]
    assert sum(told.field == "text" for told in found) == 10_000


def test_a_document_beyond_256_mib_is_not_read(reader: PdfReader) -> None:
    assert [told.text for told in reader.read(io.BytesIO(), (1 << 28) + 1)] == ["PDF documents of more than 256 MiB"]


def test_a_reading_that_is_left_does_not_spoil_the_next(reader: PdfReader) -> None:
    left = reader.read(io.BytesIO(first := pdf([LINES] * 50)), len(first))
    assert next(left) == WHOLE
    left.close()  # type: ignore[attr-defined]
    assert read(reader, pdf([["第二条"]])) == [Told("text", "第二条")]


def test_the_process_sees_no_environment_and_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-marker")
    with PdfReader() as reader:
        read(reader, pdf([LINES]))
        process = reader._process
        assert process is not None
        assert b"a-marker" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
