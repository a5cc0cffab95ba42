"""What is known of customers and their records, row by row in plain Python: the second reading of the same facts.

It shares no code with the columnar labelling that it checks. Where a record's customer is named by another collection,
it takes the subject that was found by then: the tie is checked where it is made. Keys and dates stay in memory.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

import polars as pl

from winddown.domain.batch import CONTENT
from winddown.domain.case import Case
from winddown.domain.duties import DatedBy
from winddown.domain.event import Scope
from winddown.domain.fairness import RecordFacts
from winddown.domain.hold import LegalHold
from winddown.domain.hold import Scope as HoldScope
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.stages.coverage import HOLDS
from winddown.stages.deployment import CHINA, Deployment
from winddown.stages.labelled import Labelled
from winddown.stages.manifests import read_manifest
from winddown.stages.remembered import remembered

Chosen = Callable[[str], bool]
_DASHED = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_PLAIN = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_STAMPED = re.compile(r":[0-9.]+(Z|[+-][0-9:]+)$")
_AT_HOME = {"CN", "CHN", ""}
_CHILD_UNTIL = 14
_FIRST_YEAR = 1900  # what is written as an earlier year is a slip of the pen


def customers(deployment: Deployment, case: Case, inventory: Inventory, chosen: Chosen) -> dict[str, RecordFacts]:
    """What is known of each chosen customer, by key."""
    listed, wanted = inventory.collection(case.subjects.collection), case.subjects
    if listed is None:
        return {}
    stopped = case.timeline.on("service_stopped")
    store, found = deployment.systems(case).store(listed.ref.store), {}
    fields = [wanted.key, wanted.born_on, wanted.country]
    for batch in store.read(listed, fields=fields):
        for key, born, country in zip(*(batch.column(name).to_pylist() for name in fields), strict=True):
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
    latest = _latest(rows, dates)
    holds = _holds(deployment, case, found.collection.ref)
    counted: Counter[tuple[RecordFacts, str]] = Counter()
    for subject, label, days, own_day, named in rows:
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
        starts = []
        for one, day in zip(dates, days, strict=True):
            on = latest.get((subject, one.event)) if one.scope is Scope.PERSON else day
            if on is not None:
                starts.append((one.event, _start(one.scope, on, case.profile.fiscal_year_end)))
        facts = RecordFacts(True, is_held, person.is_minor, person.is_overseas, tuple(starts))
        counted[facts, label] += 1
    return counted


def day_of(text: str | None) -> date | None:
    """A day written 2015-03-02, with or without a time behind it, or 20150302; None for anything else."""
    if text is None:
        return None
    if _STAMPED.search(text):
        try:
            return datetime.fromisoformat(text).astimezone(CHINA).date()
        except ValueError:
            return None
    parts = _DASHED.fullmatch(text[:10]) or _PLAIN.fullmatch(text)
    if parts is None:
        return None
    try:
        day = date(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:
        return None
    return day if day.year >= _FIRST_YEAR else None


Row = tuple[str | None, str, tuple[date | None, ...], date | None, str]


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
    """Subject, label, days, own day and ids of holds of every record of a chosen customer."""
    records, collection = found.records, found.collection
    fields = list(dict.fromkeys([*(one.field for one in dates), *([own_date] if own_date else [])]))
    locators = [name for name in records.columns if name not in {"subject", "label", CONTENT, HOLDS}]
    if fields:
        store = deployment.systems(case).store(collection.ref.store)
        frames = [
            pl.from_arrow(batch).select(*locators, *(pl.col(name).alias(f"day {name}") for name in fields))
            for batch in store.read(collection, fields=fields)
        ]
        if not frames:
            return
        records = records.join(pl.concat(frames), on=locators)
    for row in records.iter_rows(named=True):
        subject = row["subject"]
        if subject is None or chosen(subject):
            days = tuple(day_of(row[f"day {one.field}"]) for one in dates)
            own_day = day_of(row[f"day {own_date}"]) if own_date else None
            yield subject, row["label"], days, own_day, row.get(HOLDS, "")


def _latest(rows: Sequence[Row], dates: Sequence[DatedBy]) -> dict[tuple[str | None, str], date]:
    found: dict[tuple[str | None, str], date] = {}
    for subject, _, days, _, _ in rows:
        for one, day in zip(dates, days, strict=True):
            if day is not None and one.scope is Scope.PERSON:
                key = (subject, one.event)
                found[key] = max(day, found.get(key, day))
    return found


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
