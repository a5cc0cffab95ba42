"""The label of a record: the first class that matches, so that labels partition every collection.

Order of the classes: a hold outranks everything; a record that cannot be tied to a known person, or has no date where
its duty counts from one, is blocked; a child's record is due at once; the rest are customers' records.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from winddown.domain.errors import Refused
from winddown.domain.event import FISCAL_YEAR_END

_YEAR = re.compile(r"[0-9]{4}")
_MONTH = re.compile(r"([a-z_]+)=([0-9]{4}-(?:0[1-9]|1[0-2]))")


class RecordClass(StrEnum):
    """First match wins, in this order."""

    WHOLE = "whole"  # the collection is decided as a whole: not customers' data, or a backup
    HELD = "held"  # its person is under a hold
    HELD_WHOLE = "held_whole"  # it cannot be tied to a person while a hold is in force
    UNTIED = "untied"  # it cannot be tied to a person, and nothing is held
    UNKNOWN = "unknown"  # its subject is missing, or is no known customer
    PLACEHOLDER = "placeholder"  # the date from which its duty counts is one that systems write where they know none
    UNDATED = "undated"  # its duty counts from a date that it does not have
    REFERENCED = "referenced"  # it would go, but a record that stays refers to it; only plans know
    OTHER = "other"  # it is about others than customers, or about nobody: only duties to keep are decided
    MINOR = "minor"  # its person was under 14 when the service stopped
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """Class, and where its duties count from: the fiscal year, and for other events the month.

    Written ``customer``, ``customer/2025``, ``minor/2025/transaction_completed=2025-06``. Records are decided by month,
    from its last day, so that nobody's period ends early; at most a month is kept longer than the law asks.

    >>> Label.parse("minor/2024").starts
    (('day_after_fiscal_year_end', '2024'),)
    >>> Label.parse("customer/contract_ended=2024-02").start("contract_ended")
    datetime.date(2024, 2, 29)
    """

    record_class: RecordClass
    starts: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if list(self.starts) != sorted(self.starts, key=_rank) or len(dict(self.starts)) != len(self.starts):
            raise Refused("a label names each event once, the fiscal year first")

    @classmethod
    def of_year(cls, record_class: RecordClass, fiscal_year: int | None) -> "Label":
        """The label of records of one fiscal year, or of records whose duties count from no date."""
        starts = () if fiscal_year is None else ((FISCAL_YEAR_END, f"{fiscal_year:04}"),)
        return cls(record_class, starts)

    @classmethod
    def parse(cls, text: str) -> "Label":
        """Read a label; raises Refused on anything that ``str`` does not write."""
        name, *parts = text.split("/")
        if name not in set(RecordClass):
            raise Refused(f"{text!r} is no label")
        starts = []
        for part in parts:
            month = _MONTH.fullmatch(part)
            if month is None and not _YEAR.fullmatch(part):
                raise Refused(f"{text!r} is no label")
            starts.append((FISCAL_YEAR_END, part) if month is None else (month[1], month[2]))
        label = cls(RecordClass(name), tuple(starts))
        if str(label) != text:
            raise Refused(f"{text!r} is no label")
        return label

    def __str__(self) -> str:
        return "/".join(
            (self.record_class, *(value if "-" not in value else f"{e}={value}" for e, value in self.starts))
        )

    @property
    def fiscal_year(self) -> int | None:
        """The year in which the records' fiscal year ends, or None."""
        year = dict(self.starts).get(FISCAL_YEAR_END)
        return None if year is None else int(year)

    def start(self, event: str) -> date | None:
        """The last day of the month of an event, or None when the label does not name it."""
        month = dict(self.starts).get(event)
        if month is None or event == FISCAL_YEAR_END:
            return None
        year, number = map(int, month.split("-"))
        return date(year, number, monthrange(year, number)[1])

    def fiscal_year_start(self, fiscal_year_end: tuple[int, int]) -> date | None:
        """The day after the end of the records' fiscal year, or None."""
        year = self.fiscal_year
        return None if year is None else date(year, *fiscal_year_end) + timedelta(days=1)


def _rank(start: tuple[str, str]) -> tuple[bool, str]:
    return (start[0] != FISCAL_YEAR_END, start[0])
