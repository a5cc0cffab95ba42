"""The registers that people ask for, as one workbook: schedule, destruction list, retained records, holds, backups.

Headers and words are in both languages. Dates are dates, and text is text: a value that begins with ``=``, ``+``, ``-``
or ``@`` is marked as such, so that no program takes it for a formula. No personal data: counts, ids, reasons, and
people in their roles. The same content gives the same bytes.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import pandas as pd
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from winddown.control.holds import RecordedHold
from winddown.domain.case import Case
from winddown.domain.plan import Plan
from winddown.rules.paper_words import SENTENCES
from winddown.rules.sentences import said
from winddown.rules.words import BEIJING, Word, form_word, label_word, word

Document = Mapping[str, Any]
Row = dict[str, Any]

_LOOKS_LIKE_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_WIDTH_MAX: Final = 60
_CELL_MAX: Final = 32_767  # characters, by the format
_HEADER: Final = PatternFill("solid", fgColor="E6ECF1")
_DATED: Final = (1980, 1, 1, 0, 0, 0)
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "处置计划 Schedule": (
        "批次 Wave", "方案 Plan", "集合 Collection", "记录类别 Records of", "类别 Category", "目的 Purpose",
        "负责人 Steward", "记录数 Records", "处置 Disposition", "规则 Rules", "保管至 Keep until",
    ),
    "销毁清单 Destroyed": (
        "证明 Certificate", "指令 Order", "集合 Collection", "记录类别 Records of", "地区 Region", "处置 Act",
        "字段 Fields", "留下部分 A part stays", "记录数 Records", "已清除 Purged", "方法 Method",
        "NIST SP 800-88 Rev. 2", "确认 Validation", "规则 Rules", "开始 From", "完成 To",
    ),
    "留存记录 Retained": (
        "集合 Collection", "记录类别 Records of", "记录数 Records", "结果 Result", "保管方 In care of",
        "保管至 Keep until", "仍可读取 Can still read", "下一步 Next action", "由谁 By", "自 From", "依据 Grounds",
    ),
    "法律保全 Holds": (
        "保全 Hold", "事项 Matter", "依据 Ground", "机关 Authority", "文号 Document no.", "范围 Scope",
        "作出日期 Placed on", "复核日期 Review on", "负责人 Steward", "解除日期 Released on", "解除人 Released by",
    ),
    "备份与残留 Backups": (
        "集合 Collection", "内容 What", "备份日期 Taken on", "残留至 Residual until", "下一步 Next action", "由谁 By",
        "自 From",
    ),
}  # fmt: skip


def registers(
    case: Case, *, plans: Sequence[Plan], documents: Sequence[Document], holds: Iterable[RecordedHold]
) -> bytes:
    """Return the workbook. ``plans`` and their certificates ``documents``: what is certified, oldest first."""
    rows = (
        [row for plan in plans for row in _schedule(case, plan)],
        [_destroyed(document, order) for document in documents for order in document["orders"]],
        [*(_archived(document, order) for document in documents for order in document["orders"] if "archive" in order)]
        + [_retained(row) for document in documents[-1:] for row in document["remaining"]],
        [_hold(found) for found in holds],
        [_residual(case, row) for document in documents[-1:] for row in document["residual_until"]],
    )
    sink = io.BytesIO()
    with pd.ExcelWriter(sink, engine="openpyxl") as book:
        for (name, columns), found in zip(_COLUMNS.items(), rows, strict=True):
            frame = pd.DataFrame([[_cell(row[column]) for column in columns] for row in found], columns=list(columns))
            frame.to_excel(book, sheet_name=name, index=False)
            _dress(book.sheets[name])
    return _same_each_time(sink.getvalue())


def _both(found: Word) -> str:
    return f"{found.zh} {found.en}".strip()


def _told(key: str) -> str:
    return _both(SENTENCES[key])


def _labels(label: str) -> str:
    return ", ".join(_both(label_word(one)) for one in label.split(", "))


def _schedule(case: Case, plan: Plan) -> Iterable[Row]:
    for decision in plan.decisions:
        entry = case.entry(decision.collection)
        yield {
            "批次 Wave": _both(word("wave", plan.wave.value)),
            "方案 Plan": plan.id,
            "集合 Collection": str(decision.collection),
            "记录类别 Records of": _labels(decision.label),
            "类别 Category": entry.category if entry else "",
            "目的 Purpose": entry.purpose if entry else "",
            "负责人 Steward": entry.steward if entry else "",
            "记录数 Records": decision.count,
            "处置 Disposition": _both(word("disposition", decision.disposition.value)),
            "规则 Rules": ", ".join(sorted({reason.rule for reason in decision.reasons if reason.prevails})),
            "保管至 Keep until": decision.until,
        }


def _destroyed(document: Document, order: Document) -> Row:
    is_copy = order["validation"] == "not_applicable"
    return {
        "证明 Certificate": document["id"],
        "指令 Order": order["id"],
        "集合 Collection": order["collection"],
        "记录类别 Records of": _labels(order["label"]),
        "地区 Region": order["place"]["region"],
        "处置 Act": _both(word("act", order["act"])),
        "字段 Fields": ", ".join(order["fields"]),
        "留下部分 A part stays": ", ".join(
            f"{name} → {_both(form_word(form))}" for name, form in order.get("left", ())
        ),
        "记录数 Records": order["records"],
        "已清除 Purged": order["purged"],
        "方法 Method": _both(word("method", order["method"])),
        "NIST SP 800-88 Rev. 2": _told("outcome_copy" if is_copy else f"outcome_{order['outcome']}"),
        "确认 Validation": _told(f"validation_{order['validation']}"),
        "规则 Rules": ", ".join(order["rules"]),
        "开始 From": _day(order["executed"]["from"]),
        "完成 To": _day(order["executed"]["to"]),
    }


def _archived(document: Document, order: Document) -> Row:
    """What a receiver keeps in an archive is retained too, though no longer where it was."""
    return {
        "集合 Collection": f"{order['collection']} → {order['archive']['file']}",
        "记录类别 Records of": _labels(order["label"]),
        "记录数 Records": order["records"],
        "结果 Result": _told("handed over"),
        "保管方 In care of": order["receiver"]["organisation"],
        "保管至 Keep until": _day(order["archive"]["keep_until"]),
        "仍可读取 Can still read": order["receiver"]["organisation"],
        "下一步 Next action": _told("next_erase_when_over"),
        "由谁 By": order["receiver"]["organisation"],
        "自 From": _day(order["archive"]["keep_until"]),
        "依据 Grounds": f"{document['id']}: {', '.join(order['rules'])}",
    }


def _retained(row: Document) -> Row:
    return {
        "集合 Collection": row["collection"],
        "记录类别 Records of": _labels(row["label"]),
        "记录数 Records": _told("not_counted") if row["label"] == "unread" else row["records"],
        "结果 Result": _told(row["disposition"]),
        "保管方 In care of": _told("nobody_yet") if row.get("keeper") == "" else row.get("keeper"),
        "保管至 Keep until": _day(row["until"]),
        "仍可读取 Can still read": row.get("readable_by"),
        **_next(row),
        "依据 Grounds": "; ".join(row["reasons"]),
    }


def _next(row: Document) -> Row:
    found = row["next"]
    return {
        "下一步 Next action": _told(f"next_{found['what']}"),
        "由谁 By": found["who"],
        "自 From": _day(found["on"]),
    }


def _hold(found: RecordedHold) -> Row:
    hold = found.hold
    return {
        "保全 Hold": hold.id,
        "事项 Matter": hold.matter,
        "依据 Ground": f"{hold.ground.zh} {hold.ground.en}",
        "机关 Authority": hold.authority,
        "文号 Document no.": hold.document_number,
        "范围 Scope": str(hold.scope),
        "作出日期 Placed on": hold.placed_on,
        "复核日期 Review on": hold.review_on,
        "负责人 Steward": hold.steward,
        "解除日期 Released on": _day(found.released_at),
        "解除人 Released by": found.released_by,
    }


def _residual(case: Case, row: Document) -> Row:
    backups = {str(entry.collection): entry.backup for entry in case.register if entry.backup is not None}
    backup = backups.get(row["collection"])
    return {
        "集合 Collection": row["collection"],
        "内容 What": "\n".join(filter(None, said(row["what"]))),
        "备份日期 Taken on": backup.taken_on if backup else None,
        "残留至 Residual until": _day(row["until"]) or _told("open"),
        **_next(row),
    }


def _day(stamp: str | None) -> date | None:
    """The day in China of an ISO date or time; None for none."""
    if not stamp:
        return None
    moment = datetime.fromisoformat(stamp)
    return moment.date() if moment.tzinfo is None else moment.astimezone(BEIJING).date()


def _cell(value: Any) -> Any:
    """A value as a cell takes it; a control character, which no workbook may have, is shown as one that is unknown.

    A text longer than a cell may hold ends in an ellipsis: the signed certificate has it whole.
    """
    if not isinstance(value, str):
        return value
    text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)
    return text if len(text) <= _CELL_MAX else text[: _CELL_MAX - 1] + "…"


def _dress(sheet: Worksheet) -> None:
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    for number, column in enumerate(sheet.columns, 1):
        for cell in column:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if isinstance(cell.value, str):
                cell.data_type = "s"
                cell.quotePrefix = cell.value.startswith(_LOOKS_LIKE_A_FORMULA)
            elif isinstance(cell.value, int):
                cell.number_format = "#,##0"
            elif isinstance(cell.value, date):
                cell.number_format = "yyyy-mm-dd"
        column[0].font, column[0].fill = Font(bold=True), _HEADER
        longest = max(_width(cell.value) for cell in column)
        sheet.column_dimensions[get_column_letter(number)].width = min(_WIDTH_MAX, longest + 2)


def _width(value: Any) -> int:
    """Columns that the longest line takes; a Chinese character takes two."""
    lines = str("" if value is None else value).splitlines() or [""]
    return max(sum(1 if ord(one) < 0x1100 else 2 for one in line) for line in lines)  # noqa: PLR2004 - wide from Hangul on


def _same_each_time(workbook: bytes) -> bytes:
    """Write the archive anew, stored, without the moment at which it was made."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(sink, "w") as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, _DATED), content)
    return sink.getvalue()
