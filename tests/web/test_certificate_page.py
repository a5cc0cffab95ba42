"""The certificate as people read it: one file in each language, that hides nothing of the signed form."""

import html
import re
from typing import Any

import pytest

from winddown.domain.label import RecordClass
from winddown.domain.plan import Act, Method
from winddown.stages.papers import page
from winddown.stages.papers.certificate import certificate_paper
from winddown.stages.papers.language import Language
from winddown.stages.papers.whole_case import whole_case_paper

from .small_case import SCRIPT
from .small_certificate import POSITION, order, remaining

IN_BOTH = (
    "示例公司", "91310000MA1K35QT41", "a" * 64, "b" * 64, "c" * 64, "d" * 64, "e" * 64, "陈立", "1,234", "2055-12-31",
    "orders.custody", "payer_name", "2027-02-28", "0 / 40", "99,000", "blocks of disks were not overwritten",
    "DEL-PIPL-47-2", "个人信息保护法 第四十七条", "示例清算机构", "2026-11-22 16:00 UTC+8", "visits.parquet", "2" * 64,
    "1,200", "34", "cn-east-1", "2026-11-21 10:00 UTC+8", "winddown/c-1",
)  # fmt: skip
IN = {
    Language.ZH: (
        "客户信息销毁证明", "清算组", "7 天", "客户 2025", "尚无", "仍可读取：无", "Clear（清除）",
        "不适用（仅复制）", "其密钥已销毁", "服务已于 2026-05-31 停止", "2027-03-01 起：确认已到期消失（示例托管）",
        "每种组合至少由 5 人共有", "city → 原样、visited_on → 仅年月",
        "第 57 条", "in time（逾期）", "3 批，每批处置后由独立程序另行回读",
    ),
    Language.EN: (
        "Certificate of Destruction of Customer Information", "liquidation group", "7 days", "customers 2025",
        "nobody yet", "can still read: nobody", "not applicable (copied only)", "its key was destroyed",
        "the service stopped on 2026-05-31", "from 2027-03-01: confirm that it has expired (示例托管)",
        "city → as it is, visited_on → year and month", "every combination is shared by 5 persons or more",
        "entry 57", "in time (late)",
        "each read back by independent code",
    ),
}  # fmt: skip


def markup_of(document: dict[str, Any], language: Language = Language.EN) -> str:
    return page.html(certificate_paper(document, POSITION, language)).decode()


def text_of(document: dict[str, Any], language: Language = Language.EN) -> str:
    body = markup_of(document, language).partition("</head>")[2]
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", body).split()))


@pytest.mark.parametrize("language", Language)
def test_it_says_what_the_signed_form_says(document: dict[str, Any], language: Language) -> None:
    text = text_of(document, language)
    for said in (*IN_BOTH, *IN[language]):
        assert said in text, said


@pytest.mark.parametrize("language", Language)
def test_it_has_words_for_every_act_method_and_label(document: dict[str, Any], language: Language) -> None:
    document["orders"] = [order(Act.ERASE, method) for method in Method] + [order(act, Method.MOVE_ROWS) for act in Act]
    document["remaining"] = [remaining(label.value) for label in RecordClass] + [remaining("unread")]
    text = text_of(document, language)
    for name in (*Method, *Act, *RecordClass):
        assert "_" not in name or name.value not in text
    if language is Language.ZH:
        assert not re.search(r"\b(?:seal|minimise|whole|untied|undated|minor|unread)\b", text)


def test_what_could_not_be_read_is_not_said_to_be_nothing(document: dict[str, Any]) -> None:
    document["remaining"] = [remaining("unread", records=0, disposition="blocked", reasons=["unsupported-format: x"])]
    text = text_of(document)
    assert "could not be read" in text
    assert "not counted" in text


def test_an_order_sheet_names_a_backup_of_its_store_that_lies_elsewhere(document: dict[str, Any]) -> None:
    sheet = text_of(document).partition("Order sheet · 3 of 4")[2].partition("Order sheet · 4 of 4")[0]
    assert "files:backups: backup still holds; Until 2027-02-28; from 2027-03-01: confirm that it has expired" in sheet
    document["residual_until"][0]["store"] = "files"
    assert "Residuals of this store None." in text_of(document)


def test_an_archive_without_a_receipt_is_said_to_have_none(document: dict[str, Any]) -> None:
    document["orders"][0]["acknowledged_by"] = None
    assert "no receipt" in text_of(document)


def test_the_whole_case_sums_up_its_waves_and_leaves_what_the_last_one_leaves(document: dict[str, Any]) -> None:
    first = document | {"id": "certificate-p-0", "wave": "at_once", "remaining": [remaining("whole", records=999)]}
    paper = whole_case_paper([first, document], [POSITION, POSITION], Language.EN)
    tables = [block["rows"] for block in paper["blocks"] if block["kind"] == "table"]
    assert tables[0] == [
        [["destroyed"], ["2,468"]], [["lost the fields that no duty needs"], ["2,468"]], [["handed over"], ["2,468"]],
        [["made anonymous"], ["2,468"]], [["under a legal hold"], ["7"]], [["storage only"], ["7"]],
    ]  # fmt: skip
    assert [row[0] for row in tables[1]] == [["certificate-p-0"], ["certificate-p-1"]]


def test_it_is_one_file_without_script(document: dict[str, Any]) -> None:
    document["company"]["name_zh"] = document["orders"][1]["collection"] = SCRIPT
    page = markup_of(document)
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2
    assert not re.search(r"<script|<link|<img|url\(|\sstyle=|\son[a-z]+=|https?:", page, re.IGNORECASE)
