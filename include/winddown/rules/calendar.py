"""Reads ``calendar.yaml`` of a pack: days off and worked weekends by year, with the notice that each comes from."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from winddown.domain.calendar import WorkingCalendar
from winddown.domain.errors import Refused
from winddown.rules.documents import Text
from winddown.rules.yaml_text import STRICT, read_yaml, validated

_LONGEST_REST_DAYS = 16  # longer than any rest there was; a mistyped month would give one


class _Document(BaseModel):
    model_config = STRICT


class RestDocument(_Document):
    """Days off in a row, both ends included."""

    name: Text
    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]


class YearDocument(_Document):
    """One year's arrangement and the notice that made it."""

    notice: Text
    rest: Annotated[list[RestDocument], Field(min_length=1)]
    worked: list[date] = []


class CalendarDocument(_Document):
    """The whole file."""

    source: Text
    reviewed_on: date
    years: dict[Annotated[str, Field(pattern=r"^[0-9]{4}$")], YearDocument]


def load_calendar(path: Path) -> WorkingCalendar:
    """Return the calendar; ``Refused``, naming file and year, for a day of another year or a rest that is backwards."""
    document = validated(CalendarDocument, read_yaml(path), path.name)
    rest: set[date] = set()
    worked: set[date] = set()
    for year, found in document.years.items():
        days = [day for run in found.rest for day in _days(run, f"{path.name}: {year}")]
        strange = [day for day in (*days, *found.worked) if str(day.year) != year]
        if strange:
            raise Refused(f"{path.name}: {year}: {strange[0]} is a day of another year")
        rest.update(days)
        worked.update(found.worked)
    try:
        return WorkingCalendar(frozenset(map(int, document.years)), frozenset(rest), frozenset(worked))
    except Refused as refusal:
        raise Refused(f"{path.name}: {refusal.message}") from refusal


def _days(run: RestDocument, where: str) -> list[date]:
    length = (run.last - run.first).days + 1
    if not 1 <= length <= _LONGEST_REST_DAYS:
        raise Refused(f"{where}: {run.name}: {run.first} to {run.last} is no rest of 1 to {_LONGEST_REST_DAYS} days")
    return [run.first + timedelta(days=number) for number in range(length)]
