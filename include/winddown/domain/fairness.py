"""Same facts, same outcome: compares how the records of different customers are treated, and names each difference.

Pure, and independent of how labels were made: it is given what is known of the customer of each record, and the label
that the record carries. Two outcomes that no rule tells apart are unfair, or a defect; either way a person looks.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from winddown.domain.decision import Decision
from winddown.domain.disposition import Facts, decide
from winddown.domain.duties import CHILD, DatedBy, start_event
from winddown.domain.event import FISCAL_YEAR_END
from winddown.domain.label import Label, RecordClass
from winddown.domain.rule import RuleKind


@dataclass(frozen=True, slots=True, order=True)
class RecordFacts:
    """What the law may look at in a record and its customer; ``starts``: event → month or fiscal year, if it has one.

    ``placeholders`` are the events whose date is a placeholder, and therefore none.

    ``is_overseas`` is here because no rule of deletion looks at it: customers abroad get what others get.
    """

    is_known: bool
    is_held: bool = False
    is_minor: bool = False
    is_overseas: bool = False
    starts: tuple[tuple[str, str], ...] = ()
    placeholders: tuple[str, ...] = ()

    def value(self, name: str) -> object:
        """The value of a fact by its name, or of an event's start."""
        return getattr(self, name) if name in _CLASS_FACTS else dict(self.starts).get(name)


_CLASS_FACTS = ("is_known", "is_held", "is_minor", "is_overseas")
Outcome = tuple[object, ...]
Counted = Mapping[tuple[RecordFacts, str], int]


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """Two groups of records of one collection that are treated differently.

    Attributes:
        facts: the facts in which the two differ and of which a rule of either outcome speaks.
        rules: those rules; empty together with ``facts`` where none does.
        one, other: the two outcomes, in words.
        records: records of all groups that differ so.
    """

    collection: str
    facts: tuple[str, ...]
    rules: tuple[str, ...]
    one: str
    other: str
    records: int
    is_explained: bool

    @property
    def says(self) -> str:
        """One sentence, with counts and without anybody's data."""
        if self.is_explained:
            return f"{self.one} or {self.other}: {', '.join(self.facts)}, by {', '.join(self.rules)}"
        return f"{self.records} records are treated as {self.one} and as {self.other}, and no rule says why"


def differences(
    counted: Mapping[tuple[RecordFacts, str], int],
    facts: Facts,
    decisions: Sequence[Decision],
    dates: Sequence[DatedBy],
) -> tuple[Difference, ...]:
    """Every pair of differently treated groups; the unexplained ones first.

    Args:
        counted: number of records with these facts and this label.
        facts: what is known of the collection.
        decisions: one for each label.
        dates: the events that tell the collection's records apart.
    """
    by_label = {decision.label: decision for decision in decisions}
    groups: dict[tuple[object, ...], _Group] = {}
    for (found, label), count in counted.items():
        decision = by_label[label]
        kind = tuple(found.value(name) for name in _CLASS_FACTS)
        group = groups.setdefault((kind, outcome(decision)), _Group(outcome(decision), _said(decision)))
        group.add(found, count, _spoken_of(decision, facts, dates))
    alike: dict[Difference, set[int]] = {}
    members = list(groups.values())
    for (first, one), (second, other) in combinations(enumerate(members), 2):
        if one.outcome != other.outcome:
            difference = _difference(str(facts.collection.ref), one, other)
            alike.setdefault(difference, set()).update((first, second))
    whole = [replace(one, records=sum(members[at].records for at in ats)) for one, ats in alike.items()]
    return tuple(sorted(whole, key=lambda one: (one.is_explained, one)))


def mistaken(
    counted: Mapping[tuple[RecordFacts, str], int],
    facts: Facts,
    decisions: Sequence[Decision],
    dates: Sequence[DatedBy],
) -> tuple[Difference, ...]:
    """Records that are not treated as their own facts say: even where all are wronged alike."""
    by_label = {decision.label: decision for decision in decisions}
    found: Counter[tuple[str, str]] = Counter()
    for (one, label), count in counted.items():
        due = decide(facts, own_label(one, dates), count)
        if outcome(due) != outcome(by_label[label]):
            found[_said(due), _said(by_label[label])] += count
    ref = str(facts.collection.ref)
    return tuple(Difference(ref, (), (), due, given, count, False) for (due, given), count in sorted(found.items()))


def own_label(found: RecordFacts, dates: Sequence[DatedBy]) -> Label:
    """The label that a record's facts ask for, class by class in the order of ``RecordClass``."""
    if found.is_held:
        return Label(RecordClass.HELD)
    if not found.is_known:
        return Label(RecordClass.UNKNOWN)
    if any(one.is_required and found.value(one.event) is None for one in dates):
        is_nobodys = any(one.is_required and one.event in found.placeholders for one in dates)
        return Label(RecordClass.PLACEHOLDER if is_nobodys else RecordClass.UNDATED)
    record_class = RecordClass.MINOR if found.is_minor else RecordClass.CUSTOMER
    return Label(record_class, tuple(sorted(found.starts, key=lambda start: (start[0] != FISCAL_YEAR_END, start))))


def outcome(decision: Decision) -> Outcome:
    """All that is done to a record under a decision; counts, labels and sentences left out."""
    one = decision
    return (one.disposition, one.until, one.terms, one.recipient, one.is_open, one.at_once, one.in_place)


class _Group:
    """Records of the same class of customers with the same outcome: their facts, and the rules that speak of each."""

    def __init__(self, outcome: Outcome, says: str) -> None:
        self.outcome, self.says = outcome, says
        self.members: set[RecordFacts] = set()
        self.rules: dict[str, set[str]] = {}
        self.records = 0

    def add(self, found: RecordFacts, count: int, spoken: Iterator[tuple[str, str]]) -> None:
        """Add records; ``spoken`` are pairs of a fact and a rule that speaks of it in their decision."""
        self.members.add(found)
        self.records += count
        for fact, rule in spoken:
            self.rules.setdefault(fact, set()).add(rule)

    def seen_by(self, names: Sequence[str]) -> set[tuple[object, ...]]:
        """Its members, as far as these facts go."""
        return {tuple(found.value(name) for name in names) for found in self.members}


def _difference(collection: str, one: _Group, other: _Group) -> Difference:
    names = sorted(one.rules.keys() | other.rules.keys())
    is_explained = not one.seen_by(names) & other.seen_by(names)
    telling = tuple(name for name in names if one.seen_by([name]) != other.seen_by([name]))
    rules = {rule for name in telling for group in (one, other) for rule in group.rules.get(name, ())}
    first, second = sorted((one.says, other.says))
    return Difference(collection, telling, tuple(sorted(rules)), first, second, 0, is_explained)


def _spoken_of(decision: Decision, facts: Facts, dates: Sequence[DatedBy]) -> Iterator[tuple[str, str]]:
    """The facts that a decision rests on, with the rule: those that its reasons name, and maxima that they cite."""
    events = {found.event for found in dates}
    words = {word for reason in decision.reasons for word in reason.says.split()}
    for rule_id in {reason.rule for reason in decision.reasons} | (words & facts.rulebook.rules.keys()):
        rule = facts.rulebook.rules.get(rule_id)
        if rule is None:
            yield from _without_rule(rule_id, dates)
            continue
        if rule.kind is RuleKind.LEGAL_HOLD:
            yield "is_held", rule_id
        if CHILD in rule.data_category:
            yield "is_minor", rule_id
        event = start_event(rule, facts.case)
        if event in events:
            yield str(event), rule_id


def _without_rule(code: str, dates: Sequence[DatedBy]) -> Iterator[tuple[str, str]]:
    if code == "unknown-subject":
        yield "is_known", code
    if code in {"undated-record", "placeholder-date"}:
        yield from ((found.event, code) for found in dates if found.is_required)


def _said(decision: Decision) -> str:
    until = f" until {decision.until}" if decision.until else ""
    return f"{decision.disposition}{until}" + (", open" if decision.is_open else "")
