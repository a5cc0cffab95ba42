"""What is known of customers and their records, row by row in plain Python: the second reading of the same facts.

It shares no code with the columnar labelling that it checks. Where a record's customer is named by another collection,
it takes the subject that was found by then: the tie is checked where it is made. Keys and dates stay in memory.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from winddown.domain.batch import CONTENT
from winddown.domain.case import Case
from winddown.domain.duties import DatedBy
from winddown.domain.event import Scope
from winddown.domain.fairness import RecordFacts
from winddown.domain.hold import LegalHold
from winddown.domain.hold import Scope as HoldScope
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.domain.placeholder import FIRST_YEAR, PLACEHOLDER_TEXT, is_placeholder
from winddown.stages.coverage import HOLDS
from winddown.stages.deployment import Deployment
from winddown.stages.labelled import Labelled
from winddown.stages.manifests import read_manifest
from winddown.stages.pieces import in_pieces
from winddown.stages.remembered import remembered

Chosen = Callable[[str], bool]
_DASHED = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]+)?)?"
    r"(?: ?(?:(?P<half>AM|PM)|(?P<zone>Z|UTC|GMT)|(?P<east>[+-][0-9]{2}):?(?P<more>[0-9]{2})?(?::[0-9]{2})?))?)?",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_AT_HOME = {"CN", "CHN", ""}
_CHILD_UNTIL = 14
_WRITTEN = re.compile(PLACEHOLDER_TEXT)
_CHINA = ZoneInfo("Asia/Shanghai")  # with the summer time of 1986 to 1991, in which people were born


def customers(deployment: Deployment, case: Case, inventory: Inventory, chosen: Chosen) -> dict[str, RecordFacts]:
    """What is known of each chosen customer, by key."""
    listed, wanted = inventory.collection(case.subjects.collection), case.subjects
    if listed is None:
        return {}
    stopped = case.timeline.on("service_stopped")
    store, found = deployment.systems(case).store(listed.ref.store), {}
    fields = [wanted.key, wanted.born_on, wanted.country]
    for batch in store.read(listed, fields=[name for name in fields if name]):
        told = [batch.column(name).to_pylist() if name else [None] * batch.num_rows for name in fields]
        for key, born, country in zip(*told, strict=True):
            if key is not None and chosen(key):
                found[key] = RecordFacts(
                    is_known=True,
                    is_minor=_is_child(day_of(born), stopped),
                    is_overseas=(country or "CN").strip().upper() not in _AT_HOME,
                )
    for key, was_minor, was_overseas in remembered(deployment, case.id).iter_rows():
        if chosen(key):
            now = found.get(key, RecordFacts(is_known=True))
            found[key] = replace(now, is_minor=now.is_minor or was_minor, is_overseas=now.is_overseas or was_overseas)
    return found


def count_records(
    deployment: Deployment,
    case: Case,
    found: Labelled,
    *,
    dates: Sequence[DatedBy],
    known: dict[str, RecordFacts],
    chosen: Chosen,
    is_leaned_on: bool = False,
) -> Counter[tuple[RecordFacts, str]]:
    """Count the chosen customers' records by facts and label; records of unknown customers are counted as such.

    Where held records may refer to these (``is_leaned_on``), the labelling is believed that says which are held: what
    follows references can err only by keeping.
    """
    entry = case.entry(found.collection.ref)
    own_date = "" if entry is None else entry.dated_by
    rows = list(_rows(deployment, case, found, dates=dates, own_date=own_date, chosen=chosen))
    last, nobodys = _by_person(rows, dates)
    holds = _holds(deployment, case, found.collection.ref)
    counted: Counter[tuple[RecordFacts, str]] = Counter()
    for subject, label, written, own_day, named in rows:
        person = known.get(subject) if subject is not None else None
        is_held = (is_leaned_on and named != "") or any(
            _covers(hold.scope, persons, subject, own_day) for hold, persons in holds
        )
        if person is None and is_held:
            counted[RecordFacts(is_known=False, is_held=True), label] += 1
            continue
        if person is None:
            counted[RecordFacts(is_known=False), label] += 1
            continue
        starts, placeholders = [], []
        for one, text in zip(dates, written, strict=True):
            is_persons = one.scope is Scope.PERSON
            on = last[subject, one.event] if is_persons else day_of(text)
            if on is not None:
                starts.append((one.event, _start(one.scope, on, case.profile.fiscal_year_end)))
            if (subject, one.event) in nobodys if is_persons else is_nobodys(text):
                placeholders.append(one.event)
        facts = RecordFacts(
            True, is_held, person.is_minor, person.is_overseas, tuple(starts), placeholders=tuple(placeholders)
        )
        counted[facts, label] += 1
    return counted


def day_of(text: str | None) -> date | None:
    """A day written 2015-03-02, with or without a time behind it, or 20150302; None for anything else.

    A placeholder is nobody's day.
    """
    day = None if text is None else _written_day(text)
    return None if day is None or day.year < FIRST_YEAR or is_placeholder(day) else day


def is_nobodys(text: str | None) -> bool:
    """Whether what is written for a day is what systems write where they know none."""
    if text is None:
        return False
    day = _written_day(text)
    return _WRITTEN.match(text) is not None or (day is not None and is_placeholder(day))


def _written_day(text: str) -> date | None:
    parts = _DASHED.fullmatch(text) or _PLAIN.fullmatch(text)
    if parts is None:
        return None
    found = parts.groupdict(default="")
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        if not (found.get("zone") or found.get("east")):
            return day
        clock = time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0))
        east = int(f"{found['east'] or '+00'}") * 60
        east += int(found["more"] or 0) * (-1 if found["east"].startswith("-") else 1)
        moment = datetime.combine(day, clock, UTC) - timedelta(minutes=east)
        return moment.astimezone(_CHINA).date()
    except ValueError:
        return None
    except OverflowError:  # the first or the last day of the calendar
        return date.min if found["year"] == "0001" else date.max


Row = tuple[str | None, str, tuple[str | None, ...], date | None, str]


def _holds(deployment: Deployment, case: Case, ref: CollectionRef) -> list[tuple[LegalHold, frozenset[str]]]:
    """The holds that can cover records of a collection, each with the keys of its persons."""
    found = []
    for hold in deployment.control.holds(case.id):
        keys: list[str] = []
        if hold.scope.collections and not hold.scope.names(ref):
            continue
        if hold.scope.has_persons:
            manifest = read_manifest(deployment, case.id, hold.scope.subjects_manifest)
            keys = manifest.column("subject").to_pylist()
        found.append((hold, frozenset(keys)))
    return found


def _covers(scope: HoldScope, persons: frozenset[str], subject: str | None, day: date | None) -> bool:
    """Whether a hold on the collection covers a record; one without a date is inside every range."""
    if scope.has_persons and subject not in persons:
        return False
    begins = scope.since is None or day is None or day >= scope.since
    return begins and (scope.until is None or day is None or day <= scope.until)


def _rows(
    deployment: Deployment, case: Case, found: Labelled, *, dates: Sequence[DatedBy], own_date: str, chosen: Chosen
) -> Iterator[Row]:
    """Subject, label, days as written, own day and ids of holds of every record of a chosen customer."""
    collection, subjects = found.collection, found.records.get_column("subject")
    records = found.records.filter(pl.Series([one is None or chosen(one) for one in subjects], dtype=pl.Boolean))
    fields = list(dict.fromkeys([*(one.field for one in dates), *([own_date] if own_date else [])]))
    locators = [name for name in records.columns if name not in {"subject", "label", CONTENT, HOLDS}]
    if fields:
        store = deployment.systems(case).store(collection.ref.store)
        frames = [
            piece.select(*locators, *(pl.col(name).alias(f"day {name}") for name in fields)).join(
                records.select(locators), on=locators, how="semi"
            )
            for piece in in_pieces(store, collection, fields=fields)
        ]
        records = records.join(pl.concat(frames), on=locators)
    for row in records.iter_rows(named=True):
        written = tuple(row[f"day {one.field}"] for one in dates)
        own_day = day_of(row[f"day {own_date}"]) if own_date else None
        yield row["subject"], row["label"], written, own_day, row.get(HOLDS, "")


def _by_person(
    rows: Sequence[Row], dates: Sequence[DatedBy]
) -> tuple[dict[tuple[str | None, str], date | None], set[tuple[str | None, str]]]:
    """The last day of each person and event, None where an unreadable one may be it; and which have a placeholder."""
    last: dict[tuple[str | None, str], date | None] = {}
    nobodys = set()
    for subject, _, written, _, _ in rows:
        for one, text in zip(dates, written, strict=True):
            if one.scope is Scope.PERSON:
                key, day = (subject, one.event), day_of(text)
                before = last.get(key, day)
                last[key] = None if day is None or before is None else max(day, before)
                if is_nobodys(text):
                    nobodys.add(key)
    return last, nobodys


def _start(scope: Scope, day: date, fiscal_year_end: tuple[int, int]) -> str:
    if scope is Scope.FISCAL_YEAR:
        return f"{day.year + ((day.month, day.day) > fiscal_year_end):04}"
    return f"{day.year:04}-{day.month:02}"


def _is_child(born: date | None, stopped: date | None) -> bool:
    """Whether somebody had not had the fourteenth birthday when the service stopped."""
    if born is None or stopped is None:
        return False
    age = stopped.year - born.year - ((stopped.month, stopped.day) < (born.month, born.day))
    return age < _CHILD_UNTIL
