"""How a company's stores differ from the last look at them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from winddown.domain.inventory import Collection, Inventory


class Change(StrEnum):
    """What became of a collection, the gravest first."""

    SYSTEM = "system"  # another system answers in the store's place
    APPEARED = "appeared"
    DISAPPEARED = "disappeared"
    FIELDS = "fields"  # fields or their types are others
    RECORDS = "records"  # another number of records
    WRITTEN = "written"  # the same number, but something was written


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """One difference. ``subject`` is a store or ``store:collection``; ``detail`` has names and counts, no values."""

    subject: str
    change: Change
    detail: str


def drift(before: Inventory, now: Inventory) -> tuple[Drift, ...]:
    """List what changed, one entry a collection; collections of a store that could not be read now are left out.

    A collection without a change mark may have been written to without being listed.
    """
    return tuple(sorted([*_systems(before, now), *_collections(before, now)]))


def _systems(before: Inventory, now: Inventory) -> Iterator[Drift]:
    for store, identity in before.identities:
        found = now.identity(store)
        if found and found != identity:
            yield Drift(store, Change.SYSTEM, f"was {identity or 'unknown'}, is {found}")


def _collections(before: Inventory, now: Inventory) -> Iterator[Drift]:
    known = {str(found.ref): found for found in before.collections}
    present = {str(found.ref): found for found in now.collections}
    for name in sorted(known.keys() | present.keys()):
        if name not in known:
            yield Drift(name, Change.APPEARED, f"{present[name].record_count} records")
        elif name in present:
            yield from _changes(name, known[name], present[name])
        elif not any(blocker.covers(name) for blocker in now.blockers):
            yield Drift(name, Change.DISAPPEARED, f"had {known[name].record_count} records")


def _changes(name: str, before: Collection, now: Collection) -> Iterator[Drift]:
    was, fields = ({field.name: field.type for field in found.fields} for found in (before, now))
    if was != fields:
        changed = sorted(field for field in was.keys() | fields.keys() if was.get(field) != fields.get(field))
        yield Drift(name, Change.FIELDS, ", ".join(changed))
    elif before.record_count != now.record_count:
        yield Drift(name, Change.RECORDS, f"{before.record_count} → {now.record_count}")
    elif before.change_mark != now.change_mark:
        yield Drift(name, Change.WRITTEN, f"{now.record_count} records as before")
