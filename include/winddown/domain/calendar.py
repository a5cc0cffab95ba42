"""Working days of mainland China, and the last day of a period (Civil Code 201 to 203).

A day on which a period starts does not count. Where the last day is a rest day, the day after the rest is the last one.
The calendar of a year is announced near the end of the year before: a year that is not known is counted by weekends
alone, and the result says that it is provisional.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from winddown.domain.errors import Refused

_DAY = timedelta(days=1)
_SATURDAY = 5
LAST_DAY = "民法典第二百零三条"


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day that was counted out, and why it may still move.

    Attributes:
        moved_from: the rest day that it would have been; None when nothing was moved.
        unknown_years: years whose days off were not known; empty when the day is certain.
    """

    on: date
    moved_from: date | None = None
    unknown_years: tuple[int, ...] = ()

    @property
    def provisional(self) -> str:
        """Why the day may still move, in words; "" when it is certain."""
        if not self.unknown_years:
            return ""
        years = ", ".join(map(str, self.unknown_years))
        return f"provisional: days off of {years} are not in the calendar, so only weekends were counted as rest"


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Which days are rest days.

    Attributes:
        years: years whose notice is known; both sets speak of these alone.
        rest: days off by notice, weekends within them included.
        worked: Saturdays and Sundays on which everybody works.
    """

    years: frozenset[int] = frozenset()
    rest: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        both = sorted(self.rest & self.worked)
        if both:
            raise Refused(f"{both[0]} is both a rest day and a worked one")
        strange = sorted(day for day in self.rest | self.worked if day.year not in self.years)
        if strange:
            raise Refused(f"{strange[0]} lies outside the calendar's years")
        weekdays = sorted(day for day in self.worked if day.weekday() < _SATURDAY)
        if weekdays:
            raise Refused(f"{weekdays[0]} is no weekend, so it is worked anyway")

    def is_rest(self, day: date) -> bool:
        """Whether nobody has to act on this day."""
        return day in self.rest or (day.weekday() >= _SATURDAY and day not in self.worked)

    def last_day(self, day: date) -> CalendarDay:
        """The last day of a period that would end on ``day``: the day after the rest, when it is a rest day."""
        last = day
        while self.is_rest(last):
            last += _DAY
        return CalendarDay(last, day if last != day else None, self._unknown((day, last)))

    def working_days_after(self, start: date, count: int) -> CalendarDay:
        """The ``count``-th working day after ``start``, which itself does not count; ``start`` for none."""
        return self._walk(start, count, _DAY)

    def working_days_before(self, end: date, count: int) -> CalendarDay:
        """The ``count``-th working day before ``end``, which itself does not count; ``end`` for none."""
        return self._walk(end, count, -_DAY)

    def _walk(self, day: date, count: int, step: timedelta) -> CalendarDay:
        if count < 0:
            raise Refused("a number of working days is not negative")
        seen, left = [day], count
        while left:
            seen.append(seen[-1] + step)
            left -= not self.is_rest(seen[-1])
        return CalendarDay(seen[-1], None, self._unknown(seen[1:]))

    def _unknown(self, days: Iterable[date]) -> tuple[int, ...]:
        return tuple(sorted({day.year for day in days} - self.years))
