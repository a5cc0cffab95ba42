"""What holds for every decision, whatever the facts: hypothesis varies them, these sentences may not break."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

from hypothesis import given, settings
from hypothesis import strategies as st

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, Opinion
from winddown.domain.decision import Disposition
from winddown.domain.disposition import Facts, decide
from winddown.domain.finding import Status
from winddown.domain.inventory import Medium
from winddown.domain.label import Label, RecordClass
from winddown.domain.pack import Rulebook
from winddown.domain.rule import Period, Rule, Verification, VerificationStatus
from winddown.domain.timeline import Timeline

from .books import with_rules

MakeFacts = Callable[..., Facts]
DAYS = st.dates(date(2020, 1, 1), date(2070, 1, 1))
LABELS = st.builds(Label.of_year, st.sampled_from(RecordClass), st.none() | st.integers(2015, 2030))
CATEGORIES = st.sampled_from([None, "customer_contact", "accounting_vouchers", "invoices", "company_own", "backup"])
STATUSES = st.lists(st.sampled_from(Status), max_size=3).map(tuple)
BLOCKER = Blocker("store-down", "shop", "it is down", "administrator", "start it")


@st.composite
def bent(draw: st.DrawFn, rule: Rule) -> Rule:
    """The rule, or the same one unread, or in force at other times."""
    begin = draw(st.just(rule.basis.effective_from) | DAYS)
    end = draw(st.none() | DAYS)
    status = draw(st.sampled_from(VerificationStatus))
    basis = replace(rule.basis, effective_from=begin, effective_to=end)
    return replace(rule, basis=basis, verification=Verification(status, "source", "ref"))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_decision_keeps_the_promises_of_the_product(
    make_facts: MakeFacts,
    make_case: Callable[..., Case],
    make_timeline: Callable[[dict[str, date]], Timeline],
    rulebook: Rulebook,
    data: st.DataObject,
) -> None:
    changed = {
        rule_id: data.draw(bent(rulebook.rule(rule_id)), label=rule_id)
        for rule_id in ("DEL-PIPL-47-2", "DEL-CHILD-23", "RET-TAX-10Y")
    }
    bent_book = with_rules(rulebook, *changed.values())
    stopped = data.draw(st.none() | DAYS, label="stopped")
    case = make_case(timeline=make_timeline({} if stopped is None else {"service_stopped": stopped}))
    if data.draw(st.booleans(), label="no accepted dates"):
        case = replace(case, accepted_dates=())
    as_of = data.draw(DAYS, label="as of")
    category = data.draw(CATEGORIES, label="category")
    label = data.draw(LABELS, label="label")
    facts = make_facts(
        category,
        medium=data.draw(st.sampled_from(Medium)),
        custody=data.draw(st.sampled_from(["", "sealed", "in_place"])),
        elements=data.draw(st.sampled_from([(), (("order_no", "voucher_number"),)])),
        backup_until=data.draw(st.none() | DAYS),
        statuses=data.draw(STATUSES, label="statuses"),
        blockers=data.draw(st.sampled_from([(), (BLOCKER,)])),
        case=case,
        rulebook=bent_book,
        as_of=as_of,
    )

    decision = decide(facts, label, 3)

    assert decision.reasons
    assert (decision.label, decision.count, decision.collection) == (str(label), 3, facts.collection.ref)
    is_held = label.record_class in {RecordClass.HELD, RecordClass.HELD_WHOLE}
    assert (decision.disposition is Disposition.HELD) == is_held  # a hold beats all, and nothing else holds
    if decision.disposition is Disposition.ERASE:
        assert label.record_class in {RecordClass.CUSTOMER, RecordClass.MINOR}
        assert category not in {None, "company_own", "backup"}
        assert not facts.blockers
        assert not {Status.AMBIGUOUS, Status.HEADER_ONLY} & {found.status for found in facts.findings}
        assert stopped is not None
        assert stopped <= as_of
        for reason in decision.reasons:
            rule = bent_book.rule(reason.rule)
            assert reason.prevails
            assert reason.citation == rule.basis.citation
            assert rule.may_destroy
            assert rule.verification.status is VerificationStatus.VERIFIED
            assert rule.in_force(as_of)
    if decision.disposition is Disposition.STORE_ONLY:
        assert decision.needed_fields
        assert decision.until is not None
        assert decision.until >= as_of or category == "backup"
    if decision.at_once:
        assert label.record_class is RecordClass.MINOR
        assert bent_book.rule("DEL-CHILD-23").may_destroy
        assert bent_book.rule("DEL-CHILD-23").in_force(as_of)


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(LABELS, max_size=40))
def test_decisions_partition_the_records_without_gap_or_overlap(make_facts: MakeFacts, labels: list[Label]) -> None:
    facts = make_facts("accounting_vouchers")
    counts = {label: labels.count(label) for label in labels}
    decisions = [decide(facts, label, count) for label, count in counts.items()]
    assert sum(decision.count for decision in decisions) == len(labels)
    assert len({decision.label for decision in decisions}) == len(decisions)
    assert [Label.parse(decision.label) for decision in decisions] == list(counts)


@settings(max_examples=60, deadline=None)
@given(
    periods=st.lists(st.builds(Period, st.integers(30, 60), st.integers(0, 11), st.integers(0, 30)), min_size=2),
    year=st.integers(2020, 2026),
)
def test_the_longest_of_any_number_of_keeping_duties_wins(
    make_facts: MakeFacts, rulebook: Rulebook, periods: list[Period], year: int
) -> None:
    model = rulebook.rule("RET-ACC-VOUCHER-30Y")
    duties = {
        f"KEEP-{index}": replace(model, id=f"KEEP-{index}", period=period) for index, period in enumerate(periods)
    }
    many = with_rules(rulebook, *duties.values())
    decision = decide(make_facts("accounting_vouchers", rulebook=many), Label.of_year(RecordClass.CUSTOMER, year), 1)
    start = date(year + 1, 1, 1)
    last_days = {rule.id: rule.period.add_to(start) - timedelta(days=1) for rule in duties.values() if rule.period}
    assert decision.disposition is Disposition.STORE_ONLY
    assert decision.until == max(last_days.values())
    winners = {reason.rule for reason in decision.reasons if reason.prevails and reason.rule in duties}
    assert winners == {rule_id for rule_id, day in last_days.items() if day == decision.until}
    assert duties.keys() <= {reason.rule for reason in decision.reasons}  # losers are recorded too


FINALITY = {
    Disposition.BLOCKED: 0,
    Disposition.HELD: 0,
    Disposition.STORE_ONLY: 0,
    Disposition.HAND_OVER: 0,
    Disposition.ANONYMISE: 1,
    Disposition.ERASE: 1,
}


@settings(max_examples=100, deadline=None)
@given(
    first=st.builds(Period, st.integers(0, 40), st.integers(0, 11), st.integers(0, 30)),
    more=st.builds(Period, st.integers(0, 40), st.integers(0, 11), st.integers(0, 30)),
    year=st.integers(1990, 2026),
    as_of=DAYS,
)
def test_a_longer_period_never_ends_earlier_and_never_destroys(
    make_facts: MakeFacts, rulebook: Rulebook, *, first: Period, more: Period, year: int, as_of: date
) -> None:
    rule = rulebook.rule("RET-ACC-VOUCHER-30Y")
    longer = Period(first.years + more.years, first.months + more.months, first.days + more.days)
    decided = [
        decide(
            make_facts("accounting_vouchers", rulebook=with_rules(rulebook, replace(rule, period=period)), as_of=as_of),
            Label.of_year(RecordClass.CUSTOMER, year),
            1,
        )
        for period in (first, longer)
    ]
    assert FINALITY[decided[1].disposition] <= FINALITY[decided[0].disposition]
    if decided[0].until is not None:
        assert decided[1].until is not None
        assert decided[1].until >= decided[0].until


@settings(max_examples=100, deadline=None)
@given(label=LABELS, category=CATEGORIES, statuses=STATUSES, data=st.data())
def test_the_same_facts_give_the_same_decision_whatever_the_order_of_rules_opinions_and_findings(
    make_facts: MakeFacts,
    make_case: Callable[..., Case],
    rulebook: Rulebook,
    *,
    label: Label,
    category: str | None,
    statuses: tuple[Status, ...],
    data: st.DataObject,
) -> None:
    opinions = tuple(
        Opinion(rule, None, keeps, "zheng", date(2026, 9, 1), "0" * 64)
        for rule, keeps in (("DEL-CHILD-23", True), ("RET-TAX-10Y", False), ("RET-ACC-VOUCHER-30Y", False))
    )
    first = make_facts(category, statuses=statuses, case=make_case(opinions=opinions))
    pack = rulebook.packs[0]
    shuffled = data.draw(st.permutations(list(pack.rules.items())))
    again = replace(
        first,
        rulebook=Rulebook((replace(pack, rules=MappingProxyType(dict(shuffled))),)),
        case=replace(first.case, opinions=tuple(data.draw(st.permutations(opinions)))),
    )
    assert decide(again, label, 3) == decide(first, label, 3) == decide(first, label, 3)


@settings(max_examples=100, deadline=None)
@given(label=LABELS, category=CATEGORIES, kept=st.sampled_from(["RET-LOG-6M", "RET-MED-OUT-15Y", "RET-LIMITATION-3Y"]))
def test_one_more_reason_to_keep_never_destroys_what_was_kept(
    make_facts: MakeFacts, rulebook: Rulebook, label: Label, category: str | None, kept: str
) -> None:
    before = make_facts(category)
    words = tuple(before.entry.categories) if before.entry else ("customer_contact",)
    further = replace(rulebook.rule(kept), id="KEEP-FURTHER", data_category=words, applies_to=("all_companies",))
    after = decide(make_facts(category, rulebook=with_rules(rulebook, further)), label, 1)
    assert FINALITY[after.disposition] <= FINALITY[decide(before, label, 1).disposition]


@settings(max_examples=100, deadline=None)
@given(label=LABELS, category=CATEGORIES)
def test_a_decision_that_keeps_says_of_every_needed_field_until_when(
    make_facts: MakeFacts, label: Label, category: str | None
) -> None:
    decision = decide(make_facts(category), label, 1)
    assert {name for term in decision.terms for name in term.fields} == set(decision.needed_fields)
    ends = [term.until or date.max for term in decision.terms if not term.recipient]
    assert ends == sorted(ends, reverse=True)
    assert all(end >= (decision.until or date.min) for end in ends[:1])
