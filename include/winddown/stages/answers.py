"""Remembers what a rule asked when somebody answered for it: an accepted start date, or counsel's opinion.

An answer is given to a text. When the text changes, the answer is not withdrawn, but a person reads both again. So the
digest of the rule is kept from the day on which the case was first opened with the answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from winddown.domain.case import Case
from winddown.domain.pack import Rulebook
from winddown.domain.rule_changes import rule_digest
from winddown.stages.deployment import Deployment

_KIND, _NAME = "answers", "rules"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a case; ``key`` tells it from any other, a new one with other evidence included."""

    rule: str
    what: str
    by: str
    key: str


def answers_of(case: Case) -> Iterator[Answer]:
    """Every accepted date and every opinion of a case."""
    for accepted in case.accepted_dates:
        key = f"date {accepted.rule} {accepted.start_event} {accepted.evidence_sha256}"
        yield Answer(accepted.rule, f"{accepted.start_event} accepted as its start", accepted.accepted_by, key)
    for opinion in case.opinions:
        about = opinion.collection or "all collections"
        key = f"opinion {opinion.rule} {about} {opinion.given_on} {opinion.evidence_sha256}"
        yield Answer(opinion.rule, f"opinion of {opinion.given_on} on {about}", opinion.given_by, key)


def remember_answers(deployment: Deployment, case: Case) -> None:
    """Keep, for every answer that is new, what its rule asks now; what is known of older answers stays."""
    known = _known(deployment, case.id)
    rules = deployment.rulebook.rules
    fresh = {found.key: rule_digest(rules[found.rule]) for found in answers_of(case) if found.rule in rules}
    if fresh.keys() - known.keys():
        deployment.control.put(case.id, _KIND, _NAME, fresh | known, type_=dict[str, str])


def outdated_answers(deployment: Deployment, case: Case, rulebook: Rulebook) -> tuple[Answer, ...]:
    """The answers whose rule is gone, asks something else now, or is not known to be the one that was answered."""
    known = _known(deployment, case.id)
    return tuple(
        found
        for found in answers_of(case)
        if found.rule not in rulebook.rules or known.get(found.key) != rule_digest(rulebook.rules[found.rule])
    )


def _known(deployment: Deployment, case_id: str) -> dict[str, str]:
    found: dict[str, str] | None = deployment.control.get(case_id, _KIND, _NAME, type_=dict[str, str])
    return found or {}
