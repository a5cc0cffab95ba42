"""What held records lean on: the customer's row that says whose they are, and the row through which that is known.

A hold on some collections or dates alone would let these go, and the held record would then be nobody's: it could not
be read as evidence, and nothing could be decided on it once the hold is released. So they are held with it. A reference
that neither the register nor a person's key makes is not followed here; what it refers to stays as ``referenced``.
"""

from dataclasses import replace

import polars as pl

from winddown.domain.case import Case, RegisterEntry
from winddown.domain.hold import LegalHold
from winddown.domain.inventory import Collection, CollectionRef, Inventory
from winddown.stages.coverage import HOLDS
from winddown.stages.deployment import Deployment
from winddown.stages.discover import MISNAMED
from winddown.stages.subjects import SubjectIndex, label_rows


def with_leaned_on(deployment: Deployment, case: Case, inventory: Inventory, index: SubjectIndex) -> SubjectIndex:
    """Return the index with what held records lean on; memory: the link and date of one collection's records at a time.

    Holds on the whole company or on persons everywhere hold all of it anyway, so nothing is read for them.
    """
    partial = [hold for hold in index.holds.holds if hold.scope.collections or hold.scope.has_dates]
    if not partial:
        return index
    people = case.subjects
    values: dict[CollectionRef, list[pl.DataFrame]] = {people.collection: _named_persons(index, partial)}
    targets = {people.collection: people.key}
    for collection in inventory.collections:
        entry = case.entry(collection.ref)
        touched = any(hold.scope.touches(collection.ref) for hold in partial)
        touched &= all(found.code not in MISNAMED for found in inventory.blockers_of(collection.ref))
        if entry is None or entry.subject is None or entry.about != "customers" or not touched:
            continue
        held = _held(deployment, case, inventory, index, of=(entry, collection))
        values[people.collection].append(held.select(pl.col("subject").alias("value"), pl.col(HOLDS).alias("kept")))
        if entry.subject.via is not None:
            targets[entry.subject.via] = entry.subject.target
            through = held.select(pl.col(entry.subject.field).alias("value"), pl.col(HOLDS).alias("kept"))
            values.setdefault(entry.subject.via, []).append(through)
    leaned_on = {ref: (targets[ref], _by_value(frames)) for ref, frames in values.items()}
    return replace(index, holds=replace(index.holds, leaned_on=leaned_on))


def _named_persons(index: SubjectIndex, partial: list[LegalHold]) -> list[pl.DataFrame]:
    """Persons whom a partial hold names stay known as customers, also while they have no record under it."""
    persons = index.holds.persons
    return [
        pl.DataFrame({"value": persons[hold.id], "kept": [hold.id] * persons[hold.id].len()})
        for hold in partial
        if hold.id in persons
    ]


def _held(
    deployment: Deployment,
    case: Case,
    inventory: Inventory,
    index: SubjectIndex,
    *,
    of: tuple[RegisterEntry, Collection],
) -> pl.DataFrame:
    """The held records of a registered collection: link, date, subject and holds."""
    entry, collection = of
    store = deployment.systems(case).store(collection.ref.store)
    link = entry.subject
    assert link is not None  # noqa: S101 - the caller asked
    dates = (found.field for found in index.dates(deployment, case, entry))
    wanted = (link.field, index.holds.date_field(entry), *dates)
    fields = [name for name in dict.fromkeys(wanted) if name]
    pieces = (pl.DataFrame(batch) for batch in store.read(collection, fields=fields))
    labelled = label_rows(deployment, case, inventory, index, entry=entry, pieces=pieces)
    frames = [frame.filter(pl.col(HOLDS) != "") for frame in labelled]
    schema = dict.fromkeys((*fields, "subject", HOLDS), pl.String)
    return pl.concat([pl.DataFrame(schema=schema), *(frame.select(list(schema)) for frame in frames)])


def _by_value(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One row a value, with the ids of all holds whose records refer to it."""
    return (
        pl.concat([pl.DataFrame(schema={"value": pl.String, "kept": pl.String}), *frames])
        .drop_nulls("value")
        .unique()
        .group_by("value")
        .agg(pl.col("kept").str.join(", "))
    )
