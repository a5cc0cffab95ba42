"""Turns a wave's decisions into orders: which records, which act, which method, in which order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition
from winddown.domain.disposition import WHOLE_OBJECT, personal_fields
from winddown.domain.finding import Finding
from winddown.domain.inventory import Collection, CollectionRef, Medium
from winddown.domain.plan import ESCROWING, Act, Method, Order, OrderId, Wave
from winddown.domain.selection import Selection
from winddown.ports import Survivors, WholeTables
from winddown.stages.anonymise import blocker, generalised, unfit
from winddown.stages.commitments import committed
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment
from winddown.stages.losing import Losing, cannot_lose
from winddown.stages.manifests import read_manifest, select
from winddown.stages.selecting import Chosen, selected
from winddown.stages.survivors import survivors
from winddown.stages.whole import Erasure, reason_for, whole_moves

_ARCHIVED = {Disposition.STORE_ONLY, Disposition.HAND_OVER}
_READING = {Act.SEAL: Method.CUSTODIAN_ARCHIVE, Act.ANONYMISE: Method.ANONYMOUS_EXTRACT}


_Need = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
"""Fields that a duty needs of records, and what of which fields stays."""


@dataclass(frozen=True, slots=True)
class _Levels:
    """In which order tables go, which of them refer to each other in a circle, and to which any table refers."""

    of: dict[CollectionRef, int]
    circular: frozenset[CollectionRef]
    referred_to: frozenset[CollectionRef]


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is known of all collections when the order of one is made."""

    levels: _Levels
    erasures: Mapping[CollectionRef, Erasure]
    moves: Mapping[CollectionRef, WholeTables]
    kept: Mapping[CollectionRef, Survivors]


@dataclass(frozen=True, slots=True)
class _Draft:
    """An order before its keys are selected."""

    found: Labelled
    labels: tuple[str, ...]
    act: Act
    fields: tuple[str, ...] = ()
    until: date | None = None
    is_last: bool = False
    recipient: str = ""
    generalised: tuple[tuple[str, str], ...] = ()
    k: int = 0
    stuck: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """The records of a draft that one method handles, and the orders whose receipts must be there first.

    Attributes:
        move: what the store said of moving the collection whole.
        moves_whole: the tables or partitions of ``move`` are what this part is about, and no rows.
    """

    draft: _Draft
    whole: bool
    requires: tuple[OrderId, ...] = ()
    move: WholeTables | None = None
    moves_whole: bool = False

    @property
    def subjects(self) -> pl.Series | None:
        """Whose every record is that the part is about, however it goes; None where no record is anybody's."""
        found = self.draft.found
        if "subject" not in found.records.columns:
            return None
        if self.move is None or not self.moves_whole:
            return found.of(self.draft.labels, ["subject"]).to_series()
        key = list(found.collection.key)
        taken = found.of(self.draft.labels, list(dict.fromkeys([*key, "subject"])))
        return taken.join(pl.DataFrame(self.move.rest), on=key, how="anti").get_column("subject")


def make_orders(
    deployment: Deployment,
    case: Case,
    plan_id: str,
    *,
    wave: Wave,
    labelled: Sequence[Labelled],
    findings: tuple[Finding, ...],
) -> tuple[tuple[Order, ...], list[Blocker]]:
    """Return the orders of a wave, and a blocker for each collection that is due and cannot be done."""
    emptied = _emptied(deployment, case.id)
    drafts = [
        tuple(
            due
            for draft in _drafts(case, wave, found, findings)
            for due in _still_due(deployment, case, draft, emptied)
        )
        for found in labelled
    ]
    last = [chain[-1] for chain in drafts if chain and chain[-1].act is Act.ERASE]
    erasures = {draft.found.collection.ref: Erasure(draft.found, draft.labels) for draft in last}
    moves = whole_moves(deployment, case, labelled, list(erasures.values()))
    kept = survivors(deployment, case, list(erasures.values()), moves)
    chosen = _Choice(_levels([found.collection for found in labelled], erasures.keys()), erasures, moves, kept)
    return _orders(deployment, case, plan_id, drafts, chosen)


def _emptied(deployment: Deployment, case_id: str) -> tuple[Order, ...]:
    """What certified plans emptied already: these records stay, so they would be found due again."""
    plans = [deployment.control.plan(plan_id) for plan_id in deployment.control.plans(case_id, state="certified")]
    return tuple(order for plan in plans for order in plan.orders if order.act is Act.MINIMISE)


def _still_due(
    deployment: Deployment, case: Case, draft: _Draft, emptied: tuple[Order, ...]
) -> Iterator[_Draft]:  # fmt: skip
    """The draft without the records that lost their fields already, and without the parts that were left already.

    By their keys, not by their label: a record that a hold had paused carries the same label once it is released. Less
    than an order left may be due later. What it left as it is due now is not done again: a part would not become
    coarser, and of a token there would be another token.
    """
    if draft.act is not Act.MINIMISE:
        yield draft
        return
    if draft.found.collection.medium is Medium.ROW_FILES:
        found = _unemptied(deployment, case, draft)
        yield from () if found is None else (found,)
        return
    key, records = list(draft.found.collection.key), draft.found.records
    earlier = {
        f"winddown_done_{number}": (order, _done(draft, order))
        for number, order in enumerate(emptied)
        if order.collection == draft.found.collection.ref and _done(draft, order)
    }
    for mark, (order, _) in earlier.items():
        keys = pl.DataFrame(read_manifest(deployment, case.id, order.selection.manifest)).select(key)
        records = records.join(
            keys.with_columns(pl.lit(value=True).alias(mark)), on=key, how="left", maintain_order="left"
        )
    parts = (
        records.partition_by(list(earlier), as_dict=True, include_key=False, maintain_order=True)
        if earlier
        else {(): records}
    )
    for marks, part in parts.items():
        done = {name for (_, names), mark in zip(earlier.values(), marks, strict=True) if mark for name in names}
        among = _only(draft, part)
        if done >= set(draft.fields) or not among.found.count(draft.labels):
            continue
        left = {name for name, _ in draft.generalised if name in done}
        yield replace(
            among,
            fields=tuple(name for name in draft.fields if name not in left),
            generalised=tuple(pair for pair in draft.generalised if pair[0] not in left),
        )


def _done(draft: _Draft, order: Order) -> frozenset[str]:
    """Fields of a draft of which an order left nothing, or just what the draft would leave."""
    asked, left = dict(draft.generalised), dict(order.generalised)
    return frozenset(
        name for name in draft.fields if name in order.fields and left.get(name) in {None, asked.get(name)}
    )


def _unemptied(deployment: Deployment, case: Case, draft: _Draft) -> _Draft | None:
    """The draft without the records in whose files the fields are empty already: a rewrite leaves no key to go by."""
    collection = draft.found.collection
    store = deployment.systems(case).store(collection.ref.store)
    locators = list(store.locators(collection))
    has_value = pl.any_horizontal(pl.col(list(draft.fields)).cast(pl.String).fill_null("") != "")
    found = [
        pl.DataFrame(batch).filter(has_value).select(locators) for batch in store.read(collection, fields=draft.fields)
    ]
    records = draft.found.records
    records = records.join(pl.concat(found), on=locators, how="semi") if found else records.clear()
    left = _only(draft, records)
    return left if left.found.count(draft.labels) else None


def _apart(chain: tuple[_Draft, ...]) -> tuple[tuple[_Draft, ...], Blocker | None]:
    """Leave out what loses fields in files of which other records go: one plan writes a file anew once.

    What is left out is due again when the plan is certified, in the files as they are then.
    """
    last = chain[-1] if chain else None
    if last is None or last.found.collection.medium is not Medium.ROW_FILES or last.act is not Act.ERASE:
        return chain, None
    going = last.found.of(last.labels, ["winddown_object"]).to_series().unique()
    kept: list[_Draft] = []
    later = 0
    for draft in chain:
        if draft.act is not Act.MINIMISE:
            kept.append(draft)
            continue
        rest = draft.found.records.filter(~pl.col("winddown_object").is_in(going.implode()))
        among = _only(draft, rest)
        left = among.found.count(draft.labels)
        later += draft.found.count(draft.labels) - left
        if left:
            kept.append(among)
    if not later:
        return chain, None
    return tuple(kept), Blocker(
        "minimised-later",
        str(last.found.collection.ref),
        f"{later:,} records lose fields in files of which other records go, and a plan writes each file anew once",
        "liquidation group",
        "trigger the case again when the plan is certified; they are in the next one",
    )


def _orders(
    deployment: Deployment, case: Case, plan_id: str, drafts: Sequence[tuple[_Draft, ...]], chosen: _Choice
) -> tuple[tuple[Order, ...], list[Blocker]]:
    """Turn each collection's chain of drafts into orders; a chain with a link that cannot be done is dropped whole."""
    orders: list[Order] = []
    blockers: list[Blocker] = []
    for chain, later in map(_apart, drafts):
        blockers += [] if later is None else [later]
        made: list[Order] = []
        for part in (part for link in chain for part in _parts(link, chosen.moves)):
            order_id = OrderId(f"{plan_id}-{len(orders) + len(made) + 1:03d}")
            first = tuple(order.id for order in made if not order.changes_store) if part.draft.is_last else ()
            order = _order(deployment, case, order_id, replace(part, requires=first), chosen)
            if isinstance(order, Blocker):
                blockers.append(order)
                made = []
                break
            selection = committed(deployment, case.id, plan_id, selection=order.selection, subjects=part.subjects)
            made.append(replace(order, selection=selection))
        orders += made
    return tuple(orders), blockers


def _parts(draft: _Draft, moves: Mapping[CollectionRef, WholeTables]) -> list[_Part]:
    """The records of a draft; of files, those that lose every row apart from those that keep some.

    Of tables, what goes whole apart from what goes as rows.
    """
    collection, records = draft.found.collection, draft.found.records
    move = moves.get(collection.ref) if draft.act is Act.ERASE else None
    if move is not None and move.keys.num_rows:
        rest = draft.found.of(draft.labels).join(pl.DataFrame(move.rest), on=list(collection.key), how="semi")
        whole_part = _Part(draft, whole=True, move=move, moves_whole=True)
        return [whole_part, *([_Part(_only(draft, rest), whole=False, move=move)] if rest.height else [])]
    if collection.medium is not Medium.ROW_FILES or draft.act is not Act.ERASE:
        return [_Part(draft, whole=collection.medium is Medium.OBJECTS, move=move)]
    chosen = draft.found.of(draft.labels)
    total = records.group_by("winddown_object").len("total")
    counted = chosen.join(chosen.group_by("winddown_object").len("due"), on="winddown_object").join(
        total, on="winddown_object"
    )
    whole = counted.filter(pl.col("due") == pl.col("total"))
    partly = counted.filter(pl.col("due") < pl.col("total"))
    return [_Part(_only(draft, part), is_whole) for part, is_whole in ((whole, True), (partly, False)) if part.height]


def _only(draft: _Draft, records: pl.DataFrame) -> _Draft:
    """The draft as if these were all records of its collection."""
    return replace(draft, found=replace(draft.found, records=records))


def _drafts(case: Case, wave: Wave, found: Labelled, findings: tuple[Finding, ...]) -> tuple[_Draft, ...]:
    """The chain of orders that a collection's decisions ask for in a wave."""
    own = tuple(finding for finding in findings if finding.collection == found.collection.ref)
    if wave is Wave.AT_ONCE:
        due = [decision for decision in found.decisions if decision.at_once]
        return tuple(_at_once_drafts(case, found, due, own))
    settled = [decision for decision in found.decisions if not decision.is_open]
    erase = [decision.label for decision in settled if decision.disposition is Disposition.ERASE]
    kept = [
        decision
        for decision in settled
        if decision.disposition in _ARCHIVED and decision.needed_fields != (WHOLE_OBJECT,)
    ]
    drafts = list(_minimising(case, found, own, [decision for decision in kept if decision.in_place]))
    leaving = [decision for decision in kept if not decision.in_place]
    extracts = list(_anonymising(case, found, settled, own))
    drafts += [*extracts, *_sealing(found, leaving)]
    copied = (*(label for draft in extracts for label in draft.labels), *(decision.label for decision in leaving))
    if erase or copied:
        drafts.append(_Draft(found, (*erase, *copied), Act.ERASE, is_last=True))
    return tuple(drafts)


def leaving(case: Case, wave: Wave, found: Labelled, findings: tuple[Finding, ...]) -> set[str]:
    """The labels of a collection whose records a wave erases from their store."""
    drafts = _drafts(case, wave, found, findings)
    return {label for draft in drafts if draft.act is Act.ERASE for label in draft.labels}


def _anonymising(
    case: Case, found: Labelled, settled: Sequence[Decision], findings: tuple[Finding, ...]
) -> Iterator[_Draft]:
    """One extract of all records of a collection that are due for it: the more there are, the more hide each other."""
    labels = tuple(decision.label for decision in settled if decision.disposition is Disposition.ANONYMISE)
    entry = case.entry(found.collection.ref)
    if labels and entry is not None and entry.anonymise is not None:
        spec = generalised(entry.anonymise)
        stuck = tuple(unfit(found.collection, entry.anonymise, findings))
        fields = tuple(name for name, _ in spec)
        yield _Draft(found, labels, Act.ANONYMISE, fields, generalised=spec, k=entry.anonymise.k, stuck=stuck)


def _minimising(
    case: Case, found: Labelled, findings: tuple[Finding, ...], in_place: Sequence[Decision]
) -> Iterator[_Draft]:
    """Records that stay where they are lose what no duty needs."""
    by_need: dict[_Need, list[str]] = {}
    for decision in in_place:
        by_need.setdefault((decision.needed_fields, decision.in_part), []).append(decision.label)
    yield from _losing(case, found, findings, by_need)


def _losing(
    case: Case, found: Labelled, findings: tuple[Finding, ...], by_need: Mapping[_Need, list[str]]
) -> Iterator[_Draft]:
    """A draft for all records of which the same is needed, unless there is nothing that they could lose."""
    for (needed, in_part), labels in by_need.items():
        whole = [name for name in needed if name not in dict(in_part)]
        fields = _unneeded(case, found.collection, findings, needed=whole)
        if fields:
            forms = tuple((name, form) for name, form in in_part if name in fields)
            stuck = tuple(f"{name} names records, so it stays" for name, _ in in_part if name not in fields)
            stuck += tuple(f"there is no field {name}" for name in _unknown_parts(case, found.collection))
            yield _Draft(found, tuple(labels), Act.MINIMISE, fields, generalised=forms, stuck=stuck)


def _unknown_parts(case: Case, collection: Collection) -> Iterator[str]:
    """Fields of which the register says what stays, and which are not there."""
    entry, present = case.entry(collection.ref), set(collection.field_names())
    yield from (name for name, _ in ([] if entry is None else entry.minimise) if name not in present)


def _sealing(found: Labelled, leaving: Sequence[Decision]) -> Iterator[_Draft]:
    """One archive for each receiver and last day: fields that are kept for different times are kept apart."""
    archives: dict[tuple[str, date, tuple[str, ...]], list[str]] = {}
    for decision in leaving:
        for term in decision.terms:
            key = (term.recipient, term.until or date.max, term.fields)
            archives.setdefault(key, []).append(decision.label)
    for (recipient, until, fields), labels in sorted(archives.items()):
        last_day = None if until == date.max else until
        yield _Draft(found, tuple(labels), Act.SEAL, fields, until=last_day, recipient=recipient)


def _at_once_drafts(
    case: Case, found: Labelled, due: Sequence[Decision], findings: tuple[Finding, ...]
) -> list[_Draft]:
    """Children's records: whole records go, but a row that vouchers still refer to, and vouchers, lose fields first."""
    by_need: dict[_Need, list[str]] = {}
    whole: list[str] = []
    if found.collection.ref == case.subjects.collection and due:
        by_need[(), tuple(sorted({pair for decision in due for pair in decision.in_part}))] = [
            decision.label for decision in due
        ]
    else:
        whole = [decision.label for decision in due if decision.disposition is not Disposition.STORE_ONLY]
        for decision in due:
            if decision.disposition is Disposition.STORE_ONLY:
                by_need.setdefault((decision.needed_fields, decision.in_part), []).append(decision.label)
    drafts = list(_losing(case, found, findings, by_need))
    return [*drafts, *([_Draft(found, tuple(whole), Act.ERASE)] if whole else [])]


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


def _order(deployment: Deployment, case: Case, order_id: OrderId, part: _Part, chosen: _Choice) -> Order | Blocker:
    draft, collection = part.draft, part.draft.found.collection
    if draft.stuck and draft.act is Act.ANONYMISE:
        return blocker(collection, draft.stuck)
    store = deployment.systems(case).store(collection.ref.store)
    chosen_before = part.move.method if part.move is not None and part.moves_whole else _READING.get(draft.act)
    method = chosen_before or store.method(collection, draft.act, whole=part.whole)
    if isinstance(method, Blocker):
        return method
    kept = chosen.kept.get(collection.ref) if method is Method.ESCROW_ROWS and draft.act is Act.ERASE else None
    if kept is not None and not kept.against:
        method = Method.KEEP_SURVIVORS
    if method in {Method.MOVE_ROWS, *ESCROWING} and collection.ref in chosen.levels.circular:
        return _circular(collection)
    if draft.act is Act.MINIMISE:
        losing = Losing(collection, draft.fields, draft.generalised, draft.stuck)
        stuck = cannot_lose(store, losing, draft.found.of(draft.labels, store.locators(collection)), method=method)
        if stuck is not None:
            return stuck
    if part.move is not None and part.moves_whole:
        selection: Selection | Blocker = select(deployment, case.id, order_id, [part.move.keys])
    else:
        is_referred_to = collection.ref in chosen.levels.referred_to
        records = Chosen(draft.found, draft.labels, draft.act, method, is_referred_to=is_referred_to)
        selection = selected(deployment, case, order_id, records)
    if isinstance(selection, Blocker):
        return selection
    erasure = chosen.erasures.get(collection.ref) if draft.act is Act.ERASE else None
    return Order(
        id=order_id,
        collection=collection.ref,
        label=", ".join(draft.labels),
        act=draft.act,
        method=method,
        selection=selection,
        level=chosen.levels.of.get(collection.ref, 0),
        record_count_max=selection.count,
        fields=draft.fields,
        requires=part.requires,
        until=draft.until.isoformat() if draft.until else "",
        recipient=draft.recipient,
        generalised=draft.generalised,
        k=draft.k,
        reason=reason_for(
            erasure, draft.act, part.move, kept, method=method, fields=len(draft.fields), in_part=len(draft.generalised)
        ),
    )


def _circular(collection: Collection) -> Blocker:
    return Blocker(
        "circular-references",
        str(collection.ref),
        "its rows and those of other tables that are erased refer to each other in a circle, so that no table of them "
        "can go first; deferring the constraint does not help, because it ends with the transaction of one batch",
        "database administrator",
        "drop one of the constraints for the case; or let all records of these tables go in one plan, and all or none "
        "of those that they refer to, so that the tables go whole",
    )


def _levels(collections: Sequence[Collection], erased: Iterable[CollectionRef]) -> _Levels:
    """Children before parents: a table's level is above those of all erased tables that refer to it.

    References inside a circle say nothing of the order; those of a table to itself are no circle.
    """
    going = set(erased)
    parents = {
        found.ref: {key.target for key in found.foreign_keys} & going - {found.ref}
        for found in collections
        if found.ref in going
    }
    above = {ref: _above(ref, parents) for ref in parents}
    circular = {ref: {other for other in found if ref in above[other]} for ref, found in above.items()}
    levels = dict.fromkeys(parents, 0)
    for _ in levels:
        for child, found in parents.items():
            for parent in found - circular[child]:
                levels[parent] = max(levels[parent], levels[child] + 1)
    referred_to = frozenset(key.target for found in collections for key in found.foreign_keys)
    return _Levels(levels, frozenset(ref for ref, found in circular.items() if ref in found), referred_to)


def _above(ref: CollectionRef, parents: Mapping[CollectionRef, set[CollectionRef]]) -> set[CollectionRef]:
    """Every table that a table refers to, directly or through others."""
    found, fresh = set[CollectionRef](), {ref}
    while fresh:
        fresh = {parent for one in fresh for parent in parents[one]} - found
        found |= fresh
    return found
