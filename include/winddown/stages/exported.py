"""Counts the natural persons whose data go abroad: each transfer's, and the company's of a calendar year.

All transfers that reach into the year count together, so whoever splits stays one exporter. Only hashes of the persons'
keys are kept, and only while this runs.

A child's information is sensitive (PIPL 28), and who was a child is asked of the day of the transfer. No record says on
which day it was transferred, so the stricter reading holds: a child is whoever was one on the earliest day on which the
transfer can have been, which is its first day or that of the counted time, or when the service stopped.

What was provided stays provided when it is deleted later, by this product too. So what was counted of a year is
recorded, and no later count of it falls below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from winddown.domain.case import Case, Transfer
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.domain.transfer import Count
from winddown.stages.deployment import Deployment, today
from winddown.stages.persons import EVERYTHING, ROOM, Persons, Span, spans
from winddown.stages.subjects import SubjectIndex, is_child, label_records

Numbers = dict[str, Count]


@dataclass(frozen=True, slots=True)
class Exported:
    """The persons of one transfer, as far as they can be counted in the stores.

    Attributes:
        sensitive: persons with sensitive information, by the first day of the time in which they are counted.
        untied: records that name nobody, each of them at most one person more; None when nobody could be counted.
        has_domestic: somebody among them is not known to be abroad.
        why: why nobody could be counted, or "".
    """

    sensitive: Mapping[date, Persons]
    everyone: Persons
    untied: int | None
    has_domestic: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class CountedEarlier:
    """What was counted at an earlier check of a time of transfers, before anything of it was deleted."""

    sensitive: Count
    other: Count
    counted_on: date


class ExportCount:
    """Reads each transfer's collection once, and adds transfers up by calendar year.

    ``room`` is how many persons are kept exactly before a sketch takes their place.
    """

    def __init__(
        self,
        deployment: Deployment,
        case: Case,
        inventory: Inventory,
        index: SubjectIndex,
        *,
        findings: Sequence[Finding],
        room: int = ROOM,
    ) -> None:
        self._deployment, self._case, self._inventory, self._index = deployment, case, inventory, index
        self._findings, self._room = findings, room
        self._seed = int.from_bytes(deployment.keys(case.id).salt()[:8])
        years = {found.judged_on(today(deployment)).year for found in case.transfers}
        self._firsts = tuple(date(year, 1, 1) for year in sorted(years | {year - 1 for year in years}))
        self._read = {found.id: self._export(found, EVERYTHING) for found in case.transfers}
        self._totals: dict[tuple[date, date, bool], tuple[Count, Count]] = {}
        self._kept: dict[tuple[date, date], CountedEarlier] = {}
        self._fallen: dict[tuple[date, date], str] = {}

    def why_uncounted(self, transfer: Transfer) -> str:
        """Why the persons of a transfer could not be counted; "" when they could."""
        return self._read[transfer.id].why

    def contains_personal(self, transfer: Transfer) -> bool:
        """Whether the collection holds personal information, or may: no field may be left in which some could be."""
        entry = self._case.entry(transfer.collection)
        collection = self._inventory.collection(transfer.collection)
        if collection is None or entry is None or entry.subject is not None:
            return True
        verdicts = {found.field: found for found in self._findings if found.collection == transfer.collection}
        names = collection.field_names()
        return not names or any(name not in verdicts or _may_be_personal(verdicts[name]) for name in names)

    def origin(self, transfer: Transfer) -> str:
        """Where the data were collected; ``mixed`` when it is declared to be abroad and somebody domestic is in it."""
        is_mixed = transfer.origin == "abroad" and self._read[transfer.id].has_domestic
        return "mixed" if is_mixed else transfer.origin

    def numbers(self, year: int, *, exactly: bool = False) -> Numbers:
        """The facts on persons of a calendar year in which a transfer is judged; some rules begin a year earlier.

        A sketch gives an interval. With ``exactly`` the stores are read again, a span of the hash range at a time, so
        that no sketch decides.
        """
        sensitive, other = self._total(date(year, 1, 1), date(year, 12, 31), exactly=exactly)
        sensitive_before, other_before = self._total(date(year - 1, 1, 1), date(year, 12, 31), exactly=exactly)
        confirmed = next((found for found in self._case.confirmed_counts if found.year == year), None)
        if confirmed is not None:
            sensitive = _confirmed(sensitive, confirmed.sensitive_at_most)
            other = _confirmed(other, confirmed.other_at_most)
        processed = self._index.persons
        return {
            "persons_sensitive": sensitive,
            "persons_other": other,
            "persons": Count(processed, processed),
            "persons_since_last_year": _sum([sensitive_before, other_before]),
            "persons_sensitive_since_last_year": sensitive_before,
        }

    def record(self) -> None:
        """Keep what was counted, so that it still counts when it is deleted."""
        for (first, last), found in self._kept.items():
            name = f"{first.year}-{last.year}"
            self._deployment.control.put(self._case.id, "exported", name, found, type_=CountedEarlier)

    def fallen(self, year: int) -> str:
        """Say that fewer were found of a year than at an earlier check, which stays the number; "" when they were not.

        ``numbers`` of the year must have been asked for.
        """
        return self._fallen.get((date(year, 1, 1), date(year, 12, 31)), "")

    @property
    def is_sketched(self) -> bool:
        """Whether some transfer has more persons than are kept exactly, alone or together with the others."""
        return not self._empty(EVERYTHING).union(found.everyone for found in self._read.values()).count().is_exact

    def _total(self, first: date, last: date, *, exactly: bool) -> tuple[Count, Count]:
        key = (first, last, exactly)
        if key not in self._totals:
            self._totals[key] = self._not_below_earlier(self._add_up(first, last, exactly=exactly), first, last)
        return self._totals[key]

    def _not_below_earlier(self, counted: tuple[Count, Count], first: date, last: date) -> tuple[Count, Count]:
        name, now = f"{first.year}-{last.year}", CountedEarlier(*counted, today(self._deployment))
        earlier: CountedEarlier | None = self._deployment.control.get(
            self._case.id, "exported", name, type_=CountedEarlier
        )
        self._kept[first, last] = now
        if earlier is None:
            return counted
        # While transfers go on, all who are found now may have come since.
        goes_on = any(found.reaches(max(first, earlier.counted_on), last) for found in self._case.transfers)
        sensitive = _raised(now.sensitive, earlier.sensitive, goes_on=goes_on)
        other = _raised(now.other, earlier.other, goes_on=goes_on)
        if (sensitive, other) != counted:
            self._kept[first, last] = CountedEarlier(
                now.sensitive if sensitive == now.sensitive else earlier.sensitive,
                now.other if other == now.other else earlier.other,
                earlier.counted_on,
            )
            self._fallen[first, last] = (
                f"on {earlier.counted_on} it were {earlier.other} persons and {earlier.sensitive} more with sensitive "
                "information; what was provided stays counted when it is deleted later"
            )
        return sensitive, other

    def _add_up(self, first: date, last: date, *, exactly: bool) -> tuple[Count, Count]:
        reached = [found for found in self._case.transfers if found.reaches(first, last)]
        parts: Sequence[Span] = (EVERYTHING,)
        if exactly:
            everyone = self._empty(EVERYTHING).union(self._read[found.id].everyone for found in reached)
            parts = spans(everyone.count().at_most or 0, room=self._room)
        counted = [self._counted(reached, part, first) for part in parts]
        logged = [found for found in self._case.export_log if found.started_on <= last and found.ended_on >= first]
        untied = [self._read[found.id].untied for found in reached]
        return (
            _bounded(_sum([found[0] for found in counted]), untied, [e.persons for e in logged if e.sensitive]),
            _bounded(_sum([found[1] for found in counted]), untied, [e.persons for e in logged if not e.sensitive]),
        )

    def _counted(self, reached: Sequence[Transfer], part: Span, first: date) -> tuple[Count, Count]:
        """Persons with sensitive information, and the others: who is among the former is not among the latter."""
        read = [self._read[found.id] if part == EVERYTHING else self._export(found, part) for found in reached]
        sensitive = self._empty(part).union(found.sensitive[first] for found in read)
        everyone = self._empty(part).union(found.everyone for found in read)
        return sensitive.count(), everyone.without(sensitive).count()

    def _export(self, transfer: Transfer, part: Span) -> Exported:
        sensitive = {first: self._empty(part) for first in self._firsts}
        everyone = self._empty(part)
        collection = self._inventory.collection(transfer.collection)
        if collection is not None and not self.contains_personal(transfer):
            return Exported(sensitive, everyone, 0, has_domestic=False)
        try:
            persons = self._persons(transfer.collection)
        except Refused as error:
            return Exported(sensitive, everyone, None, has_domestic=True, why=error.message)
        if transfer.where == "overseas":
            # Who is not in the list of customers may be abroad, and is counted.
            persons = persons.filter(pl.col("overseas").fill_null(value=True))
        everyone.add(persons.get_column("subject"))
        is_sensitive = transfer.sensitive or self._is_sensitive(transfer.collection)
        for first, found in sensitive.items():
            was_child = is_child(pl.col("born_on"), max(first, transfer.started_on or first))
            chosen = persons if is_sensitive else persons.filter(pl.col("minor").fill_null(value=False) | was_child)
            found.add(chosen.get_column("subject"))
        named = persons.select((pl.col("subject").fill_null("") != "").sum()).item()
        has_domestic = not persons.select(pl.col("overseas").fill_null(value=False).all()).item()
        return Exported(sensitive, everyone, persons.height - int(named), has_domestic=has_domestic)

    def _persons(self, ref: CollectionRef) -> pl.DataFrame:
        """One row a record: subject, and what the list of customers knows of that person."""
        collection, entry = self._inventory.collection(ref), self._case.entry(ref)
        if collection is None or self._inventory.blockers_of(ref):
            raise Refused(f"{ref} is missing or blocked")
        if entry is None or entry.subject is None:
            raise Refused(f"nobody ties records of {ref} to persons")
        records = label_records(self._deployment, self._case, self._inventory, self._index, collection)
        return records.select("subject").join(self._index.table, on="subject", how="left")

    def _is_sensitive(self, ref: CollectionRef) -> bool:
        """Whether sensitive information is in it, or may be: one person with some leaves the exemption."""
        return any(found.sensitive and _may_be_personal(found) for found in self._findings if found.collection == ref)

    def _empty(self, part: Span) -> Persons:
        return Persons(self._seed, part, self._room)


def _may_be_personal(finding: Finding) -> bool:
    """Everything but what was read and found to be nothing, or a company's, or what a steward says is none."""
    if finding.status is Status.NONE:
        return False
    if finding.status is Status.STEWARD and finding.kind is None:
        return False
    return finding.personal or finding.status not in {Status.CONFIRMED, Status.STEWARD}


def _sum(counts: Sequence[Count]) -> Count:
    most = [found.at_most for found in counts if found.at_most is not None]
    return Count(sum(found.at_least for found in counts), sum(most) if len(most) == len(counts) else None)


def _bounded(counted: Count, untied: Sequence[int | None], declared: Sequence[int]) -> Count:
    """Add what could not be counted. Declared persons may be those counted, so the larger number is sure, no sum is."""
    known = [found for found in untied if found is not None]
    is_open = declared or counted.at_most is None or len(known) < len(untied)
    most = None if is_open or counted.at_most is None else counted.at_most + sum(known)
    return Count(max([counted.at_least, *declared]), most)


def _raised(now: Count, earlier: Count, *, goes_on: bool) -> Count:
    """The count now, or the earlier one of the same time where it has fallen below."""
    if now.at_least >= earlier.at_least:
        return now
    if now.at_most is None or earlier.at_most is None:
        return Count(earlier.at_least, None)
    if now.at_most >= earlier.at_least:  # a sketch's interval
        return Count(earlier.at_least, now.at_most)
    return Count(earlier.at_least, earlier.at_most + (now.at_most if goes_on else 0))


def _confirmed(count: Count, at_most: int) -> Count:
    """An officer's word closes what counting left open, unless counting has found more than it allows."""
    is_needed = at_most >= count.at_least and (count.at_most is None or at_most < count.at_most)
    return Count(count.at_least, at_most) if is_needed else count
