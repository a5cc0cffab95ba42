"""Before a plan is shown to anybody: rehearse it without effect, and keep probes for the search afterwards."""

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.errors import Residual
from winddown.domain.finding import Finding
from winddown.domain.plan import Plan
from winddown.domain.receipt import Whereabouts
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import batches, write_manifest
from winddown.stages.staying import staying_values

_PROBES = 40
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
    """Keep some values that must be gone afterwards, encrypted, for the search in raw bytes.

    Taken from checksummed or unmistakable kinds of the customer list, of records that this wave erases or empties. A
    value that also stands in anything that stays is none of them.
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
        if finding.collection == case.subjects.collection and finding.kind in _PROBE_KINDS
    ]
    values: set[str] = set()
    if anchor is not None and due and fields:
        store = deployment.systems(case).store(case.subjects.collection.store)
        doomed = anchor.records.filter(pl.col("label").is_in(list(due))).get_column(case.subjects.key)
        candidates: dict[str, set[str]] = {}
        keys = set(doomed.to_list())
        for batch in store.read(anchor.collection, fields=fields):
            for row in batch.to_pylist():
                if row[case.subjects.key] in keys and len(candidates) < _PROBES:
                    candidates[row[case.subjects.key]] = {row[name] for name in fields if row[name]}
        values = set().union(*candidates.values()) if candidates else set()
        values -= staying_values(deployment, case, plan, labelled, values=values)
    table = pa.table({"value": pa.array(sorted(values), type=pa.string())})
    write_manifest(deployment, case.id, f"probes-{plan.id}", table)
