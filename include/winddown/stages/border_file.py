"""What a case file declares about data abroad: compared field by field, and brought into domain values."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from winddown.domain import case as domain
from winddown.domain.border import (
    MAINLAND_COUNTRY,
    ConfirmedCount,
    DeletionConfirmation,
    ExportedEarlier,
    Filing,
    Means,
    MetCondition,
)
from winddown.domain.inventory import CollectionRef
from winddown.stages.border_model import TransferModel
from winddown.stages.case_model import CaseModel

Digest = Callable[[str, str], str]
"""Digest of an evidence file by its name and by the field that names it; ``Refused`` when there is none."""


def border_problems(model: CaseModel) -> Iterator[str]:
    """What is wrong with transfers, filings, export log and confirmed counts, by field."""
    known = {found.id for found in model.transfers}
    for index, found in enumerate(model.transfers):
        yield from (f"transfers.{index}.{problem}" for problem in _transfer_problems(found, model))
    for index, filing in enumerate(model.filings):
        if filing.valid_until < filing.issued_on:
            yield f"filings.{index}.valid_until: it lies before issued_on"
        yield from _strangers(f"filings.{index}.covers", filing.covers, known)
    for index, entry in enumerate(model.export_log):
        if entry.ended_on < entry.started_on:
            yield f"export_log.{index}.ended_on: it lies before started_on"
        yield from _strangers(f"export_log.{index}.transfer", [entry.transfer], known)
    officers = {person.id for person in model.people if person.role == "pi_officer"}
    for index, count in enumerate(model.confirmed_counts):
        if count.confirmed_by not in officers:
            yield f"confirmed_counts.{index}.confirmed_by: {count.confirmed_by} is no personal-information officer"


def transfers(model: CaseModel, sha256: Digest) -> tuple[domain.Transfer, ...]:
    """The transfers with the digests of their evidence."""
    return tuple(_transfer(found, f"transfers.{index}", sha256) for index, found in enumerate(model.transfers))


def filings(model: CaseModel, sha256: Digest) -> tuple[Filing, ...]:
    """The filings with the digests of their evidence."""
    return tuple(
        Filing(
            found.id,
            found.kind,
            found.issued_on,
            found.valid_until,
            found.covers,
            sha256(found.evidence, f"filings.{index}"),
        )
        for index, found in enumerate(model.filings)
    )


def export_log(model: CaseModel, sha256: Digest) -> tuple[ExportedEarlier, ...]:
    """The export log with the digests of its evidence."""
    return tuple(
        ExportedEarlier(
            found.transfer,
            found.started_on,
            found.ended_on,
            found.persons,
            found.sensitive,
            sha256(found.evidence, f"export_log.{index}"),
        )
        for index, found in enumerate(model.export_log)
    )


def confirmed_counts(model: CaseModel, sha256: Digest) -> tuple[ConfirmedCount, ...]:
    """The officer's counts with the digests of their evidence."""
    return tuple(
        ConfirmedCount(
            found.year,
            found.sensitive_at_most,
            found.other_at_most,
            found.confirmed_by,
            sha256(found.evidence, f"confirmed_counts.{index}"),
        )
        for index, found in enumerate(model.confirmed_counts)
    )


def _transfer_problems(found: TransferModel, model: CaseModel) -> Iterator[str]:
    if found.country == MAINLAND_COUNTRY:
        yield f"country: {found.country} is not abroad"
    if found.started_on and found.ended_on and found.ended_on < found.started_on:
        yield "ended_on: it lies before started_on"
    receiving = {model.custodian.country, *(receiver.country for receiver in model.recipients)}
    if found.means is Means.CUSTODY and found.country not in receiving:
        yield f"country: custodian and recipients are in {', '.join(sorted(receiving - {''}))}"
    start = found.started_on or date.min
    if found.deletion_confirmed is not None and found.deletion_confirmed.on < (found.ended_on or start):
        yield "deletion_confirmed.on: it lies before what it confirms"
    repeated = sorted({met.rule for met in found.met if [other.rule for other in found.met].count(met.rule) > 1})
    yield from (f"met: {rule} is named twice" for rule in repeated)


def _strangers(field: str, named: Sequence[str], known: set[str]) -> Iterator[str]:
    yield from (f"{field}: {name} is no transfer of the case" for name in named if name not in known)


def _transfer(found: TransferModel, field: str, sha256: Digest) -> domain.Transfer:
    sha256(found.evidence, field)
    confirmed = found.deletion_confirmed
    return domain.Transfer(
        id=found.id,
        recipient=found.recipient,
        country=found.country,
        purpose=found.purpose,
        legal_basis=found.legal_basis,
        collection=CollectionRef.parse(found.collection),
        where=found.where,
        sensitive=found.sensitive,
        means=found.means,
        origin=found.origin,
        circumstances=found.circumstances,
        started_on=found.started_on,
        ended_on=found.ended_on,
        met=tuple(
            MetCondition(met.rule, met.on, sha256(met.evidence, f"{field}.met.{index}"))
            for index, met in enumerate(found.met)
        ),
        confirmation=None
        if confirmed is None
        else DeletionConfirmation(confirmed.on, sha256(confirmed.evidence, f"{field}.deletion_confirmed")),
    )
