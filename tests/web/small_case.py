"""A small case made by hand: one plan that seals, erases and empties, with the reasons of real rules."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.control.authority import effect_of
from winddown.domain.authorization import Power
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.case import BackupDeclaration, Case, Custodian, Grace, Person, Profile, RegisterEntry, Subjects
from winddown.domain.company import Company
from winddown.domain.decision import Decision, Disposition, Reason, Term
from winddown.domain.hold import Ground, LegalHold, Scope, holds_digest
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.domain.plan import Act, Method, Order, OrderId, Plan, Wave
from winddown.domain.receipt import Receipt
from winddown.domain.selection import Selection
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.evidence.signing import Kind, Signer
from winddown.rules.loader import load_pack
from winddown.stages.check import Checks
from winddown.stages.deployment import Deployment
from winddown.stages.journey import PREPARATION
from winddown.stages.seal import SealedArchive

SCRIPT = "<script>alert(1)</script>"
CASE, PLAN = "shop-2026", "shop-2026-01-after-claims"
APPROVER, SECOND, CUSTODIAN, STEWARD, OPERATOR = "chen", "wu", "he", "li", "operator"
LEGAL, AUDITOR = "zhou", "sun"
SIGNER = Signer.of(Ed25519PrivateKey.from_private_bytes(b"s" * 32), name=SECOND, kind=Kind.NOTE)
ORDERS, CUSTOMERS, PAYMENTS, REPORTS, SCANS = (
    CollectionRef("shop", name) for name in ("orders", "customers", "payments", "reports", "scans")
)
KEEP = Reason("RET-ACC-VOUCHER-30Y", "会计档案管理办法 第十四条", "must be kept until 2055-12-31", prevails=True)
OUTWEIGHED = Reason("RET-TAX-10Y", "税收征收管理法实施细则 第二十九条", "until 2035-12-31", prevails=False)
ERASE = Reason("DEL-PIPL-47-2", "个人信息保护法 第四十七条", "the service stopped on 2026-05-31", prevails=True)
HOLD = Reason("HOLD-PRECEDENCE", "证据保全", "the record's person is under a legal hold", prevails=True)
UNREAD = Blocker("unsupported-format", "shop:notes", "its format is not read", "steward", "convert it")
ARCHIVE = SealedArchive(f"{PLAN}-001", "orders.custody", "1" * 64, "2" * 64, 3, "2055-12-31")


class MovableClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


def make_case(*, company: str = "示例公司") -> Case:
    return Case(
        id=CASE,
        company=Company(company, "Example Ltd.", "91310000MA1K35QT41"),
        profile=Profile("general", ("ecommerce_operator",), False, False, (12, 31)),
        people=(
            Person(APPROVER, "陈立", "liquidation_group"),
            Person(SECOND, "吴敏", "pi_officer", SIGNER.key.line),
            Person(CUSTODIAN, "何存", "custodian"),
            Person(STEWARD, "李管", "steward"),
            Person(LEGAL, "周法", "legal"),
            Person(AUDITOR, "孙审", "auditor"),
        ),
        approvers=(APPROVER, SECOND),
        grace=Grace(timedelta(days=7), "usual", APPROVER),
        custodian=Custodian(CUSTODIAN, "示例托管", "custody@example.com", "", date(2026, 10, 1)),
        stores=(),
        timeline=Timeline((TimelineEvent("S3", "service_stopped", date(2026, 5, 31), "stop.txt", "0" * 64),)),
        accepted_dates=(),
        subjects=Subjects(CUSTOMERS, "customer_id", "born_on", "country"),
        register=(
            RegisterEntry(
                CollectionRef("files", "backups"), "backup", "recovery", STEWARD,
                backup=BackupDeclaration("shop", date(2026, 11, 1), date(2027, 2, 28)),
            ),
        ),
        transfers=(),
    )  # fmt: skip


def selection(name: str, *batches: int) -> Selection:
    return Selection(name, "a" * 64, sum(batches), tuple(f"{index}" * 64 for index, _ in enumerate(batches)))


def make_orders(*, hostile: bool = False) -> tuple[Order, ...]:
    customers = CollectionRef("shop", f"customers{SCRIPT}") if hostile else CUSTOMERS
    seal = Order(
        OrderId(f"{PLAN}-001"), ORDERS, "customer/2025", Act.SEAL, Method.CUSTODIAN_ARCHIVE, selection("1", 3), 0, 3,
        fields=("order_no", "amount"), until="2055-12-31",
    )  # fmt: skip
    sealed = Order(
        OrderId(f"{PLAN}-002"), ORDERS, "customer/2025", Act.ERASE, Method.MOVE_ROWS, selection("2", 2, 1), 0, 4,
        requires=(seal.id,),
    )  # fmt: skip
    erase = Order(
        OrderId(f"{PLAN}-003"), customers, "customer", Act.ERASE, Method.MOVE_TABLE, selection("3", 1900), 1, 1900,
        reason="all 1,900 records go, and no table that stays refers to it",
    )  # fmt: skip
    empty = Order(
        OrderId(f"{PLAN}-004"), PAYMENTS, "customer/2025", Act.MINIMISE, Method.MOVE_FIELDS, selection("4", 5), 0, 5,
        fields=("payer_name",),
    )  # fmt: skip
    return seal, sealed, erase, empty


def make_decisions(orders: tuple[Order, ...]) -> tuple[Decision, ...]:
    until = date(2055, 12, 31)
    kept, needed = Disposition.STORE_ONLY, ("order_no", "amount")
    own = Reason("company-own", "", "not customers' information; a steward decides", prevails=True)
    return (
        Decision(ORDERS, "customer/2025", 3, kept, (KEEP, OUTWEIGHED), needed, until, terms=(Term(until, needed),)),
        Decision(ORDERS, "held", 2, Disposition.HELD, (HOLD,)),
        Decision(orders[2].collection, "customer", 1900, Disposition.ERASE, (ERASE,)),
        Decision(
            PAYMENTS, "customer/2025", 5, kept, (KEEP,), needed, until, in_place=True, terms=(Term(until, needed),)
        ),
        Decision(REPORTS, "whole", 480, Disposition.BLOCKED, (own,)),
        Decision(SCANS, "customer", 9, Disposition.ERASE, (ERASE,)),
    )


def make_plan(deployment: Deployment, *, hostile: bool = False, requested_by: str = OPERATOR) -> Plan:
    orders = make_orders(hostile=hostile)
    pack = deployment.rulebook.packs[0]
    return Plan(
        id=PLAN,
        case=CASE,
        wave=Wave.AFTER_CLAIMS,
        orders=orders,
        inventory_digest="d" * 64,
        decisions=make_decisions(orders),
        fingerprints=(),
        holds_digest=holds_digest(deployment.control.holds(CASE)),
        preconditions=("DL-CO-229-PUBLICISE: dissolution_publicised 2026-03-16 is within ten days",),
        rule_packs=((f"{pack.id} {pack.version}", pack.digest),),
        code_version=deployment.code_version,
        grace_seconds=7 * 86_400,
        grace_reason="usual; accepted by chen",
        approvals_needed=2,
        approver_roles=("liquidation_group", "pi_officer"),
        identities=(("shop", "PostgreSQL 1, database 2 (shop)"),),
        approvers=make_case().named_approvers(),
        requested_by=requested_by,
        approval_days=30,
    )


def open_small_case(deployment: Deployment, *, hostile: bool = False, requested_by: str = OPERATOR) -> Plan:
    """Store the case as far as it is after planning: prepared, its first wave empty, its second wave open."""
    control = deployment.control
    control.put(CASE, "case", "case", make_case(company=SCRIPT if hostile else "示例公司"), type_=Case)
    control.put(CASE, "request", "request", {"requested_by": requested_by})
    control.put_hold(
        CASE,
        LegalHold(
            "H-1", SCRIPT if hostile else "（2026）示例1号", Ground.COURT, SCRIPT if hostile else "示例法院", "第1号",
            STEWARD, date(2026, 6, 1), date(2027, 6, 1),
            Scope(subjects_manifest="hold-H-1", subjects_digest="e" * 64, subject_count=2),
        ),
    )  # fmt: skip
    for stage in PREPARATION:
        control.set_progress(CASE, "case", stage, state="done", message=f"{stage} is done")
    control.set_progress(CASE, Wave.AT_ONCE, "plan", state="done", message="nothing to do")
    control.set_progress(CASE, Wave.AFTER_CLAIMS, "plan", state="done", message="4 orders")
    for name in ("first", Wave.AFTER_CLAIMS.value):
        control.put(CASE, "inventory", name, Inventory((), (UNREAD,)), type_=Inventory)
    stop = Blocker("referenced-by-blocked", str(SCANS), "another refers to it", "steward", "resolve that first")
    control.put(CASE, "blockers", Wave.AFTER_CLAIMS.value, (stop,), type_=tuple[Blocker, ...])
    control.put(CASE, "checks", "before", Checks((), (), (), ()), type_=Checks)
    plan = make_plan(deployment, hostile=hostile, requested_by=requested_by)
    control.add_plan(plan)
    body = {"plan_id": plan.id, "wave": plan.wave.value, "digest": plan.digest, "orders": len(plan.orders)}
    deployment.ledger.append(CASE, "plan_made", body, actor="winddown")
    folder = deployment.folder(CASE, "evidence")
    (folder / "winddown.pub").write_text("winddown+0+key\n")
    (folder / "certificate-x.html").write_text("<!doctype html><p>certificate")
    (folder / ".partial.html").write_text("half")
    return plan


def carry_out(deployment: Deployment, plan: Plan, power: Power, order_id: str, index: int = 0) -> None:
    """Record one effect as its stage would, from intent to done."""
    order = plan.order(order_id)
    sizes = (2, 1) if order_id.endswith("-002") else (order.selection.count,)
    batch = Batch(index, order.selection.batch_digests[index], pa.table({"id": list(range(sizes[index]))}))
    effect = effect_of(plan, order, batch, power)
    deployment.authority.redeem(deployment.authority.authorize(effect, actor="winddown"))
    receipt = Receipt(power.value, order.id, index, sizes[index])
    deployment.authority.close(effect, state="done", receipt=receipt, read_back="0", actor="winddown")


def rule_title(rule_id: str) -> str:
    return load_pack("cn").rule(rule_id).title_zh
