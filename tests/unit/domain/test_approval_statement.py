"""The text that an approver signs tells the whole plan, and nothing that is not in it."""

from dataclasses import replace

import pytest

from winddown.domain.approval import Approver
from winddown.domain.approval_statement import Stated, statement
from winddown.domain.errors import Refused
from winddown.domain.plan import Act, Method, OrderId, Plan, Trace, Wave

from .test_plan import EXTRACT, ORDER, PLAN, SEAL

CHEN = Approver("chen", "liquidation_group")
AT = "2026-11-23T10:00:00.000000Z"


def told(plan: Plan) -> list[str]:
    """What a text says between the wave and the grace."""
    lines = statement(plan, CHEN, digest="a" * 64, signed_at=AT).split("\n")
    return lines[9 : lines.index("grace: 60 seconds")]


def test_an_approver_signs_a_text_that_tells_the_whole_plan() -> None:
    emptied = replace(ORDER, id=OrderId("p-1-002"), act=Act.MINIMISE, method=Method.MOVE_FIELDS, fields=("phone",))
    plan = replace(
        PLAN, orders=(SEAL, ORDER, replace(ORDER, id=OrderId("p-1-003")), emptied, EXTRACT), approval_days=30
    )
    text = statement(plan, CHEN, digest="a" * 64, signed_at=AT)
    assert text.split("\n") == [
        "winddown approval v1", "case: c-1", "plan: p-1", f"digest: {'a' * 64}", "person: chen",
        "role: liquidation_group", f"signed_at: {AT}", "days: 30", "wave: after_claims",
        "destroy: 10 records in 2 orders", "empty fields of: 5 records in 1 orders", "hand over: 5 records in 1 orders",
        "make anonymous: 5 records in 1 orders", "grace: 60 seconds",
        "本人已阅方案，批准此摘要，且仅此摘要。 I have read the plan and approve this digest and no other.", "",
    ]  # fmt: skip
    assert Stated.read(text) == Stated("c-1", "p-1", "a" * 64, "chen", "liquidation_group", AT, "30")
    lines = text.split("\n")
    for bad in ([*lines[1:]], lines[:7], [*lines[:2], *lines[3:]], ["winddown approval v2", *lines[1:]],
                [*lines[:5], "person: two words", *lines[6:]], [*lines[:7], "days:", *lines[8:]]):  # fmt: skip
        with pytest.raises(Refused, match="no approval of a plan"):
            Stated.read("\n".join(bad))


def test_a_text_speaks_of_no_act_that_the_plan_has_not() -> None:
    assert told(replace(PLAN, orders=(SEAL,))) == ["hand over: 5 records in 1 orders"]
    assert told(replace(PLAN, orders=(ORDER,))) == ["destroy: 5 records in 1 orders"]


def test_a_text_says_that_the_key_goes_for_good() -> None:
    traces = (Trace("notes", 1_200), Trace("keys", 1))
    said = "destroy: 1,201 files of winddown's own, among them the case's key, for good"
    assert told(replace(PLAN, wave=Wave.OWN_TRACES, orders=(), traces=traces)) == [said]
