"""Makes a wave's plan on frozen stores: snapshot again, decide again, select keys, choose methods, dry-run, digest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
import pyarrow as pa

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.clocks import check_clocks
from winddown.domain.decision import Decision, Disposition
from winddown.domain.disposition import personal_fields
from winddown.domain.errors import Refused, Residual
from winddown.domain.finding import Finding
from winddown.domain.hold import holds_digest
from winddown.domain.inventory import Collection, CollectionRef, Inventory, Medium
from winddown.domain.plan import Act, Method, Order, OrderId, Plan, Wave
from winddown.domain.receipt import Whereabouts
from winddown.stages.case_file import APPROVER_ROLES
from winddown.stages.check import Checks
from winddown.stages.decide import Labelled, label_and_decide, today
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.discover import record_inventory, take_inventory
from winddown.stages.manifests import batches, select, write_manifest

BATCH_RECORDS = 5_000
_PROBES = 40


@dataclass(frozen=True, slots=True)
class _Draft:
    """An order before its keys are selected."""

    found: Labelled
    labels: tuple[str, ...]
    act: Act
    fields: tuple[str, ...] = ()
    until: date | None = None
    after_seal: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """The records of a draft that one method handles, and the seals that must be acknowledged first."""

    draft: _Draft
    records: pl.DataFrame
    whole: bool
    seals: tuple[OrderId, ...]


Levels = dict[CollectionRef, int]


def due_wave(deployment: Deployment, case_id: str) -> Wave | None:
    """The first wave without a certified plan, or None when all are done."""
    for wave in Wave:
        if not deployment.control.plans(case_id, wave=wave, state="certified"):
            return wave
    return None


def make_plan(deployment: Deployment, case_id: str, wave: Wave) -> Plan | None:
    """Return the wave's open plan, or make one; None when the wave has nothing to do.

    Raises Refused when the law's clocks do not let the wave begin.
    """
    case = deployment.case(case_id)
    existing = deployment.control.plans(case_id, wave=wave, state="open")
    if existing:
        return deployment.control.plan(existing[-1])
    preconditions = _preconditions(deployment, case, wave)
    checks = deployment.control.require(case_id, "checks", "before", type_=Checks)
    seen = take_inventory(deployment, case)
    inventory = Inventory(seen.collections, (*seen.blockers, *checks.blockers))
    findings: tuple[Finding, ...] = deployment.control.require(
        case_id, "findings", "findings", type_=tuple[Finding, ...]
    )
    first: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    _refuse_unclassified(first, inventory)
    inventory_digest = record_inventory(deployment, case_id, inventory, name=wave)
    labelled, _ = label_and_decide(deployment, case, inventory, findings)
    number = len(deployment.control.plans(case_id)) + 1
    plan_id = f"{case_id}-{number:02d}-{wave.value.replace('_', '-')}"
    drafts = [_drafts(case, wave, found, findings) for found in labelled]
    orders, blockers = _orders(deployment, case, plan_id, drafts, _levels([found.collection for found in labelled]))
    blockers += _guarded(orders, labelled)
    stopped = {blocker.subject for blocker in blockers}
    orders = tuple(order for order in orders if str(order.collection) not in stopped)
    deployment.control.put(case_id, "blockers", wave, tuple(blockers), type_=tuple[Blocker, ...])
    if not orders:
        return None
    plan = Plan(
        id=plan_id,
        case=case_id,
        wave=wave,
        orders=orders,
        inventory_digest=inventory_digest,
        decisions=tuple(decision for found in labelled for decision in found.decisions),
        fingerprints=tuple((str(found.ref), found.fingerprint) for found in inventory.collections),
        holds_digest=holds_digest(deployment.control.holds(case_id)),
        preconditions=preconditions,
        rule_packs=((f"{deployment.pack.id} {deployment.pack.version}", deployment.pack.digest),),
        code_version=deployment.code_version,
        grace_seconds=int(case.grace.duration.total_seconds()),
        grace_reason=f"{case.grace.reason}; accepted by {case.grace.accepted_by}",
        approvals_needed=2,
        approver_roles=APPROVER_ROLES,
    )
    _dry_run(deployment, case, plan)
    _write_probes(deployment, case, plan, labelled, findings)
    requested = deployment.control.require(case_id, "request", "request", type_=dict[str, str])
    deployment.control.add_plan(plan, requested_by=requested["requested_by"])
    body = {"plan_id": plan.id, "wave": wave.value, "digest": plan.digest, "orders": len(orders)}
    deployment.ledger.append(case_id, "plan_made", body, actor=ACTOR)
    return plan


def _preconditions(deployment: Deployment, case: Case, wave: Wave) -> tuple[str, ...]:
    results = check_clocks(case.timeline, deployment.pack, wave=wave, as_of=today(deployment))
    waiting = [f"{result.rule} ({result.citation}): {result.sentence}" for result in results if not result.satisfied]
    if waiting:
        raise Refused(
            f"wave {wave} of case {case.id} is not due: " + "; ".join(waiting),
            rule="legal clocks",
            next_step="record the event with its evidence in the case file when it has happened",
        )
    return tuple(f"{result.rule}: {result.sentence}" + (" (late)" if result.is_late else "") for result in results)


def _refuse_unclassified(first: Inventory, now: Inventory) -> None:
    """A field or collection that appeared after classification was never read; it must not slip into a plan."""
    known = {str(found.ref): set(found.field_names()) for found in first.collections}
    fresh = [
        str(found.ref)
        for found in now.collections
        if str(found.ref) not in known or not set(found.field_names()) <= known[str(found.ref)]
    ]
    if fresh:
        raise Refused(
            f"these appeared or changed their fields after classification: {', '.join(fresh)}",
            rule="nothing unread passes",
            next_step="run discover and classify again",
        )


# -- orders --------------------------------------------------------------------------------------------------------


def _orders(
    deployment: Deployment, case: Case, plan_id: str, drafts: Sequence[tuple[_Draft, ...]], levels: Levels
) -> tuple[tuple[Order, ...], list[Blocker]]:
    """Turn each collection's chain of drafts into orders; a chain with a link that cannot be done is dropped whole."""
    orders: list[Order] = []
    blockers: list[Blocker] = []
    for chain in drafts:
        made: list[Order] = []
        for draft, records, whole in (part for link in chain for part in _parts(link)):
            order_id = OrderId(f"{plan_id}-{len(orders) + len(made) + 1:03d}")
            seals = tuple(order.id for order in made if order.act is Act.SEAL) if draft.after_seal else ()
            order = _order(deployment, case, order_id, _Part(draft, records, whole, seals), levels)
            if isinstance(order, Blocker):
                blockers.append(order)
                made = []
                break
            made.append(order)
        orders += made
    return tuple(orders), blockers


def _parts(draft: _Draft) -> list[tuple[_Draft, pl.DataFrame, bool]]:
    """The records of a draft; of files, those that lose every row apart from those that keep some."""
    records = draft.found.records
    chosen = records.filter(pl.col("label").is_in(list(draft.labels)))
    if draft.found.collection.medium is not Medium.ROW_FILES or draft.act is not Act.ERASE:
        return [(draft, chosen, draft.found.collection.medium is Medium.OBJECTS)]
    total = records.group_by("winddown_object").len("total")
    counted = chosen.join(chosen.group_by("winddown_object").len("due"), on="winddown_object").join(
        total, on="winddown_object"
    )
    whole = counted.filter(pl.col("due") == pl.col("total"))
    partly = counted.filter(pl.col("due") < pl.col("total"))
    return [(draft, part, is_whole) for part, is_whole in ((whole, True), (partly, False)) if part.height]


def _drafts(case: Case, wave: Wave, found: Labelled, findings: tuple[Finding, ...]) -> tuple[_Draft, ...]:
    """The chain of orders that a collection's decisions ask for in a wave."""
    own = tuple(finding for finding in findings if finding.collection == found.collection.ref)
    if wave is Wave.AT_ONCE:
        due = [decision for decision in found.decisions if decision.at_once]
        return tuple(_at_once_drafts(case, found, due, own))
    keep = [
        decision for decision in found.decisions if decision.disposition is Disposition.STORE_ONLY and decision.until
    ]
    erase = [decision.label for decision in found.decisions if decision.disposition is Disposition.ERASE]
    vouchers = [decision for decision in keep if decision.needed_fields != ("*",)]
    drafts: list[_Draft] = []
    in_place = [decision for decision in vouchers if decision.in_place]
    if in_place:
        fields = _unneeded(case, found.collection, own, needed=in_place[0].needed_fields)
        drafts += (
            [_Draft(found, tuple(decision.label for decision in in_place), Act.MINIMISE, fields)] if fields else []
        )
    by_year: dict[date, list[Decision]] = {}
    for decision in vouchers:
        if not decision.in_place and decision.until is not None:
            by_year.setdefault(decision.until, []).append(decision)
    for until, decisions in sorted(by_year.items()):
        labels = tuple(decision.label for decision in decisions)
        drafts.append(_Draft(found, labels, Act.SEAL, decisions[0].needed_fields, until=until))
    sealed = tuple(decision.label for decisions in by_year.values() for decision in decisions)
    if erase or sealed:
        drafts.append(_Draft(found, (*erase, *sealed), Act.ERASE, after_seal=bool(sealed)))
    return tuple(drafts)


def _at_once_drafts(
    case: Case, found: Labelled, due: Sequence[Decision], findings: tuple[Finding, ...]
) -> list[_Draft]:
    """Children's records: whole records go, but a row that vouchers still refer to, and vouchers, lose fields first."""
    if not due:
        return []
    labels = tuple(decision.label for decision in due)
    is_anchor = found.collection.ref == case.subjects.collection
    vouchers = [decision for decision in due if decision.disposition is Disposition.STORE_ONLY]
    if not is_anchor and not vouchers:
        return [_Draft(found, labels, Act.ERASE)]
    needed = vouchers[0].needed_fields if vouchers else ()
    fields = _unneeded(case, found.collection, findings, needed=needed)
    return [_Draft(found, labels, Act.MINIMISE, fields)] if fields else []


def _unneeded(
    case: Case, collection: Collection, findings: tuple[Finding, ...], *, needed: Sequence[str]
) -> tuple[str, ...]:
    """Personal fields that no duty needs; keys and links stay, because records are found by them."""
    links = {name for key in collection.foreign_keys for name in key.fields}
    kept = {*needed, *collection.key, *links, *_declared_links(case, collection.ref)}
    return tuple(name for name in personal_fields(findings) if name not in kept)


def _declared_links(case: Case, ref: CollectionRef) -> Iterator[str]:
    """Fields that the case file ties records to persons by; a store's catalogue need not know them."""
    entry = case.entry(ref)
    if entry is not None and entry.subject is not None:
        yield entry.subject.field
    if ref == case.subjects.collection:
        yield case.subjects.key
    yield from (
        found.subject.target for found in case.register if found.subject is not None and found.subject.via == ref
    )


def _order(deployment: Deployment, case: Case, order_id: OrderId, part: _Part, levels: Levels) -> Order | Blocker:
    draft, collection = part.draft, part.draft.found.collection
    store = deployment.systems(case).store(collection.ref.store)
    method: Method | Blocker = Method.CUSTODIAN_ARCHIVE
    if draft.act is not Act.SEAL:
        method = store.method(collection, draft.act, whole=part.whole)
    if isinstance(method, Blocker):
        return method
    located = part.records.select(store.locators(collection)).to_arrow()
    keys = store.batch_keys(collection, _plain(located), size=BATCH_RECORDS)
    selection = select(deployment, case.id, order_id, keys)
    return Order(
        id=order_id,
        collection=collection.ref,
        label=", ".join(draft.labels),
        act=draft.act,
        method=method,
        selection=selection,
        level=levels.get(collection.ref, 0),
        record_count_max=part.records.height,
        fields=draft.fields,
        requires=part.seals,
        until=draft.until.isoformat() if draft.until else "",
    )


def _plain(table: pa.Table) -> pa.Table:
    """Polars hands out large strings; manifests use plain ones, so that digests do not depend on the reader."""
    schema = pa.schema(
        [
            (
                field.name,
                pa.string()
                if pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type)
                else field.type,
            )
            for field in table.schema
        ]
    )
    return table.cast(schema)


def _levels(collections: Sequence[Collection]) -> Levels:
    """Children before parents: a table's level is above those of all tables that refer to it."""
    parents = {found.ref: {key.target for key in found.foreign_keys} - {found.ref} for found in collections}
    levels: Levels = dict.fromkeys(parents, 0)
    for _ in range(len(levels)):
        changed = False
        for child, above in parents.items():
            for parent in above & levels.keys():
                if levels[parent] <= levels[child]:
                    levels[parent], changed = levels[child] + 1, True
        if not changed:
            return levels
    raise Refused(
        "the foreign keys form a cycle, so no order of deletion is safe",
        next_step="break the cycle, or declare the constraint deferrable and order the tables by hand",
    )


def _guarded(orders: Sequence[Order], labelled: Sequence[Labelled]) -> list[Blocker]:
    """An erase of a parent table is blocked while a child's rows that may refer to it are not decided to go.

    A child whose records are held or kept may stay only with its parents' records, which share its subjects; but a
    child that is blocked as a whole may refer to anybody.
    """
    erased = {order.collection for order in orders if order.act is Act.ERASE}
    return [
        Blocker(
            "referenced-by-blocked",
            str(key.target),
            f"{found.collection.ref} refers to it and is blocked itself",
            "steward",
            f"resolve the blockers of {found.collection.ref} first",
        )
        for found in labelled
        if found.decisions and all(item.disposition is Disposition.BLOCKED for item in found.decisions)
        for key in found.collection.foreign_keys
        if key.target in erased
    ]


# -- dry run and probes ----------------------------------------------------------------------------------------------


def _dry_run(deployment: Deployment, case: Case, plan: Plan) -> None:
    """Locate every batch: each must be live and whole now, or the plan would start with a surprise."""
    systems = deployment.systems(case)
    report: dict[str, int] = {}
    for order in plan.orders:
        for batch in batches(deployment, case.id, order):
            if (
                order.act is not Act.SEAL
                and systems.store(order.collection.store).locate(order, batch) is not Whereabouts.LIVE
            ):
                raise Residual(
                    f"dry run: order {order.id} batch {batch.index} is not live",
                    next_step="check that the stores are frozen, then plan again",
                )
            report[order.id] = report.get(order.id, 0) + batch.records
    deployment.control.put(case.id, "dry_run", plan.id, {"records": report, "digest": digest(report)})


def _write_probes(
    deployment: Deployment, case: Case, plan: Plan, labelled: Sequence[Labelled], findings: tuple[Finding, ...]
) -> None:
    """Keep some values that must be gone afterwards, encrypted, for the search in raw bytes.

    Taken from checksummed or unmistakable kinds of the customer list, of records that this wave erases or empties, and
    of no record that stays.
    """
    anchor = next((found for found in labelled if found.collection.ref == case.subjects.collection), None)
    due = {
        label
        for order in plan.orders
        if order.collection == case.subjects.collection
        for label in order.label.split(", ")
    }
    fields = [
        finding.field
        for finding in findings
        if finding.collection == case.subjects.collection and finding.kind in {"resident_id", "mobile", "email"}
    ]
    values: set[str] = set()
    if anchor is not None and due and fields:
        store = deployment.systems(case).store(case.subjects.collection.store)
        doomed = anchor.records.filter(pl.col("label").is_in(list(due))).get_column(case.subjects.key)
        kept_values: set[str] = set()
        candidates: dict[str, set[str]] = {}
        keys = set(doomed.to_list())
        for batch in store.read(anchor.collection, fields=fields):
            for row in batch.to_pylist():
                found = {row[name] for name in fields if row[name]}
                if row[case.subjects.key] in keys:
                    if len(candidates) < _PROBES:
                        candidates[row[case.subjects.key]] = found
                else:
                    kept_values |= found
        values = set().union(*candidates.values()) - kept_values if candidates else set()
    table = pa.table({"value": pa.array(sorted(values), type=pa.string())})
    write_manifest(deployment, case.id, f"probes-{plan.id}", table)
