"""Every rule that speaks about records reaches a decision: a company that it binds, a record that it speaks of.

The same record is then decided without the rule: a rule whose absence changes nothing would be decoration.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from winddown.domain.case import Case, Profile, Recipient
from winddown.domain.decision import Decision, Disposition
from winddown.domain.disposition import Facts, decide
from winddown.domain.duties import subjects_of
from winddown.domain.event import EVENTS, FISCAL_YEAR_END, NOT_STATED, Scope
from winddown.domain.inventory import CollectionRef, Field
from winddown.domain.label import Label, RecordClass
from winddown.domain.pack import Rulebook
from winddown.domain.rule import WHOLE_RECORD, Rule, RuleKind
from winddown.domain.timeline import Timeline
from winddown.rules.loader import load_rulebook

from .books import without_rules

BOOK = load_rulebook(("cn", "eu", "hk", "us"))
TODAY = date(2026, 11, 23)
ASKED = {RuleKind.MUST_DELETE, RuleKind.MUST_DELETE_OR_ANONYMISE}
KEPT = {RuleKind.MIN_RETENTION, RuleKind.MIN_THEN_DELETE, RuleKind.ADVISORY_HOLD}
CHILD = "child_under14"
MakeFacts = Callable[..., Facts]
MakeTimeline = Callable[[dict[str, date]], Timeline]


def rules(kinds: Iterable[RuleKind]) -> list[Any]:
    wanted = set(kinds)
    return [pytest.param(rule, id=rule_id) for rule_id, rule in sorted(BOOK.rules.items()) if rule.kind in wanted]


def day_of(rule: Rule) -> date:
    """A day on which the rule is in force: today, or the last one of a rule that was superseded."""
    return rule.basis.effective_to or TODAY


def profile_of(rule: Rule) -> Profile:
    """A company that the rule binds."""
    subjects = {name: found for pack in BOOK.packs for name, found in pack.subjects.items()}
    bound = [subjects[name] for name in rule.applies_to]
    chosen = next((subject for subject in bound if subject.is_always), bound[0])
    facts: dict[str, Any] = {"route": "general", "critical_infrastructure": False, "important_data": False, "faces": 0}
    for condition in chosen.when[0] if chosen.when else ():
        if condition.is_true is not None:
            facts[condition.fact] = condition.is_true
        elif condition.at_least is not None:
            facts[condition.fact] = condition.at_least
        elif condition.one_of:
            facts[condition.fact] = condition.one_of[0]
    declared = (chosen.name,) if chosen.is_declared else ("other_business",)
    return Profile(
        facts["route"],
        declared,
        facts["critical_infrastructure"],
        facts["important_data"],
        (12, 31),
        faces=facts["faces"],
    )


@pytest.fixture
def company(make_case: Callable[..., Case], make_timeline: MakeTimeline) -> Callable[..., Case]:
    """A company that a rule binds, whose service stopped a month ago, with every recipient that rules name."""

    def make(rule: Rule, *, is_running: bool = False) -> Case:
        as_of = day_of(rule)
        events = {"dissolution_resolved": as_of - timedelta(days=90)}
        events |= {} if is_running else {"service_stopped": as_of - timedelta(days=40)}
        if EVENTS[rule.start_event] is Scope.CASE:
            events[rule.start_event] = as_of - timedelta(days=40)
        roles = {found.recipient for found in BOOK.rules.values() if found.recipient} - {"custodian"}
        case = make_case(profile=profile_of(rule), timeline=make_timeline(events))
        accepted = tuple(
            replace(case.accepted_dates[0], rule=found.id, start_event=found.default_start_event)
            for found in BOOK.rules.values()
            if found.default_start_event
        )
        recipients = tuple(Recipient(role, "gu", "示例机构", "x@example.com", "", as_of) for role in sorted(roles))
        return replace(case, accepted_dates=accepted, recipients=recipients)

    return make


def label_of(rule: Rule, case: Case, *, years_ago: int = 0) -> Label:
    """The label of a record from whose date, that many years ago, the rule counts."""
    as_of = day_of(rule)
    event = rule.start_event
    if event == NOT_STATED:
        event = next((found.start_event for found in case.accepted_dates if found.rule == rule.id), NOT_STATED)
    kind = RecordClass.MINOR if CHILD in rule.data_category else RecordClass.CUSTOMER
    if event == FISCAL_YEAR_END:
        return Label.of_year(kind, as_of.year - 1 - years_ago)
    if EVENTS[event] in {Scope.RECORD, Scope.PERSON}:
        return Label(kind, ((event, f"{as_of.year - years_ago:04}-{as_of.month:02}"),))
    return Label(kind)


@pytest.fixture
def facts_of(make_facts: MakeFacts) -> Callable[..., Facts]:
    """What is known about a collection of which a rule speaks, with a field for each element that the rule needs."""

    def make(rule: Rule, case: Case, rulebook: Rulebook = BOOK) -> Facts:
        needs = [need for need in rule.needs if need != WHOLE_RECORD]
        general = {"personal_information", CHILD, "all_records"}
        category = next((word for word in rule.data_category if word not in general), "customer_contact")
        elements = tuple((f"field_{need}", need) for need in needs)
        found = make_facts(category, case=case, rulebook=rulebook, as_of=day_of(rule), elements=elements)
        fields = tuple(Field(name, "text", nullable=True) for name in ("field0", *dict(elements)))
        return replace(found, collection=replace(found.collection, fields=fields))

    return make


def cited(decision: Decision) -> set[str]:
    return {reason.rule for reason in decision.reasons}


@pytest.mark.parametrize("rule", rules(KEPT))
def test_a_duty_to_keep_reaches_a_record(
    rule: Rule, company: Callable[..., Case], facts_of: Callable[..., Facts]
) -> None:
    case = company(rule)
    others = [found.id for found in BOOK.rules.values() if found.kind in KEPT and found.id != rule.id]
    facts = facts_of(rule, case, without_rules(BOOK, *others))
    assert set(rule.applies_to) & subjects_of(case, BOOK, facts.persons)
    label = label_of(rule, case)
    decision = decide(facts, label, 1)
    if decision.disposition is Disposition.BLOCKED:  # the law names no start and offers none: it asks, and stays
        assert rule.start_event == NOT_STATED
        assert rule.default_start_event is None
    assert rule.id in cited(decision)
    assert decision.disposition is not Disposition.ERASE
    without = decide(facts_of(rule, case, without_rules(BOOK, rule.id, *others)), label, 1)
    assert without != decision


@pytest.mark.parametrize("rule", rules(ASKED))
def test_a_duty_to_delete_reaches_a_record_and_erases_only_when_its_words_were_read(
    rule: Rule, company: Callable[..., Case], facts_of: Callable[..., Facts]
) -> None:
    others = [found.id for found in BOOK.rules.values() if found.kind in ASKED and found.id != rule.id]
    case = company(rule, is_running=rule.start_event != "service_stopped")
    facts = facts_of(rule, case, without_rules(BOOK, *others))
    label = label_of(rule, case, years_ago=6)
    if rule.period is None:  # nobody can say when it falls due: it speaks beside the duty that does
        stopped = facts_of(rule, company(rule))
        assert (rule.id in cited(decide(stopped, label, 1))) == rule.may_destroy
        return
    decision = decide(facts, label, 1)
    assert rule.id in cited(decision)
    assert (decision.disposition is Disposition.ERASE) == rule.may_destroy
    without = decide(facts_of(rule, case, without_rules(BOOK, rule.id, *others)), label, 1)
    assert without.disposition is Disposition.BLOCKED


@pytest.mark.parametrize("rule", rules({RuleKind.MUST_HANDOVER}))
def test_a_duty_to_hand_over_reaches_a_record(
    rule: Rule, company: Callable[..., Case], facts_of: Callable[..., Facts]
) -> None:
    case = company(rule)

    facts = facts_of(rule, case)
    keeping = next((found for found in facts.rules if found.keeps), None)
    if rule.recipient == "custodian" and keeping is not None:
        facts = facts_of(replace(rule, needs=keeping.needs), case)
        decision = decide(facts, Label.of_year(RecordClass.CUSTOMER, 2025), 1)
        assert (decision.disposition, rule.id in cited(decision)) == (Disposition.STORE_ONLY, True)
        return
    decision = decide(facts, label_of(rule, case, years_ago=1), 1)
    assert rule.id in cited(decision)
    assert (decision.disposition, decision.recipient) == (Disposition.HAND_OVER, rule.recipient)
    nobody = replace(case, recipients=())
    if rule.recipient != "custodian":
        assert decide(facts_of(rule, nobody), label_of(rule, case, years_ago=1), 1).disposition is Disposition.BLOCKED


def test_a_maximum_that_passed_asks_for_deletion_while_the_service_still_runs(
    company: Callable[..., Case], facts_of: Callable[..., Facts]
) -> None:
    rule = BOOK.rule("RET-CREDIT-ADVERSE-5Y")
    case = company(rule, is_running=True)
    facts = facts_of(rule, case, without_rules(BOOK, "DEL-CREDIT-16", "HO-CREDIT-12"))
    old, recent = label_of(rule, case, years_ago=6), label_of(rule, case)
    assert decide(facts, old, 1).disposition is Disposition.ERASE
    assert "RET-CREDIT-ADVERSE-5Y" in decide(facts, old, 1).reasons[0].says
    assert decide(facts, recent, 1).disposition is Disposition.BLOCKED


def test_stopping_to_process_is_told_with_what_is_only_stored(
    company: Callable[..., Case], make_facts: MakeFacts
) -> None:
    rule = BOOK.rule("DEL-TELECOM-9")
    case = company(rule)
    facts = make_facts("accounting_vouchers", case=case, rulebook=BOOK, as_of=TODAY)
    entry = replace(facts.entry, also=("user_account",))
    assert rule.id in cited(decide(replace(facts, entry=entry), Label.of_year(RecordClass.CUSTOMER, 2025), 1))
    assert facts.collection.ref == CollectionRef("shop", "orders")
