"""Issues a wave's certificate: what was done, what remains and until when, and what nobody can promise."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition
from winddown.domain.errors import Refused
from winddown.domain.minimise import TOKEN
from winddown.domain.plan import Act, Plan, Wave
from winddown.evidence.statement import CERTIFICATE_TYPE, sign_statement
from winddown.stages import own_traces
from winddown.stages.crypto_erase import erased_stores
from winddown.stages.deployment import ACTOR, Deployment, today
from winddown.stages.endings import unended
from winddown.stages.next_actions import next_for_record, next_for_residual
from winddown.stages.order_record import carried_out, order_row
from winddown.stages.residuals import residuals, store_of, unproven
from winddown.stages.seal import unacknowledged
from winddown.stages.staying import blockers_of
from winddown.stages.storage_only import readable_by
from winddown.stages.verify import StoreCheck

_DUE = (Disposition.ERASE, Disposition.ANONYMISE)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was issued."""

    certificate_id: str
    digest: str


def certify(deployment: Deployment, plan_id: str) -> Issued:
    """Write and sign the certificate of a plan; repeating it returns the one that exists.

    Refused while an effect of the plan is open or the residual check is missing.
    """
    plan = deployment.control.plan(plan_id)
    certificate_id = f"certificate-{plan.id}"
    known = deployment.control.get(plan.case, "certificate", certificate_id, type_=dict[str, Any])
    if known is not None:
        return _issued(deployment, plan, certificate_id, known)
    case = deployment.case(plan.case)
    checks = deployment.control.require(plan.case, "checks", plan.id, type_=tuple[StoreCheck, ...])
    effects = deployment.control.effects(plan_id)
    unfinished = [effect.effect_id for effect in effects if effect.state != "done"]
    if unfinished:
        raise Refused(f"plan {plan_id} has open effects: {', '.join(unfinished)}", rule="all effects closed")
    purged: Counter[str] = Counter()
    for effect in effects:
        if effect.power == "purge":
            purged[effect.order_id] += effect.records
    undone: list[str] = [
        order.id for order in plan.orders if order.changes_store and purged[order.id] != order.selection.count
    ]
    undone += [*unended(deployment, plan), *(f"the receipt of {one}" for one in unacknowledged(deployment, plan_id))]
    if undone or deployment.control.plan_state(plan_id) != "open":
        raise Refused(
            f"plan {plan_id} is not carried out: {', '.join(undone) or 'it is not open'}",
            rule="a certificate says what was done",
            next_step="run the stages before; marking them success does nothing",
        )
    said = own_traces.certificate_part(deployment, plan) if plan.traces else _of_records(deployment, case, plan, checks)
    document: dict[str, Any] = {
        "id": certificate_id,
        "case": case.id,
        "company": {"name_zh": case.company.name_zh, "name_en": case.company.name_en, "uscc": case.company.uscc},
        "plan_id": plan.id,
        "plan_digest": plan.digest,
        "wave": plan.wave.value,
        "issued_on": deployment.clock.now().date().isoformat(),
        "rule_packs": [list(pack) for pack in plan.rule_packs],
        "code_version": plan.code_version,
        "grace": {"seconds": plan.grace_seconds, "reason": plan.grace_reason},
        "preconditions": list(plan.preconditions),
        "approvals": [
            {"person": row["person"], "name": _name(case, row["person"]), "role": row["role"]}
            | {"door": row["door"], "approved_at": row["approved_at"]}
            for row in deployment.control.approvals(plan_id)
        ],
        "inspection": [_check(found) for found in checks],
        "ledger_size": deployment.ledger.size(case.id),
        **said,
    }
    deployment.control.put(plan.case, "certificate", certificate_id, document)
    return _issued(deployment, plan, certificate_id, document)


def _of_records(deployment: Deployment, case: Case, plan: Plan, checks: tuple[StoreCheck, ...]) -> dict[str, Any]:
    """What a certificate says of the company's records: what was done to them, what stays, what is not claimed."""
    done = carried_out(deployment, plan, checks)
    return {
        "orders": [order_row(deployment, case, plan, order, done=done) for order in plan.orders],
        "remaining": [
            row | {"next": next_for_record(case, row)}
            for row in (*_remaining(deployment, case, plan), *_unread(deployment, plan))
        ],
        "residual_until": [
            row | {"store": store_of(case, row), "next": next_for_residual(case, row)}
            for row in residuals(deployment, case, plan)
        ],
        "not_claimed": _not_claimed(deployment, case, plan),
    }


def _name(case: Case, person_id: str) -> str:
    """The name under which somebody signs; the login where the case no longer knows the person."""
    person = case.person(person_id)
    return person_id if person is None else person.name


def _issued(deployment: Deployment, plan: Plan, certificate_id: str, document: dict[str, Any]) -> Issued:
    """Enter the certificate into the ledger once, then close the plan; killed in between, the repeat finishes it."""
    found = digest(document)
    marker = f'"certificate_id":"{certificate_id}"'.encode()
    if not any(b'"type":"certificate_issued"' in raw and marker in raw for raw in deployment.ledger.entries(plan.case)):
        body = {"certificate_id": certificate_id, "digest": found, "plan_id": plan.id}
        deployment.ledger.append(plan.case, "certificate_issued", body, actor=ACTOR)
    deployment.control.set_plan_state(plan.id, "certified")
    return Issued(certificate_id, found)


def _remaining(deployment: Deployment, case: Case, plan: Plan) -> list[dict[str, Any]]:
    """Every record that this plan leaves where it is, with the reason and the day, who keeps it and who can read it.

    What is due and was stopped counts as blocked, with the blocker as its first reason: no later wave takes it by
    itself.
    """
    readable = readable_by(deployment, case.id)
    blockers = blockers_of(deployment, plan)
    acted = {
        (order.collection, label)
        for order in plan.orders
        for label in order.label.split(", ")
        if order.act is Act.ERASE
    }
    left = [decision for decision in plan.decisions if (decision.collection, decision.label) not in acted]
    stopped = [[found for found in blockers if found.covers(str(decision.collection))] for decision in left]
    return [
        {
            "collection": str(decision.collection),
            "label": decision.label,
            "records": decision.count,
            "disposition": _outcome_of(plan, decision, is_stopped=bool(found)).value,
            "until": decision.until.isoformat() if decision.until else None,
            "keeper": _keeper(deployment, case, decision),
            "readable_by": readable.get(str(decision.collection)),
            "reasons": [
                *(map(_told, found) if decision.disposition in _DUE else ()),
                *(f"{reason.rule} {reason.citation}: {reason.says}".replace("  ", " ") for reason in decision.reasons),
            ],
        }
        for decision, found in zip(left, stopped, strict=True)
    ]


def _outcome_of(plan: Plan, decision: Decision, *, is_stopped: bool) -> Disposition:
    """What a certificate says of records that stay: those that were due, and no later wave takes, are blocked."""
    if decision.disposition in _DUE and (is_stopped or plan.wave is Wave.AFTER_CLAIMS):
        return Disposition.BLOCKED
    return decision.disposition


def _keeper(deployment: Deployment, case: Case, decision: Decision) -> str | None:
    """Who keeps what is only stored when the company ends; "" for nobody yet, None where nothing is to be kept."""
    if decision.disposition not in {Disposition.STORE_ONLY, Disposition.HAND_OVER}:
        return None
    receiver = case.receiver(decision.recipient)
    has_agreed = receiver.agreement_on <= today(deployment)
    return f"{receiver.organisation}, by agreement of {receiver.agreement_on}" if has_agreed else ""


def open_ends(document: dict[str, Any]) -> tuple[str, ...]:
    """What a certificate leaves stored with neither a keeper nor a last day: the case is not over before it has one."""
    return tuple(
        f"{row['collection']} ({row['records']:,} records)"
        for row in document["remaining"]
        if row.get("keeper") == "" and row["until"] is None
    )


def _unread(deployment: Deployment, plan: Plan) -> list[dict[str, Any]]:
    """What a blocker kept from being read at all; its records could not be counted and count as none."""
    decided = {str(decision.collection) for decision in plan.decisions}
    return [
        {
            "collection": found.subject,
            "label": "unread",
            "records": 0,
            "disposition": Disposition.BLOCKED.value,
            "until": None,
            "reasons": [_told(found)],
        }
        for found in blockers_of(deployment, plan)
        if not any(found.covers(name) for name in decided)
    ]


def _told(blocker: Blocker) -> str:
    return f"{blocker.code}: {blocker.explanation}; {blocker.resolver}: {blocker.next_step}"


def _check(found: StoreCheck) -> dict[str, Any]:
    return {
        "store": found.store,
        "batches": found.batches,
        "records_live": found.remaining,
        "leftovers": found.leftovers,
        "bytes_searched": found.bytes_read,
        "values_searched": found.probes,
        "values_found": found.found,
        "medium": found.medium,
        "claim": found.claim,
    }


def _not_claimed(deployment: Deployment, case: Case, plan: Plan) -> list[str]:
    erased = sorted(erased_stores(deployment, plan))
    limits = [
        "blocks of file systems and disks were not overwritten: NIST SP 800-88 Rev. 2 outcome is clear at best"
        + (", but for what lay under a destroyed key" if erased else ""),
        "archived WAL, replicas, service logs and inventories outside the declared stores were not reached",
        *unproven(deployment, case, plan),
    ]
    if any(order.act is Act.ANONYMISE for order in plan.orders):
        limits.append(
            "anonymous extracts: combinations were counted in each extract alone; nothing is claimed about what the "
            "members of a group have in common (no l-diversity), nor about comparing extracts with each other or with "
            "other sources"
        )
    limits += [
        f"store {name}: its key was destroyed by unlinking its file, which was not overwritten; nothing is claimed of "
        "copies of the key beyond what the company declared of them, nor of bodies that lay there before without it"
        for name in erased
    ]
    fields = {f"{order.collection}.{name}" for order in plan.orders for name, how in order.generalised if how == TOKEN}
    if fields:
        limits.append(
            f"tokens stand in place of values in {', '.join(sorted(fields))}: whoever holds the case's key can find a "
            "value out by trying, and that key was not destroyed when this was issued"
        )
    if deployment.settings.embedded:
        limits.append(
            "embedded mode: approvals given by login, receipts, halts and the ledger's keys are not protected against "
            "this machine's own operating-system user; approvals signed with an approver's own key are, for a reader "
            "who has that key"
        )
    endpoints = [found.name for found in case.stores if found.kind == "s3"]
    if deployment.settings.embedded and endpoints:
        limits.append(
            f"store {', '.join(endpoints)}: where it is the demonstration's object server, it does not enforce "
            "credentials, policies or locks, so nothing is claimed about them"
        )
    return limits


def totals(document: dict[str, Any]) -> dict[str, int]:
    """Records by outcome in one certificate, for summaries."""
    result = {"destroyed": 0, "minimised": 0, "handed over": 0, "anonymised": 0}
    names = {"erase": "destroyed", "minimise": "minimised", "seal": "handed over", "anonymise": "anonymised"}
    for order in document["orders"]:
        result[names[order["act"]]] += order["purged"] if order["act"] in {"erase", "minimise"} else order["records"]
    for row in document["remaining"]:
        result[row["disposition"]] = result.get(row["disposition"], 0) + row["records"]
    return result


def certificate_bytes(deployment: Deployment, case_id: str, certificate_id: str) -> bytes:
    """The certificate as a signed statement about its plan (DSSE, in-toto), in canonical JSON."""
    document = deployment.control.require(case_id, "certificate", certificate_id, type_=dict[str, Any])
    return sign_statement(
        {f"plans/{document['plan_id']}.json": document["plan_digest"]},
        document,
        predicate_type=CERTIFICATE_TYPE,
        signers=deployment.signers(case_id),
    )
