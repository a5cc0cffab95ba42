"""Which records the holds in force cover, column by column, and which holds cover each record.

A column of hold ids, ``""`` for none and ``H-1, H-2`` for several, stands beside each record's label: the label says
that it is held, the column by what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from winddown.domain.batch import keys_digest
from winddown.domain.canonical import digest
from winddown.domain.case import Case, RegisterEntry
from winddown.domain.errors import Refused
from winddown.domain.hold import LegalHold
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.stages.deployment import Deployment
from winddown.stages.labels import date_of
from winddown.stages.manifests import read_manifest

HOLDS = "holds"
_BETWEEN = ", "


@dataclass(frozen=True, slots=True)
class HoldsInForce:
    """The holds in force with the keys of their persons, in memory for the time of one stage.

    Attributes:
        persons: hold id → keys of its persons; a hold on everybody has none.
        leaned_on: collection → field and, for each of its values, the holds whose records refer to it.
    """

    holds: tuple[LegalHold, ...]
    persons: Mapping[str, pl.Series]
    leaned_on: Mapping[CollectionRef, tuple[str, pl.DataFrame]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"HoldsInForce({[hold.id for hold in self.holds]})"

    def over_untied(self, ref: CollectionRef, *, is_whole: bool) -> str:
        """Ids of the holds over a collection of which no record can be tied to a person.

        A hold on persons covers all of it, because anybody's record may be among them; but not what is ``is_whole`` by
        nature, a backup or the company's own, unless it names the collection.
        """
        return _BETWEEN.join(
            hold.id for hold in self.holds if (hold.scope.touches_whole(ref) if is_whole else hold.scope.touches(ref))
        )

    def date_field(self, entry: RegisterEntry) -> str:
        """The field with a record's own date, where a hold asks for it; else ``""``."""
        is_asked = any(hold.scope.has_dates and hold.scope.touches(entry.collection) for hold in self.holds)
        return entry.dated_by if is_asked else ""

    def covering(self, entry: RegisterEntry, records: pl.DataFrame) -> pl.Series:
        """For each record of a registered collection the ids of the holds that cover it.

        Records have a column ``subject``, unless they are about others than customers: these are nobody's whom a hold
        on customers could name, so such a hold covers them only where it names the collection. A record without a
        readable date counts as inside every range.
        """
        ref, is_tied = entry.collection, "subject" in records.columns
        touching = [
            hold for hold in self.holds if (hold.scope.touches(ref) if is_tied else hold.scope.touches_whole(ref))
        ]
        day = date_of(pl.col(entry.dated_by)) if self.date_field(entry) else None
        found = [pl.when(self._covers(hold, day, is_tied=is_tied)).then(pl.lit(hold.id)) for hold in touching]
        if ref in self.leaned_on:
            name, kept = self.leaned_on[ref]
            records = records.join(kept, left_on=name, right_on="value", how="left", maintain_order="left")
            found.append(pl.col("kept"))
        if not found:
            return pl.repeat("", records.height, eager=True).alias(HOLDS)
        ids = records.select(pl.concat_str(found, separator=_BETWEEN, ignore_nulls=True).alias(HOLDS)).to_series()
        # Without any column in it an expression has one row, not as many as there are records.
        ids = ids if ids.len() == records.height else ids.new_from_index(0, records.height)
        return ids.replace_strict(
            {one: _BETWEEN.join(sorted(_ids(one))) for one in ids.unique()}, return_dtype=pl.String
        )

    def _covers(self, hold: LegalHold, day: pl.Expr | None, *, is_tied: bool) -> pl.Expr:
        covered = pl.lit(value=True)
        if hold.scope.has_persons and is_tied:
            covered = pl.col("subject").is_in(self.persons[hold.id].implode()).fill_null(value=False)
        if day is not None and hold.scope.since is not None:
            covered &= (day >= hold.scope.since).fill_null(value=True)
        if day is not None and hold.scope.until is not None:
            covered &= (day <= hold.scope.until).fill_null(value=True)
        return covered

    def named_in(self, records: pl.DataFrame) -> tuple[LegalHold, ...]:
        """The holds that cover at least one of these labelled records."""
        if HOLDS not in records.columns:
            return ()
        ids = {one for found in records.get_column(HOLDS).unique() for one in _ids(found)}
        return tuple(hold for hold in self.holds if hold.id in ids)

    @property
    def held_persons(self) -> pl.Series:
        """Keys of all persons whom a hold names."""
        return pl.concat([pl.Series(dtype=pl.String), *self.persons.values()])


def holds_in_force(deployment: Deployment, case: Case) -> HoldsInForce:
    """Read the holds in force; raises Refused when a list of persons is not the one that was placed."""
    holds = deployment.control.holds(case.id)
    return HoldsInForce(holds, {hold.id: _persons(deployment, case, hold) for hold in holds if hold.scope.has_persons})


def refuse_missing_collections(
    holds: Sequence[LegalHold], inventory: Inventory, *, gone: frozenset[CollectionRef] = frozenset()
) -> None:
    """A hold whose collections are not there would silently protect nothing; ``gone`` are known to be destroyed."""
    there = [found.ref for found in inventory.collections]
    for hold in holds:
        missing = [
            str(named)
            for named in hold.scope.collections
            if named not in gone
            and not any(ref == named or str(ref).startswith(f"{named}#") for ref in there)
            and not inventory.blockers_of(named)
        ]
        if missing:
            raise Refused(
                f"hold {hold.id} names what is in no store: {', '.join(missing)}",
                rule="a hold outranks every rule",
                next_step=f"{hold.steward} places it anew with the right names, then the wrong one is released",
            )


def subjects_digest(deployment: Deployment, case: Case, keys: pa.Table) -> str:
    """Digest of a hold's persons. A plain digest of a few customer numbers could be guessed; a keyed one cannot."""
    return deployment.keys(case.id).pseudonym(digest(keys_digest(keys)))


def _persons(deployment: Deployment, case: Case, hold: LegalHold) -> pl.Series:
    found = read_manifest(deployment, case.id, hold.scope.subjects_manifest)
    if subjects_digest(deployment, case, found) != hold.scope.subjects_digest:
        raise Refused(
            f"the list of persons of hold {hold.id} is not the one that was placed",
            rule="a hold outranks every rule",
            next_step="bring the manifest back from the backup of the workspace, or place the hold again",
        )
    return pl.Series("subject", found.column("subject"))


def _ids(written: str) -> set[str]:
    return set(written.split(_BETWEEN)) - {""}
