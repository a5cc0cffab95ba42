"""The workbook of registers: five sheets, dates as dates, no formula, the same bytes each time."""

import copy
import io
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from winddown.control.holds import RecordedHold
from winddown.domain.hold import Ground, LegalHold, Scope
from winddown.stages.deployment import Deployment
from winddown.stages.registers import registers

from .running import NONE, Running, running, table

MOBILE = "13800130001"
NEXT = {"what": "erase_when_over", "who": "示例托管", "on": "2037-01-01"}
RETAINED = {
    "collection": "shop:orders", "label": "customer/2025", "records": 3, "disposition": "store_only",
    "until": "2036-12-31", "keeper": "@SUM(A1)", "readable_by": "", "reasons": ["RET-1 示例法 第一条: must be kept"],
    "next": NEXT,
}  # fmt: skip
BACKUP = {
    "collection": "files:dumps", "what": "backup of shop, taken on 2026-01-01, still holds erased records",
    "until": "2027-02-28", "next": NEXT | {"what": "confirm_expiry", "on": "2027-03-01"},
}  # fmt: skip
HOLD = RecordedHold(
    LegalHold(
        "H-1", "-2+3", Ground.COURT, "示例人民法院", "（2026）示例1号", "li", date(2026, 6, 1), date(2027, 6, 1),
        Scope(company=True),
    ),
    placed_by="li", placed_at="2026-06-01T00:00:00.000000Z", released_at="2026-10-31T17:00:00.000000Z",
    released_by="chen",
)  # fmt: skip


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    """One customer, who goes, for a purpose that looks like a formula."""
    answers = dict.fromkeys(("id", "born_on", "country"), NONE) | {"mobile": {"kind": "mobile", "because": "seen"}}
    case_document["register"] = [
        {
            "collection": "shop:customers", "category": "customer_profile", "purpose": '=HYPERLINK("x","y")',
            "steward": "li", "subject": {"field": "id"}, "fields": answers,
        }
    ]  # fmt: skip
    case_document["accepted_dates"] = []
    rows = [{"id": "C1", "mobile": MOBILE, "born_on": "1980-01-01", "country": "CN"}]
    return running(deployment, case_folder, case_document, {"customers": table("id", rows=[dict(row) for row in rows])})


def workbook(company: Running) -> bytes:
    """The registers of the certified case, with a hold, a retained record and a backup put into them."""
    plan_id = company.run().plan_id
    company.approve(plan_id)
    company.run()
    company.pass_grace()
    assert company.run().reason == "finished"
    document = copy.deepcopy(company.certificate(plan_id))
    document["remaining"] += [RETAINED | {"reasons": ["必须保存" * 9_000]}, RETAINED]
    document["orders"][0]["left"] = [["mobile", "first:3"]]
    document["residual_until"].append(BACKUP)
    deployment = company.deployment
    plan = deployment.control.plan(plan_id)
    found = [registers(deployment.case("demo-1"), plans=[plan], documents=[document], holds=[HOLD]) for _ in (1, 2)]
    assert found[0] == found[1]
    return found[0]


def test_each_register_has_its_rows_with_dates_as_dates_and_text_as_text(company: Running) -> None:
    data = workbook(company)
    book = openpyxl.load_workbook(io.BytesIO(data))
    names = [sheet.title for sheet in book]
    assert [name.split()[-1] for name in names] == ["Schedule", "Destroyed", "Retained", "Holds", "Backups"]
    for sheet in book:
        assert sheet.freeze_panes == "A2"
        assert "f" not in {cell.data_type for row in sheet for cell in row}
        assert MOBILE not in {str(cell.value) for row in sheet for cell in row}
        assert all(2 < found.width <= 62 for found in sheet.column_dimensions.values())
    frames = pd.read_excel(io.BytesIO(data), sheet_name=None)
    schedule, destroyed, retained, holds, backups = (frames[name].to_dict("records") for name in names)
    assert schedule[0]["目的 Purpose"] == '=HYPERLINK("x","y")'
    assert (destroyed[0]["已清除 Purged"], destroyed[0]["完成 To"]) == (1, pd.Timestamp("2026-12-01"))
    assert destroyed[0]["NIST SP 800-88 Rev. 2"] == "不主张任何结果等级 none claimed"
    assert destroyed[0]["留下部分 A part stays"] == "mobile → 前 3 个字符 the first 3 characters"
    long = retained[-2]["依据 Grounds"]
    assert (len(long), long[-2:]) == (32_767, "须…")
    assert retained[-1]["保管至 Keep until"] == pd.Timestamp("2036-12-31")
    assert (retained[-1]["保管方 In care of"], retained[-1]["自 From"]) == ("@SUM(A1)", pd.Timestamp("2037-01-01"))
    assert (holds[0]["事项 Matter"], holds[0]["解除日期 Released on"]) == ("-2+3", pd.Timestamp("2026-11-01"))
    assert backups[-1]["残留至 Residual until"] == pd.Timestamp("2027-02-28")
    assert "shop 于 2026-01-01 的备份仍含已删除的记录" in backups[-1]["内容 What"]


def test_what_looks_like_a_formula_is_quoted(company: Running) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(company)))
    quoted = {cell.value for sheet in book for row in sheet for cell in row if cell.quotePrefix}
    assert quoted == {'=HYPERLINK("x","y")', "@SUM(A1)", "-2+3"}


def test_a_case_without_certificates_has_empty_registers(company: Running) -> None:
    company.run()
    data = registers(company.deployment.case("demo-1"), plans=[], documents=[], holds=[])
    assert [sheet.max_row for sheet in openpyxl.load_workbook(io.BytesIO(data))] == [1] * 5
