"""Days that systems write where they know none: nobody's date, however well it is written.

A clock that started on one would have run out in 1900, or would never end. So a record with such a day is undecided, as
one with a blank is, and says so.

A day is on the list because some system writes it by itself: the least and the greatest day of a type (0001-01-01,
1753-01-01, 9999-12-31, 2038-01-19, 2079-06-06), day zero of spreadsheets and of Unix (1899-12-30, 1899-12-31,
1900-01-01, 1970-01-01), and the ends of centuries that people enter for "never". Some of it is a real day, and what
really happened on 1970-01-01 is not told from what never did: a person then says when it was. 1970-01-02, or a birthday
in 1950, is a day like any other.
"""

from datetime import date

FIRST_YEAR = 1900  # an earlier year is a slip of the pen (15-03-02): read as written, it would make a child an adult
NEVER_FROM_YEAR = 2200  # no record of a company that ends today is dated so late

PLACEHOLDER_DAYS = frozenset({
    date(1, 1, 1), date(1753, 1, 1), date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1), date(1970, 1, 1),
    date(2038, 1, 19), date(2079, 6, 6), date(2099, 12, 31), date(2100, 12, 31),
    date(2100, 1, 1),  # the last day of the century in UTC, in China
})  # fmt: skip
PLACEHOLDER_TEXT = r"^(?:0000-?00-?00|0001-01-01|-?infinity$)"
"""What MySQL, PostgreSQL and .NET write for no day and for never; with an offset it is no day of any calendar here."""


def is_placeholder(day: date) -> bool:
    """Whether a day is one that systems write where they know none.

    >>> [is_placeholder(date(*day)) for day in ((1970, 1, 1), (1970, 1, 2), (9999, 12, 31), (1950, 5, 6))]
    [True, False, True, False]
    """
    return day in PLACEHOLDER_DAYS or day.year >= NEVER_FROM_YEAR
