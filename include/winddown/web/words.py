"""The pages' vocabulary: one Chinese and one English word for each idea, and how numbers and times are written.

A key without a word here is shown as it is, never hidden. Nothing is decided here.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from winddown.domain.event_title import EVENT_TITLES

# China has had one time zone and no summer time since 1991.
BEIJING = timezone(timedelta(hours=8))


class Word(NamedTuple):
    """One idea in both languages."""

    zh: str
    en: str


_WORDS = {
    "act": {
        "seal": Word("封存移交", "seal for the custodian"),
        "minimise": Word("清空不需要的字段", "empty unneeded fields"),
        "erase": Word("删除", "erase"),
    },
    "fate": {
        "erase": Word("销毁", "destroyed"),
        "seal": Word("封存移交后从源头删除", "sealed for the custodian, then erased at the source"),
        "minimise": Word("记录保留，清空字段", "stays, loses fields"),
        "later": Word("留待后续批次", "due in a later wave"),
        "stopped": Word("被阻断，未列入", "due, but stopped by a blocker"),
        "anonymise": Word("匿名化后删除", "made anonymous, then erased at the source"),
        "store_only": Word("仅存储", "storage only"),
        "hand_over": Word("移交", "handed over"),
        "held": Word("法律保全", "legal hold"),
        "blocked": Word("待决定", "not decided"),
    },
    "finding": {
        "confirmed": Word("确认", "confirmed"),
        "steward": Word("负责人已回答", "answered by the steward"),
        "ambiguous": Word("不能确定", "ambiguous"),
        "header_only": Word("仅字段名", "by its name only"),
    },
    "drift": {
        "system": Word("换成了另一系统", "another system"),
        "appeared": Word("新出现", "appeared"),
        "disappeared": Word("已消失", "disappeared"),
        "fields": Word("字段有变", "other fields"),
        "records": Word("记录数有变", "other number of records"),
        "written": Word("有写入", "written to"),
    },
    "list": {
        "customer_list": Word("客户名单（商业秘密）", "customer list, a trade secret"),
        "price_list": Word("价格表（商业秘密）", "price list, a trade secret"),
    },
    "disposition": {
        "erase": Word("删除", "erase"),
        "anonymise": Word("匿名化", "anonymise"),
        "store_only": Word("仅存储", "storage only"),
        "hand_over": Word("移交", "hand over"),
        "held": Word("法律保全", "legal hold"),
        "blocked": Word("待决定", "not decided"),
    },
    "label": {
        "whole": Word("整个集合", "the whole collection"),
        "held": Word("受保全的客户", "persons under a hold"),
        "held_whole": Word("无法对应到人，整体保全", "tied to nobody, held whole"),
        "untied": Word("无法对应到人", "tied to nobody"),
        "unknown": Word("客户不明", "person unknown"),
        "undated": Word("缺少日期", "undated"),
        "other": Word("与客户无关的记录", "about others than customers"),
        "minor": Word("不满十四周岁的客户", "children under 14"),
        "customer": Word("客户", "customers"),
    },
    "wave": {
        "case": Word("全案", "whole case"),
        "at_once": Word("第一批：立即（儿童信息）", "first wave: at once, children"),
        "after_claims": Word("第二批：债权申报期后", "second wave: after the creditors' window"),
    },
    "stage": {
        "open": Word("立案", "open"),
        "discover": Word("盘点", "discover"),
        "classify": Word("识别", "classify"),
        "decide": Word("决定", "decide"),
        "check": Word("检查", "check"),
        "freeze": Word("冻结", "freeze"),
        "plan": Word("方案", "plan"),
        "approve": Word("批准", "approve"),
        "seal": Word("封存", "seal"),
        "hand_over": Word("移交", "hand over"),
        "quarantine": Word("隔离", "quarantine"),
        "grace": Word("宽限", "grace"),
        "purge": Word("清除", "purge"),
        "sanitise": Word("净化", "sanitise"),
        "verify": Word("核验", "verify"),
        "certify": Word("证明", "certify"),
        "report": Word("报告", "report"),
    },
    "step": {
        "done": Word("完成", "done"),
        "running": Word("进行中", "begun, not finished"),
        "waiting": Word("等待", "waits"),
        "next": Word("下一步", "next"),
        "ahead": Word("未开始", "to come"),
        "unneeded": Word("不需要", "not needed"),
    },
    "plan_state": {
        "open": Word("进行中", "open"),
        "certified": Word("已出具证明", "certified"),
        "superseded": Word("已作废", "superseded"),
    },
    "waits_for": {
        "approvals": Word("等待批准", "Waits for approval"),
        "receipts": Word("等待托管人签收", "Waits for the custodian's receipt"),
        "grace": Word("宽限期中", "Grace is running"),
        "clocks": Word("等待法定期限", "Waits for a legal clock"),
        "holds": Word("保全已变更，须先恢复", "The holds changed: restore first"),
        "nothing": Word("可以继续", "Can go on"),
        "finished": Word("全部完成", "Finished"),
    },
    "role": {
        "liquidation_group": Word("清算组", "liquidation group"),
        "pi_officer": Word("个人信息保护负责人", "personal-information officer"),
        "custodian": Word("托管人", "custodian"),
        "steward": Word("数据管理员", "steward"),
        "legal": Word("法务", "legal department"),
        "administrator": Word("破产管理人", "administrator"),
        "authority": Word("主管机关", "the authority"),
    },
    "deadline": {
        "ahead": Word("未开始", "not started"),
        "running": Word("期间内", "running"),
        "due": Word("待办", "due"),
        "overdue": Word("逾期未办", "overdue"),
        "done": Word("按期", "in time"),
        "late": Word("已办，超期", "done late"),
        "early": Word("期限未满", "too early"),
    },
    "method": {
        "custodian_archive": Word("加密档案，仅托管人可开", "archive that only the custodian can open"),
        "move_rows": Word("行移入隔离表", "rows move to a quarantine table"),
        "move_fields": Word("字段值移入隔离表", "field values move to a quarantine table"),
        "rewrite_object": Word("重写对象，旧版本保留至清除", "object rewritten, old versions stay until purge"),
        "delete_marker": Word("删除标记，旧版本保留至清除", "delete marker, old versions stay until purge"),
        "set_aside": Word("移出", "set aside"),
    },
    "event": {event: Word(zh, en) for event, (zh, en) in EVENT_TITLES.items()},
}


def word(kind: str, key: str) -> Word:
    """The words for a key of a kind; the key itself, as English, where there are none."""
    return _WORDS.get(kind, {}).get(key, Word("", key.replace("_", " ")))


def known(kind: str) -> frozenset[str]:
    """Keys of a kind that have words."""
    return frozenset(_WORDS[kind])


def label_word(label: str) -> Word:
    """The words for a label with its fiscal year: ``customer/2025`` → 客户 2025, customers 2025."""
    record_class, _, year = label.partition("/")
    found = word("label", record_class)
    return Word(f"{found.zh} {year}".strip(), f"{found.en} {year}".strip())


def count(number: int) -> str:
    """A number with separators."""
    return f"{number:,}"


def moment(stamp: str) -> str:
    """An ISO time as the people of the case read it: Beijing time, to the minute, zone named."""
    return datetime.fromisoformat(stamp).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M UTC+8")


def utc(stamp: str) -> str:
    """The same time as logs write it: UTC, to the second."""
    return datetime.fromisoformat(stamp).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: int) -> Word:
    """A number of seconds in its largest whole unit: 604800 → 7 天, 7 days."""
    for size, zh, en in ((86_400, "天", "day"), (3_600, "小时", "hour"), (60, "分钟", "minute"), (1, "秒", "second")):
        if seconds >= size and seconds % size == 0:
            number = seconds // size
            return Word(f"{number:,} {zh}", f"{number:,} {en}{'' if number == 1 else 's'}")
    return Word(f"{seconds} 秒", f"{seconds} seconds")
