"""How one value is made coarser for an anonymous extract, e.g. ``year``, ``first:1``, ``band:1000``, ``region:4``.

What cannot be read as the generalisation expects is left empty, and so is what would stand unchanged although it was
to become coarser: no value passes by an accident of its form. That a value is coarse does not make its record
anonymous; the extract does, by leaving out every combination that too few persons share.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from winddown.domain.errors import Refused

PERSONS_MIN = 5  # fewest persons that may share a combination; a register asks for no fewer
_SPEC = re.compile(r"([a-z]+)(?::([1-9][0-9]{0,8}))?")
_DATE = re.compile(r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})(?![0-9])")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_REGION = re.compile(r"[0-9]{6}|[0-9]{15}|[0-9]{17}[0-9Xx]")  # postcode, or resident id of 15 or 18 places


class How(StrEnum):
    """What becomes of a field's values."""

    DROP = "drop"  # the field is left out; so is every field that nobody named
    KEEP = "keep"  # as it is; refused for personal information
    YEAR = "year"  # of a date: 2025
    MONTH = "month"  # of a date: 2025-03
    FIRST = "first"  # the first N characters of a longer text
    BAND = "band"  # the band of N units that a number lies in: [2000,3000)
    REGION = "region"  # the first 2, 4 or 6 digits of a postcode or resident id: province, city, county


_SIZES: dict[How, range] = {How.FIRST: range(1, 9), How.BAND: range(2, 10**9), How.REGION: range(2, 7, 2)}


@dataclass(frozen=True, slots=True)
class Generalisation:
    """One way to make a field's values coarser.

    >>> Generalisation.parse("band:1000").of("2345.60"), Generalisation.parse("region:4").of("310101199001011234")
    ('[2000,3000)', '3101')
    """

    how: How
    size: int = 0

    @classmethod
    def parse(cls, text: str) -> "Generalisation":
        """Read ``how`` or ``how:size``; raises Refused when it is unknown, or its size makes no sense."""
        found = _SPEC.fullmatch(text)
        if found is None or found[1] not in set(How):
            raise Refused(f"{text!r} is no generalisation; known are {', '.join(How)}")
        how, size = How(found[1]), int(found[2] or 0)
        if size not in _SIZES.get(how, range(1)):
            raise Refused(f"{text!r} has no sensible size; write first:1 to first:8, band:2 or more, region:2, 4 or 6")
        return cls(how, size)

    def of(self, value: str | None) -> str | None:
        """Return the coarser value, or None when there is none."""
        if self.how is How.KEEP or not value:
            return value or None
        coarse = _COARSER[self.how](value, self.size)
        return None if coarse == value else coarse


def _period(value: str, places: int) -> str | None:
    found = _DATE.match(value)
    if found is None:
        return None
    try:
        day = date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None
    return day.isoformat()[:places]


def _band(value: str, size: int) -> str | None:
    if not _NUMBER.fullmatch(value):
        return None
    low = Fraction(value) // size * size
    return f"[{low},{low + size})"


def _region(value: str, size: int) -> str | None:
    return value[:size] if _REGION.fullmatch(value) else None


_COARSER: dict[How, Callable[[str, int], str | None]] = {
    How.DROP: lambda _value, _size: None,
    How.YEAR: lambda value, _size: _period(value, 4),
    How.MONTH: lambda value, _size: _period(value, 7),
    How.FIRST: lambda value, size: value[:size],
    How.BAND: _band,
    How.REGION: _region,
}
