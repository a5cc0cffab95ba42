"""The one door: who may approve which plan, and what the custodian's receipt must prove."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from winddown.control import tables
from winddown.control.door import Door
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.plan import Plan
from winddown.evidence.entry import LedgerEntry

from .conftest import record_sealed


def approve(door: Door, case: Case, plan: Plan, person: str, *, digest: str = "") -> None:
    door.approve(case, plan.id, plan_digest=digest or plan.digest, person_id=person)


def test_an_approval_is_recorded_with_role_and_digest_and_in_the_ledger(
    door: Door, control: Repository, ledger: Ledger, case: Case, open_plan: Plan
) -> None:
    given = door.approve(case, "p-1", plan_digest=open_plan.digest, person_id="wu")
    assert (given.person, given.role, given.plan_digest) == ("wu", "pi_officer", open_plan.digest)
    (row,) = control.approvals("p-1")
    assert (row["person"], row["role"], row["plan_digest"], row["door"]) == (
        "wu", "pi_officer", open_plan.digest, "api_session",
    )  # fmt: skip
    entry = LedgerEntry.parse(ledger.entries("c-1")[-1])
    assert (entry.type, entry.actor, entry.body["plan_digest"]) == ("approval_given", "wu", open_plan.digest)
    assert "note" not in entry.body  # a session signs nothing


@pytest.fixture
def nothing_written(control: Repository, ledger: Ledger) -> object:
    """After the test, neither an approval nor a word in the ledger is there."""
    yield
    assert control.approvals("p-1") == []
    assert ledger.size("c-1") == 0


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("person", ["he", "operator", "", "chen ", "CHEN"])
def test_only_an_approver_of_the_case_may_approve(door: Door, case: Case, open_plan: Plan, person: str) -> None:
    with pytest.raises(Refused, match="is not an approver of case c-1"):
        approve(door, case, open_plan, person)


@pytest.mark.usefixtures("nothing_written")
def test_an_approver_who_is_not_among_the_people_is_none(door: Door, case: Case, open_plan: Plan) -> None:
    with pytest.raises(Refused, match="is not an approver"):
        approve(door, replace(case, approvers=("ghost",)), open_plan, "ghost")


@pytest.mark.usefixtures("nothing_written")
def test_who_requested_the_plan_cannot_approve_it(door: Door, control: Repository, case: Case, plan: Plan) -> None:
    own = replace(plan, requested_by="chen")
    control.add_plan(own)
    with pytest.raises(Refused, match=r"chen requested plan p-1 and cannot approve it.*two people"):
        approve(door, case, own, "chen")


def test_nobody_approves_twice(door: Door, control: Repository, case: Case, open_plan: Plan) -> None:
    approve(door, case, open_plan, "chen")
    with pytest.raises(Refused, match="chen has already approved"):
        approve(door, case, open_plan, "chen")
    (row,) = control.approvals("p-1")
    with pytest.raises(IntegrityError), control.engine.begin() as connection:
        connection.execute(tables.approval.insert().values(**row | {"role": "pi_officer"}))


@pytest.mark.usefixtures("nothing_written")
def test_the_approver_must_have_read_the_stored_plan(door: Door, case: Case, open_plan: Plan) -> None:
    with pytest.raises(Refused, match="the approved digest is not that of plan p-1"):
        approve(door, case, open_plan, "chen", digest="0" * 64)


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("state", ["superseded", "certified"])
def test_only_an_open_plan_is_approved(
    door: Door, control: Repository, case: Case, open_plan: Plan, state: str
) -> None:
    control.set_plan_state("p-1", state)
    with pytest.raises(Refused, match=f"plan p-1 is {state}"):
        approve(door, case, open_plan, "chen")


@pytest.mark.usefixtures("nothing_written")
def test_a_plan_is_approved_in_its_own_case(door: Door, case: Case, open_plan: Plan) -> None:
    with pytest.raises(Refused, match="does not belong to case c-2"):
        approve(door, replace(case, id="c-2"), open_plan, "chen")


@pytest.mark.usefixtures("nothing_written")
def test_a_plan_that_was_changed_in_the_database_is_not_approved(
    door: Door, control: Repository, case: Case, open_plan: Plan
) -> None:
    with control.engine.begin() as connection:
        connection.execute(tables.plan.update().values(digest="0" * 64))
    with pytest.raises(Refused, match="was changed in the database"):
        approve(door, case, open_plan, "chen", digest="0" * 64)


# -- the custodian's receipt -----------------------------------------------------------------------------------------

ARCHIVE = {"archive_sha256": "1" * 64, "content_sha256": "2" * 64}


@pytest.fixture
def sealed(control: Repository, open_plan: Plan) -> Plan:
    record_sealed(control, "p-1")
    control.put("c-1", "archive", "p-1/o-other", {"archive_sha256": "5" * 64, "content_sha256": "6" * 64})
    return open_plan


def acknowledge(
    door: Door, case: Case, *, order: str = "o-seal", person: str = "he", archive: str = "1" * 64,
    content: str = "2" * 64,
) -> None:  # fmt: skip
    door.acknowledge(case, "p-1", order, archive_digest=archive, content_digest=content, person_id=person)


@pytest.mark.usefixtures("sealed")
def test_a_receipt_is_about_this_cases_archive_and_its_sealing(
    door: Door, control: Repository, case: Case, open_plan: Plan
) -> None:
    for place in (("c-2", "archive"), ("c-1", "extract")):
        control.put(*place, "p-1/o-seal", {"archive_sha256": "7" * 64, "content_sha256": "8" * 64})
    undone = {"effect_id": "p-1/o-seal/restore/0", "case_id": "c-1", "plan_id": open_plan.id, "order_id": "o-seal"}
    undone |= {"power": Power.RESTORE, "batch": 0, "state": "done", "records": 0, "receipt": "", "changed_at": ""}
    with control.engine.begin() as connection:
        connection.execute(tables.effect.insert().values(undone))
    acknowledge(door, case)
    (row,) = control.acknowledgements("p-1")
    assert row["archive_digest"] == "1" * 64


@pytest.mark.usefixtures("sealed")
def test_the_custodians_receipt_is_recorded_once(door: Door, control: Repository, ledger: Ledger, case: Case) -> None:
    acknowledge(door, case)
    acknowledge(door, case)
    (row,) = control.acknowledgements("p-1")
    assert (row["order_id"], row["person"], row["archive_digest"]) == ("o-seal", "he", "1" * 64)
    (line,) = ledger.entries("c-1")
    entry = LedgerEntry.parse(line)
    assert (entry.type, entry.actor) == ("handover_acknowledged", "he")
    assert "2" * 64 not in line.decode()  # what only the opened archive tells stays out of the ledger


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("person", ["chen", "wu", "operator", ""])
def test_only_the_custodian_gives_it(door: Door, control: Repository, case: Case, person: str) -> None:
    with pytest.raises(Refused, match="is not the custodian of case c-1"):
        acknowledge(door, case, person=person)
    assert control.acknowledgements("p-1") == []


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("content", ["0" * 64, "1" * 64, "", "2" * 63])
def test_it_proves_that_the_archive_was_opened(door: Door, control: Repository, case: Case, content: str) -> None:
    with pytest.raises(Refused, match="the content that was opened is not what order o-seal sealed"):
        acknowledge(door, case, content=content)
    assert control.acknowledgements("p-1") == []


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("archive", ["0" * 64, "2" * 64, ""])
def test_it_is_about_the_archive_of_the_order(door: Door, control: Repository, case: Case, archive: str) -> None:
    with pytest.raises(Refused, match="the acknowledged archive is not the one of order o-seal"):
        acknowledge(door, case, archive=archive)
    assert control.acknowledgements("p-1") == []


@pytest.mark.usefixtures("open_plan")
def test_before_the_sealing_there_is_nothing_to_acknowledge(door: Door, control: Repository, case: Case) -> None:
    for name, case_id in (("p-1/o-other", "c-1"), ("p-1/o-seal", "c-2")):
        control.put(case_id, "archive", name, ARCHIVE)
    control.put("c-1", "key", "p-1/o-seal", ARCHIVE)
    with pytest.raises(Refused, match="has not been sealed yet"):
        acknowledge(door, case)


@pytest.mark.parametrize("other", [{"state": "unknown"}, {"power": "quarantine"}, {"plan_id": "p-2"}])
def test_an_archive_that_is_written_but_not_closed_is_not_acknowledged(
    door: Door, control: Repository, case: Case, open_plan: Plan, *, other: dict[str, str]
) -> None:  # fmt: skip
    record_sealed(control, open_plan.id)
    with control.engine.begin() as connection:
        connection.execute(tables.effect.update().values(other))
    with pytest.raises(Refused, match="has not been sealed yet"):
        acknowledge(door, case)


@pytest.mark.usefixtures("sealed")
def test_an_erase_is_no_hand_over(door: Door, case: Case) -> None:
    with pytest.raises(Refused, match="order o-erase is no hand-over"):
        acknowledge(door, case, order="o-erase")
