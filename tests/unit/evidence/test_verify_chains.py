"""The verifier holds every source to what must come first: the extract that was judged, the receipt of its receiver."""

from collections.abc import Callable
from typing import Any

import pytest

from winddown.evidence import verify


def reasons(case: Any) -> str:
    return "; ".join(verify.verify(case.bundle(), case.policy).reasons)


def place_before(case: Any, label: str, *fresh: str) -> None:
    """Let steps that were added last come before another one, at the time of the one before that."""
    steps = {name: case.steps.pop(name) for name in fresh}
    found = list(case.steps.items())
    index = [name for name, _ in found].index(label)
    after = found[index - 1][1]["after"]
    case.steps = dict(
        [*found[:index], *((name, step | {"after": after}) for name, step in steps.items()), *found[index:]]
    )


@pytest.fixture
def extracted(case: Any) -> Any:
    """The third order erases only what stands in a checked extract, of two batches."""
    selection = {"count": 4, "batch_digests": ["d-0", "d-1"], "digest": "s-o3"}
    orders, rows = case.plans["p1"]["orders"], case.certificates["k1"]["orders"]
    orders.append({**orders[2], "id": "o0", "act": "anonymise", "selection": selection})
    rows.append({**rows[2], "id": "o0", "act": "anonymise", "purged": 0})
    orders[2]["requires"] = ["o0"]
    for batch in ("0", "1"):
        case.effect(f"x{batch}", 0, "intent", "anonymise", "o0", batch, 2)
        case.effect(f"X{batch}", 0, "done", "anonymise", "o0", batch, 2)
    place_before(case, "q-o3b1", "x0", "X0", "x1", "X1")
    return case


def test_a_source_goes_after_its_extract(extracted: Any) -> None:
    assert reasons(extracted) == ""


def drop(*labels: str) -> Callable[[Any], None]:
    return lambda case: [case.steps.pop(label) for label in labels]  # type: ignore[func-returns-value]


def turn_unknown(case: Any) -> None:
    case.steps["X1"]["type"] = "unknown"


def too_late(case: Any) -> None:
    place_before(case, "p-o3b1", "X1")


def other_keys(case: Any) -> None:
    case.steps["x1"]["body"]["batch_digest"] = "d-9"


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        (drop("x0", "X0", "x1", "X1"), "order o3 requires order o0, whose extract is not checked"),
        (drop("X1"), "order o3 requires order o0, whose extract is not checked"),
        (turn_unknown, "order o3 requires order o0, whose extract is not checked"),
        (too_late, "order o3 requires order o0, whose extract is not checked"),
        (other_keys, "anonymise of order o0 batch 1: its keys are not the approved ones"),
    ],
)
def test_without_its_whole_extract_it_does_not(extracted: Any, bend: Callable[[Any], None], said: str) -> None:
    bend(extracted)
    assert said in reasons(extracted)


def test_a_receipt_is_no_extract(extracted: Any) -> None:
    drop("x0", "X0", "x1", "X1")(extracted)
    receipt = {"plan_id": "p1", "order_id": "o0", "archive_digest": "e" * 64, "person": "u-9"}
    extracted.step("faked", 0, "handover_acknowledged", **receipt)
    place_before(extracted, "q-o3b1", "faked")
    assert "order o0 was not sealed before" in reasons(extracted)
    assert "whose extract is not checked" in reasons(extracted)


def test_what_an_extract_was_made_of_is_not_purged_by_its_order(extracted: Any) -> None:
    extracted.effect("pq", 0, "intent", "quarantine", "o0", "0", 2)
    place_before(extracted, "residual", "pq")
    assert "quarantine of order o0 batch 0: the order is to anonymise" in reasons(extracted)


@pytest.mark.parametrize(("person", "is_true"), [("u-9", True), ("u-8", False), (None, False)])
def test_a_certificate_names_who_gave_the_receipt(case: Any, person: str | None, is_true: bool) -> None:
    case.certificates["k1"]["orders"][0]["acknowledged_by"] = person
    assert ("order o1: another acknowledged_by" in reasons(case)) is not is_true
