"""Why the records of one collection go or stay, as a page and as JSON: counts, rules and words of the law."""

from dataclasses import asdict
from typing import Any

from winddown.domain.rule import Rule
from winddown.stages.alike import Alike, alike
from winddown.stages.deployment import Deployment
from winddown.stages.explain import LabelExplained, Spoken, decided_collections, explain
from winddown.stages.fairness import Fairness
from winddown.web.cases import known_case
from winddown.web.errors import not_found
from winddown.web.fates import decision_row


def why_view(deployment: Deployment, case_id: str, collection: str) -> dict[str, Any]:
    """Everything about the decisions on a collection; 404 when nothing is decided on one of this name."""
    case = known_case(deployment, case_id)
    ref = next((one for one in decided_collections(deployment, case_id) if str(one) == collection), None)
    if ref is None:
        raise not_found("collection")
    found = explain(deployment, case_id, ref)
    labels = [_label(one, deployment) for one in found.labels]
    at = {one.decision.label: index for index, one in enumerate(found.labels)}
    return {
        "case": case_id,
        "company": case.company.name_zh,
        "collection": found.collection,
        "source": found.source,
        "approvals": list(found.approvals),
        "as_of": found.as_of.isoformat(),
        "rulebook": found.rulebook,
        "decided_by": found.decided_by,
        "labels": labels,
        "groups": [_group(one, at) for one in alike(found.labels)],
        "liability": _liability(found.labels),
        "fairness": _fairness(deployment, case_id, found.collection, found.source),
    }


def _label(found: LabelExplained, deployment: Deployment) -> dict[str, Any]:
    return {
        **decision_row(found.decision, deployment.rulebook),
        "is_known_today": found.now is not None,
        "changes": list(found.changes),
        "starts": [{"event": event, "when": when, "rules": list(rules)} for event, when, rules in found.starts],
        "questions": [asdict(question) for question in found.questions],
        "winners": [_spoken(one) for one in found.winners],
        "losers": [_spoken(one) for one in found.losers],
        "silent": [_spoken(one) for one in found.silent],
    }


def _group(found: Alike, at: dict[str, int]) -> dict[str, Any]:
    """Labels that are treated alike, by their places in ``labels``, and what each rule says of which of them."""
    return {
        "members": [at[one.decision.label] for one in found.labels],
        "count": found.count,
        **{
            group: [
                [asdict(said) for said in found.sentences(group, index)]
                for index in range(len(getattr(found.first, group)))
            ]
            for group in ("winners", "losers", "silent", "questions")
        },
    }


def _spoken(found: Spoken) -> dict[str, Any]:
    rule, reason = found.rule, found.reason
    return {
        "rule": reason.rule,
        "says": reason.says,
        "step": reason.step,
        "citation": reason.citation,
        "title_zh": rule.title_zh if rule else "",
        "title_en": rule.title_en if rule else "",
        "authority": rule.basis.authority_level.value if rule else "",
        "verification": rule.verification.status.value if rule else "",
        "read_in": f"{rule.verification.source}: {rule.verification.ref}" if rule else "",
        "article": (found.article.text if found.article else rule.basis.quote) if rule else "",
        "penalty": _penalty(rule),
    }


def _penalty(rule: Rule | None) -> dict[str, str] | None:
    return None if rule is None or rule.penalty is None else asdict(rule.penalty)


def _liability(labels: tuple[LabelExplained, ...]) -> list[dict[str, Any]]:
    """The liability map of the collection: each rule that took part, the article that punishes, and the records."""
    found: dict[str, dict[str, Any]] = {}
    for label in labels:
        for rule in label.penalties:
            row = found.setdefault(rule.id, {"rule": rule.id, "title_zh": rule.title_zh, "title_en": rule.title_en})
            row |= asdict(rule.penalty) if rule.penalty else {}
            row["records"] = row.get("records", 0) + label.decision.count
    return [found[rule_id] for rule_id in sorted(found)]


def _fairness(deployment: Deployment, case_id: str, collection: str, source: str) -> dict[str, Any] | None:
    """The comparison of customers, as it was when the decisions were made; None where none could be made."""
    name = "first" if source == "first" else deployment.control.plan(source).wave
    whole: Fairness | None = deployment.control.get(case_id, "fairness", name, type_=Fairness)
    found = None if whole is None else whole.of(collection)
    if whole is None or found is None:
        return None
    return {
        "customers": whole.customers,
        "of_customers": whole.of_customers,
        "may_miss": whole.may_miss,
        "records": found.records,
        "groups": found.groups,
        "differences": [asdict(one) for one in found.differences],
        "failures": [asdict(one) | {"says": one.says} for one in found.failures],
    }
