"""Which approvals of a plan count: each thing that can be wrong with one makes it count for nobody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from winddown.domain.approval import (
    SESSION,
    USUAL_APPROVAL,
    Approval,
    ApprovalRules,
    Approver,
    Counted,
    approver_roles,
    count,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CHEN = Approval("p-1", "a" * 64, "chen", "liquidation_group", SESSION, NOW)
WU = replace(CHEN, person="wu", role="pi_officer")
APPROVERS = (Approver("chen", "liquidation_group"), Approver("wu", "pi_officer"))


def judged(*given: Approval, **changes: Any) -> Counted:
    asked: dict[str, Any] = {
        "digest": "a" * 64, "approvers": APPROVERS, "requested_by": "operator", "days": 30, "at": NOW,
    }  # fmt: skip
    return count(given, **asked | changes)


def test_both_count_until_their_last_moment() -> None:
    last = NOW + timedelta(days=30) - timedelta(microseconds=1)
    assert judged(CHEN, WU, at=last) == Counted((CHEN, WU), ())
    assert judged(CHEN, WU).missing(("liquidation_group", "pi_officer", "legal")) == ("legal",)


@pytest.mark.parametrize(
    ("given", "changes", "said"),
    [
        (replace(WU, plan_digest="b" * 64), {}, "wu approved another digest"),
        (replace(WU, role="legal"), {}, "wu is no approver of this plan as legal"),
        (replace(WU, person="he"), {}, "he is no approver of this plan as pi_officer"),
        (WU, {"requested_by": "wu"}, "wu requested the plan"),
        (replace(WU, approved_at=NOW - timedelta(days=30)), {}, "the approval of wu expired at 2026-11-23"),
        (CHEN, {}, "chen approved twice"),
    ],
)
def test_one_that_is_wrong_counts_for_nobody(given: Approval, changes: dict[str, Any], said: str) -> None:
    found = judged(CHEN, given, **changes)
    assert found.valid == (CHEN,)
    assert len(found.passed_over) == 1
    assert found.passed_over[0].startswith(said)


@pytest.mark.parametrize(("roles", "people"), [((), 2), (("a",), 2), (("a", "b"), 2), (("a", "b", "c"), 3)])
def test_two_people_at_least_and_one_a_role(roles: tuple[str, ...], people: int) -> None:
    assert ApprovalRules(30, roles).people == people


def test_where_nothing_is_asked_for_both_roles_approve_for_thirty_days() -> None:
    assert ApprovalRules(30, ("liquidation_group", "pi_officer")) == USUAL_APPROVAL
    assert (USUAL_APPROVAL.days, USUAL_APPROVAL.people) == (30, 2)
    assert approver_roles("bankruptcy") == ("administrator", "pi_officer")
    assert approver_roles("general") == USUAL_APPROVAL.roles
