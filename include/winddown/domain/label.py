"""The label of a record: the first class that matches, so that labels partition every collection.

Order of the classes: a hold outranks everything; a record that cannot be tied to a known person, or has no date where
its duty counts from one, is blocked; a child's record is due at once; the rest are customers' records.
"""

from dataclasses import dataclass
from enum import StrEnum

from winddown.domain.errors import Refused


class RecordClass(StrEnum):
    """First match wins, in this order."""

    WHOLE = "whole"  # the collection is decided as a whole: not customers' data, or a backup
    HELD = "held"  # its person is under a hold
    HELD_WHOLE = "held_whole"  # it cannot be tied to a person while a hold is in force
    UNTIED = "untied"  # it cannot be tied to a person, and nothing is held
    UNKNOWN = "unknown"  # its subject is missing, or is no known customer
    UNDATED = "undated"  # its duty counts from a date that it does not have
    MINOR = "minor"  # its person was under 14 when the service stopped
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """Class and, for records whose duty counts from it, fiscal year; written ``customer`` or ``customer/2025``.

    >>> Label.parse("minor/2024")
    Label(record_class=<RecordClass.MINOR: 'minor'>, fiscal_year=2024)
    """

    record_class: RecordClass
    fiscal_year: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Label":
        """Read a label; raises Refused on anything that ``str`` does not write."""
        name, _, year = text.partition("/")
        try:
            label = cls(RecordClass(name), int(year) if year else None)
        except ValueError:
            raise Refused(f"{text!r} is no label") from None
        if str(label) != text:
            raise Refused(f"{text!r} is no label")
        return label

    def __str__(self) -> str:
        return self.record_class + (f"/{self.fiscal_year}" if self.fiscal_year is not None else "")


def fiscal_year_of(year: int, month: int, day: int, *, fiscal_year_end: tuple[int, int]) -> int:
    """The year in which the fiscal year of a date ends.

    >>> fiscal_year_of(2025, 7, 1, fiscal_year_end=(12, 31))
    2025
    >>> fiscal_year_of(2025, 7, 1, fiscal_year_end=(6, 30))
    2026
    """
    return year if (month, day) <= fiscal_year_end else year + 1
