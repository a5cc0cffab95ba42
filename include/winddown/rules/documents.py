"""How a rule and a pack are written in YAML: strict models that know every key, and their way into domain values."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from winddown.domain.rule import (
    AuthorityLevel,
    Basis,
    Bound,
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


class RuleDocument(_Document):
    """One entry under ``rules``; the fields are explained at ``winddown.domain.rule.Rule``."""

    id: RuleId
    title_zh: Text
    title_en: Text
    kind: RuleKind
    data_category: Words
    applies_to: Words
    period: Text | None
    start_event: Text
    default_start_event: Text | None = None
    end_event: Text | None = None
    bound: Bound | None = None
    requires_events: list[Text] = []
    any_of: list[Annotated[list[ConditionDocument], Field(min_length=1)]] = []
    needs: list[Text] = []
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
            end_event=self.end_event,
            bound=self.bound,
            default_start_event=self.default_start_event,
            requires_events=tuple(self.requires_events),
            any_of=tuple(tuple(_condition(test) for test in alternative) for alternative in self.any_of),
            needs=tuple(self.needs),
            penalty=None if self.penalty is None else Penalty(self.penalty.article, self.penalty.text),
            notes=self.notes or "",
        )


class PackDocument(_Document):
    """The file ``pack.yaml``: what the pack is, and the words that its rules may use.

    ``sources`` maps a short name to the repository and commit, or the page, in which a text was read.
    """

    id: Text
    version: Annotated[str, Field(pattern=r"^[0-9]{4}\.[0-9]{1,2}\.[0-9]+$")]
    as_of: date
    disclaimer: Text
    data_categories: Words
    subjects: Words
    record_elements: Words
    facts: Words
    sources: Annotated[dict[Text, Text], Field(min_length=1)]


def _condition(test: ConditionDocument) -> Condition:
    return Condition(
        fact=test.fact, is_true=test.is_true, at_least=test.at_least, below=test.below, one_of=tuple(test.one_of)
    )
