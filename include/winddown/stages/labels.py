"""Gives every record its label, column by column: its class, and where its duties count from."""

from collections.abc import Sequence
from functools import cache

import polars as pl

from winddown.domain.duties import DatedBy
from winddown.domain.event import Scope
from winddown.domain.label import RecordClass
from winddown.domain.placeholder import FIRST_YEAR, NEVER_FROM_YEAR, PLACEHOLDER_DAYS, PLACEHOLDER_TEXT

# Whatever is written behind a day must be understood: a zone that was overlooked would give the day before, or after.
_DAY = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_PLAIN = rf"^({_DAY})(?:[T ][0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]+)?)?(?: ?[AP]M)?)?$"
_STAMPED = rf"(?i)^{_DAY}[T ][0-9]{{2}}:[0-9]{{2}}.* ?(?:Z|UTC|GMT|[+-][0-9]{{2}}(?::?[0-9]{{2}})?(?::[0-9]{{2}})?)$"


def labels(
    records: pl.DataFrame, dates: Sequence[DatedBy], *, fiscal_year_end: tuple[int, int], is_about_others: bool = False
) -> pl.Series:
    """Return the label of each record, in order.

    Args:
        records: the fields of ``dates`` as text, and, unless they are about others than customers, ``subject`` (text),
            ``held`` and ``minor`` (booleans; null where the subject is no known customer).
        dates: the events that tell the records apart, sorted as ``Label`` sorts them.
        fiscal_year_end: month and day.
        is_about_others: the records are about employees, merchants or nobody.
    """
    tied = [name for name in ("subject", "held", "minor") if name in records.columns and not is_about_others]
    fields = tuple(dict.fromkeys(found.field for found in dates))
    read = {field: _dates(records.get_column(field)) for field in fields}
    parsed = records.select(pl.int_range(pl.len()).alias("row"), *(pl.col(name) for name in tied)).with_columns(
        *(found.get_column("day").alias(f"on {field}") for field, found in read.items()),
        *(found.get_column("is_nobodys").alias(f"nobody's {field}") for field, found in read.items()),
    )
    keys = parsed.select(
        "row",
        *tied,
        *(_key(found, fiscal_year_end, is_tied=bool(tied)).alias(f"key {found.event}") for found in dates),
        *(_is_nobodys(found, is_tied=bool(tied)).alias(f"nobody's {found.event}") for found in dates),
    )
    suffixes = [_suffix(found) for found in dates]
    required = [found.event for found in dates if found.is_required]
    is_undated = pl.any_horizontal(pl.lit(value=False), *(pl.col(f"key {event}").is_null() for event in required))
    is_nobodys = pl.any_horizontal(pl.lit(value=False), *(pl.col(f"nobody's {event}") for event in required))
    undated = (
        pl.when(is_nobodys).then(pl.lit(RecordClass.PLACEHOLDER.value)).otherwise(pl.lit(RecordClass.UNDATED.value))
    )
    if is_about_others:
        kind = pl.when(is_undated).then(undated).otherwise(_text(RecordClass.OTHER, suffixes))
        return keys.with_columns(kind.alias("label")).get_column("label")
    kind = (
        pl.when(pl.col("held").fill_null(value=False))
        .then(pl.lit(RecordClass.HELD.value))
        .when(pl.col("held").is_null())
        .then(pl.lit(RecordClass.UNKNOWN.value))
        .when(is_undated)
        .then(undated)
        .when(pl.col("minor"))
        .then(_text(RecordClass.MINOR, suffixes))
        .otherwise(_text(RecordClass.CUSTOMER, suffixes))
    )
    return keys.with_columns(kind.alias("label")).get_column("label")


def date_of(text: pl.Expr) -> pl.Expr:
    """A date written 2015-03-02, with or without a time behind it, or 20150302; null for anything else.

    A moment with an offset (2025-12-31T16:30:00Z) is taken on the day that it was in China, one without on the day that
    is written; where a time zone of another kind is written, no day can be read. A year before 1900 is a slip of the
    pen (15-03-02): read as written, it would make a child an adult. A placeholder (``domain.placeholder``) is nobody's
    date.
    """
    return text.map_batches(lambda found: _dates(found).get_column("day"), return_dtype=pl.Date)


def is_placeholder(text: pl.Expr) -> pl.Expr:
    """Whether what is written for a date is what systems write where they know none; false for null."""
    return text.map_batches(lambda found: _dates(found).get_column("is_nobodys"), return_dtype=pl.Boolean)


def _dates(text: pl.Series) -> pl.DataFrame:
    """The date of each text, and whether it is a placeholder; step by step, so that no text is read twice."""
    read = text.to_frame("text").with_columns(_day(pl.col("text")).alias("day"))
    listed = pl.col("day").is_in(sorted(PLACEHOLDER_DAYS)) | (pl.col("day").dt.year() >= NEVER_FROM_YEAR)
    marked = read.with_columns((listed | pl.col("text").str.contains(PLACEHOLDER_TEXT)).alias("is_nobodys"))
    is_date = pl.col("is_nobodys").not_() & (pl.col("day").dt.year() >= FIRST_YEAR)
    return marked.select(pl.when(is_date).then(pl.col("day")).alias("day"), pl.col("is_nobodys").fill_null(value=False))


def _day(text: pl.Expr) -> pl.Expr:
    """The day as it is written, or in China where it has an offset; null where it cannot be read."""
    moment = (
        pl.when(text.str.contains(_STAMPED))
        .then(text)
        .str.to_uppercase()
        .str.replace(" ", "T", literal=True)
        .str.replace(r" ?(?:UTC|GMT)$", "Z")
        .str.replace(" ", "", literal=True)
        .str.replace(r"(T[0-9]{2}:[0-9]{2})([Z+-])", "${1}:00${2}")
        .str.replace(r"([+-][0-9]{2}:[0-9]{2}):[0-9]{2}$", "${1}")  # China's offset until 1900 had seconds
        .str.replace(r"([+-][0-9]{2})$", "${1}:00")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_zone="UTC", strict=False)
    )
    return pl.coalesce(
        moment.dt.convert_time_zone("Asia/Shanghai").dt.date(),
        text.str.extract(_PLAIN, 1).str.to_date("%Y-%m-%d", strict=False),
        text.str.to_date("%Y%m%d", strict=False),
    )


def _key(found: DatedBy, fiscal_year_end: tuple[int, int], *, is_tied: bool) -> pl.Expr:
    """A number for where a record's duty counts from: its fiscal year, or its month counted from the year 1."""
    day = pl.col(f"on {found.field}")
    if found.scope is Scope.FISCAL_YEAR:
        end_month, end_day = fiscal_year_end
        later = (day.dt.month().cast(pl.Int32) * 100 + day.dt.day().cast(pl.Int32)) > end_month * 100 + end_day
        return day.dt.year() + later.cast(pl.Int32)
    if found.scope is Scope.PERSON and is_tied:
        # A visit whose day cannot be read may be the last one.
        day = pl.when(day.is_null().any().over("subject")).then(None).otherwise(day.max().over("subject"))
    return (day.dt.year() - 1) * 12 + day.dt.month().cast(pl.Int32) - 1


def _is_nobodys(found: DatedBy, *, is_tied: bool) -> pl.Expr:
    """Whether the day is a placeholder; of a person's events one is enough, because it may hide the last one."""
    nobodys = pl.col(f"nobody's {found.field}")
    return nobodys.any().over("subject") if found.scope is Scope.PERSON and is_tied else nobodys


def _suffix(found: DatedBy) -> pl.Expr:
    key = pl.col(f"key {found.event}")
    if found.scope is Scope.FISCAL_YEAR:
        return pl.concat_str(pl.lit("/"), key.cast(pl.String).str.zfill(4))
    # What did not happen to a record, e.g. that consent was withdrawn, is left out of its label.
    return pl.concat_str(pl.lit(f"/{found.event}="), pl.lit(_months()).gather(key)).fill_null("")


@cache
def _months() -> pl.Series:
    return pl.Series("month", [f"{year:04}-{month:02}" for year in range(1, 10_000) for month in range(1, 13)])


def _text(record_class: RecordClass, suffixes: Sequence[pl.Expr]) -> pl.Expr:
    return pl.concat_str(pl.lit(record_class.value), *suffixes)
