"""Which decisions of a case another rulebook changes, record by record. Reads the stores; changes and records nothing.

Every record is labelled and decided under both books, and the two outcomes are joined by the record's locators, because
a book may tell records apart that the other one does not. What is returned are counts, outcomes and rule ids.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from winddown.domain.batch import CONTENT
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Reason
from winddown.domain.finding import Finding
from winddown.domain.inventory import Inventory
from winddown.domain.pack import Rulebook
from winddown.domain.rule_changes import RuleChange, rule_changes
from winddown.stages.decide import label_and_decide
from winddown.stages.deployment import Deployment
from winddown.stages.explain import changes
from winddown.stages.labelled import Labelled
from winddown.stages.vocabulary import refuse_unknown_words


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of records, as far as people compare it."""

    disposition: str
    until: date | None

    def __str__(self) -> str:
        return self.disposition + (f" until {self.until}" if self.until else "")


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """Records of a collection that another book decides otherwise.

    Attributes:
        count: number of records.
        what: what differs, in words, e.g. the fields that are kept.
        rules: the changed rules that take part in either decision; else all that only one of them names.
    """

    collection: str
    count: int
    before: Outcome
    after: Outcome
    what: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Uncompared:
    """A collection whose records could not be joined, and why."""

    collection: str
    records: int
    why: str


@dataclass(frozen=True, slots=True)
class CaseDiff:
    """All of it; ``records`` is the number of records that were compared."""

    rules: tuple[RuleChange, ...]
    records: int
    decisions: tuple[DecisionChange, ...]
    uncompared: tuple[Uncompared, ...]


def diff_case(deployment: Deployment, case_id: str, before: Rulebook, after: Rulebook) -> CaseDiff:
    """Decide a case under both books; raises Refused when one of them does not know a word of the case."""
    case = deployment.case(case_id)
    refuse_unknown_words(case, before)
    refuse_unknown_words(case, after)
    inventory: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    findings: tuple[Finding, ...] = deployment.control.require(
        case_id, "findings", "findings", type_=tuple[Finding, ...]
    )
    changed = rule_changes(before, after)
    first = _labelled(deployment, case, inventory, findings, before)
    second = _labelled(deployment, case, inventory, findings, after)
    found: list[DecisionChange] = []
    uncompared: list[Uncompared] = []
    records = 0
    for old, new in zip(first, second, strict=True):
        pairs = _pairs(old, new)
        if isinstance(pairs, Uncompared):
            uncompared.append(pairs)
            continue
        joined = sum(pairs.values())
        records += joined
        if joined < old.records.height:
            left = old.records.height - joined
            uncompared.append(Uncompared(str(old.collection.ref), left, "written to between the two readings"))
        found += _changes(old, new, pairs, {change.rule for change in changed})
    return CaseDiff(changed, records, tuple(found), tuple(uncompared))


def _labelled(
    deployment: Deployment, case: Case, inventory: Inventory, findings: tuple[Finding, ...], book: Rulebook
) -> list[Labelled]:
    return label_and_decide(replace(deployment, rulebook=book), case, inventory, findings)[0]


def _pairs(old: Labelled, new: Labelled) -> Counter[tuple[str, str]] | Uncompared:
    """How many records carry which label under the one book and which under the other."""
    locators = [name for name in old.records.columns if name not in {"label", "subject", CONTENT}]
    labels = [found.records.get_column("label").unique().to_list() for found in (old, new)]
    if len(labels[0]) <= 1 and len(labels[1]) <= 1:
        heights = min(old.records.height, new.records.height)
        return Counter(dict.fromkeys(zip(*labels, strict=False), heights))
    if not locators:
        return Uncompared(str(old.collection.ref), old.records.height, "its records have no key to be joined by")
    joined = old.records.select(*locators, "label").join(
        new.records.select(*locators, pl.col("label").alias("other")), on=locators
    )
    counts = joined.group_by("label", "other").len()
    return Counter({(one, other): count for one, other, count in counts.iter_rows()})


def _changes(
    old: Labelled, new: Labelled, pairs: Counter[tuple[str, str]], changed: set[str]
) -> Iterator[DecisionChange]:
    before = {decision.label: decision for decision in old.decisions}
    after = {decision.label: decision for decision in new.decisions}
    grouped: Counter[tuple[Outcome, Outcome, tuple[str, ...], tuple[str, ...]]] = Counter()
    for (one, other), count in pairs.items():
        what = changes(before[one], after[other])
        if what:
            rules = _rules(before[one], after[other], changed)
            grouped[_outcome(before[one]), _outcome(after[other]), what, rules] += count
    for (was, now, what, rules), count in sorted(grouped.items(), key=lambda item: (str(item[0][0]), str(item[0][1]))):
        yield DecisionChange(str(old.collection.ref), count, was, now, what, rules)


def _outcome(decision: Decision) -> Outcome:
    return Outcome(decision.disposition.value, decision.until)


def _rules(before: Decision, after: Decision, changed: set[str]) -> tuple[str, ...]:
    """Changed rules that either decision names; a rule that works unnamed is found by what only one of them names."""
    one, other = _named(before.reasons, changed), _named(after.reasons, changed)
    return tuple(sorted((one | other) & changed or one ^ other))


def _named(reasons: Sequence[Reason], changed: set[str]) -> set[str]:
    """Rules that speak, and of the changed ones those that a sentence cites, e.g. a maximum that has passed."""
    return {reason.rule for reason in reasons} | {
        rule for rule in changed for reason in reasons if rule in reason.says.split()
    }
