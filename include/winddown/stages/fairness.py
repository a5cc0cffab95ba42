"""Checks that customers with the same facts are treated the same, and names the rule behind every difference.

Small cases are compared whole. Above ``WHOLE_RECORDS`` records in the largest collection, customers are drawn by a
keyed hash, all their records with them; what such a sample can miss is stated as a bound. A difference that no rule
explains stops the collection's plan.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.fairness import Difference, differences, mistaken
from winddown.domain.finding import Finding
from winddown.domain.inventory import Inventory
from winddown.stages.deployment import Deployment, today
from winddown.stages.labelled import Labelled, facts_of
from winddown.stages.plain_facts import Chosen, count_records, customers
from winddown.stages.subjects import SubjectIndex

WHOLE_RECORDS = 200_000
_RULE_OF_THREE = 3  # of n drawn customers none shows what more than 3/n of all have: it happens in less than 1 of 20


@dataclass(frozen=True, slots=True)
class FairnessOf:
    """The comparison of one collection.

    Attributes:
        records: records that were compared.
        groups: different sets of facts among them.
        differences: explained ones, each pair of outcomes with its facts and rules.
        failures: what no rule explains, and records that are not treated as their facts say.
    """

    collection: str
    records: int
    groups: int
    differences: tuple[Difference, ...]
    failures: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Fairness:
    """The whole comparison.

    Attributes:
        customers: customers that were compared, of ``of_customers``.
        may_miss: largest share of customers that could be treated otherwise without a sign (95 % sure); 0.0 when all
            were compared.
        collections: those whose records are tied to customers.
    """

    customers: int
    of_customers: int
    may_miss: float
    collections: tuple[FairnessOf, ...]

    @property
    def failures(self) -> tuple[Difference, ...]:
        """What fails the check."""
        return tuple(found for one in self.collections for found in one.failures)

    def of(self, collection: str) -> FairnessOf | None:
        """The comparison of a collection, or None when its records are not tied to customers."""
        return next((found for found in self.collections if found.collection == collection), None)


def check_fairness(
    deployment: Deployment,
    case: Case,
    inventory: Inventory,
    findings: tuple[Finding, ...],
    *,
    labelled: Sequence[Labelled],
    index: SubjectIndex,
    whole_records: int = WHOLE_RECORDS,
) -> Fairness:
    """Compare all collections whose records are tied to customers."""
    tied = [found for found in labelled if "subject" in found.records.columns]
    largest = max([index.persons, *(found.records.height for found in tied)])
    chosen = _drawn(deployment.keys(case.id).salt(), min(1.0, whole_records / max(1, largest)))
    known = customers(deployment, case, inventory, chosen)
    results = []
    for found in tied:
        entry = case.entry(found.collection.ref)
        assert entry is not None  # noqa: S101 - only registered collections are tied
        dates = index.dates(deployment, case, entry)
        counted = count_records(
            deployment, case, found, dates=dates, known=known, chosen=chosen,
            is_leaned_on=found.collection.ref in index.holds.leaned_on,
        )  # fmt: skip
        facts = facts_of(
            case, inventory, findings, deployment.rulebook,
            collection=found.collection, as_of=today(deployment), holds=index.holds.named_in(found.records),
            persons=index.persons,
        )  # fmt: skip
        pairs = differences(counted, facts, found.decisions, dates)
        failures = [one for one in pairs if not one.is_explained]
        failures += mistaken(counted, facts, found.decisions, dates)
        explained = tuple(one for one in pairs if one.is_explained)
        groups = len({one for one, _ in counted})
        results.append(FairnessOf(str(found.collection.ref), sum(counted.values()), groups, explained, tuple(failures)))
    is_whole = len(known) >= index.persons
    may_miss = 0.0 if is_whole else min(1.0, _RULE_OF_THREE / max(1, len(known)))
    return Fairness(len(known), index.persons, may_miss, tuple(results))


def fairness_blockers(found: Fairness) -> tuple[Blocker, ...]:
    """One blocker for each collection with a failure."""
    return tuple(
        Blocker(
            "unexplained-difference",
            one.collection,
            "; ".join(failure.says for failure in one.failures),
            "engineer, with the personal-information officer",
            "find what treats these records differently; it is a defect of the program, or a rule that is not written",
        )
        for one in found.collections
        if one.failures
    )


def _drawn(key: bytes, share: float) -> Chosen:
    """Whether a customer is drawn: by a keyed hash, so that nobody can arrange to be left out."""
    if share >= 1.0:
        return lambda _subject: True
    limit = int(share * 2**64)

    def chosen(subject: str) -> bool:
        return int.from_bytes(hashlib.blake2b(subject.encode(), key=key[:64], digest_size=8).digest()) < limit

    return chosen
