"""The certificate as people read it: one file, in both languages, that hides nothing of the signed form."""

import html
import re
from pathlib import Path
from typing import Any

from winddown.domain.label import RecordClass
from winddown.domain.plan import Act, Method
from winddown.stages.report import _html

from .small_case import SCRIPT
from .small_certificate import order, remaining

ROOT = Path(__file__).parents[2]


def text_of(document: dict[str, Any]) -> str:
    body = _html(document).partition("</head>")[2]
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", body).split()))


def test_it_says_what_the_signed_form_says(document: dict[str, Any]) -> None:
    text = text_of(document)
    for said in (
        "示例公司", "b" * 64, "c" * 64, "chen (liquidation_group)", "604,800", "1,234", "keep until 2055-12-31",
        "acknowledged by he", "orders.custody", "payer_name", "2027-02-28", "0 / 40", "99,000", "in time",
        "blocks of disks were not overwritten", "客户 customers 2025", "未定 open", "DEL-PIPL-47-2",
        "示例清算机构 (designated_body)", "2026-11-22", "visits.parquet", "2" * 64, "written 1,200", "left out 34",
        "shared by 5 人 persons or more", "city → keep, visited_on → month", "kept by 尚无 nobody yet",
        "readable by 无 nobody",
    ):  # fmt: skip
        assert said in text, said


def test_it_has_words_for_every_act_method_and_label(document: dict[str, Any]) -> None:
    document["orders"] = [order(Act.ERASE, method) for method in Method] + [order(act, Method.MOVE_ROWS) for act in Act]
    document["remaining"] = [remaining(label.value) for label in RecordClass]
    page = _html(document)
    for name in (*Method, *Act, *RecordClass):
        assert f"<td>{name.value}</td>" not in page
        assert f'<td class="mid">{name.value}</td>' not in page


def test_what_could_not_be_read_is_not_said_to_be_nothing(document: dict[str, Any]) -> None:
    document["remaining"] = [remaining("unread", records=0, disposition="blocked", reasons=["unsupported-format: x"])]
    text = text_of(document)
    assert "could not be read" in text
    assert "not counted" in text


def test_an_archive_without_a_receipt_is_said_to_have_none(document: dict[str, Any]) -> None:
    document["orders"][0]["acknowledged_by"] = None
    assert "not acknowledged" in text_of(document)


def test_it_is_one_file_without_script(document: dict[str, Any]) -> None:
    document["company"]["name_zh"] = document["orders"][1]["collection"] = SCRIPT
    page = _html(document)
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert not re.search(r"<script|<link|<img|url\(|\sstyle=|\son[a-z]+=|https?:", page, re.IGNORECASE)
