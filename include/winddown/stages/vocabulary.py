"""Checks the words of a case against the rulebook: one that no rule knows would silently match no duty to keep."""

from collections.abc import Iterator

from winddown.domain.case import Case, RegisterEntry
from winddown.domain.duties import subjects_of
from winddown.domain.errors import Refused
from winddown.domain.event import EVENTS, Scope
from winddown.domain.pack import Rulebook
from winddown.domain.undecided import GENERAL_CATEGORIES

_DATED_BY_RECORD = {Scope.RECORD, Scope.PERSON}


def refuse_unknown_words(case: Case, rulebook: Rulebook) -> None:
    """Raise Refused, naming every field whose word no rule knows: sector, category, element, event, rule, role."""
    subjects_of(case, rulebook, persons=0)
    problems = [*_register(case, rulebook), *_answers(case, rulebook)]
    if problems:
        raise Refused(
            "the case file is not valid: " + "; ".join(problems),
            rule="strict case validation",
            next_step="use the words of docs/rules.md; nothing has happened",
        )


def _register(case: Case, rulebook: Rulebook) -> Iterator[str]:
    elements = {need for rule in rulebook.rules.values() for need in rule.needs}
    for index, entry in enumerate(case.register):
        where = f"register.{index}"
        yield from (
            f"{where}.category: no rule knows {word}"
            for word in sorted(entry.categories - GENERAL_CATEGORIES - rulebook.categories)
        )
        yield from (
            f"{where}.elements.{field}: no rule needs {element}"
            for field, element in entry.elements
            if element not in elements
        )
        yield from (
            f"{where}.dates.{event}: no rule counts from an event of a record of this name"
            for event, _ in entry.dates
            if EVENTS.get(event) not in _DATED_BY_RECORD
        )
        yield from _about(where, entry)


def _about(where: str, entry: RegisterEntry) -> Iterator[str]:
    if entry.about != "customers" and entry.subject is not None:
        yield f"{where}.subject: records about {entry.about} are not tied to customers"
    if entry.anonymise is not None and entry.about != "customers":
        yield f"{where}.anonymise: only customers' records are anonymised"


def _answers(case: Case, rulebook: Rulebook) -> Iterator[str]:
    roles = {rule.recipient for rule in rulebook.rules.values() if rule.recipient}
    for index, accepted in enumerate(case.accepted_dates):
        rule = rulebook.rules.get(accepted.rule)
        if rule is None or rule.default_start_event != accepted.start_event:
            offered = f"{accepted.rule} does not offer {accepted.start_event} as its start"
            yield f"accepted_dates.{index}.start_event: {offered}"
    for index, opinion in enumerate(case.opinions):
        if opinion.rule not in rulebook.rules:
            yield f"opinions.{index}.rule: there is no rule {opinion.rule}"
    for index, recipient in enumerate(case.recipients):
        if recipient.role not in roles:
            yield f"recipients.{index}.role: no rule hands anything over to {recipient.role}"
