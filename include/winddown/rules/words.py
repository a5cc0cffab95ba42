"""The vocabulary of pages and papers: one Chinese and one English word for an idea; how numbers and times are written.

A key without a word here is shown as it is, never hidden. Nothing is decided here.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from winddown.domain.decision import PRECEDENCE
from winddown.domain.event_title import EVENT_TITLES, RECORD_TITLES

# China has had one time zone and no summer time since 1991.
BEIJING = timezone(timedelta(hours=8))


class Word(NamedTuple):
    """One idea in both languages."""

    zh: str
    en: str


_WORDS = {
    "act": {
        "anonymise": Word("匿名化摘出", "make anonymous"),
        "seal": Word("封存移交", "seal for its receiver"),
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
        "hand_over": Word("移交后从源头删除", "handed over, then erased at the source"),
        "to_hand_over": Word("待接收方接管", "stays until its receiver takes it over"),
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
        "placeholder": Word("占位日期", "placeholder date"),
        "undated": Word("缺少日期", "undated"),
        "referenced": Word("被保留的记录引用", "referred to by records that stay"),
        "other": Word("与客户无关的记录", "about others than customers"),
        "minor": Word("不满十四周岁的客户", "children under 14"),
        "customer": Word("客户", "customers"),
        "unread": Word("未能读取", "could not be read"),
    },
    "wave": {
        "case": Word("全案", "whole case"),
        "at_once": Word("第一批：立即（儿童信息）", "first wave: at once, children"),
        "after_claims": Word("第二批：债权申报期后", "second wave: after the creditors' window"),
        "own_traces": Word("最后一批：本系统自身的痕迹", "last wave: what winddown itself holds"),
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
        "anonymise": Word("匿名化", "anonymise"),
        "seal": Word("封存", "seal"),
        "hand_over": Word("移交", "hand over"),
        "quarantine": Word("隔离", "quarantine"),
        "grace": Word("宽限", "grace"),
        "purge": Word("清除", "purge"),
        "sanitise": Word("净化", "sanitise"),
        "verify": Word("核验", "verify"),
        "destroy_keys_and_buckets": Word("销毁密钥、删除空存储桶", "destroy keys, delete empty buckets"),
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
    "door": {
        "api_session": Word("登录后批准", "on this page"),
        "signature": Word("本人密钥签名", "signed with the own key"),
    },
    "waits_for": {
        "halt": Word("已紧急停止", "Halted"),
        "approvals": Word("等待批准", "Waits for approval"),
        "receipts": Word("等待接收方签收", "Waits for a receiver's receipt"),
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
        "counsel": Word("律师", "counsel"),
        "recipient": Word("接收方", "recipient"),
        "designated_body": Word("指定机构", "designated body"),
        "credit_agency": Word("征信机构", "credit agency"),
        "certification_provider": Word("电子认证服务机构", "certification provider"),
        "insurer": Word("保险公司", "insurer"),
        "legal": Word("法务", "legal department"),
        "administrator": Word("破产管理人", "administrator"),
        "auditor": Word("审计", "auditor"),
        "engineer": Word("工程师", "engineer"),
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
        "anonymous_extract": Word(
            "粗化并略去人数过少的组合", "coarser values, combinations of too few persons left out"
        ),
        "custodian_archive": Word("加密档案，仅接收方可开", "archive that only its receiver can open"),
        "move_rows": Word("行移入隔离表", "rows move to a quarantine table"),
        "escrow_rows": Word("分批删除，原行加密留存至清除", "rows deleted in batches, kept encrypted until purge"),
        "keep_survivors": Word(
            "清空表并放回留存行，其余行加密留存至清除",
            "table emptied but for what stays, the rest kept encrypted until purge",
        ),
        "move_table": Word("整表移入隔离模式", "whole table moves to a quarantine schema"),
        "detach_partition": Word("分区脱离后移入隔离模式", "partition is detached and moves to a quarantine schema"),
        "move_fields": Word("字段值移入隔离表", "field values move to a quarantine table"),
        "rewrite_object": Word("重写对象，旧版本保留至清除", "object rewritten, old versions stay until purge"),
        "commit_table": Word(
            "表的新版本，旧文件和历史保留至清除", "new table version, old files and log stay until purge"
        ),
        "delete_marker": Word("删除标记，旧版本保留至清除", "delete marker, old versions stay until purge"),
        "escrow_object": Word("删除对象，加密副本留存至清除", "object deleted, an encrypted copy stays until purge"),
        "escrow_and_rewrite": Word(
            "重写对象，加密副本留存至清除", "object rewritten, an encrypted copy stays until purge"
        ),
        "move_file": Word("文件移入隔离目录", "file moves to a quarantine folder"),
        "rewrite_file": Word("重写文件，旧文件保留至清除", "file written anew, the old one stays until purge"),
        "set_aside": Word("移出", "set aside"),
    },
    "event": {event: Word(zh, en) for event, (zh, en) in (EVENT_TITLES | RECORD_TITLES).items()}
    | {"day_after_fiscal_year_end": Word("会计年度终了后第一日", "day after the fiscal year's end")},
    "fact": {
        "is_known": Word("客户是否已知", "known as a customer"),
        "is_held": Word("法律保全", "under a legal hold"),
        "is_minor": Word("停止服务时不满十四周岁", "under 14 when the service stopped"),
        "day_after_fiscal_year_end": Word("会计年度", "fiscal year"),
    },
    "review": {
        "rule-not-reviewed": Word("规则逾期未复核", "rule not read again in time"),
        "pending-change": Word("规则将有修订", "announced change of a rule"),
        "start-not-accepted": Word("起算日期未确认", "start not accepted"),
        "start-not-dated": Word("起算日期缺失", "start not dated"),
        "answer-to-another-text": Word("答复所依据的规则已变", "answer was given to another text"),
        "words-unknown": Word("规则已不识别案件用词", "the rules no longer know the case's words"),
        "hold-not-reviewed": Word("保全逾期未复核", "hold not reviewed in time"),
    },
    "precedence": {
        "P1": Word("法律保全优先于一切", PRECEDENCE["P1"]),
        "P2": Word("依法须移交的，不保留也不删除；接收方签收后删除自有副本", PRECEDENCE["P2"]),
        "P3": Word("法律、行政法规规定的最短保存期阻止删除：仅存储", PRECEDENCE["P3"]),
        "P4": Word("下位规定仅在法律授权或有律师意见时保留；否则存储并询问", PRECEDENCE["P4"]),
        "P5": Word("多个最短期限并存时，逐字段取最长；均不需要的字段删除", PRECEDENCE["P5"]),
        "P6": Word("最长期限或儿童信息删除义务与最短期限相抵触：停下并询问", PRECEDENCE["P6"]),
        "P7": Word("未写明起算点的期限不起算，直至指定负责人确认日期", PRECEDENCE["P7"]),
        "P8": Word("公司自己的承诺是最长期限：只能缩短，不能延长保存", PRECEDENCE["P8"]),
    },
    "form": {
        "drop": Word("不写出", "left out"),
        "keep": Word("原样", "as it is"),
        "year": Word("仅年份", "the year"),
        "month": Word("仅年月", "year and month"),
        "first": Word("前 {size} 个字符", "the first {size} characters"),
        "band": Word("每 {size} 一档", "bands of {size}"),
        "region": Word("地区码前 {size} 位", "the first {size} digits of the region"),
        "token": Word("令牌", "a token"),
    },
    "authority": {
        "law": Word("法律", "law"),
        "admin_regulation": Word("行政法规", "administrative regulation"),
        "judicial_interpretation": Word("司法解释", "judicial interpretation"),
        "dept_rule": Word("部门规章", "departmental rule"),
        "normative_doc": Word("规范性文件", "normative document"),
        "regulator_guidance": Word("监管指引", "regulator's guidance"),
        "national_standard_recommended": Word("推荐性国家标准", "recommended national standard"),
        "foreign_law": Word("境外法律", "foreign law"),
        "general_principle": Word("一般原则", "general principle"),
        "promise": Word("公司承诺", "the company's own promise"),
    },
    "verification": {
        "verified": Word("已核对原文", "words read in the law's text"),
        "verified_secondary": Word("据转载核对", "words read in a copy or report"),
        "inference": Word("推论", "concluded from words that were read"),
        "from_memory_unverified": Word("凭记忆，未核对", "from memory, not read"),
    },
}


def word(kind: str, key: str) -> Word:
    """The words for a key of a kind; the key itself, as English, where there are none."""
    return _WORDS.get(kind, {}).get(key, Word("", key.replace("_", " ")))


def known(kind: str) -> frozenset[str]:
    """Keys of a kind that have words."""
    return frozenset(_WORDS[kind])


def label_word(label: str) -> Word:
    """The words for a label with where its duties count from: ``customer/2025`` → 客户 2025, customers 2025."""
    record_class, *starts = label.split("/")
    zh, en = word("label", record_class)
    for start in starts:
        event, _, month = start.rpartition("=")
        named = word("event", event) if event else Word("", "")
        zh, en = f"{zh} {named.zh} {month}", f"{en} {named.en} {month}"
    return Word(" ".join(zh.split()), " ".join(en.split()))


def form_word(form: str) -> Word:
    """The words for what stays of a value: ``first:4`` → 前 4 个字符, the first 4 characters."""
    name, _, size = form.partition(":")
    zh, en = word("form", name)
    return Word(zh.format(size=size), en.format(size=size))


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
