"""Plans and approvals, as the verifier holds a ledger to them, up to the last day and record that it takes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.domain.canonical import digest
from winddown.evidence import verify
from winddown.evidence.entry import format_time
from winddown.evidence.signing import Kind, Signer

START = datetime(2026, 11, 23, 10, tzinfo=UTC)


def reasons(case: Any, *, approvers: str = "") -> str:
    return "\n".join(verify.verify(case.bundle(), case.policy, approvers=approvers).reasons)


@pytest.mark.parametrize(("days", "said"), [(1, ""), (366, ""), (367, "no days, or too many"), (0, "no days, or too")])
def test_an_approval_counts_for_a_day_to_a_leap_year(case: Any, days: int, said: str) -> None:
    case.plans["p1"]["approval_days"] = days
    assert (said in reasons(case)) if said else (reasons(case) == "")


def approve_by_signature(case: Any, signed_at: datetime) -> str:
    signer = Signer.of(Ed25519PrivateKey.generate(), name="u-8", kind=Kind.NOTE)
    values = {
        "case": "c1", "plan": "p1", "digest": digest(case.plans["p1"]), "person": "u-8", "role": "pi_officer",
        "signed_at": format_time(signed_at), "days": str(case.plans["p1"]["approval_days"]),
    }  # fmt: skip
    text = "\n".join(["winddown approval v1", *(f"{name}: {value}" for name, value in values.items()), "yes"]) + "\n"
    case.steps["yes2"]["body"].update(door="signature", note=f"{text}\n{signer.sign_note(text, at=1)}")
    case.certificates["k1"]["approvals"][1]["door"] = "signature"
    return signer.key.line + "\n"


@pytest.mark.parametrize(("ahead", "is_taken"), [(timedelta(minutes=5), True), (timedelta(minutes=5.0001), False)])
def test_an_approvers_clock_may_be_five_minutes_ahead(case: Any, ahead: timedelta, is_taken: bool) -> None:
    keys = approve_by_signature(case, START + timedelta(seconds=30) + ahead)  # it is handed in after 30 seconds
    said = reasons(case, approvers=keys)
    assert (said == "") if is_taken else ("signed for a time in the future" in said)


def test_an_approval_ends_to_the_moment_and_by_the_oldest_of_those_that_count(case: Any) -> None:
    case.plans["p1"]["approval_days"] = 1
    day = 24 * 3600
    late = [step for step in case.steps.values() if step["after"] >= 3600]
    for step in late:  # the first yes is given after 20 seconds, the second after 30
        step["after"] = day + 19
    assert reasons(case) == ""
    for step in late[1:]:
        step["after"] = day + 20
    said = reasons(case)
    assert "1 distinct persons approved before this intent, 2 needed" in said
    assert said.count("distinct persons") == 4, "what was intended a second earlier was in time"


def test_roles_of_which_each_must_approve(case: Any) -> None:
    case.plans["p1"]["approver_roles"] = ["liquidator", "pi_officer"]
    assert reasons(case) == ""
    case.plans["p1"]["approver_roles"] = ["liquidator", "legal", "counsel"]
    assert "plan p1: nobody with the role counsel, legal approved" in reasons(case)
    case.plans["p1"]["approver_roles"] = ["liquidator", 1]
    assert "plan p1: a role is not text" in reasons(case)
    case.plans["p1"]["approver_roles"] = "liquidator"
    assert "approver_roles is missing or not list" in reasons(case)


def test_an_approver_is_named_with_a_role(case: Any) -> None:
    case.plans["p1"]["approvers"][1].pop("role")
    assert "role is missing or not str" in reasons(case)


def test_more_people_than_two_may_be_asked_for(case: Any) -> None:
    case.plans["p1"]["approvals_needed"] = 3
    assert "2 distinct persons approved before this intent, 3 needed" in reasons(case)
    case.plans["p1"]["approvals_needed"] = 1
    assert reasons(case) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": 5}, "order o3 names 5 records, 4 are purged"),
        ({"count": 3}, "order o3 names 3 records, 4 are purged"),
        ({"batch_digests": ["d-x"]}, "its keys are not the approved ones"),
        ({"batch_digests": ["d-0", "d-1"]}, "certificate k1: batch 1 of order o3 is not done"),
        ({"batch_digests": []}, "its keys are not the approved ones"),
    ],
)
def test_of_what_is_selected_everything_is_purged_and_nothing_else(
    case: Any, change: dict[str, Any], said: str
) -> None:
    case.plans["p1"]["orders"][2]["selection"] |= change
    assert said in reasons(case)


def test_a_batch_that_is_left_out_is_no_fewer_for_another_with_more(case: Any) -> None:
    case.plans["p1"]["orders"][1]["selection"]["batch_digests"].append("d-2")
    assert "certificate k1: batch 2 of order o2 is not done" in reasons(case)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"act": "hand_over"}, "order o3: there is no such act"),
        ({"selection": None}, "not a JSON object"),
        ({"collection": "shop:o3"}, "not a JSON object"),
        ({"collection": {"store": "shop"}}, "name is missing or not str"),
        ({"label": ""}, "label is blank"),
    ],
)
def test_an_order_says_what_of_where(case: Any, change: dict[str, Any], said: str) -> None:
    case.plans["p1"]["orders"][2] |= change
    assert f"entry 3 (plan_made): {said}" in reasons(case)
