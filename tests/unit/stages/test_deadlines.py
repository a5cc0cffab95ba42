"""What people are told of deadlines and get as notices, for a case that was opened from its file."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from winddown import __main__ as command_line
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition, Reason
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Field, Inventory, Medium
from winddown.domain.plan import Wave
from winddown.stages.case_file import read_case_file
from winddown.stages.clocks import situation, wave_clocks
from winddown.stages.deadlines import case_position, due_notice, listing, next_due_at
from winddown.stages.deployment import Deployment
from winddown.stages.notices import write_notices
from winddown.stages.open import open_case

WriteCase = Callable[[Any], Path]
CASE = "demo-1"
OPEN = Callable[..., None]


@pytest.fixture
def opened(deployment: Deployment, write_case: WriteCase, case_document: dict[str, Any]) -> OPEN:
    """``opened(change, …)``: open the case with its document changed, and events added or taken out (None)."""

    def act(change: Callable[[dict[str, Any]], Any] = lambda _: None, **events: date | None) -> None:
        change(case_document)
        timeline = [found for found in case_document["timeline"] if found["event"] not in events]
        timeline += [
            {"step": "S1", "event": event, "on": on, "evidence": "evidence/event.txt"}
            for event, on in events.items()
            if on is not None
        ]
        case_document["timeline"] = timeline
        open_case(deployment, read_case_file(write_case(case_document)), requested_by="li")

    return act


def told(deployment: Deployment) -> str:
    notice = due_notice(deployment)
    return "\n".join((notice.subject, *notice.lines))


# -- deadlines ---------------------------------------------------------------------------------------------------------


def test_overdue_and_soon_due_duties_are_told_with_rule_and_date(deployment: Deployment, opened: OPEN) -> None:
    opened(employment_ended=date(2026, 11, 2), employer_terminated=date(2026, 11, 5), officer_changed=None)
    said = told(deployment)
    assert "winddown: 1 overdue, 1 due within 14 days" in said
    assert "demo-1 DL-LAB-50 is overdue since 2026-11-17 (6 days); staff_files_transferred" in said
    assert "blocks after_claims" in said
    # Thirty days end on Saturday 5 December.
    assert "demo-1 DL-SI-57 is due on 2026-12-07 (in 14 days)" in said
    assert "2026-12-05 is a rest day (民法典第二百零三条)" in said


def test_a_duty_in_the_far_future_or_done_is_not_told(deployment: Deployment, opened: OPEN) -> None:
    opened(employment_ended=date(2026, 11, 2), staff_files_transferred=date(2026, 11, 20))
    notice = due_notice(deployment)
    assert notice.lines == ()
    assert notice.subject == "winddown: 0 overdue, 0 due within 14 days"
    opened(liquidation_ended=date(2026, 11, 22))
    assert due_notice(deployment).lines == ()
    assert "DL-SAMR-32-APPLY is due on 2026-12-22" in "\n".join(listing(case_position(deployment, CASE)))


def test_the_next_deadline_ends_at_midnight_in_china(deployment: Deployment, opened: OPEN) -> None:
    opened(liquidation_ended=date(2026, 11, 22), employer_terminated=date(2026, 11, 5))
    assert next_due_at(deployment, CASE) == datetime(2026, 12, 8, tzinfo=timezone(timedelta(hours=8)))


def test_without_a_dated_duty_there_is_no_next_deadline(deployment: Deployment, opened: OPEN) -> None:
    opened()
    assert next_due_at(deployment, CASE) is None


def test_the_command_says_state_duties_and_what_is_forbidden(
    deployment: Deployment, opened: OPEN, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(claims_window_closed=None, creditors_announced=date(2026, 11, 2))
    monkeypatch.setattr(command_line, "deploy", lambda: deployment)
    assert command_line.main(["deadlines", CASE]) == 0
    said = capsys.readouterr().out
    assert said.startswith("普通注销 general route: S4 债权申报期 Creditors' window, as of 2026-11-23\n")
    assert "DL-CO-235-CLAIM-45 runs until 2026-12-17" in said
    assert "was late: 2026-11-02 against 2026-10-19" in said
    assert "no purge of contact and order data" in said
    assert command_line.main(["deadlines", "unknown"]) == 2


def test_a_closed_simplified_route_is_said(deployment: Deployment, opened: OPEN) -> None:
    def change(document: dict[str, Any]) -> None:
        document["profile"]["route"] = "simplified"
        document["exclusions"] = dict.fromkeys(EXCLUSIONS, False) | {"customer_balances_unspent": True}

    opened(change)
    said = "\n".join(listing(case_position(deployment, CASE)))
    assert "route closed by customer_balances_unspent: so" in said
    assert "invests_in_others" not in said


# -- the case file -----------------------------------------------------------------------------------------------------

EXCLUSIONS = (
    "debts_unpaid", "customer_balances_unspent", "undertaking_missing", "approval_required", "on_abnormal_list",
    "equity_encumbered", "invests_in_others", "under_investigation", "in_litigation", "licence_revoked",
    "penalty_unpaid", "is_listed",
)  # fmt: skip


@pytest.mark.parametrize("fact", ["critical_infrastructure", "important_data"])
def test_a_company_that_must_report_first_is_taken_and_its_waves_wait(
    deployment: Deployment, opened: OPEN, fact: str
) -> None:
    opened(lambda document: document["profile"].update({fact: True}))
    blocking = {owed.deadline.rule for owed in case_position(deployment, CASE).owed if len(owed.blocks) == 2}
    assert blocking >= ({"HO-CII-21"} if fact == "critical_infrastructure" else {"HO-NDSR-32"})


def test_in_bankruptcy_the_administrator_approves(opened: OPEN) -> None:
    def change(document: dict[str, Any]) -> None:
        document["profile"]["route"] = "bankruptcy"

    with pytest.raises(Refused, match="nobody with role administrator"):
        opened(change)

    def appointed(document: dict[str, Any]) -> None:
        document["people"].append({"id": "guan", "name": "guan", "role": "administrator"})
        document["approvers"].append("guan")

    opened(appointed)


def test_only_the_simplified_route_declares_exclusions_and_declares_all(opened: OPEN) -> None:
    with pytest.raises(Refused, match="exclusions: the simplified route, and no other"):
        opened(lambda document: document["profile"].update(route="simplified"))
    with pytest.raises(Refused, match=r"exclusions\.is_listed"):
        opened(lambda document: document.update(exclusions=dict.fromkeys(EXCLUSIONS[:-1], False)))
    opened(lambda document: document.update(exclusions=dict.fromkeys(EXCLUSIONS, False)))


@pytest.mark.parametrize("fact", ["legal_form", "persons", "faces", "processes_minors", "algorithm_filed"])
def test_each_fact_that_selects_rules_is_declared(opened: OPEN, fact: str) -> None:
    with pytest.raises(Refused, match=rf"profile\.{fact}"):
        opened(lambda document: document["profile"].pop(fact))


# -- notices -----------------------------------------------------------------------------------------------------------


def with_contact(document: dict[str, Any]) -> None:
    document["contact"] = "liquidation@example.com"


def test_notices_are_written_in_both_languages_with_the_facts_of_the_case(deployment: Deployment, opened: OPEN) -> None:
    opened(with_contact)
    results = {found.id: found for found in write_notices(deployment, CASE)}
    assert results.keys() == {"stop_of_service", "recipient", "guardians", "creditors"}
    assert all(found.missing == () for found in results.values())
    folder = deployment.settings.workspace / CASE / "notices"
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{language}.txt" for name in results for language in ("zh", "en")
    }
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert "将于 2026-10-31 停止提供服务" in texts["stop_of_service.zh.txt"]
    assert "名称：示例托管\n联系方式：custody@example.com" in texts["recipient.zh.txt"]
    assert "个人信息保护法第二十二条" in texts["recipient.zh.txt"]
    assert "guardians of users under fourteen" in texts["guardians.en.txt"]
    assert "by 2026-10-15" in texts["creditors.en.txt"]
    for text in texts.values():
        assert not re.search(r"[{}]|None", text)
        assert "C-held" not in text  # the only customer that the case names
    assert write_notices(deployment, CASE) == tuple(results.values())  # again, over the same files


def test_a_missing_fact_is_named_and_nothing_is_written_with_a_blank(
    deployment: Deployment, opened: OPEN, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(with_contact)
    write_notices(deployment, CASE)
    opened(lambda document: document.update(contact="  "), service_stopped=None, creditors_announced=None)
    monkeypatch.setattr(command_line, "deploy", lambda: deployment)
    assert command_line.main(["notices", CASE]) == 3
    said = capsys.readouterr().out
    assert (
        "guardians: not written, missing service_stopped in the timeline (停止服务); contact in the case file" in said
    )
    assert "creditors_announced in the timeline" in said
    assert list((deployment.settings.workspace / CASE / "notices").iterdir()) == []


def test_the_disposal_plan_report_counts_what_becomes_of_the_records(deployment: Deployment, opened: OPEN) -> None:
    def important(document: dict[str, Any]) -> None:
        with_contact(document)
        document["profile"]["important_data"] = True

    opened(important)
    undecided = {found.id: found.sentence for found in write_notices(deployment, CASE)}
    assert "missing decisions: run the case until it has decided" in undecided["disposal_plan_report"]
    reason = (Reason("DEL-PIPL-47-2", "个人信息保护法 第四十七条", "stopped", prevails=True),)
    orders = CollectionRef("shop", "orders")
    decisions = (
        Decision(orders, "customer", 1200, Disposition.ERASE, reason),
        Decision(orders, "held", 34, Disposition.HELD, reason),
        Decision(CollectionRef("shop", "contacts"), "customer", 300, Disposition.ERASE, reason),
    )
    deployment.control.put(CASE, "decisions", "first", decisions, type_=tuple[Decision, ...])
    write_notices(deployment, CASE)
    folder = deployment.settings.workspace / CASE / "notices"
    assert "处置方案（记录数）：删除 1,500，法律保全 34" in (folder / "disposal_plan_report.zh.txt").read_text("utf-8")
    text = (folder / "disposal_plan_report.en.txt").read_text("utf-8")
    assert "Systems and regions of the data: shop (cn-east-1), files (cn-east-1)" in text
    assert "Natural persons whose information is processed: 100" in text


def test_a_notice_says_until_when_it_must_be_out(deployment: Deployment, opened: OPEN) -> None:
    opened(
        lambda document: (with_contact(document), document["profile"].update(sectors=["ecommerce_operator"])),
        service_stopped=date(2027, 1, 31), stop_notice_published=None,
    )  # fmt: skip
    (stop,) = [found for found in write_notices(deployment, CASE) if found.id == "stop_of_service"]
    assert "to be out by 2027-01-01" in stop.sentence
    assert replace(stop, out_by="").sentence.startswith("stop_of_service: /")


# -- one odd case, and what was counted --------------------------------------------------------------------------------


def test_one_case_whose_words_the_rules_do_not_know_does_not_silence_the_others(
    deployment: Deployment, opened: OPEN
) -> None:
    opened(employment_ended=date(2026, 11, 2))
    case = deployment.case(CASE)
    odd = replace(case, id="demo-0", profile=replace(case.profile, sectors=("gone_sector",)))
    deployment.control.put("demo-0", "case", "case", odd, type_=Case)
    said = told(deployment)
    assert "demo-0 cannot be told: sectors: gone_sector" in said
    assert "demo-1 DL-LAB-50 is overdue" in said


def test_the_larger_of_declared_and_counted_customers_decides_a_size_class(
    deployment: Deployment, opened: OPEN
) -> None:
    opened()
    case = deployment.case(CASE)
    assert "pi_handler_ge_10m" not in situation(deployment, case).subjects
    fields = (Field("id", "text", nullable=False),)
    counted = Collection(case.subjects.collection, Medium.TABLE, "table", ("id",), fields, (), 10_000_000, 1, 0, "f")
    inventory = Inventory((counted,), (), ())
    deployment.control.put(CASE, "inventory", "first", inventory, type_=Inventory)
    assert "pi_handler_ge_10m" in situation(deployment, case).subjects
    assert "SIZE-10M-IMPORTANT" in {found.rule for found in wave_clocks(deployment, case, Wave.AT_ONCE)}
