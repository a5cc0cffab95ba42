"""Labels every record, then decides what becomes of each label."""

import polars as pl

from winddown.domain.case import Case
from winddown.domain.decision import Decision
from winddown.domain.disposition import decide
from winddown.domain.finding import Finding
from winddown.domain.inventory import Inventory
from winddown.domain.label import Label, RecordClass
from winddown.stages.deployment import ACTOR, Deployment, today
from winddown.stages.discover import MISNAMED
from winddown.stages.fairness import Fairness, check_fairness
from winddown.stages.labelled import Labelled, facts_of
from winddown.stages.leaning import with_leaned_on
from winddown.stages.subjects import SubjectIndex, build_index, label_records

__all__ = ["Labelled", "decide_case", "label_and_decide"]


def label_and_decide(
    deployment: Deployment, case: Case, inventory: Inventory, findings: tuple[Finding, ...]
) -> tuple[list[Labelled], SubjectIndex]:
    """Partition every collection by label and decide each part.

    Every record has one label and every label one decision, so decisions neither overlap nor leave gaps.
    """
    index = with_leaned_on(deployment, case, inventory, build_index(deployment, case, inventory))
    as_of = today(deployment)
    labelled = []
    for collection in inventory.collections:
        blockers = inventory.blockers_of(collection.ref)
        if any(blocker.code in MISNAMED for blocker in blockers):
            records = pl.DataFrame({"label": [RecordClass.WHOLE.value] * max(collection.record_count, 0)})
        else:
            records = label_records(deployment, case, inventory, index, collection)
        facts = facts_of(
            case, inventory, findings, deployment.rulebook,
            collection=collection, as_of=as_of, holds=index.holds.named_in(records), persons=index.persons,
        )  # fmt: skip
        counts = records.group_by("label").len().sort(pl.col("label").cast(pl.String))
        decisions = tuple(decide(facts, Label.parse(label), count) for label, count in counts.iter_rows())
        labelled.append(Labelled(collection, records, decisions))
    return labelled, index


def decide_case(deployment: Deployment, case_id: str) -> tuple[Decision, ...]:
    """Decide the whole case on the first inventory, for people to read. Plans decide again on frozen stores."""
    case = deployment.case(case_id)
    inventory: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    findings: tuple[Finding, ...] = deployment.control.require(
        case_id, "findings", "findings", type_=tuple[Finding, ...]
    )
    labelled, index = label_and_decide(deployment, case, inventory, findings)
    fairness = check_fairness(deployment, case, inventory, findings, labelled=labelled, index=index)
    deployment.control.put(case_id, "fairness", "first", fairness, type_=Fairness)
    decisions = tuple(decision for found in labelled for decision in found.decisions)
    decisions_digest = deployment.control.put(case_id, "decisions", "first", decisions, type_=tuple[Decision, ...])
    totals: dict[str, int] = {}
    for decision in decisions:
        totals[decision.disposition] = totals.get(decision.disposition, 0) + decision.count
    rules = sorted({reason.rule for decision in decisions for reason in decision.reasons if reason.citation})
    body = {
        "records": totals,
        "rules": rules,
        "pack": deployment.rulebook.digest,
        "digest": decisions_digest,
        "unexplained_differences": len(fairness.failures),
    }
    deployment.ledger.append(case_id, "decided", body, actor=ACTOR)
    return decisions
