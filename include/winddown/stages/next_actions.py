"""What comes next for what a certificate leaves: who acts, from when. A code, so each language has its own sentence."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from winddown.domain.case import Case
from winddown.domain.decision import Disposition


class NextAction(StrEnum):
    """What is to be done with what remains."""

    LATER_WAVE = "later_wave"  # it goes with a later plan of this case
    ERASE_WHEN_OVER = "erase_when_over"  # its keeper erases it on the day after the last one
    NAME_KEEPER = "name_keeper"  # the case cannot end before somebody keeps it
    REVIEW_HOLD = "review_hold"  # it stays until the hold is released, then it is decided anew
    DECIDE = "decide"  # a person supplies what is missing
    CONFIRM_EXPIRY = "confirm_expiry"  # it expires by itself; somebody looks whether it did
    FIND_OUT = "find_out"  # nobody said when it goes; the store's administrator does
    REMOVE = "remove"  # whom the plan names removes it, and says so


def next_for_record(case: Case, row: dict[str, Any]) -> dict[str, str | None]:
    """The next action for a row of what remains: ``what``, ``who`` (a person's name, or an organisation), ``on``."""
    disposition, until = Disposition(row["disposition"]), row["until"]
    if disposition in {Disposition.ERASE, Disposition.ANONYMISE}:
        return _next(NextAction.LATER_WAVE, _responsible(case, row))
    if disposition is Disposition.HELD:
        return _next(NextAction.REVIEW_HOLD, _responsible(case, row), until)
    if disposition is Disposition.BLOCKED:
        return _next(NextAction.DECIDE, _responsible(case, row))
    if not row.get("keeper"):
        return _next(NextAction.NAME_KEEPER, _responsible(case, row), until)
    who = str(row["keeper"]).partition(", by agreement of ")[0]
    return _next(NextAction.ERASE_WHEN_OVER, who, _day_after(until))


def next_for_residual(case: Case, row: dict[str, Any]) -> dict[str, str | None]:
    """The next action for a place that may still hold erased records."""
    if row["until"] is None:
        return _next(NextAction.FIND_OUT, case.custodian.organisation)
    return _next(NextAction.CONFIRM_EXPIRY, case.custodian.organisation, _day_after(row["until"]))


def next_for_scheduler(who: str) -> dict[str, str | None]:
    """The next action for what the scheduler keeps of the case's runs."""
    return _next(NextAction.REMOVE, who)


def _next(what: NextAction, who: str, on: str | None = None) -> dict[str, str | None]:
    return {"what": what.value, "who": who, "on": on}


def _day_after(until: str | None) -> str | None:
    """A last day is still a day of keeping."""
    try:
        return None if until is None else (date.fromisoformat(until) + timedelta(days=1)).isoformat()
    except ValueError:  # what a service calls an end, and is no day
        return None


def _responsible(case: Case, row: dict[str, Any]) -> str:
    """Name of the steward of the collection; of the first approver for one that nobody registered."""
    named = next((entry.steward for entry in case.register if str(entry.collection) == row["collection"]), "")
    login = named or case.approvers[0]
    person = case.person(login)
    return login if person is None else person.name
