"""A pack of rules at one version, and the packs of a deployment read as one book."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from winddown.domain.calendar import WorkingCalendar
from winddown.domain.canonical import digest
from winddown.domain.course import Course
from winddown.domain.errors import Refused
from winddown.domain.notice import NoticeTemplate
from winddown.domain.rule import Condition, Period, Rule, any_holds

Profile = Mapping[str, bool | int | str]


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind or role of a company that rules bind.

    Attributes:
        is_always: every company is one.
        when: alternatives, each a conjunction of conditions on the case's profile; a company is one when one holds.
    """

    name: str
    is_always: bool = False
    when: tuple[tuple[Condition, ...], ...] = ()

    @property
    def is_declared(self) -> bool:
        """Whether only the case file can say so."""
        return not self.is_always and not self.when

    def includes(self, declared: frozenset[str], profile: Profile) -> bool:
        """Whether a company with these declared sectors and this profile is one; ``Refused`` when a fact is missing."""
        return self.is_always or self.name in declared or (bool(self.when) and any_holds(self.when, profile))


@dataclass(frozen=True, slots=True)
class Article:
    """The words of one article, as read, and where."""

    law: str
    article: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change of law that was announced and is not in force; it decides nothing and asks to be looked at.

    Attributes:
        affects: ids of the rules that it would change; empty when it would add some.
    """

    id: str
    title: str
    status: str
    effect: str
    affects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RulePack:
    """The rules of one jurisdiction, or one company's own promises, at one version; ``digest`` covers all of it.

    ``review_every``: how long after its last review a rule is due for the next; None when the pack does not say.
    """

    id: str
    version: str
    as_of: date
    disclaimer: str
    digest: str
    categories: frozenset[str]
    rules: Mapping[str, Rule]
    subjects: Mapping[str, Subject]
    articles: Mapping[tuple[str, str], Article]
    pending: tuple[PendingChange, ...] = ()
    calendar: WorkingCalendar | None = None
    course: Course | None = None
    notices: tuple[NoticeTemplate, ...] = ()
    review_every: Period | None = None

    def rule(self, rule_id: str) -> Rule:
        """Return the rule, or ``Refused`` when the pack has none of this id."""
        found = self.rules.get(rule_id)
        if found is None:
            raise Refused(f"rule pack {self.id} {self.version} has no rule {rule_id!r}", rule=rule_id)
        return found

    def in_force(self, on: date) -> tuple[Rule, ...]:
        """All rules that bind on a day, by id."""
        return tuple(rule for _, rule in sorted(self.rules.items()) if rule.in_force(on))


@dataclass(frozen=True)
class Rulebook:
    """All packs of a deployment. A rule's id, and what a subject's name means, are the same throughout."""

    packs: tuple[RulePack, ...]

    def __post_init__(self) -> None:
        if not self.packs:
            raise Refused("no rule pack is named", next_step="set WINDDOWN_RULE_PACKS, e.g. to cn")
        owners: dict[str, str] = {}
        for pack in self.packs:
            for rule_id in pack.rules:
                if rule_id in owners:
                    raise Refused(f"rule {rule_id} is in pack {owners[rule_id]} and in pack {pack.id}", rule=rule_id)
                owners[rule_id] = pack.id
        meanings: dict[str, Subject] = {}
        for pack in self.packs:
            for name, subject in pack.subjects.items():
                if meanings.setdefault(name, subject) != subject:
                    # A client's pack that said who a company is could free it from the law.
                    raise Refused(
                        f"pack.yaml of {pack.id}: field subjects.{name}: another pack gives it another meaning",
                        next_step="write it as the other pack does, or choose another word",
                    )

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """Every rule by id."""
        return {rule_id: rule for pack in self.packs for rule_id, rule in sorted(pack.rules.items())}

    @cached_property
    def categories(self) -> frozenset[str]:
        """Every data category that rules may speak of."""
        return frozenset(word for pack in self.packs for word in pack.categories)

    @cached_property
    def digest(self) -> str:
        """Digest over id, version and digest of every pack."""
        return digest([[pack.id, pack.version, pack.digest] for pack in self.packs])

    @property
    def name(self) -> str:
        """The packs with their versions, for people: ``cn 2026.11.1, hk 2026.11.1``."""
        return ", ".join(f"{pack.id} {pack.version}" for pack in self.packs)

    @cached_property
    def calendar(self) -> WorkingCalendar:
        """The working days of the first pack that knows them; without one, every year is unknown."""
        return next((pack.calendar for pack in self.packs if pack.calendar is not None), WorkingCalendar())

    @cached_property
    def course(self) -> Course:
        """The course of a case, of the first pack that has one; ``Refused`` when none has."""
        found = next((pack.course for pack in self.packs if pack.course is not None), None)
        if found is None:
            raise Refused(f"no course of a case in {self.name}", next_step="use a pack that has a course.yaml")
        return found

    def rule(self, rule_id: str) -> Rule:
        """Return the rule, or ``Refused`` when no pack has one of this id."""
        found = self.rules.get(rule_id)
        if found is None:
            raise Refused(f"no rule {rule_id!r} in {self.name}", rule=rule_id)
        return found

    def in_force(self, on: date) -> tuple[Rule, ...]:
        """All rules that bind on a day, by id."""
        return tuple(rule for _, rule in sorted(self.rules.items()) if rule.in_force(on))

    def article(self, rule: Rule) -> Article | None:
        """The whole article that a rule cites, where its words were read; the longest name of an article wins."""
        found = [
            article
            for pack in self.packs
            if rule.id in pack.rules  # a client's pack does not say what a law's words are
            for (law, name), article in pack.articles.items()
            if law == rule.basis.law and rule.basis.article.startswith(name)
        ]
        return max(found, key=lambda article: len(article.article), default=None)

    def subjects(self, declared: frozenset[str], profile: Profile) -> frozenset[str]:
        """The subjects that a company is. ``Refused`` for a sector that no pack knows, and for a missing fact."""
        known = {name: subject for pack in self.packs for name, subject in pack.subjects.items()}
        strange = sorted(name for name in declared if name not in known or not known[name].is_declared)
        if strange:
            choices = ", ".join(sorted(name for name, subject in known.items() if subject.is_declared))
            raise Refused(f"sectors: {', '.join(strange)} is none of {choices}", rule="strict case validation")
        return frozenset(name for name, subject in known.items() if subject.includes(declared, profile))
