"""Reads every cell of every collection once and judges each field. Stewards' answers win and keep their reason.

What a kind means in law is looked up in the taxonomy: ``judge_again`` does that for stored findings under another
version, without reading a cell.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from winddown.control.ledger import stamp
from winddown.detectors.engine import Profiler
from winddown.detectors.profile import ColumnProfile
from winddown.detectors.trade_secrets import lists_in
from winddown.detectors.verdict import ColumnVerdict, judge
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding, Status, judged_by
from winddown.domain.inventory import Collection, Inventory, Medium
from winddown.domain.taxonomy import Taxonomy
from winddown.ports import CUT
from winddown.rules.taxonomy import load_taxonomy
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.documents import contents
from winddown.stages.earlier import Reading, earlier_reading, forget, remember
from winddown.stages.relations import Relation, relate

_KNOWN = frozenset({Status.CONFIRMED, Status.STEWARD})


@dataclass(frozen=True, slots=True)
class TradeSecret:
    """A collection that is a trade secret as a whole: a list of customers or of prices."""

    collection: str
    kind: str
    fields: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read of one collection: nothing unread passes silently.

    Attributes:
        unread: "" when every cell was read, else why not.
        read_at: when; before this run, if the store says that nothing was written since. "" when it was not read.
    """

    collection: str
    records: int
    cells: int
    unread: str
    read_at: str = ""


def classify(deployment: Deployment, case_id: str) -> tuple[Finding, ...]:
    """Classify every collection of the first inventory; record findings, the coverage ledger, and likely links."""
    inventory: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    findings = classify_inventory(deployment, case_id, inventory)
    relations = relate(deployment, deployment.case(case_id), inventory, findings)
    deployment.control.put(case_id, "relations", "relations", relations, type_=tuple[Relation, ...])
    return findings


def classify_inventory(deployment: Deployment, case_id: str, inventory: Inventory) -> tuple[Finding, ...]:
    """Classify an inventory: a plan's, on frozen stores, costs no more than what was written since the last reading."""
    case = deployment.case(case_id)
    taxonomy = load_taxonomy()
    findings: list[Finding] = []
    coverage: list[Coverage] = []
    lists: list[TradeSecret] = []
    began_at = stamp(deployment.clock.now())
    for collection in inventory.collections:
        reading = _read(deployment, case, collection, inventory.identity(collection.ref.store))
        found = [judged_by(_answered(case, finding), taxonomy) for finding in reading.findings]
        findings += found
        coverage.append(
            Coverage(str(collection.ref), reading.records, reading.cells, reading.unread, read_at=reading.read_at)
        )
        lists += _lists(collection, found)
    coverage += [
        Coverage(blocker.subject, 0, 0, f"{blocker.code}: {blocker.explanation}")
        for blocker in inventory.blockers
        if inventory.collection_named(blocker.subject) is None
    ]
    deployment.control.put(case_id, "findings", "findings", tuple(findings), type_=tuple[Finding, ...])
    deployment.control.put(case_id, "trade_secrets", "lists", tuple(lists), type_=tuple[TradeSecret, ...])
    digest = deployment.control.put(case_id, "coverage", "coverage", tuple(coverage), type_=tuple[Coverage, ...])
    body = {
        "coverage_digest": digest,
        "cells": sum(found.cells for found in coverage),
        "fields": len(findings),
        "personal_fields": sum(finding.is_personal for finding in findings),
        "trade_secret_collections": len({found.collection for found in lists}),
        "taxonomy": f"{taxonomy.version} {taxonomy.digest}",
        "unread_collections": sum(bool(found.unread) for found in coverage),
        "read_before": sum(bool(found.read_at) and found.read_at < began_at for found in coverage),
    }
    deployment.ledger.append(case_id, "classified", body, actor=ACTOR)
    return tuple(findings)


def judge_again(deployment: Deployment, case_id: str, taxonomy: Taxonomy) -> tuple[Finding, ...]:
    """Judge the stored findings of a case by another taxonomy, record them, and return those that changed."""
    stored = deployment.control.require(case_id, "findings", "findings", type_=tuple[Finding, ...])
    judged = tuple(judged_by(finding, taxonomy) for finding in stored)
    changed = tuple(
        after
        for before, after in zip(stored, judged, strict=True)
        if (before.sensitive, before.personal) != (after.sensitive, after.personal)
    )
    digest = deployment.control.put(case_id, "findings", "findings", judged, type_=tuple[Finding, ...])
    body = {
        "judged_again_by": f"{taxonomy.version} {taxonomy.digest}",
        "findings_digest": digest,
        "changed_fields": sorted(f"{found.collection}.{found.field}" for found in changed),
    }
    deployment.ledger.append(case_id, "classified", body, actor=ACTOR)
    return changed


def _read(deployment: Deployment, case: Case, collection: Collection, identity: str) -> Reading:
    """Read every cell of a collection, unless nothing was written since it was read last."""
    known = earlier_reading(deployment, case.id, collection, identity=identity)
    if known is not None:
        return known
    at = stamp(deployment.clock.now())
    marks = (identity, collection.fingerprint, collection.change_mark, deployment.code_version, at)
    names = list(collection.field_names())
    profiler = Profiler(names)
    records = 0
    cut: Counter[str] = Counter()
    store = deployment.systems(case).store(collection.ref.store)
    try:
        if collection.medium is Medium.OBJECTS:
            said = contents(deployment, case, collection, store)
            what = "; ".join(f"{count} {kind}" for kind, count in sorted(said.unread.items()))
            unread = f"opaque: {what}" if what else ""
            # What was found stands under names such as text and gps, which are no fields of the collection.
            findings = _judged(collection, said.profiles)
            reading = Reading(*marks, collection.record_count, said.cells, unread, findings)
            if said.is_final:
                remember(deployment, case.id, collection, reading)
            else:
                forget(deployment, case.id, collection)
            return reading
        for batch in store.cells(collection):
            records += batch.num_rows
            profiler.feed(batch)
            cut.update(
                {field.name: int(field.metadata[CUT]) for field in batch.schema if CUT in (field.metadata or {})}
            )
    except Refused as error:
        return Reading(*marks, records, 0, error.message, ())
    profiles = {name: _shortened(profile, cut[name]) for name, profile in profiler.profiles().items()}
    short = ", ".join(f"{count} of {name!r}" for name, count in sorted(cut.items()))
    unread = f"values too long to be read whole were read at their beginning: {short}" if short else ""
    findings = _judged(collection, profiles)
    reading = Reading(*marks, records, records * len(names) - cut.total(), unread, findings)
    remember(deployment, case.id, collection, reading)
    return reading


def _judged(collection: Collection, profiles: Mapping[str, ColumnProfile]) -> tuple[Finding, ...]:
    comments = {field.name: field.comment for field in collection.fields}
    findings = []
    # Members of structures follow the fields: they are judged one by one under names such as owner.phone.
    for name in dict.fromkeys([*collection.field_names(), *profiles]):
        siblings = [other for other in profiles if other != name]
        verdict = judge(profiles[name], header=name, comment=comments.get(name, ""), siblings=siblings)
        findings.append(_finding(collection, name, profiles[name], verdict))
    return tuple(findings)


def _shortened(profile: ColumnProfile, cut: int) -> ColumnProfile:
    """A value of which only the beginning was read counts as unread, so that the field is never taken for harmless."""
    if not cut:
        return profile
    because = (*profile.unread_because, "too long to be read whole")
    return replace(profile, unread=profile.unread + cut, unread_because=because)


def _finding(collection: Collection, field: str, profile: object, verdict: ColumnVerdict) -> Finding:
    return Finding(
        collection=collection.ref,
        field=field,
        status=Status(verdict.status),
        kind=verdict.kind,
        sensitive=False,
        cells=profile.cells,  # type: ignore[attr-defined]
        nulls=profile.nulls,  # type: ignore[attr-defined]
        matches=_counts(profile.matches),  # type: ignore[attr-defined]
        embedded=_counts(profile.embedded),  # type: ignore[attr-defined]
        reasons=tuple(verdict.reasons),
        counter_evidence=tuple(verdict.counter_evidence),
        contains=tuple(verdict.contains),
    )


def _lists(collection: Collection, findings: Sequence[Finding]) -> list[TradeSecret]:
    kinds = {found.field: found.kind for found in findings if found.kind and found.status in _KNOWN}
    return [
        TradeSecret(str(collection.ref), found.kind, found.fields, found.reasons)
        for found in lists_in(list(collection.field_names()), kinds)
    ]


def _counts(counts: object) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(dict(counts).items()))  # type: ignore[call-overload]


def _answered(case: Case, finding: Finding) -> Finding:
    entry = case.entry(finding.collection)
    answers: Sequence[tuple[str, str | None, str]] = entry.answers if entry is not None else ()
    for field, kind, because in answers:
        if field == finding.field:
            assert entry is not None  # noqa: S101 - it has answers
            return Finding(
                collection=finding.collection,
                field=field,
                status=Status.STEWARD,
                kind=kind,
                sensitive=False,
                cells=finding.cells,
                nulls=finding.nulls,
                matches=finding.matches,
                embedded=finding.embedded,
                reasons=(f"{entry.steward} answered: {because}",),
                counter_evidence=(f"the detectors said {finding.status}: {'; '.join(finding.reasons)}",),
                # An answer says what the field is of; what else stands in it was counted and stays.
                contains=finding.contains,
            )
    return finding
