"""Certificates on paper: what they say in both languages, that names are data, that bytes and QR codes are bound."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
import segno

from winddown.domain.errors import Transient
from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.merkle import leaf_hash
from winddown.rules.paper_words import SENTENCES
from winddown.stages.deployment import Deployment
from winddown.stages.papers.blocks import items, text
from winddown.stages.papers.language import Language, Speaker
from winddown.stages.papers.page import html
from winddown.stages.papers.typeset import pdf
from winddown.stages.report import Report, report

from .running import NONE, Running, require_sound, running, table

HOSTILE = '示例 <b>#link("https://x.example")[点此]</b> *_$ = 公司 \U0001f600\u202e'
MOBILES = ["13800130001", "13800130002"]


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    """Two customers, who go, of a company whose name is full of markup."""
    customers = [
        {"id": f"C{n}", "mobile": mobile, "born_on": "1980-01-01", "country": "CN"} for n, mobile in enumerate(MOBILES)
    ]
    answers = dict.fromkeys(("id", "born_on", "country"), NONE) | {"mobile": {"kind": "mobile", "because": "seen"}}
    case_document["register"] = [
        {
            "collection": "shop:customers", "category": "customer_profile", "purpose": "=sale", "steward": "li",
            "subject": {"field": "id"}, "fields": answers,
        }
    ]  # fmt: skip
    case_document["accepted_dates"] = []
    case_document["company"]["name_zh"] = HOSTILE
    return running(
        deployment, case_folder, case_document, {"customers": table("id", rows=[dict(c) for c in customers])}
    )


def finished(company: Running) -> Report:
    plan_id = company.run().plan_id
    company.approve(plan_id)
    assert company.run().reason == "grace"
    company.pass_grace()
    assert company.run().reason == "finished"
    return report(company.deployment, "demo-1")


def text_of(data: bytes) -> str:
    """The text layer, without what a line break does to words."""
    with pdfium.PdfDocument(data) as document:
        return "".join(re.sub(r"[\s\u200b]+", "", page.get_textpage().get_text_bounded()) for page in document)


def squeezed(said: str) -> str:
    return re.sub(r"\s+", "", said)


def test_a_case_leaves_papers_that_say_what_was_done_and_are_bound(company: Running) -> None:
    written = finished(company)
    require_sound(written)
    folder, (plan_id,) = written.bundle.parent, company.deployment.control.plans("demo-1")
    document = company.certificate(plan_id)
    members = verify.read_archive(written.bundle.read_bytes())
    for language in ("zh", "en"):
        for name in (f"certificate-{plan_id}.{language}.pdf", f"certificate.{language}.pdf"):
            said = text_of((folder / name).read_bytes())
            word = SENTENCES["title" if plan_id in name else "title_case"]
            assert squeezed(word.zh if language == "zh" else word.en) in said
            assert squeezed('示例 <b>#link("https://x.example")[点此]</b> *_$ = 公司 [U+1F600][U+202E]') in said
            assert document["plan_digest"] in said or name.startswith("certificate.")
            assert not any(mobile in said for mobile in MOBILES)
            assert any(content == (folder / name).read_bytes() for content in members.values())
    in_chinese = text_of((folder / f"certificate-{plan_id}.zh.pdf").read_bytes())
    assert "未申报本系统的备份；如有备份，其中仍含已删除的记录" in in_chinese
    assert "有限通过" in in_chinese
    assert "不主张任何结果等级" in in_chinese
    assert not re.search(r"stillholds|isdeclared|logicallydeleted", in_chinese)
    page = (folder / f"certificate-{plan_id}.en.html").read_text("utf-8")
    assert "<b>#link" not in page
    assert "&lt;b&gt;#link" in page


@pytest.mark.parametrize(
    "medium",
    [
        "every file below the folder; not searched, because they stay: 甲, 乙; and the whole device",
        "every file below the folder; not the free space of the device; 3 packed and not unpacked: 甲.gz, 乙.gz",
        "every object version that the service lists; not the service's disks; not searched, because they stay: 甲",
        "files of the database server; those of 2 compressed or encrypted tables are not unpacked",
        "the database file and the files beside it; 1 packed and not unpacked",
        "files of the engine",
    ],
)
def test_how_far_a_search_reached_is_told_in_chinese(medium: str) -> None:
    assert not re.search("[a-z]{3}", Speaker(Language.ZH).recorded(medium))


def test_a_paper_is_an_archivable_pdf_of_two_embedded_fonts(company: Running) -> None:
    data = (finished(company).bundle.parent / "certificate.zh.pdf").read_bytes()
    assert re.search(rb"pdfaid:part(>|=\")2", data)
    assert re.search(rb"pdfaid:conformance(>|=\")B", data)
    assert b"D:20261201" in data or b"2026-12-01" in data  # the day of the certificate, not of this run
    fonts = set(re.findall(rb"/BaseFont\s*/[A-Z]{6}\+(\w+)-Regular", data))
    assert fonts == {b"NotoSansSC", b"NotoSerifSC"}


def test_the_same_certificate_gives_the_same_papers(company: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(company)
    monkeypatch.setenv("TZ", "America/New_York")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    company.pass_grace()
    report(company.deployment, "demo-1")
    bodies = [json.loads(raw)["body"] for raw in company.deployment.ledger.entries("demo-1") if b"report_issued" in raw]
    names = [body["documents"] for body in bodies]
    assert len(names[-1]) == 9
    assert names[-1] == names[-2]


def modules(data: bytes, code: Any) -> list[list[bool]]:
    """The modules of the QR code on the first page, as a camera would see them: dark or not at each centre."""
    with pdfium.PdfDocument(data) as document:
        picture = document[0].render(scale=6, grayscale=True)
        pixels, stride = bytes(picture.buffer), picture.stride
    size = code.symbol_size(border=4)[0]
    # 30 mm at the right margin of 19 mm, below the top margin of 24 mm, on a page of 210 mm.
    left, top, module = (picture.width * part / 210 for part in (210 - 19 - 30, 24, 30 / size))
    centres = [(place + 0.5) * module for place in range(4, size - 4)]
    return [[pixels[int(top + y) * stride + int(left + x)] < 128 for x in centres] for y in centres]


def test_the_code_on_paper_names_the_entry_that_issued_the_certificate(company: Running) -> None:
    written = finished(company)
    entries = company.deployment.ledger.entries("demo-1")
    (index,) = [n for n, raw in enumerate(entries) if b'"type":"certificate_issued"' in raw]
    said = (
        f"winddown-position/v1\ncase demo-1\nindex {index}\nleaf {leaf_hash(entries[index]).hex()}\n"
        "origin winddown/demo-1\n"
    )
    code = segno.make_qr(said, error="m", encoding="utf-8")
    expected = [[bool(module) for module in row] for row in code.matrix]
    for path in written.bundle.parent.glob("certificate*.pdf"):
        assert modules(path.read_bytes(), code) == expected
    checks = verify.verify(written.bundle.read_bytes(), written.key.read_text()).checks
    assert any(line.endswith(f": entry {index}, leaf {leaf_hash(entries[index]).hex()}") for line in checks)


def test_an_exchanged_paper_is_found_although_the_manifest_was_signed_anew(company: Running) -> None:
    written = finished(company)
    members = verify.read_archive(written.bundle.read_bytes())
    files = {name: data for name, data in members.items() if name not in {"manifest.json", "README.txt", "verify.py"}}
    signers, policy = company.deployment.signers("demo-1"), written.key.read_text()
    bound = [name for name in files if name.endswith((".pdf", ".html", ".xlsx"))]
    assert len(bound) == 9
    for name in bound:
        changed = bundle_bytes({**files, name: files[name] + b"\n"}, signers=signers)
        missing = bundle_bytes({one: data for one, data in files.items() if one != name}, signers=signers)
        for data in (changed, missing):
            assert verify.verify(data, policy).reasons == [
                f"{name}: not what the ledger's last report_issued entry names"
            ]


def test_of_two_reports_at_once_the_first_gives_way(company: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(company)
    append = company.deployment.ledger.append

    def followed_by_another(case_id: str, kind: str, body: Any, *, actor: str) -> int:
        seq = append(case_id, kind, body, actor=actor)
        append(case_id, kind, body, actor=actor)
        return seq

    monkeypatch.setattr(company.deployment.ledger, "append", followed_by_another)
    with pytest.raises(Transient, match="another report of case demo-1"):
        report(company.deployment, "demo-1")


def sheet_of(*blocks: dict[str, Any]) -> dict[str, Any]:
    code = segno.make_qr("x").svg_inline()
    return {
        "language": "zh", "title": "标题", "subtitle": "title", "number": "n-1", "issued_on": "2026-11-23",
        "holder": "公司", "page": "{n}/{of}", "position": "here", "qr": code, "blocks": list(blocks),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("甲\u200b乙", "甲[U+200B]乙"),
        ("甲\n乙\t丙", "甲[U+000A]乙[U+0009]丙"),
        ("\u202eabc", "[U+202E]abc"),
        ("\U0001f600", "[U+1F600]"),
        ('#import "@preview/x:1.0.0"', '#import"@preview/x:1.0.0"'),
        ("a" * 3000, "a" * 3000),
    ],
)
@pytest.mark.parametrize("block", [text, lambda said: items([said])])
def test_any_text_can_be_set_and_is_read_back_as_it_is_shown(
    said: str, told: str, block: Callable[[str], dict[str, Any]]
) -> None:
    assert squeezed(told) in text_of(pdf(sheet_of(block(said))))


def test_markup_in_a_paper_is_escaped_on_its_page() -> None:
    page = html(sheet_of(text("<script>alert(1)</script>"))).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "甲[U+202E]乙" in html(sheet_of(text("甲\u202e乙"))).decode()


def test_no_paper_is_set_with_a_font_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    before = hashlib.sha256(pdf(sheet_of(text("一")))).digest()
    monkeypatch.setenv("TYPST_FONT_PATHS", "/usr/share/fonts")
    assert hashlib.sha256(pdf(sheet_of(text("一")))).digest() == before
