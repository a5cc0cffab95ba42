"""A collection with the label of each of its records, and what is known of it when it is decided."""

from collections.abc import Collection as Some
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from winddown.domain.case import Case
from winddown.domain.decision import Decision
from winddown.domain.disposition import Facts
from winddown.domain.finding import Finding
from winddown.domain.hold import LegalHold
from winddown.domain.inventory import Collection, Inventory
from winddown.domain.pack import Rulebook
from winddown.stages.pieces import PIECE_RECORDS, looked_up

BESIDE = "winddown_label"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One collection with the label of each of its records, and the decisions that follow."""

    collection: Collection
    records: pl.DataFrame
    decisions: tuple[Decision, ...]

    def of(self, labels: Some[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The records with one of these labels, or some columns of them: the fewer, the less is held twice."""
        records = self.records if columns is None else self.records.select(columns)
        return records.filter(self._have(labels))

    def pieces(self, labels: Some[str], columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Some columns of the records with one of these labels, a piece of the collection at a time; one at least."""
        for start in range(0, max(1, self.records.height), PIECE_RECORDS):
            part = self.records.slice(start, PIECE_RECORDS)
            yield part.filter(part.get_column("label").is_in(list(labels))).select(columns)

    def beside(self, piece: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
        """Records of the collection as they are read, with the column ``BESIDE``: their label, null for none.

        A field of the company's may be called ``label``.
        """
        return looked_up(piece, self.records.select(*key, pl.col("label").alias(BESIDE)), key)

    def count(self, labels: Some[str]) -> int:
        """How many records have one of these labels."""
        return int(self._have(labels).sum())

    def _have(self, labels: Some[str]) -> pl.Series:
        return self.records.get_column("label").is_in(list(labels))

    def __repr__(self) -> str:
        return f"Labelled({self.collection.ref}, {self.records.height} records)"


def customers_counted(case: Case, inventory: Inventory | None) -> int:
    """The number of customers by an inventory, without reading them again; 0 when their list was not found."""
    listed = None if inventory is None else inventory.collection(case.subjects.collection)
    return 0 if listed is None else max(0, listed.record_count)


def facts_of(
    case: Case,
    inventory: Inventory,
    findings: tuple[Finding, ...],
    rulebook: Rulebook,
    *,
    collection: Collection,
    as_of: date,
    holds: tuple[LegalHold, ...],
    persons: int,
) -> Facts:
    """What is known about a collection of a case; ``persons`` is the number of the company's customers."""
    return Facts(
        case=case,
        collection=collection,
        entry=case.entry(collection.ref),
        findings=tuple(finding for finding in findings if finding.collection == collection.ref),
        blockers=inventory.blockers_of(collection.ref),
        rulebook=rulebook,
        as_of=as_of,
        holds=holds,
        persons=persons,
    )
