"""Selections, orders and plans: what cannot be built, and that the digest covers everything that is approved."""

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from pydantic import TypeAdapter

from winddown.domain.approval import Approver
from winddown.domain.decision import Decision, Disposition, Reason, Term
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import ESCROWING, Act, Method, Order, OrderId, Plan, Trace, Wave
from winddown.domain.selection import Selection

REF = CollectionRef("shop", "orders")
SELECTION = Selection("p-1-001", "a" * 64, 5, ("b" * 64, "c" * 64))
ORDER = Order(OrderId("p-1-001"), REF, "customer", Act.ERASE, Method.MOVE_ROWS, SELECTION, 0, 5)
SEAL = replace(
    ORDER, id=OrderId("p-1-000"), act=Act.SEAL, method=Method.CUSTODIAN_ARCHIVE, fields=("amount",), until="2055-12-31"
)
REASON = Reason("DEL-PIPL-47-2", "PIPL 47", "the service stopped", prevails=True)
EXTRACT = replace(
    ORDER,
    act=Act.ANONYMISE,
    method=Method.ANONYMOUS_EXTRACT,
    fields=("amount",),
    generalised=(("amount", "keep"),),
    k=5,
)
PLAN = Plan(
    id="p-1",
    case="c-1",
    wave=Wave.AFTER_CLAIMS,
    orders=(SEAL, ORDER),
    inventory_digest="d" * 64,
    decisions=(Decision(REF, "customer", 5, Disposition.ERASE, (REASON,)),),
    fingerprints=(("shop:orders", "e" * 64),),
    holds_digest="f" * 64,
    preconditions=("DL-ECL-16: in time",),
    rule_packs=(("cn 1", "0" * 64),),
    code_version="1",
    grace_seconds=60,
    grace_reason="usual; accepted by chen",
    approvals_needed=2,
    approver_roles=("liquidation_group", "pi_officer"),
)
OTHER: dict[str, dict[str, Any]] = {
    "plan": {
        "id": "p-2",
        "case": "c-2",
        "wave": Wave.AT_ONCE,
        "orders": (ORDER, SEAL),
        "inventory_digest": "1" * 64,
        "decisions": (),
        "fingerprints": (("shop:orders", "1" * 64),),
        "holds_digest": "1" * 64,
        "preconditions": (),
        "rule_packs": (("cn 1", "1" * 64),),
        "code_version": "2",
        "grace_seconds": 59,
        "grace_reason": "hurry",
        "approvals_needed": 3,
        "approver_roles": ("administrator", "pi_officer"),
        "identities": (("shop", "another system"),),
        "approvers": (Approver("chen", "liquidation_group"),),
        "requested_by": "somebody",
        "approval_days": 31,
        "traces": (Trace("keys", 1),),
        "scheduler_by": "li.engineer",
    },
    "order": {
        "deletes_bucket": "2026-01-01T00:00:00Z",
        "destroys_key": "f" * 64,
        "leaves_locked": True,
        "id": OrderId("p-1-002"),
        "collection": CollectionRef("shop", "customers"),
        "label": "minor",
        "act": Act.MINIMISE,
        "method": Method.MOVE_FIELDS,
        "selection": replace(SELECTION, digest="1" * 64),
        "level": 1,
        "record_count_max": 6,
        "fields": ("phone",),
        "requires": (OrderId("p-1-000"),),
        "until": "2030-01-01",
        "reason": "all 5 records go",
        "recipient": "designated_body",
        "generalised": (("amount", "band:10"),),
        "k": 6,
        "bypasses_governance": True,
    },
    "selection": {
        "manifest": "m",
        "digest": "1" * 64,
        "count": 4,
        "batch_digests": ("b" * 64, "1" * 64),
        "persons": 2,
        "persons_root": "2" * 64,
    },
    "decision": {
        "collection": CollectionRef("shop", "customers"),
        "label": "minor",
        "count": 6,
        "disposition": Disposition.BLOCKED,
        "reasons": (replace(REASON, says="something else"),),
        "needed_fields": ("amount",),
        "until": date(2030, 1, 1),
        "in_place": True,
        "at_once": True,
        "terms": (Term(None, ("amount",)),),
        "recipient": "designated_body",
        "is_open": True,
        "in_part": (("phone", "first:3"),),
    },
}


@pytest.mark.parametrize(("count", "digests"), [(0, ("b" * 64,)), (-1, ("b" * 64,)), (1, ())])
def test_an_empty_selection_is_suspicious_and_refused(count: int, digests: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="zero records"):
        Selection("m", "a" * 64, count, digests)


def test_an_order_selects_at_most_its_declared_maximum() -> None:
    assert replace(ORDER, record_count_max=5).selection.count == 5
    with pytest.raises(Refused, match="selects 5 records, its maximum is 4"):
        replace(ORDER, record_count_max=4)


@pytest.mark.parametrize(
    ("act", "names"), [(Act.ERASE, ("phone",)), (Act.SEAL, ()), (Act.MINIMISE, ())]
)  # fmt: skip
def test_an_erase_takes_no_fields_and_every_other_act_needs_some(act: Act, names: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="an erase takes no fields"):
        replace(ORDER, act=act, fields=names)


@pytest.mark.parametrize(
    "changed",
    [{"k": 0}, {"k": 1}, {"generalised": ()}, {"generalised": (("phone", "drop"),)}, {"act": Act.SEAL}, {"fields": ()}],
)
def test_an_extract_and_nothing_else_says_how_fields_become_coarser(changed: dict[str, Any]) -> None:
    assert not EXTRACT.changes_store
    assert replace(EXTRACT, k=2).k == 2
    with pytest.raises(Refused):
        replace(EXTRACT, **changed)


@pytest.mark.parametrize("changed", [{"method": Method.REWRITE_OBJECT}, {"act": Act.MINIMISE, "fields": ("phone",)}])
def test_only_an_erase_of_hidden_objects_may_leave_locked_versions(changed: dict[str, Any]) -> None:
    hiding = replace(ORDER, method=Method.DELETE_MARKER, leaves_locked=True)
    assert replace(hiding, method=Method.SET_ASIDE).leaves_locked
    with pytest.raises(Refused, match="may leave locked versions"):
        replace(hiding, **changed)


def test_what_changes_a_store_is_quarantined_and_purged_and_what_reads_is_not() -> None:
    minimise = replace(ORDER, act=Act.MINIMISE, fields=("phone",))
    assert [one.changes_store for one in (ORDER, minimise, SEAL, EXTRACT)] == [True, True, False, False]


def test_rows_in_escrow_are_those_that_left_the_table_in_files() -> None:
    orders = [replace(ORDER, method=method) for method in (Method.ESCROW_ROWS, Method.KEEP_SURVIVORS)]
    assert {order.method for order in orders} == ESCROWING


@pytest.mark.parametrize(
    "changed", [{"approvals_needed": 1}, {"approver_roles": ("liquidation_group",)}, {"approver_roles": ()}]
)
def test_a_plan_that_asks_for_fewer_approvals_than_every_plan_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="fewer approvals than every plan needs"):
        replace(PLAN, **changed)


def test_an_order_that_is_not_in_the_plan_is_refused() -> None:
    assert PLAN.order("p-1-001") is ORDER
    with pytest.raises(Refused, match=r"has no order 'p-1-009'"):
        PLAN.order("p-1-009")


def test_the_digest_is_the_same_for_the_same_plan_after_a_way_through_json() -> None:
    read: Plan = TypeAdapter(Plan).validate_json(TypeAdapter(Plan).dump_json(PLAN))
    assert read == PLAN
    assert read.digest == PLAN.digest
    assert len(PLAN.digest) == 64


@pytest.mark.parametrize("name", [found.name for found in fields(Plan)])
def test_the_digest_changes_with_every_field_of_the_plan(name: str) -> None:
    base = replace(PLAN, orders=(), wave=Wave.OWN_TRACES, traces=(Trace("notes", 1),)) if name == "traces" else PLAN
    assert replace(base, **{name: OTHER["plan"][name]}).digest != base.digest


def test_a_trace_is_bound_by_its_name_and_its_files() -> None:
    assert len({trace.digest for trace in (Trace("keys", 1), Trace("keys", 2), Trace("notes", 1))}) == 3


def test_a_plan_is_about_records_or_about_own_traces() -> None:
    trace = (Trace("keys", 1),)
    for wrong in (
        {"traces": trace},
        {"wave": Wave.OWN_TRACES},
        {"wave": Wave.OWN_TRACES, "traces": trace},
        {"wave": Wave.AT_ONCE, "orders": (), "traces": trace},
    ):
        with pytest.raises(Refused, match="about records, or about own traces"):
            replace(PLAN, **wrong)


@pytest.mark.parametrize("name", [found.name for found in fields(Order)])
def test_the_digest_changes_with_every_field_of_an_order(name: str) -> None:
    changed = {name: OTHER["order"][name]}
    if name == "act":
        changed["fields"] = ("phone",)
    hidden = replace(ORDER, method=Method.DELETE_MARKER)
    base = {"fields": SEAL, "generalised": EXTRACT, "k": EXTRACT, "leaves_locked": hidden}.get(name, ORDER)
    with_base = replace(PLAN, orders=(base,))
    assert replace(PLAN, orders=(replace(base, **changed),)).digest != with_base.digest


def test_a_minimise_says_what_stays_of_fields_that_it_takes_and_of_no_others() -> None:
    minimise = replace(ORDER, act=Act.MINIMISE, method=Method.MOVE_FIELDS, fields=("phone", "email"))
    assert minimise.changes_store
    for left in ((("phone", "token"),), (("phone", "token"), ("email", "first:3"))):
        assert replace(minimise, generalised=left).generalised == left
    for wrong in ({"generalised": (("name", "token"),)}, {"generalised": (("phone", "token"),), "k": 5}):
        with pytest.raises(Refused, match="says how each field becomes coarser"):
            replace(minimise, **wrong)


@pytest.mark.parametrize("name", [found.name for found in fields(Selection)])
def test_the_digest_changes_with_every_field_of_a_selection(name: str) -> None:
    selection = replace(SELECTION, **{name: OTHER["selection"][name]})
    assert replace(PLAN, orders=(SEAL, replace(ORDER, selection=selection))).digest != PLAN.digest


@pytest.mark.parametrize("name", [found.name for found in fields(Decision)])
def test_the_digest_changes_with_every_field_of_a_decision(name: str) -> None:
    changed = {name: OTHER["decision"][name]}
    if name == "recipient":
        changed |= {
            "disposition": Disposition.HAND_OVER,
            "needed_fields": ("amount",),
            "terms": (Term(None, ("amount",)),),
        }
    decision = replace(PLAN.decisions[0], **changed)
    assert replace(PLAN, decisions=(decision,)).digest != PLAN.digest


def test_what_nobody_says_of_a_plan_or_order_authorises_nothing_more() -> None:
    order = Order(OrderId("p-1-001"), REF, "customer", Act.ERASE, Method.MOVE_ROWS, SELECTION, 0, 5)
    assert (order.fields, order.requires, order.until, order.recipient, order.generalised) == ((), (), "", "", ())
    assert (order.k, order.reason, order.bypasses_governance) == (0, "", False)
    assert (order.deletes_bucket, order.destroys_key, order.leaves_locked) == ("", "", False)
    assert (PLAN.identities, PLAN.approvers, PLAN.requested_by, PLAN.approval_days) == ((), (), "", 0)
    assert PLAN.document()["approval_days"] == PLAN.document()["orders"][1]["k"] == 0
