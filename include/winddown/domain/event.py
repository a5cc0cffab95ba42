"""The events that rules count from or wait for, and where each one's date comes from.

A mistyped event would make a rule silently never start, so the list is closed: a rule or a case file that names another
is refused.
"""

from enum import StrEnum

from winddown.domain.event_title import EVENT_TITLES, RECORD_TITLES


class Scope(StrEnum):
    """Where the date of an event is found."""

    CASE = "case"  # one date for the whole company, in the timeline with its evidence; see ``event_title``
    RECORD = "record"  # a date of each record, in the field that the register names; else the timeline's, if it has one
    PERSON = "person"  # the latest such date among all of a person's records in the collection
    FISCAL_YEAR = "fiscal_year"  # counted from the fiscal year of the record's own date
    DECISION = "decision"  # no date: the rule speaks when something is decided
    NOT_STATED = "not_stated"  # the law names no start; a named officer accepts one


NOT_STATED = "not_stated_in_text"
FISCAL_YEAR_END = "day_after_fiscal_year_end"

_CASE = tuple(EVENT_TITLES)
_PERSON = ("last_outpatient_visit", "last_inpatient_discharge", "last_order")
_RECORD = tuple(event for event in RECORD_TITLES if event not in _PERSON)
_DECISION = ("deletion_blocked", "transfer_decided", "hold_placed", "filing_issued")

EVENTS: dict[str, Scope] = {
    **dict.fromkeys(_CASE, Scope.CASE),
    **dict.fromkeys(_RECORD, Scope.RECORD),
    **dict.fromkeys(_PERSON, Scope.PERSON),
    **dict.fromkeys(_DECISION, Scope.DECISION),
    FISCAL_YEAR_END: Scope.FISCAL_YEAR,
    NOT_STATED: Scope.NOT_STATED,
}
"""Every event by name."""


def dated_in_timeline(event: str) -> bool:
    """Whether a case's timeline may date the event: those of the case, and those of records that ended for all at once.

    >>> dated_in_timeline("service_stopped"), dated_in_timeline("transfer_decided")
    (True, False)
    """
    return EVENTS.get(event) in {Scope.CASE, Scope.RECORD}
