"""Before a plan is shown to anybody: rehearse it without effect, and keep probes for the search afterwards."""

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from winddown.detectors.kinds import BY_ID
from winddown.detectors.recognise import found_inside, holds
from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.errors import Residual
from winddown.domain.finding import Finding
from winddown.domain.inventory import Medium
from winddown.domain.plan import Act, Plan
from winddown.domain.receipt import Whereabouts
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment
from winddown.stages.labelled import BESIDE
from winddown.stages.manifests import batches, write_manifest
from winddown.stages.staying import staying_values

_PROBES = 40  # records of a collection
_PROBE_KINDS = {"resident_id", "mobile", "email"}


def dry_run(deployment: Deployment, case: Case, plan: Plan) -> None:
    """Locate every batch: each must be live and whole now, or the plan would start with a surprise."""
    systems = deployment.systems(case)
    report: dict[str, int] = {}
    for order in plan.orders:
        for batch in batches(deployment, case.id, order):
            if (
                order.changes_store
                and systems.store(order.collection.store).locate(order, batch) is not Whereabouts.LIVE
            ):
                raise Residual(
                    f"dry run: order {order.id} batch {batch.index} is not live",
                    next_step="check that the stores are frozen, then plan again",
                )
            report[order.id] = report.get(order.id, 0) + batch.records
    deployment.control.put(case.id, "dry_run", plan.id, {"records": report, "digest": digest(report)})


def write_probes(
    deployment: Deployment, case: Case, plan: Plan, labelled: Sequence[Labelled], findings: tuple[Finding, ...]
) -> None:
    """Keep some values of each collection that must be gone afterwards, encrypted, for the search in raw bytes.

    Taken from checksummed or unmistakable kinds, of records that this wave erases or empties. A value that also stands
    in anything that stays is none of them. Without a value of a collection, nothing is claimed of its bytes.
    """
    values = {str(found.collection.ref): _sampled(deployment, case, plan, found, findings) for found in labelled}
    staying = staying_values(deployment, case, plan, labelled, values=set().union(*values.values()))
    rows = sorted((name, value) for name, found in values.items() for value in found - staying)
    columns = {"collection": [name for name, _ in rows], "value": [value for _, value in rows]}
    table = pa.table({name: pa.array(column, type=pa.string()) for name, column in columns.items()})
    write_manifest(deployment, case.id, f"probes-{plan.id}", table)


def _sampled(
    deployment: Deployment, case: Case, plan: Plan, found: Labelled, findings: tuple[Finding, ...]
) -> set[str]:
    """Values of the first due records of a collection, of the fields that go."""
    collection = found.collection
    known = {one.field for one in findings if one.collection == collection.ref and one.kind in _PROBE_KINDS}
    fields = {
        order.id: known if order.act is Act.ERASE else known & set(order.fields) - set(dict(order.generalised))
        for order in plan.orders
        if order.collection == collection.ref and order.changes_store
    }
    wanted = sorted(set().union(*fields.values()))
    if not wanted or collection.medium is Medium.OBJECTS:
        return set()
    store = deployment.systems(case).store(collection.ref.store)
    locators = list(store.locators(collection))
    labels = {order.id: order.label.split(", ") for order in plan.orders if order.id in fields}
    values: set[str] = set()
    records = 0
    for batch in store.read(collection, fields=wanted):
        frame = found.beside(pl.DataFrame(batch), locators)
        for one, names in fields.items():
            rows = frame.filter(pl.col(BESIDE).is_in(labels[one])).head(_PROBES - records)
            records += rows.height
            values |= {value for name in names for value in rows.get_column(name) if value and _is_telling(value)}
        if records >= _PROBES:
            break
    return values


def _is_telling(value: str) -> bool:
    """Return whether a value holds what its field is known for: a placeholder or a short note stands anywhere."""
    return any(holds(BY_ID[kind], value) or found_inside(BY_ID[kind], value) for kind in _PROBE_KINDS)
