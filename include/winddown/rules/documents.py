"""How a rule and a pack are written in YAML: strict models that know every key, and their way into domain values."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from winddown.domain.pack import PendingChange, Subject
from winddown.domain.rule import (
    AuthorityLevel,
    Basis,
    Bound,
    Calendar,
    Condition,
    Penalty,
    Period,
    Rule,
    RuleKind,
    Verification,
    VerificationStatus,
)

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Words = Annotated[list[Text], Field(min_length=1)]
RuleId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BasisDocument(_Document):
    """Where the rule stands; ``effective_to`` is the last day in force, null while it is."""

    law: Text
    article: str
    authority_level: AuthorityLevel
    effective_from: date | None
    effective_to: date | None
    quote: Text | None = None
    delegated_by: Text | None = None


class VerificationDocument(_Document):
    """How surely the words are known; ``source`` is a key of the pack's sources."""

    status: VerificationStatus
    source: Text
    ref: Text


class PenaltyDocument(_Document):
    """The article that punishes, and in short what it says."""

    article: Text
    text: Text


class ConditionDocument(_Document):
    """One test of a fact of the transfer or the company."""

    fact: Text
    is_true: bool | None = None
    at_least: int | None = None
    below: int | None = None
    one_of: list[Text] = []


Alternatives = list[Annotated[list[ConditionDocument], Field(min_length=1)]]


class RuleDocument(_Document):
    """One entry under ``rules``; the fields are explained at ``winddown.domain.rule.Rule``."""

    id: RuleId
    title_zh: Text
    title_en: Text
    kind: RuleKind
    data_category: Words
    applies_to: Words
    period: Text | None
    calendar: Calendar = Calendar.NATURAL
    start_event: Text
    default_start_event: Text | None = None
    until_event: Text | None = None
    end_event: Text | None = None
    bound: Bound | None = None
    requires_events: list[Text] = []
    any_of: Alternatives = []
    needs: list[Text] = []
    core: list[Text] = []
    recipient: Text | None = None
    supersedes: list[RuleId] = []
    basis: BasisDocument
    priority: Annotated[int, Field(ge=1, le=99)]
    penalty: PenaltyDocument | None = None
    notes: Text | None = None
    verification: VerificationDocument
    reviewed_on: date

    def to_rule(self) -> Rule:
        """Return the domain value; ``Refused`` when the fields contradict each other."""
        return Rule(
            id=self.id,
            title_zh=self.title_zh,
            title_en=self.title_en,
            kind=self.kind,
            data_category=tuple(self.data_category),
            applies_to=tuple(self.applies_to),
            start_event=self.start_event,
            basis=Basis(
                law=self.basis.law,
                article=self.basis.article,
                authority_level=self.basis.authority_level,
                effective_from=self.basis.effective_from,
                effective_to=self.basis.effective_to,
                quote=self.basis.quote or "",
                delegated_by=self.basis.delegated_by or "",
            ),
            verification=Verification(self.verification.status, self.verification.source, self.verification.ref),
            priority=self.priority,
            reviewed_on=self.reviewed_on,
            period=None if self.period is None else Period.parse(self.period),
            calendar=self.calendar,
            until_event=self.until_event,
            end_event=self.end_event,
            bound=self.bound,
            default_start_event=self.default_start_event,
            requires_events=tuple(self.requires_events),
            any_of=_alternatives(self.any_of),
            needs=tuple(self.needs),
            core=tuple(self.core),
            recipient=self.recipient or "",
            supersedes=tuple(self.supersedes),
            penalty=None if self.penalty is None else Penalty(self.penalty.article, self.penalty.text),
            notes=self.notes or "",
        )


class SubjectDocument(_Document):
    """Who a subject is: every company, one whose profile meets a condition, or (neither) one that declares it."""

    always: bool = False
    when: Alternatives = []

    def to_subject(self, name: str) -> Subject:
        """Return the domain value."""
        return Subject(name, self.always, _alternatives(self.when))


class PackDocument(_Document):
    """The file ``pack.yaml``: what the pack is, and the words that its rules may use.

    ``sources`` maps a short name to the repository and commit, or the page, in which a text was read; ``recipients``
    are the roles that hand-over duties name.
    """

    id: Text
    version: Annotated[str, Field(pattern=r"^[0-9]{4}\.[0-9]{1,2}\.[0-9]+$")]
    as_of: date
    disclaimer: Text
    data_categories: Words
    subjects: Annotated[dict[Text, SubjectDocument], Field(min_length=1)]
    record_elements: list[Text] = []
    recipients: list[Text] = []
    facts: list[Text] = []
    sources: Annotated[dict[Text, Text], Field(min_length=1)]


class LawDocument(_Document):
    """A file in ``laws/``: the words of a law's articles that rules rest on, by the article's name in the law."""

    law: Text
    authority_level: AuthorityLevel
    source: Text
    ref: Text
    articles: Annotated[dict[Text, Text], Field(min_length=1)]


class PendingDocument(_Document):
    """One entry under ``pending``: a change of law that was announced."""

    id: RuleId
    title: Text
    status: Text
    effect: Text
    affects: list[RuleId] = []

    def to_pending(self) -> PendingChange:
        """Return the domain value."""
        return PendingChange(self.id, self.title, self.status, self.effect, tuple(self.affects))


def _alternatives(found: Alternatives) -> tuple[tuple[Condition, ...], ...]:
    return tuple(tuple(_condition(test) for test in alternative) for alternative in found)


def _condition(test: ConditionDocument) -> Condition:
    return Condition(
        fact=test.fact, is_true=test.is_true, at_least=test.at_least, below=test.below, one_of=tuple(test.one_of)
    )
