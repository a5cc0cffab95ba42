"""What the pages say: what waits for whom, what cannot be undone, what happens to how many records and why."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

import pytest
from fastapi.testclient import TestClient

from winddown.control.door import Door
from winddown.domain.approval import APPROVER_ROLES, SESSION, SIGNATURE
from winddown.domain.authorization import Power
from winddown.domain.decision import Disposition
from winddown.domain.drift import Change, Drift
from winddown.domain.event import EVENTS, dated_in_timeline
from winddown.domain.finding import Finding, Status
from winddown.domain.generalise import How
from winddown.domain.inventory import Fact, Inventory
from winddown.domain.label import RecordClass
from winddown.domain.minimise import TOKEN
from winddown.domain.pack import Rulebook
from winddown.domain.plan import Act, Method, Plan, Wave
from winddown.rules import words
from winddown.stages.anonymise import Extract
from winddown.stages.classify import Coverage, TradeSecret
from winddown.stages.deployment import Deployment
from winddown.stages.journey import PREPARATION
from winddown.stages.relations import Relation
from winddown.stages.seal import SealedArchive
from winddown.web.course import AFTER_BORDER, BEFORE_BORDER
from winddown.web.fates import fates
from winddown.web.plans import plan_view

from .small_case import (
    APPROVER,
    CASE,
    CUSTODIAN,
    ORDERS,
    OUTWEIGHED,
    PLAN,
    SECOND,
    MovableClock,
    carry_out,
    rule_title,
)  # fmt: skip

ClientOf = Callable[..., TestClient]
Json = dict[str, object]
ERASES = (("-002", 0), ("-002", 1), ("-003", 0), ("-004", 0))


@pytest.fixture
def api(client_of: ClientOf, plan: Plan) -> Callable[[str], dict]:
    assert plan.id == PLAN
    return lambda path: client_of("reader").get(f"/api{path}").json()


@pytest.fixture
def page(client_of: ClientOf, plan: Plan) -> Callable[..., str]:
    """The text of a page as a reader sees it, without markup."""
    assert plan.id == PLAN

    def read(path: str, person: str = "reader") -> str:
        answer = client_of(person).get(path)
        assert answer.status_code == 200, answer.text
        return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", answer.text).split()))

    return read


@pytest.fixture
def approved(deployment: Deployment, plan: Plan) -> Plan:
    door = Door(deployment.control.engine, ledger=deployment.ledger, clock=deployment.clock)
    case = deployment.case(CASE)
    for person in (APPROVER, SECOND):
        door.approve(case, PLAN, plan_digest=plan.digest, person_id=person)
    return plan


@pytest.fixture
def handed_over(deployment: Deployment, approved: Plan, archived: None) -> Plan:
    assert archived is None
    carry_out(deployment, approved, Power.SEAL, f"{PLAN}-001")
    found = deployment.control.require(CASE, "archive", f"{PLAN}/{PLAN}-001", type_=SealedArchive)
    door = Door(deployment.control.engine, ledger=deployment.ledger, clock=deployment.clock)
    door.acknowledge(
        deployment.case(CASE), PLAN, found.order_id, archive_digest=found.archive_sha256,
        content_digest=found.content_sha256, person_id=CUSTODIAN,
    )  # fmt: skip
    return approved


def quarantine_all(deployment: Deployment, plan: Plan) -> None:
    for order, index in ERASES:
        carry_out(deployment, plan, Power.QUARANTINE, PLAN + order, index)


def steps(case: dict) -> dict[str, str]:
    return {step["stage"]: step["state"] for step in case["course"]["waves"][1]["steps"]}


# -- the case ----------------------------------------------------------------------------------------------------------


def test_a_case_says_whom_it_waits_for(api: Callable[[str], dict], page: Callable[..., str]) -> None:
    case = api(f"/cases/{CASE}")
    assert (case["waits_for"], case["waiting_people"]) == (
        "approvals",
        [{"id": APPROVER, "role": "liquidation_group"}, {"id": SECOND, "role": "pi_officer"}],
    )
    assert steps(case) == {"plan": "done", "approve": "waiting", "anonymise": "unneeded"} | dict.fromkeys(
        ("seal", "hand_over", "quarantine", "grace", "purge", "sanitise", "verify", "certify"), "ahead"
    )
    text = page(f"/cases/{CASE}")
    for words_ in ("等待批准", "Waits for approval", "不可逆边界", "point of no return", "Nothing of this wave"):
        assert words_ in text
    assert APPROVER in page("/")


def test_one_approval_leaves_the_other_person(deployment: Deployment, plan: Plan, api: Callable[[str], dict]) -> None:
    door = Door(deployment.control.engine, ledger=deployment.ledger, clock=deployment.clock)
    door.approve(deployment.case(CASE), PLAN, plan_digest=plan.digest, person_id=APPROVER)
    assert [found["id"] for found in api(f"/cases/{CASE}")["waiting_people"]] == [SECOND]


def test_an_approved_plan_goes_on(approved: Plan, api: Callable[[str], dict]) -> None:
    case = api(f"/cases/{approved.case}")
    assert (case["waits_for"], case["waiting_people"]) == ("nothing", [])
    assert (steps(case)["approve"], steps(case)["seal"]) == ("done", "next")
    assert [(found["stage"], found["is_final"]) for found in case["next"]] == [("seal", False)]


@pytest.mark.usefixtures("approved", "sealed")
def test_a_sealed_archive_waits_for_the_custodian(
    deployment: Deployment, plan: Plan, api: Callable[[str], dict], page: Callable[..., str]
) -> None:
    carry_out(deployment, plan, Power.SEAL, f"{PLAN}-001")
    case = api(f"/cases/{CASE}")
    assert [found["id"] for found in case["waiting_people"]] == [CUSTODIAN]
    assert (steps(case)["seal"], steps(case)["hand_over"]) == ("done", "waiting")
    assert "等待接收方签收" in page(f"/cases/{CASE}")
    assert re.search(r"示例托管 he \( ?托管人 custodian ?\)", page(f"/plans/{PLAN}"))


def test_an_extract_is_shown_with_what_it_leaves_out(
    deployment: Deployment, plan: Plan, api: Callable[[str], dict], page: Callable[..., str]
) -> None:
    order = replace(
        plan.orders[0], act=Act.ANONYMISE, method=Method.ANONYMOUS_EXTRACT, fields=("city",), until="",
        generalised=(("city", "first:2"),), k=5,
    )  # fmt: skip
    with_extract = replace(plan, id=f"{PLAN}-x", orders=(order, *plan.orders[1:]))
    deployment.control.add_plan(with_extract)
    assert "匿名化摘出 Anonymous extracts" not in page(f"/plans/{PLAN}-x")
    extract = Extract(order.id, "city.parquet", "7" * 64, 3, 2, 1, 2, 9)
    deployment.control.put(CASE, "extract", f"{PLAN}-x/{order.id}", extract, type_=Extract)
    text = page(f"/plans/{PLAN}-x")
    for said in (
        "匿名化摘出 Anonymous extracts",
        "city.parquet",
        "7" * 64,
        "city → 前 2 个字符 the first 2 characters",
        "shared by 5 persons or more",
    ):
        assert said in text, said
    (found,) = api(f"/plans/{PLAN}-x")["extracts"]
    assert (found["written"], found["suppressed"], found["k"]) == (2, 1, 5)


def test_half_a_quarantine_is_begun_and_can_be_undone(
    deployment: Deployment, handed_over: Plan, api: Callable[[str], dict], page: Callable[..., str]
) -> None:
    carry_out(deployment, handed_over, Power.QUARANTINE, f"{PLAN}-003")
    case = api(f"/cases/{CASE}")
    assert steps(case)["quarantine"] == "running"
    assert [found["stage"] for found in case["unfinished"]] == ["quarantine"]
    border = case["course"]["waves"][1]["border"]
    assert (border["quarantined"], border["planned"], border["is_crossed"]) == (1900, 1908, False)
    text = page(f"/cases/{CASE}")
    assert "1,900 of 1,908 records are in quarantine, and all of them can be restored" in text
    assert f"python -m winddown restore {CASE}" in text
    assert "the engineer on duty" in text


def test_grace_waits_for_nobody_until_it_ends(
    deployment: Deployment, handed_over: Plan, clock: MovableClock, api: Callable[[str], dict],
    page: Callable[..., str],
) -> None:  # fmt: skip
    quarantine_all(deployment, handed_over)
    case = api(f"/cases/{CASE}")
    assert (case["waits_for"], case["waiting_people"], steps(case)["grace"]) == ("grace", [], "waiting")
    assert "from then on nothing can be brought back" in page(f"/cases/{CASE}")
    clock.at += timedelta(days=8)
    case = api(f"/cases/{CASE}")
    assert (steps(case)["grace"], steps(case)["purge"]) == ("done", "next")
    assert [(found["stage"], found["is_final"]) for found in case["next"]] == [("purge", True)]
    assert "cannot be undone: 清除 purge" in page(f"/cases/{CASE}")


def test_what_was_purged_cannot_be_undone_and_the_rest_can(
    deployment: Deployment, handed_over: Plan, clock: MovableClock, api: Callable[[str], dict],
    page: Callable[..., str],
) -> None:  # fmt: skip
    quarantine_all(deployment, handed_over)
    clock.at += timedelta(days=8)
    for order, index in ERASES[1:]:
        carry_out(deployment, handed_over, Power.PURGE, PLAN + order, index)
    border = api(f"/cases/{CASE}")["course"]["waves"][1]["border"]
    assert border == {
        "planned": 1908, "quarantined": 2, "destroyed": 1901, "emptied": 5, "unsettled": [], "is_crossed": True,
    }  # fmt: skip
    for path in (f"/cases/{CASE}", f"/plans/{PLAN}"):
        assert "Cannot be undone: 1,901 records" in page(path)
    assert "2 are still in quarantine and can be restored" in page(f"/cases/{CASE}")


def test_an_effect_without_an_end_is_named(
    deployment: Deployment, handed_over: Plan, clock: MovableClock, api: Callable[[str], dict]
) -> None:
    quarantine_all(deployment, handed_over)
    clock.at += timedelta(days=8)
    from winddown.control.authority import Effect  # noqa: PLC0415 - only this test kills between intent and end

    digest = handed_over.order(f"{PLAN}-003").selection.batch_digests[0]
    killed = Effect(CASE, PLAN, f"{PLAN}-003", Power.PURGE, "shop", 0, digest, 1900)
    deployment.authority.authorize(killed, actor="winddown")
    border = api(f"/cases/{CASE}")["course"]["waves"][1]["border"]
    assert border["unsettled"] == [killed.id]
    assert border["is_crossed"] is True  # it may have destroyed something
    assert border["quarantined"] == 8  # and what it was about is no longer promised to be restorable


def test_a_restored_batch_is_not_in_quarantine(
    deployment: Deployment, handed_over: Plan, api: Callable[[str], dict]
) -> None:
    carry_out(deployment, handed_over, Power.QUARANTINE, f"{PLAN}-003")
    carry_out(deployment, handed_over, Power.RESTORE, f"{PLAN}-003")
    case = api(f"/cases/{CASE}")
    assert case["course"]["waves"][1]["border"]["quarantined"] == 0


def test_a_certified_wave_is_done_and_a_failed_stage_is_not(
    deployment: Deployment, plan: Plan, api: Callable[[str], dict], page: Callable[..., str]
) -> None:
    deployment.control.set_progress(CASE, plan.wave, "sanitise", state="running", message="")
    assert [found["stage"] for found in api(f"/cases/{CASE}")["unfinished"]] == ["sanitise"]
    assert "begun, not finished" in page(f"/cases/{CASE}")
    deployment.control.set_plan_state(PLAN, "certified")
    deployment.control.set_progress(CASE, plan.wave, "certify", state="done", message="")
    case = api(f"/cases/{CASE}")
    assert {stage for stage, state in steps(case).items() if state != "done"} == {
        "anonymise",
    }  # no order asks for them
    assert case["waits_for"] == "finished"
    assert "全部完成" in page(f"/cases/{CASE}")


def test_a_case_that_is_read_anew_begins_again_and_forgets_no_loss(
    deployment: Deployment, handed_over: Plan, clock: MovableClock, api: Callable[[str], dict]
) -> None:
    quarantine_all(deployment, handed_over)
    clock.at += timedelta(days=8)
    carry_out(deployment, handed_over, Power.PURGE, f"{PLAN}-003")
    deployment.control.set_plan_state(PLAN, "superseded")
    deployment.control.reset_progress(CASE)
    case = api(f"/cases/{CASE}")
    assert set(steps(case).values()) == {"ahead"}
    assert [found["stage"] for found in case["next"]] == ["discover"]
    border = case["course"]["waves"][1]["border"]
    assert (border["planned"], border["destroyed"], border["is_crossed"]) == (0, 1900, True)


def test_the_kill_switch_is_seen(deployment: Deployment, page: Callable[..., str]) -> None:
    assert "kill switch" not in page(f"/cases/{CASE}")
    deployment.switch.halt(CASE, by=APPROVER, reason="a court order is on its way", door="command")
    text = page(f"/cases/{CASE}")
    assert "The kill switch is on" in text
    assert "a court order is on its way" in text


@pytest.mark.usefixtures("plan")
def test_blockers_holds_and_backups_are_listed(page: Callable[..., str]) -> None:
    text = page(f"/cases/{CASE}")
    for said in ("unsupported-format", "referenced-by-blocked", "convert it", "H-1", "2027-02-28", "服务"):
        assert said in text


@pytest.mark.usefixtures("plan")
def test_what_was_read_and_what_was_not_is_shown(
    deployment: Deployment, page: Callable[..., str], api: Callable[[str], dict]
) -> None:
    assert api(f"/cases/{CASE}")["reading"]["collections"] == []
    confirmed = Finding(
        ORDERS, "phone", Status.CONFIRMED, "mobile", sensitive=False, cells=5, nulls=0, matches=(("mobile", 5),),
        embedded=(), reasons=("5 of 5 filled cells hold a valid mobile phone number.",), counter_evidence=(),
    )  # fmt: skip
    asked = replace(confirmed, field="no", status=Status.AMBIGUOUS, kind="bank_card", contains=("bank_card", "imei"))
    plain = replace(confirmed, field="note", status=Status.NONE, kind=None)
    control = deployment.control
    control.put(CASE, "findings", "findings", (confirmed, asked, plain), type_=tuple[Finding, ...])
    coverage = (Coverage(str(ORDERS), 5, 15, ""), Coverage("files:scans", 3, 0, "opaque: 3 objects"))
    control.put(CASE, "coverage", "coverage", coverage, type_=tuple[Coverage, ...])
    secret = (TradeSecret(str(ORDERS), "customer_list", ("phone",), ("who and how",)),)
    control.put(CASE, "trade_secrets", "lists", secret, type_=tuple[TradeSecret, ...])
    facts = (Fact("files", "region", "cn-east-1"), Fact(str(ORDERS), "readers", "shop_app"))
    control.put(CASE, "inventory", "first", Inventory((), (), facts), type_=Inventory)
    link = Relation(str(ORDERS), "customer", "shop:customers", "id", 98, 60, is_declared=False)
    control.put(CASE, "relations", "relations", (link,), type_=tuple[Relation, ...])
    drifted = (Drift(str(ORDERS), Change.RECORDS, "4 → 5"),)
    control.put(CASE, "drift", "drift", drifted, type_=tuple[Drift, ...])
    found = api(f"/cases/{CASE}")["reading"]
    assert (found["cells"], found["unread"], found["to_answer"]) == (15, 1, 1)
    rows = {row["collection"]: row for row in found["collections"]}
    assert [field["field"] for field in rows[str(ORDERS)]["fields"]] == ["phone", "no"]
    assert (rows[str(ORDERS)]["personal"], rows[str(ORDERS)]["lists"]) == (1, ["customer_list"])
    text = page(f"/cases/{CASE}")
    for said in (
        "4 → 5",
        "98% 的值相同 of 60 values compared",
        "opaque: 3 objects",
        "5 of 5 filled cells",
        "待回答 to answer 1",
        "imei",
        "cn-east-1",
        "shop_app",
    ):
        assert said in text
    assert "客户名单（商业秘密）" in text


def test_evidence_is_listed_with_what_it_is(api: Callable[[str], dict]) -> None:
    case = api(f"/cases/{CASE}")
    assert case["evidence"] == ["certificate-x.html", "winddown.pub"]
    assert all(row["what"]["zh"] and row["what"]["en"] and row["bytes"] for row in case["evidence_files"])


# -- the plan ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("plan")
def test_a_plan_accounts_for_every_record(api: Callable[[str], dict]) -> None:
    plan = api(f"/plans/{PLAN}")
    assert plan["totals"] == {"erase": 1900, "seal": 3, "minimise": 5, "stopped": 9, "held": 2, "blocked": 480}
    assert sum(plan["totals"].values()) == sum(found["count"] for found in plan["decisions"])
    rows = {row["collection"]: (row["goes"], row["stays"]) for row in plan["collections"]}
    assert rows == {
        str(ORDERS): (3, 2), "shop:customers": (1900, 0), "shop:payments": (0, 5), "shop:reports": (0, 480),
        "shop:scans": (0, 9),
    }  # fmt: skip


@pytest.mark.parametrize(("wave", "fate"), [(Wave.AT_ONCE, "later"), (Wave.AFTER_CLAIMS, "stopped")])
def test_what_is_due_and_not_ordered_is_later_or_stopped(
    deployment: Deployment, plan: Plan, wave: Wave, fate: str
) -> None:
    found = fates(replace(plan, wave=wave), deployment.rulebook, ())
    assert {row["collection"]: row["labels"][0]["fate"] for row in found}["shop:scans"] == fate


def test_an_approver_reads_why_and_until_when(plan: Plan, page: Callable[..., str]) -> None:
    text = page(f"/plans/{PLAN}", APPROVER)
    for said in (
        plan.digest, rule_title("DEL-PIPL-47-2"), "个人信息保护法 第四十七条", "DEL-PIPL-47-2", OUTWEIGHED.rule,
        "also applied, outweighed", "2055-12-31", "1,900 条 records (上限 cap 1,900, 1 批 batches)",
        "3 条 records (上限 cap 4, 2 批 batches)", "7 天 7 days", "usual; accepted by chen",
        "整表移入隔离模式", "(all 1,900 records go, and no table that stays refers to it)", "payer_name",
        rule_title("DL-CO-229-PUBLICISE"), "only after the receipt of 001", "unsupported-format",
        "referenced-by-blocked", "Approve this plan", "批准本方案", "H-1",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize("person", [CUSTODIAN, "reader"])
def test_who_may_not_approve_has_no_button(page: Callable[..., str], person: str) -> None:
    text = page(f"/plans/{PLAN}", person)
    assert "Approve this plan" not in text
    assert "you are not an approver of this plan" in text


def test_a_changed_rule_pack_is_said(deployment: Deployment, plan: Plan) -> None:
    changed = replace(deployment.rulebook.packs[0], digest="f" * 64)
    later = replace(deployment, rulebook=Rulebook((changed,)))
    assert plan_view(deployment, plan.id, "reader")["rule_pack_is_current"] is True
    assert plan_view(later, plan.id, "reader")["rule_pack_is_current"] is False


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("act", Act), ("method", Method), ("disposition", Disposition), ("label", RecordClass), ("wave", Wave),
        ("event", tuple(filter(dated_in_timeline, EVENTS))),
        ("role", APPROVER_ROLES), ("stage", (*PREPARATION, *BEFORE_BORDER, *AFTER_BORDER)),
        ("plan_state", ("open", "certified", "superseded")), ("finding", set(Status) - {Status.NONE}),
        ("drift", Change), ("form", (*How, TOKEN)), ("door", (SESSION, SIGNATURE)),
        ("waits_for", ("halt", "approvals", "receipts", "grace", "clocks", "nothing", "finished")),
    ],
)  # fmt: skip
def test_every_idea_has_a_word_in_both_languages(kind: str, keys: type[StrEnum] | tuple[str, ...]) -> None:
    assert {str(key) for key in keys} <= words.known(kind)
    for key in words.known(kind):
        found = words.word(kind, key)
        assert re.search(r"[\u4e00-\u9fff]", found.zh), key
        assert re.fullmatch(r"[ -~]+", found.en), key


def test_an_unknown_key_is_shown_as_it_is() -> None:
    assert words.word("act", "shred_it") == ("", "shred it")
    assert words.label_word("customer/2025") == ("客户 2025", "customers 2025")


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [(1, "1 秒", "1 second"), (20, "20 秒", "20 seconds"), (90, "90 秒", "90 seconds"), (3600, "1 小时", "1 hour"),
     (604_800, "7 天", "7 days"), (0, "0 秒", "0 seconds")],
)  # fmt: skip
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: int, zh: str, en: str) -> None:
    assert words.duration(seconds) == (zh, en)


def test_times_are_beijing_time_with_the_zone_named() -> None:
    assert words.moment("2026-11-23T19:17:49.504325Z") == "2026-11-24 03:17 UTC+8"
    assert words.utc("2026-11-24T03:17:49+08:00") == "2026-11-23T19:17:49Z"
