"""What the course of a case and its clocks depend on: the route, whom the company is to the law, and what happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from winddown.domain.case import Case
from winddown.domain.pack import Rulebook
from winddown.domain.rule import Rule
from winddown.domain.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Situation:
    """One case as the law's clocks see it.

    Attributes:
        subjects: kinds and roles of a company that this one is.
        exclusions: facts that close the simplified route, and whether they are so; a missing one is not known.
    """

    route: str
    subjects: frozenset[str]
    timeline: Timeline
    exclusions: Mapping[str, bool] = field(default_factory=dict)

    def binds(self, rule: Rule) -> bool:
        """Whether the rule binds this company."""
        return not self.subjects.isdisjoint(rule.applies_to)


def situation_of(case: Case, rulebook: Rulebook, *, persons: int = 0) -> Situation:
    """Read the situation from a case; ``Refused`` for a sector that no pack knows, and for a missing fact.

    ``persons`` is the number that was counted; the case file declares one too, and the larger of them decides.
    """
    facts = case.profile.facts() | {"exports_personal_information": bool(case.transfers)}
    facts["persons"] = max(persons, case.profile.persons)
    subjects = rulebook.subjects(case.profile.declared, facts)
    return Situation(case.profile.route, subjects, case.timeline, dict(case.exclusions))
