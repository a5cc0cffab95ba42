"""The case as the liquidation group would file it: case.yaml, evidence, hold lists, and the custodian's key pair."""

import csv
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from winddown.demo.bucket import BUCKET, REGION
from winddown.demo.numbers import credit_code
from winddown.demo.people import SERVICE_STOPPED_ON, Cast

COMPANY_ZH = "上海华东示例贸易有限公司"
BACKUP_TAKEN_ON = date(2026, 11, 20)
BACKUP_EXPIRES_ON = date(2027, 2, 28)
LIQUIDATOR, OFFICER, CUSTODIAN, STEWARD = "chen.liquidator", "wu.privacy", "he.custodian", "li.steward"
COUNSEL = "zheng.counsel"
HOLD_LIST = "holds/hold-2026-01.csv"


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the timeline: legal step, name, day, and what its evidence says."""

    step: str
    event: str
    day: date
    words: str

    @property
    def evidence(self) -> str:
        """The evidence file, relative to the case's folder."""
        return f"evidence/{self.event.replace('_', '-')}.txt"


TIMELINE = (
    Step("S0", "snapshot_taken", date(2026, 3, 2), "公司数据资产清单，二〇二六年三月二日。"),
    Step("S1", "dissolution_resolved", date(2026, 3, 10), "股东会决议：公司解散。"),
    Step("S1", "dissolution_publicised", date(2026, 3, 16), "国家企业信用信息公示系统公示解散事由。"),
    Step("S1", "tax_liquidation_reported", date(2026, 3, 18), "清算前向主管税务机关报告的回执。"),
    Step("S2", "liquidation_group_formed", date(2026, 3, 20), "股东会决议：成立清算组，陈立任负责人。"),
    Step("S2", "group_listed", date(2026, 3, 26), "清算组备案公示。"),
    Step("S2", "creditors_notified", date(2026, 3, 28), "债权人通知书及寄送清单。"),
    Step("S2", "creditors_announced", date(2026, 4, 10), "债权人公告。"),
    Step("S3", "stop_notice_published", date(2026, 4, 20), "网店停止服务公告。"),
    Step("S3", "service_stopped", SERVICE_STOPPED_ON, "网店停止服务记录。"),
    Step("S3", "guardians_told", date(2026, 5, 31), "告知未满十四周岁会员的监护人。"),
    Step("S3", "children_assessment_done", date(2026, 6, 3), "向托管人移交含儿童订单的会计凭证前的安全评估报告。"),
    Step("S3", "recipient_notice_published", date(2026, 6, 5), "告知个人信息接收方的名称和联系方式。"),
    Step("S4", "claims_window_closed", date(2026, 6, 10), "债权申报期届满记录。"),
    Step("S5", "tax_cleared", date(2026, 9, 15), "清税证明。"),
    Step("S6", "staff_settled", date(2026, 9, 30), "职工工资、社会保险费用和法定补偿金结清记录。"),
)
OTHER_EVIDENCE = {
    "evidence/custody-agreement.txt": "会计档案和封存数据保管协议，二〇二六年十月二十日。",
    "evidence/tax-start-date.txt": "税务资料保存期限自会计年度终了后第一日起算，清算组负责人确认。",
    "evidence/counsel-childrens-vouchers.txt": (
        "律师意见：儿童订单的会计凭证按会计档案保管期限保留凭证所需字段，其余儿童个人信息立即删除。"
    ),
    "evidence/carrier-contract.txt": "跨境配送合同：Sample Carrier KK，仅用于履行海外订单，终止后删除收件人信息。",
    "evidence/carrier-notice.txt": "隐私政策第六条：告知境外收件人信息的接收方、目的、方式、种类和行使权利的程序。",
    "evidence/carrier-assessment.txt": "个人信息保护影响评估报告：跨境配送。",
    "evidence/carrier-deletion.txt": "Sample Carrier KK 确认：收件人信息已删除。",
}


def write_case(directory: Path, cast: Cast) -> None:
    """Write everything a case needs into a folder, except connections and truth.

    The custodian's private key (``custodian/custodian.key``, mode 0600) is in the folder because the demonstration
    plays every part; a real custodian never hands it out. The keys are random, everything else follows the seed.
    """
    for name in ("evidence", "holds", "custodian"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for step in TIMELINE:
        _write(directory / step.evidence, f"{COMPANY_ZH}\n{step.words}\n{step.day.isoformat()}\n")
    for path, words in OTHER_EVIDENCE.items():
        _write(directory / path, f"{COMPANY_ZH}\n{words}\n")
    with (directory / HOLD_LIST).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("customer_id",))
        writer.writerows((customer_id,) for customer_id in sorted(cast.held))
    key = X25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(directory / "custodian" / "custodian.key", secret)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (directory / "custodian" / "custodian.pub").write_bytes(public)
    _write(
        directory / "case.yaml", yaml.safe_dump(_case(cast.customers), allow_unicode=True, sort_keys=False, width=120)
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _case(persons: int) -> dict[str, Any]:
    return {
        "case": "huadong-2026",
        "company": {
            "name_zh": COMPANY_ZH,
            "name_en": "Huadong Sample Trading (Shanghai) Co. Ltd.",
            "uscc": credit_code("91310115MA1K4T7X8"),
        },
        "profile": {
            "route": "general",
            "sectors": ["ecommerce_operator"],
            "critical_infrastructure": False,
            "important_data": False,
            "legal_form": "company",
            "persons": persons,
            "faces": 0,
            "processes_minors": True,
            "algorithm_filed": False,
            "fiscal_year_end": "12-31",
        },
        "contact": "liquidation@example.com, 021-5555 0100",
        "people": [
            {"id": LIQUIDATOR, "name": "陈立", "role": "liquidation_group"},
            {"id": OFFICER, "name": "吴敏", "role": "pi_officer"},
            {"id": CUSTODIAN, "name": "何存", "role": "custodian"},
            {"id": STEWARD, "name": "李管", "role": "steward"},
            {"id": COUNSEL, "name": "郑律", "role": "counsel"},
        ],
        "approvers": [LIQUIDATOR, OFFICER],
        "grace": {"duration": "PT5S", "reason": "demonstration run", "accepted_by": LIQUIDATOR},
        "custodian": {
            "person": CUSTODIAN,
            "organisation": "上海示例档案托管有限公司",
            "contact": "custody@example.com",
            "country": "CN",
            "public_key": "custodian/custodian.pub",
            "agreement_on": date(2026, 10, 20),
            "evidence": "evidence/custody-agreement.txt",
        },
        "stores": [
            {"name": "shop_db", "kind": "postgresql", "connection": "shop_db", "region": REGION},
            {"name": "shop_files", "kind": "s3", "connection": "shop_files", "bucket": BUCKET, "region": REGION},
        ],
        "timeline": [
            {"step": step.step, "event": step.event, "on": step.day, "evidence": step.evidence} for step in TIMELINE
        ],
        "accepted_dates": [
            {
                "rule": "RET-TAX-10Y",
                "start_event": "day_after_fiscal_year_end",
                "accepted_by": LIQUIDATOR,
                "evidence": "evidence/tax-start-date.txt",
            }
        ],
        "opinions": [
            {
                "rule": "DEL-CHILD-23",
                "keeps": True,
                "given_by": COUNSEL,
                "given_on": date(2026, 10, 12),
                "evidence": "evidence/counsel-childrens-vouchers.txt",
            }
        ],
        "subjects": {
            "collection": "shop_db:shop.customers",
            "key": "customer_id",
            "born_on": "birth_date",
            "country": "country",
        },
        "register": _register(),
        "holds": [
            {
                "id": "HOLD-2026-01",
                "matter": "（2026）沪0115民初示例1号",
                "ground": "court",
                "authority": "示例人民法院",
                "document_number": "（2026）沪0115民初示例1号",
                "placed_on": date(2026, 6, 1),
                "review_on": date(2027, 6, 1),
                "steward": LIQUIDATOR,
                "subjects": HOLD_LIST,
            }
        ],
        "transfers": [
            {
                "id": "XB-01",
                "recipient": "Sample Carrier KK",
                "country": "JP",
                "purpose": "cross_border_delivery",
                "legal_basis": "contract",
                "collection": "shop_db:shop.orders",
                "where": "overseas",
                "sensitive": False,
                "evidence": "evidence/carrier-contract.txt",
                "met": [
                    {"rule": rule, "on": day, "evidence": f"evidence/carrier-{name}.txt"}
                    for rule, day, name in (
                        ("XB-ALWAYS-NOTICE", date(2024, 6, 1), "notice"),
                        ("XB-ALWAYS-PIA", date(2024, 5, 20), "assessment"),
                        ("XB-ALWAYS-CONTRACT-END", date(2024, 6, 1), "contract"),
                    )
                ],
                "deletion_confirmed": {"on": date(2026, 8, 3), "evidence": "evidence/carrier-deletion.txt"},
            }
        ],
    }


def _register() -> list[dict[str, Any]]:
    """Return the register of purposes: what each collection is for and how its records are tied to persons."""
    customer = {"subject": {"field": "customer_id"}}
    answers = {
        "fields": {
            "member_no": {"kind": "none", "because": "member numbers are serial numbers"},
            "document_no": {"kind": "passport_foreign", "because": "passport numbers of customers from abroad"},
        }
    }
    serials = {"fields": {"address_id": {"kind": "none", "because": "a serial number, no address"}}}
    orders = {
        **customer,
        "dated_by": "ordered_at",
        "custody": "sealed",
        "elements": {
            "order_no": "voucher_number",
            "ordered_at": "voucher_date",
            "amount_cny": "amount",
            "tax_cny": "tax",
        },
    }
    payments = {
        "subject": {"field": "order_no", "via": "shop_db:shop.orders", "target": "order_no"},
        "dated_by": "paid_at",
        "custody": "in_place",
        "elements": {
            "payment_no": "voucher_number",
            "order_no": "voucher_number",
            "paid_at": "voucher_date",
            "amount_cny": "amount",
            "method": "payment_method",
        },
    }
    scans = {
        "subject": {"pattern": r"^id-scans/(?P<subject>[0-9]+)\.(jpg|pdf)$"},
        # Of the few documents of a small company chance cannot be ruled out, and a question would wait.
        "fields": {"text": {"kind": "resident_id", "because": "agreements name their signer with the number"}},
    }
    backup = {"backup": {"of": "shop_db", "taken_on": BACKUP_TAKEN_ON, "expires_on": BACKUP_EXPIRES_ON}}
    entries: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("shop_db:shop.customers", "customer_profile", "membership", {**customer, **answers}),
        ("shop_db:shop.addresses", "customer_contact", "delivery", {**customer, **serials}),
        ("shop_db:shop.consents", "customer_profile", "record of consent", customer),
        ("shop_db:shop.orders", "accounting_vouchers", "sale", orders),
        ("shop_db:finance.payments", "accounting_vouchers", "collection of payment", payments),
        ("shop_db:shop.tickets", "customer_service", "complaints and questions", customer),
        ("shop_db:shop.products", "company_own", "stock", {}),
        ("shop_files:exports/customers", "analytics_copy", "sales analysis", customer),
        ("shop_files:exports/orders", "analytics_copy", "sales analysis", customer),
        ("shop_files:exports/chats", "customer_service", "quality of service", customer),
        ("shop_files:id-scans", "identity_scan", "real-name check", scans),
        ("shop_files:id-scans-unsorted", "identity_scan", "real-name check", {}),
        ("shop_files:reports", "company_own", "management reporting", {}),
        ("shop_files:backups", "backup", "recovery", backup),
    )
    return [
        {"collection": collection, "category": category, "purpose": purpose, "steward": STEWARD, **rest}
        for collection, category, purpose, rest in entries
    ]
