"""Who may do what in a case, asked where it is done; and that a reading of evidence is told before it happens."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.access import Action
from winddown.domain.errors import Refused
from winddown.evidence.entry import LedgerEntry
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case
from winddown.stages.people import halt, may, record_reading, resume

CASE = "demo-1"


@pytest.fixture
def opened(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Deployment:
    """A case with counsel and an auditor beside its usual people; ``ops`` runs the deployment."""
    case_document["people"] += [{"id": who, "name": who, "role": role} for who, role in
                                (("zhou", "counsel"), ("sun", "auditor"))]  # fmt: skip
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    return replace(deployment, settings=replace(deployment.settings, engineers=("ops",), auditors=("eve",)))


def last(deployment: Deployment) -> tuple[str, str, dict[str, Any]]:
    entry = LedgerEntry.parse(deployment.ledger.entries(CASE)[-1])
    return entry.type, entry.actor, dict(entry.body)


def test_a_reading_is_told_with_what_was_read(opened: Deployment) -> None:
    record_reading(opened, CASE, "plan.pdf", by="sun", sha256="a" * 64)
    assert last(opened) == ("evidence_read", "sun", {"name": "plan.pdf", "sha256": "a" * 64})
    record_reading(opened, CASE, "ledger", by="eve")
    assert last(opened) == ("evidence_read", "eve", {"name": "ledger"})
    size = opened.ledger.size(CASE)
    with pytest.raises(Refused, match="mallory may not read evidence"):
        record_reading(opened, CASE, "ledger", by="mallory")
    assert opened.ledger.size(CASE) == size


@pytest.mark.parametrize("by", ["sun", "eve", "he", "mallory"])
def test_who_only_reads_or_receives_halts_nothing(opened: Deployment, by: str) -> None:
    with pytest.raises(Refused, match=f"{by} may not halt in case demo-1"):
        halt(opened, CASE, by=by, reason="x", door="command")
    assert opened.switch.state(CASE) is None


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("sun", "sun may not resume in case demo-1"),
        ("ops", "ops may not resume in case demo-1"),
        ("li", "li may not resume case demo-1"),  # a steward
        ("zhou", "zhou may not resume case demo-1"),
        ("wu", ""),
        ("chen", ""),
    ],
)
def test_a_case_is_resumed_by_those_who_answer_for_it(opened: Deployment, by: str, said: str) -> None:
    assert halt(opened, CASE, by="ops", reason="x", door="command").by == "ops"
    assert (Action.RESUME in may(opened, CASE, by)) is not bool(said)
    if said:
        with pytest.raises(Refused, match=said):
            resume(opened, CASE, by=by, reason="looked at", door="command")
    else:
        resume(opened, CASE, by=by, reason="looked at", door="command")
    assert (opened.switch.state(CASE) is None) is not bool(said)


@pytest.mark.parametrize(("person", "is_offered"), [("ops", True), ("li", True), ("wu", False), ("sun", False)])
def test_who_approves_is_not_offered_to_ask_for_the_end_of_the_traces(
    opened: Deployment, person: str, *, is_offered: bool
) -> None:
    assert (Action.ERASE_TRACES in may(opened, CASE, person)) is is_offered
    assert Action.READ in may(opened, CASE, person)
