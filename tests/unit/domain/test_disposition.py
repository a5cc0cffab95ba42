"""What becomes of records, one step of the precedence after the other, each with the reason that decided."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, Profile, Recipient
from winddown.domain.decision import Decision, Disposition, Reason, Term
from winddown.domain.disposition import WHOLE_OBJECT, Facts, decide
from winddown.domain.errors import Refused
from winddown.domain.finding import Status
from winddown.domain.hold import Ground, LegalHold, Scope
from winddown.domain.inventory import CollectionRef, Medium
from winddown.domain.label import Label
from winddown.domain.pack import Rulebook
from winddown.domain.rule import AuthorityLevel, Period, Verification, VerificationStatus
from winddown.domain.timeline import Timeline

from .books import with_rules

MakeFacts = Callable[..., Facts]
UNREAD = Verification(VerificationStatus.FROM_MEMORY_UNVERIFIED, "memory", "none")
VOUCHER = "accounting_vouchers"


def verdict(facts: Facts, label: str) -> Decision:
    return decide(facts, Label.parse(label), 7)


def prevailing(decision: Decision) -> list[str]:
    return [reason.rule for reason in decision.reasons if reason.prevails]


# -- 1. a hold outranks everything -----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["held", "held_whole"])
@pytest.mark.parametrize("category", [None, "company_own", "backup", VOUCHER, "customer_contact"])
def test_a_hold_beats_everything_even_where_nothing_else_is_known(
    make_facts: MakeFacts, category: str | None, label: str
) -> None:
    blocker = Blocker("store-down", "shop", "it is down", "administrator", "start it")
    decision = verdict(make_facts(category, blockers=(blocker,), statuses=(Status.AMBIGUOUS,)), label)
    assert decision.disposition is Disposition.HELD
    assert prevailing(decision) == ["HOLD-PRECEDENCE"]
    assert decision.count == 7
    assert decision.label == label


def test_each_hold_is_a_reason_and_a_private_dispute_cites_no_law(make_facts: MakeFacts, rulebook: Rulebook) -> None:
    court = LegalHold("H-1", "matter 1", Ground.COURT, "法院", "第1号", "li", date(2026, 6, 1), date(2027, 6, 1),
                      Scope(company=True))  # fmt: skip
    dispute = replace(court, id="H-2", ground=Ground.PRIVATE_DISPUTE, authority="", document_number="")
    decision = verdict(make_facts(holds=(court, dispute)), "held")
    citation = rulebook.rule("HOLD-PRECEDENCE").basis.citation
    assert [(one.rule, one.citation, one.step) for one in decision.reasons] == [
        ("HOLD-PRECEDENCE", citation, "P1"), ("private-dispute", "", "P1"),
    ]  # fmt: skip
    assert prevailing(decision) == ["HOLD-PRECEDENCE", "private-dispute"]
    assert ["hold H-1, " in one.says for one in decision.reasons] == [True, False]


# -- 2. what is not decidable is blocked and says what is missing ------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("untied", "untied-record"),
        ("unknown", "unknown-subject"),
        ("undated", "undated-record"),
        ("placeholder", "placeholder-date"),
    ],
)
@pytest.mark.parametrize("category", ["customer_contact", VOUCHER])
def test_a_record_without_person_or_date_is_blocked(
    make_facts: MakeFacts, category: str, label: str, reason: str
) -> None:
    decision = verdict(make_facts(category), label)
    assert decision.disposition is Disposition.BLOCKED
    assert prevailing(decision) == [reason]


def test_an_unregistered_collection_is_blocked(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts(None), "customer")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["unregistered-collection"])


def test_the_companys_own_data_is_blocked(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts("company_own"), "whole")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["company-own"])


@pytest.mark.parametrize("status", [Status.AMBIGUOUS, Status.HEADER_ONLY])
def test_one_ambiguous_field_blocks_although_another_is_confirmed(make_facts: MakeFacts, status: Status) -> None:
    decision = verdict(make_facts(statuses=(Status.CONFIRMED, status)), "customer")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["ambiguous-field"])
    assert "field1" in decision.reasons[0].says


def test_every_reason_to_block_is_told_at_once(make_facts: MakeFacts) -> None:
    blocker = Blocker("no-primary-key", "shop:orders", "it has no key", "steward", "declare one")
    decision = verdict(make_facts(None, blockers=(blocker,), statuses=(Status.AMBIGUOUS,)), "unknown")
    assert prevailing(decision) == ["no-primary-key", "unregistered-collection", "unknown-subject", "ambiguous-field"]
    assert "steward: declare one" in decision.reasons[0].says


# -- 3. a backup is only stored until it expires -----------------------------------------------------------------------


def test_a_declared_backup_is_stored_undivided_until_it_expires(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts("backup", medium=Medium.OBJECTS, backup_until=date(2027, 2, 28)), "whole")
    assert decision.disposition is Disposition.STORE_ONLY
    assert (decision.needed_fields, decision.until, decision.in_place) == ((WHOLE_OBJECT,), date(2027, 2, 28), True)
    assert prevailing(decision) == ["DEL-PIPL-47-HOLD"]


def test_a_backup_is_stored_on_the_day_on_which_it_expires_and_is_to_be_removed_after_it(make_facts: MakeFacts) -> None:
    facts = make_facts("backup", medium=Medium.OBJECTS, backup_until=date(2027, 2, 28), as_of=date(2027, 2, 28))
    assert verdict(facts, "whole").disposition is Disposition.STORE_ONLY
    decision = verdict(replace(facts, as_of=date(2027, 3, 1)), "whole")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["expired-backup"])


def test_a_backup_of_which_nobody_said_when_it_expires_is_blocked_and_not_erased(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts("backup", medium=Medium.OBJECTS, statuses=()), "whole")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["undeclared-backup"])


# -- 4. a statutory minimum ------------------------------------------------------------------------------------------


def test_a_voucher_is_stored_for_the_longest_of_its_duties_and_the_shorter_one_is_recorded(
    make_facts: MakeFacts,
) -> None:
    decision = verdict(make_facts(VOUCHER), "customer/2025")
    assert decision.disposition is Disposition.STORE_ONLY
    assert decision.until == date(2055, 12, 31)  # 30 years from 2026-01-01, the last day included
    assert decision.needed_fields == ("order_no", "ordered_on", "amount")
    outcome = {reason.rule: reason.prevails for reason in decision.reasons}
    assert outcome == {
        "RET-ACC-VOUCHER-30Y": True,
        "RET-TAX-10Y": False,
        "DEL-PIPL-47-HOLD": True,
        "RET-PIPL-19": True,
        "HO-ACC-ARCHIVE": True,
        "HO-PIPL-22": True,
        "HO-NDSR-14": True,
        "DEL-PIPL-47-2": True,  # what the duty does not need, and the source after the hand-over, goes by this rule
    }
    says = {reason.rule: reason.says for reason in decision.reasons}
    assert (
        "stands against deletion: a department's rule that a law or regulation provides for"
        in says["RET-ACC-VOUCHER-30Y"]
    )
    assert "stands against deletion: a law or an administrative regulation" in says["RET-TAX-10Y"]
    assert "示例托管" in says["HO-PIPL-22"]


def test_the_fiscal_year_need_not_be_the_calendar_year(
    make_facts: MakeFacts, make_case: Callable[..., Case], rulebook: Rulebook
) -> None:
    case = make_case()
    june = replace(case, profile=replace(case.profile, fiscal_year_end=(6, 30)))
    assert verdict(make_facts(VOUCHER, case=june), "customer/2025").until == date(2055, 6, 30)
    assert rulebook.rule("RET-ACC-VOUCHER-30Y").period == Period(30)


def test_custody_in_place_is_no_hand_over(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts(VOUCHER, custody="in_place"), "customer/2025")
    assert decision.in_place
    assert not {"HO-PIPL-22", "HO-NDSR-14"} & {reason.rule for reason in decision.reasons}


def test_a_childs_voucher_is_kept_too_and_loses_its_other_fields_at_once(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts(VOUCHER), "minor/2025")
    assert (decision.disposition, decision.at_once) == (Disposition.STORE_ONLY, True)
    assert "DEL-CHILD-23" in prevailing(decision)
    assert not verdict(make_facts(VOUCHER), "customer/2025").at_once


def test_without_an_accepted_date_the_rule_that_names_no_start_asks(
    make_facts: MakeFacts, make_case: Callable[..., Case]
) -> None:
    decision = verdict(make_facts(VOUCHER, case=make_case(accepted_dates=())), "customer/2025")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["RET-TAX-10Y"])
    assert "a named officer accepts a date" in decision.reasons[0].says


def test_a_voucher_without_a_fiscal_year_is_blocked_by_every_duty_that_counts_from_one(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts(VOUCHER), "customer")
    assert decision.disposition is Disposition.BLOCKED
    assert prevailing(decision) == ["no-date-field", "no-date-field"]
    assert {reason.says.split(" ")[0] for reason in decision.reasons} == {"RET-ACC-VOUCHER-30Y", "RET-TAX-10Y"}


def test_what_a_voucher_loses_goes_by_a_verified_rule_or_not_at_all(make_facts: MakeFacts, rulebook: Rulebook) -> None:
    rule = rulebook.rule("DEL-PIPL-47-2")
    unsure = replace(rule, verification=replace(rule.verification, status=VerificationStatus.VERIFIED_SECONDARY))
    decision = verdict(make_facts(VOUCHER, rulebook=with_rules(rulebook, unsure)), "customer/2025")
    assert decision.disposition is Disposition.BLOCKED
    assert prevailing(decision)[0] == "DEL-PIPL-47-2"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"delegated_by": ""}, id="by a department, without a delegation"),
        pytest.param({"authority_level": AuthorityLevel.NORMATIVE_DOC}, id="by a normative document"),
        pytest.param({"authority_level": AuthorityLevel.JUDICIAL_INTERPRETATION}, id="by a judicial interpretation"),
    ],
)
def test_a_keeping_rule_below_the_law_asks_counsel(
    make_facts: MakeFacts, rulebook: Rulebook, change: dict[str, str]
) -> None:
    rule = rulebook.rule("RET-ACC-VOUCHER-30Y")
    weak = replace(rule, basis=replace(rule.basis, **change))  # type: ignore[arg-type]
    decision = verdict(make_facts(VOUCHER, rulebook=with_rules(rulebook, weak)), "customer/2025")
    # What the tax rule needs stays for ten years in any case; nothing is sealed or erased before counsel has answered.
    assert (decision.disposition, decision.is_open) == (Disposition.STORE_ONLY, True)
    assert decision.until == date(2035, 12, 31)
    question = next(reason for reason in decision.reasons if reason.rule == rule.id)
    assert (question.prevails, question.step) == (True, "P4")
    assert "until counsel says" in question.says


def test_a_keeping_rule_known_from_memory_asks_counsel(make_facts: MakeFacts, rulebook: Rulebook) -> None:
    vague = replace(rulebook.rule("RET-ACC-VOUCHER-30Y"), verification=UNREAD)
    decision = verdict(make_facts(VOUCHER, rulebook=with_rules(rulebook, vague)), "customer/2025")
    assert (decision.disposition, decision.is_open) == (Disposition.STORE_ONLY, True)
    assert "RET-ACC-VOUCHER-30Y" in prevailing(decision)


def test_a_voucher_whose_elements_nobody_mapped_is_blocked(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts(VOUCHER, elements=(("note", "weather"),)), "customer/2025")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["no-elements"])
    old = verdict(make_facts(VOUCHER, elements=(("note", "weather"),)), "customer/2010")
    assert [reason.rule for reason in old.reasons] == ["no-elements"], "what has ended is no reason to block"


def test_a_duty_that_has_ended_is_said_beside_one_that_runs(make_facts: MakeFacts) -> None:
    facts = make_facts(VOUCHER)
    for as_of, said in ((date(2035, 12, 31), False), (date(2036, 1, 1), True)):
        decision = verdict(replace(facts, as_of=as_of), "customer/2025")
        assert decision.disposition is Disposition.STORE_ONLY
        assert ("its period ended on 2035-12-31" in {reason.says for reason in decision.reasons}) is said


def test_when_the_longest_duty_has_ended_the_duty_to_delete_is_back(make_facts: MakeFacts) -> None:
    last_day = replace(make_facts(VOUCHER), as_of=date(2055, 12, 31))
    assert verdict(last_day, "customer/2025").disposition is Disposition.STORE_ONLY
    day_after = replace(last_day, as_of=date(2056, 1, 1))
    assert verdict(day_after, "customer/2025").disposition is Disposition.ERASE


# -- what the law has handed over --------------------------------------------------------------------------------------

ACCEPTED_ON, STOPPED = date(2026, 11, 1), {"service_stopped": date(2026, 9, 30)}


@pytest.fixture
def bankrupt(
    make_facts: MakeFacts, make_case: Callable[..., Case], make_timeline: Callable[[dict[str, date]], Timeline]
) -> MakeFacts:
    """Facts of a company in bankruptcy, whose administrator receives every record."""
    profile = Profile("bankruptcy", ("ecommerce_operator",), False, False, (12, 31))
    administrator = Recipient("administrator", "gu", "示例机构", "x@example.com", "", ACCEPTED_ON)

    def make(category: str = VOUCHER, *, events: dict[str, date] = STOPPED, **more: Any) -> Facts:
        happened = make_timeline({"bankruptcy_accepted": ACCEPTED_ON} | events)
        case = make_case(profile=profile, timeline=happened, recipients=(administrator,))
        return make_facts(category, case=case, **more)

    return make


def test_what_is_handed_over_goes_whole_and_the_custodian_gets_what_running_duties_need(bankrupt: MakeFacts) -> None:
    facts = bankrupt()
    decision = verdict(facts, "customer/2025")
    assert (decision.disposition, decision.recipient) == (Disposition.HAND_OVER, "administrator")
    whole = Term(None, tuple(facts.collection.field_names()), "administrator")
    assert decision.terms == (whole, Term(date(2055, 12, 31), ("order_no", "ordered_on", "amount")))
    assert {"RET-ACC-VOUCHER-30Y", "RET-TAX-10Y"} < {reason.rule for reason in decision.reasons}
    old = verdict(facts, "customer/1990")
    assert old.terms == (whole,)
    assert not {"RET-ACC-VOUCHER-30Y", "RET-TAX-10Y"} & {reason.rule for reason in old.reasons}, "they have ended"


def test_a_scan_is_handed_over_undivided(bankrupt: MakeFacts) -> None:
    decision = verdict(bankrupt(medium=Medium.OBJECTS), "customer/2025")
    assert decision.terms == (Term(None, (WHOLE_OBJECT,), "administrator"),)
    assert (decision.needed_fields, decision.in_place) == ((WHOLE_OBJECT,), True)


def test_a_hand_over_is_due_on_the_day_of_its_event(bankrupt: MakeFacts) -> None:
    assert verdict(bankrupt(as_of=ACCEPTED_ON), "customer/2025").disposition is Disposition.HAND_OVER
    for facts in (bankrupt(as_of=date(2026, 10, 31)), bankrupt(events=STOPPED | {"bankruptcy_accepted": date.max})):
        decision = verdict(facts, "customer/2025")
        assert decision.disposition is Disposition.BLOCKED
        assert prevailing(decision)[0] == "hand-over-not-due"
        assert decision.reasons[0].says == "it is due with bankruptcy_accepted"


def test_nothing_is_handed_over_while_the_service_runs_or_a_duty_asks(bankrupt: MakeFacts) -> None:
    running, undated = verdict(bankrupt(events={}), "customer/2025"), verdict(bankrupt(), "customer")
    assert [one.disposition for one in (running, undated)] == [Disposition.BLOCKED] * 2
    assert prevailing(running)[0] == "service-running"
    assert prevailing(undated)[:2] == ["no-date-field", "no-date-field"]


def test_what_is_handed_over_goes_here_by_the_strongest_duty_to_delete(bankrupt: MakeFacts, rulebook: Rulebook) -> None:
    child = rulebook.rule("DEL-CHILD-23")
    weak = replace(rulebook.rule("DEL-PIPL-47-2"), verification=UNREAD)
    two = {"rulebook": with_rules(rulebook, weak, replace(child, id="DEL-CHILD-2", priority=child.priority + 1))}
    for more, cited in (({}, ["DEL-PIPL-47-2"]), (two, ["DEL-CHILD-23"])):
        decision = verdict(bankrupt("customer_contact", **more), "minor")
        assert [one.rule for one in decision.reasons if one.rule.startswith("DEL-")] == cited


# -- 5. the duty to delete -------------------------------------------------------------------------------------------


def test_a_customers_contact_data_is_erased_by_the_cited_rule(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts(), "customer")
    assert decision.disposition is Disposition.ERASE
    assert [(reason.rule, reason.citation) for reason in decision.reasons] == [
        ("DEL-PIPL-47-2", "中华人民共和国个人信息保护法 第四十七条第一款第（二）项")
    ]
    assert "2026-10-31" in decision.reasons[0].says
    assert "confirmed in field0" in decision.reasons[0].says
    assert not decision.at_once


def test_a_childs_contact_data_goes_at_once(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts(), "minor")
    assert (decision.disposition, decision.at_once) == (Disposition.ERASE, True)
    assert prevailing(decision) == ["DEL-PIPL-47-2", "DEL-CHILD-23"]


def test_a_child_is_no_exception_while_the_childrens_rule_cannot_be_cited(
    make_facts: MakeFacts, rulebook: Rulebook
) -> None:
    unread = with_rules(rulebook, replace(rulebook.rule("DEL-CHILD-23"), verification=UNREAD))
    decision = verdict(make_facts(rulebook=unread), "minor")
    assert (decision.at_once, prevailing(decision)) == (False, ["DEL-PIPL-47-2"])
    assert not verdict(make_facts(VOUCHER, rulebook=unread), "minor/2025").at_once


@pytest.mark.parametrize("events", [{}, {"service_stopped": date(2027, 1, 16)}])
def test_nothing_is_erased_while_the_service_runs(
    make_facts: MakeFacts,
    make_case: Callable[..., Case],
    make_timeline: Callable[[dict[str, date]], Timeline],
    events: dict[str, date],
) -> None:
    facts = make_facts(case=make_case(timeline=make_timeline(events)))
    decision = verdict(facts, "customer")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["service-running"])


def test_the_duty_begins_on_the_day_of_the_stop(make_facts: MakeFacts) -> None:
    assert verdict(make_facts(as_of=date(2026, 10, 31)), "customer").disposition is Disposition.ERASE
    assert verdict(make_facts(as_of=date(2026, 10, 30)), "customer").disposition is Disposition.BLOCKED


@pytest.mark.parametrize("statuses", [(), (Status.NONE,)])
def test_nothing_is_erased_where_no_personal_information_is_confirmed(
    make_facts: MakeFacts, statuses: tuple[Status, ...]
) -> None:
    decision = verdict(make_facts(statuses=statuses), "customer")
    assert (decision.disposition, prevailing(decision)) == (Disposition.BLOCKED, ["no-personal-information"])


def test_a_stewards_answer_is_as_good_as_a_confirmed_finding(make_facts: MakeFacts) -> None:
    assert verdict(make_facts(statuses=(Status.STEWARD,)), "customer").disposition is Disposition.ERASE


def test_objects_without_fields_rest_on_the_stewards_declaration(make_facts: MakeFacts) -> None:
    decision = verdict(make_facts("identity_scan", medium=Medium.OBJECTS, statuses=()), "customer")
    assert decision.disposition is Disposition.ERASE
    assert "as a steward declared for these objects" in decision.reasons[0].says


@pytest.mark.parametrize(
    ("verification", "effective_from", "effective_to"),
    [
        pytest.param(UNREAD, date(2021, 11, 1), None, id="unverified"),
        pytest.param(
            Verification(VerificationStatus.VERIFIED_SECONDARY, "a copy", "somewhere"), date(2021, 11, 1), None,
            id="read in a copy only",
        ),
        pytest.param(None, date(2027, 1, 16), None, id="not yet in force"),
        pytest.param(None, date(2021, 11, 1), date(2027, 1, 14), id="no longer in force"),
    ],
)  # fmt: skip
def test_a_deletion_rule_that_is_unverified_or_out_of_force_never_erases(
    make_facts: MakeFacts,
    rulebook: Rulebook,
    verification: Verification | None,
    effective_from: date,
    effective_to: date | None,
) -> None:
    rule = rulebook.rule("DEL-PIPL-47-2")
    basis = replace(rule.basis, effective_from=effective_from, effective_to=effective_to)
    weak = replace(rule, basis=basis, verification=verification or rule.verification)
    decision = verdict(make_facts(rulebook=with_rules(rulebook, weak)), "customer")
    assert decision.disposition is Disposition.BLOCKED
    assert prevailing(decision)[0] == "DEL-PIPL-47-2"
    child = verdict(make_facts(rulebook=with_rules(rulebook, weak)), "minor")  # the children's rule asks by itself
    assert (child.disposition, prevailing(child)) == (Disposition.ERASE, ["DEL-CHILD-23"])


# -- a decision that says nothing cannot be built ----------------------------------------------------------------------


def test_a_decision_without_reasons_a_silent_erase_and_a_keep_without_fields_are_refused() -> None:
    ref = CollectionRef("shop", "orders")
    loser = Reason("R", "law", "outweighed", prevails=False)
    winner = replace(loser, prevails=True)
    with pytest.raises(Refused, match="has no reason"):
        Decision(ref, "customer", 1, Disposition.BLOCKED, ())
    with pytest.raises(Refused, match="without a cited rule"):
        Decision(ref, "customer", 1, Disposition.ERASE, (loser,))
    with pytest.raises(Refused, match="which fields"):
        Decision(ref, "customer", 1, Disposition.STORE_ONLY, (winner,))
