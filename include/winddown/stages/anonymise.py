"""Turns records into statistics that name nobody, before the records themselves are erased.

Each declared field becomes coarser, and every combination that fewer than k persons share is left out; persons are
counted, not rows, because one customer's ten orders hide nobody. What is written is one Parquet file in the case's
evidence, with plain pages and rows in the order of their values: nothing of the source's keys, order or metadata. An
inspector then judges the file alone; only what passes lets the erasing order begin.

Not promised: that the members of a group differ in anything, and that two extracts, or one and what somebody knows
otherwise, tell nothing when they are laid side by side. Memory: the declared fields of one collection.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from winddown.archive.atomic import remove, write_atomically
from winddown.control.authority import effect_of
from winddown.domain.authorization import Power
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.case import Anonymisation, Case
from winddown.domain.disposition import personal_fields
from winddown.domain.errors import Refused, Residual
from winddown.domain.finding import Finding
from winddown.domain.generalise import Generalisation, How
from winddown.domain.inventory import Collection, Inventory, Medium
from winddown.domain.plan import Act, Order, Plan
from winddown.domain.receipt import Receipt
from winddown.inspection.anonymous import ExtractCheck, check_extract
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.manifests import batches
from winddown.stages.subjects import SubjectIndex, build_index, label_rows

FOLDER = ("evidence", "anonymous")
_PERSON = "winddown_person"
_PROBES = 400
_PROBE_BYTES_MIN = 8  # shorter values occur by chance


@dataclass(frozen=True, slots=True)
class Extract:
    """One extract as the control database knows it.

    Attributes:
        selected: records that it was made from; written: rows in it; suppressed: records that it leaves out.
        smallest: rows of the rarest combination, as the inspector counted them.
        probes: values of personal fields of the source that the inspector looked for and did not find.
    """

    order_id: str
    file: str
    sha256: str
    selected: int
    written: int
    suppressed: int
    smallest: int
    probes: int


@dataclass(frozen=True, slots=True)
class Coarse:
    """Rows as they would be written, sorted by value, and values that must not be among them."""

    rows: pl.DataFrame
    suppressed: int
    probes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Coarse({self.rows.height} rows, {self.suppressed} suppressed)"


# -- while planning --------------------------------------------------------------------------------------------------


def generalised(declared: Anonymisation) -> tuple[tuple[str, str], ...]:
    """The declared fields that an extract would hold, and how; what is dropped is not among them."""
    return tuple((field, how) for field, how in declared.fields if Generalisation.parse(how).how is not How.DROP)


def unfit(collection: Collection, declared: Anonymisation, findings: Sequence[Finding]) -> Iterator[str]:
    """Say why a collection cannot be made anonymous as its register asks."""
    if collection.medium is not Medium.TABLE:
        yield "only tables are made anonymous, not files"
    present, personal = set(collection.field_names()), set(personal_fields(findings))
    for field, how in declared.fields:
        if field not in present:
            yield f"there is no field {field}"
        elif field in personal and Generalisation.parse(how).how is How.KEEP:
            yield f"{field} holds personal information and may not be kept as it is"


def blocker(collection: Collection, reasons: Sequence[str]) -> Blocker:
    """The blocker of a collection that cannot be made anonymous."""
    return Blocker(
        "cannot-anonymise",
        str(collection.ref),
        "; ".join(reasons),
        "steward",
        "correct what the register asks under anonymise, or take it out so that the records are erased",
    )


def unfit_extracts(
    deployment: Deployment, case: Case, inventory: Inventory, index: SubjectIndex, *, orders: Sequence[Order]
) -> tuple[Blocker, ...]:
    """Rehearse every extract: a blocker for each that would be empty, or would hold a value of a personal field."""
    blockers = []
    for order in orders:
        if order.act is not Act.ANONYMISE:
            continue
        collection = _collection(inventory, order)
        coarse = _coarse(deployment, case, inventory, index, order=order)
        if coarse.rows.is_empty():
            blockers.append(blocker(collection, [f"no combination is shared by {order.k} persons"]))
            continue
        words = "\n".join(str(value) for name in order.fields for value in coarse.rows.get_column(name).unique())
        found = sum(probe in words for probe in coarse.probes)
        if found:
            said = f"{found} of {len(coarse.probes)} values of personal fields would stand in the extract"
            blockers.append(blocker(collection, [said]))
    return tuple(blockers)


# -- the act ---------------------------------------------------------------------------------------------------------


def anonymise(deployment: Deployment, plan_id: str) -> tuple[Extract, ...]:
    """Write and check the extract of every such order of a plan; one that was checked already is not written again."""
    plan = deployment.control.plan(plan_id)
    _remove_superseded(deployment, plan.case)
    return tuple(_anonymise(deployment, plan, order) for order in plan.orders if order.act is Act.ANONYMISE)


def require_extracts(deployment: Deployment, plan: Plan) -> None:
    """Raise Residual when an extract is no longer there byte for byte; its source must then stay."""
    for order in plan.orders:
        if order.act is not Act.ANONYMISE:
            continue
        known: Extract = deployment.control.require(plan.case, "extract", f"{plan.id}/{order.id}", type_=Extract)
        path = deployment.folder(plan.case, *FOLDER) / known.file
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != known.sha256:
            raise Residual(
                f"extract {known.file} is missing or changed",
                rule="extract digest",
                next_step="bring it back; nothing of its source is destroyed until then",
            )


def _anonymise(deployment: Deployment, plan: Plan, order: Order) -> Extract:
    name = f"{plan.id}/{order.id}"
    all_batches = tuple(batches(deployment, plan.case, order))
    effects = [effect_of(plan, order, batch, Power.ANONYMISE) for batch in all_batches]
    known: Extract | None = deployment.control.get(plan.case, "extract", name, type_=Extract)
    if known is not None and all(deployment.authority.state(effect) == "done" for effect in effects):
        return known
    for effect in effects:
        # Nothing in a store changes, but each reading is authorised and spent like an act.
        deployment.authority.redeem(deployment.authority.authorize(effect, actor=ACTOR))
    problem = ""
    if known is None:
        known, problem = _write(deployment, plan, order)
    for effect, batch in zip(effects, all_batches, strict=True):
        receipt = Receipt("anonymise", order.id, batch.index, batch.records, (("extract", known.sha256),))
        deployment.authority.close(
            effect,
            state="unknown" if problem else "done",
            receipt=receipt,
            read_back=problem
            or f"by inspector: {known.written} rows, every combination {known.smallest} times or more, "
            f"0 of {known.probes} values",
            actor=ACTOR,
        )
    if problem:
        raise Residual(
            f"the extract of order {order.id} was thrown away: {problem}",
            rule="independent read-back",
            next_step="restore the plan, make the fields coarser in the register, and trigger the changed case",
        )
    # Recorded last: an extract that is known was judged.
    deployment.control.put(plan.case, "extract", name, known, type_=Extract)
    return known


def _write(deployment: Deployment, plan: Plan, order: Order) -> tuple[Extract, str]:
    """Write one extract and have it judged; what does not pass is removed, and the second value says why."""
    case = deployment.case(plan.case)
    inventory: Inventory = deployment.control.require(plan.case, "inventory", plan.wave, type_=Inventory)
    index = build_index(deployment, case, inventory)
    coarse = _coarse(deployment, case, inventory, index, order=order)
    content = _parquet(coarse.rows)
    path = deployment.folder(case.id, *FOLDER) / f"{order.id}.parquet"
    # Written under a name of its own while nothing of the source was touched: a killed attempt is simply replaced.
    write_atomically(path, [content], replace=True)
    check = check_extract(path, coarse.probes)
    sha256 = hashlib.sha256(content).hexdigest()
    problem = _problem(order, coarse, check, sha256)
    if problem:
        remove([path])
    extract = Extract(
        order_id=order.id,
        file=path.name,
        sha256=sha256,
        selected=order.selection.count,
        written=coarse.rows.height,
        suppressed=coarse.suppressed,
        smallest=check.smallest,
        probes=check.probes,
    )
    return extract, problem


def _problem(order: Order, coarse: Coarse, check: ExtractCheck, sha256: str) -> str:
    """What the inspector found against an extract, or ""."""
    found = {
        "it is not the file that was written": check.sha256 != sha256 or check.columns != order.fields,
        f"{check.rows} rows, {order.selection.count} records less {coarse.suppressed} were expected": check.rows
        != order.selection.count - coarse.suppressed,
        f"a combination occurs {check.smallest} times, {order.k} are the least": check.smallest < order.k,
        f"{check.found} of {check.probes} values of personal fields stand in it": check.found > 0,
        "it holds metadata or dictionary pages": check.extras > 0,
    }
    return "; ".join(said for said, is_so in found.items() if is_so)


def _coarse(deployment: Deployment, case: Case, inventory: Inventory, index: SubjectIndex, *, order: Order) -> Coarse:
    """Read the records of an order, make their fields coarser, and leave out what too few persons share."""
    collection, entry = _collection(inventory, order), case.entry(order.collection)
    if entry is None or entry.subject is None:
        raise Refused(f"the records of {order.collection} are tied to nobody, so persons cannot be counted")
    findings: tuple[Finding, ...] = deployment.control.require(
        case.id, "findings", "findings", type_=tuple[Finding, ...]
    )
    personal = personal_fields([found for found in findings if found.collection == order.collection])
    counted_by = [entry.subject.field, *(found.field for found in index.dates(deployment, case, entry))]
    wanted = list(dict.fromkeys(name for name in (*order.fields, *personal, *counted_by) if name))
    frames = [_fetched(deployment, case, collection, batch, wanted) for batch in batches(deployment, case.id, order)]
    (source,) = label_rows(deployment, case, inventory, index, entry=entry, pieces=[pl.concat(frames)])
    rows = shared_rows(source, order.generalised, order.k)
    return Coarse(rows, source.height - rows.height, _probes(source, personal))


def shared_rows(source: pl.DataFrame, fields: Sequence[tuple[str, str]], k: int) -> pl.DataFrame:
    """The rows of ``source``, coarser, whose combination k different values of ``subject`` share; sorted by value."""
    names = [name for name, _ in fields]
    coarse = source.select(
        pl.col("subject").alias(_PERSON),
        *(_coarser(source.get_column(name), how).alias(name) for name, how in fields),
    )
    return coarse.filter(pl.col(_PERSON).n_unique().over(names) >= k).select(names).sort(names)


def _fetched(
    deployment: Deployment, case: Case, collection: Collection, batch: Batch, fields: Sequence[str]
) -> pl.DataFrame:
    store = deployment.systems(case).store(collection.ref.store)
    parts = [pl.DataFrame(part) for part in store.fetch(collection, batch, fields=fields)]
    found = sum(part.height for part in parts)
    if found != batch.records:
        raise Refused(
            f"{collection.ref} batch {batch.index}: {found} records found, {batch.records} planned",
            rule="an extract is made of what was approved",
            next_step="check that the store is frozen, then plan again",
        )
    return pl.concat(parts)


def _coarser(values: pl.Series, how: str) -> pl.Series:
    """Every different value is made coarser once."""
    rule = Generalisation.parse(how)
    known = values.drop_nulls().unique()
    coarse = pl.Series([rule.of(value) for value in known], dtype=pl.String)
    return values.replace_strict(known, coarse, default=None, return_dtype=pl.String)


def _probes(source: pl.DataFrame, personal: Sequence[str]) -> tuple[str, ...]:
    """Values of personal fields that are long enough to mean something, spread evenly over all of them."""
    values = {value for name in personal for value in source.get_column(name).drop_nulls().unique()}
    long = sorted(value for value in values if len(value.encode()) >= _PROBE_BYTES_MIN)
    return tuple(islice(long, 0, None, max(1, -(-len(long) // _PROBES))))


def _parquet(rows: pl.DataFrame) -> bytes:
    """Plain pages only: dictionaries and statistics would be places of their own where a value might stay."""
    table = rows.to_arrow().cast(pa.schema([(name, pa.string()) for name in rows.columns]))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="none", use_dictionary=False, write_statistics=False, store_schema=False)
    return sink.getvalue()


def _collection(inventory: Inventory, order: Order) -> Collection:
    collection = inventory.collection(order.collection)
    assert collection is not None  # noqa: S101 - the plan was made from this inventory
    return collection


def _remove_superseded(deployment: Deployment, case_id: str) -> None:
    """Extracts of plans that were given up: beside a new one of the same records they might tell more than either."""
    remove(
        deployment.folder(case_id, *FOLDER) / f"{order.id}.parquet"
        for plan_id in deployment.control.plans(case_id, state="superseded")
        for order in deployment.control.plan(plan_id).orders
        if order.act is Act.ANONYMISE
    )
