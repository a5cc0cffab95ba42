"""Approvals by an approver's own key: what is let in, what is refused by which rule, and what counts at a batch."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, update

from winddown.control import tables
from winddown.control.authority import Authority, Effect
from winddown.control.door import Door
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.domain.approval import Approver
from winddown.domain.approval_statement import statement
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.plan import Plan
from winddown.evidence.entry import LedgerEntry, format_time
from winddown.evidence.signing import Kind, Signer

from .conftest import START, MovableClock

Deed = Callable[..., Effect]
PassTime = Callable[[timedelta], None]
Sign = Callable[..., bytes]
DAY = timedelta(days=1)


@pytest.fixture
def sign(signers: dict[str, Signer], open_plan: Plan) -> Sign:
    """``sign("wu")``: a note of the plan, or of another text, person, key or moment."""

    def note(
        person: str, *, plan: Plan = open_plan, text: str = "", signer: Signer | None = None, at: datetime = START
    ) -> bytes:
        approver = next(
            (one for one in plan.approvers if one.person == person), Approver(person, "pi_officer")
        )  # fmt: skip
        text = text or statement(plan, approver, digest=plan.digest, signed_at=format_time(at))
        return f"{text}\n{(signer or signers[person]).sign_note(text, at=1)}".encode()

    return note


def bring(door: Door, case: Case, note: bytes, *, plan_id: str = "p-1") -> None:
    door.approve_by_signature(case, plan_id, note=note, brought_by="li")


def test_a_signed_approval_is_recorded_whoever_brings_it(
    door: Door, control: Repository, ledger: Ledger, case: Case, sign: Sign
) -> None:
    bring(door, case, sign("wu"))
    (row,) = control.approvals("p-1")
    assert (row["person"], row["role"], row["door"]) == ("wu", "pi_officer", "signature")
    entry = LedgerEntry.parse(ledger.entries("c-1")[-1])
    assert (entry.type, entry.actor, entry.body["person"]) == ("approval_given", "li", "wu")
    assert entry.body["note"].encode() == sign("wu")


def test_a_signature_and_a_session_authorise_together(  # noqa: PLR0917
    door: Door, authority: Authority, case: Case, sign: Sign, open_plan: Plan, deed: Deed
) -> None:
    bring(door, case, sign("wu"))
    with pytest.raises(Refused, match="1 approvals of its digest"):
        authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    door.approve(case, "p-1", plan_digest=open_plan.digest, person_id="chen")
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")


# -- what the door refuses, by its rule --------------------------------------------------------------------------------


@pytest.fixture
def refused(door: Door, control: Repository, ledger: Ledger, case: Case) -> Callable[..., None]:
    """Nothing is recorded, and the rule is named."""

    def check(note: bytes, rule: str, *, case: Case = case, plan_id: str = "p-1") -> None:
        before, size = control.approvals(plan_id), ledger.size("c-1")
        with pytest.raises(Refused) as refusal:
            bring(door, case, note, plan_id=plan_id)
        assert refusal.value.rule == rule, refusal.value
        assert (control.approvals(plan_id), ledger.size("c-1")) == (before, size)

    return check


RefusedFor = Callable[..., None]


def test_a_signature_of_another_plan(control: Repository, sign: Sign, refused: RefusedFor, open_plan: Plan) -> None:
    other = replace(open_plan, id="p-2")
    control.add_plan(other)
    refused(sign("wu", plan=other), "approval binds the digest")
    refused(sign("wu"), "approval binds the digest", plan_id="p-2")


@pytest.mark.parametrize(
    "change", [{"grace_seconds": 0}, {"approval_days": 300}, {"approvals_needed": 3}, {"orders": ()}]
)
def test_a_signature_of_an_edited_plan(
    sign: Sign, refused: RefusedFor, open_plan: Plan, change: dict[str, object]
) -> None:
    refused(sign("wu", plan=replace(open_plan, **change)), "approval binds the digest")  # type: ignore[arg-type]


def test_a_signature_for_another_case(sign: Sign, refused: RefusedFor, open_plan: Plan, case: Case) -> None:
    refused(sign("wu", plan=replace(open_plan, case="c-2")), "approval binds the case")
    refused(sign("wu"), "approval binds the case", case=replace(case, id="c-2"))


def test_a_signature_of_somebody_whom_the_case_no_longer_names(
    door: Door, control: Repository, case: Case, sign: Sign
) -> None:
    without = replace(case, approvers=("chen", "zhao"))
    with pytest.raises(Refused, match="wu is not an approver of case c-1"):
        bring(door, without, sign("wu"))
    assert not control.approvals("p-1")


def test_a_signature_from_long_ago_or_from_the_future(sign: Sign, refused: RefusedFor) -> None:
    refused(sign("wu", at=START - 30 * DAY), "approvals expire")
    refused(sign("wu", at=START + timedelta(minutes=5, microseconds=1)), "approvals expire")


def test_a_clock_may_be_five_minutes_ahead(door: Door, control: Repository, case: Case, sign: Sign) -> None:
    bring(door, case, sign("wu", at=START + timedelta(minutes=5)))
    assert [row["approved_at"] for row in control.approvals("p-1")] == [format_time(START)]


def test_a_clock_that_is_a_little_ahead_gives_no_longer_approval(
    door: Door, control: Repository, case: Case, sign: Sign
) -> None:
    bring(door, case, sign("wu", at=START + timedelta(minutes=4)))
    assert control.approvals("p-1")[0]["approved_at"] == format_time(START)


def test_the_same_signature_twice_and_a_session_beside_it(
    door: Door, case: Case, sign: Sign, refused: RefusedFor, open_plan: Plan
) -> None:
    bring(door, case, sign("wu"))
    refused(sign("wu"), "one person, one approval")
    refused(sign("wu", at=START + timedelta(minutes=1)), "one person, one approval")
    with pytest.raises(Refused, match="wu has already approved"):
        door.approve(case, "p-1", plan_digest=open_plan.digest, person_id="wu")


def test_who_requested_does_not_sign(control: Repository, sign: Sign, refused: RefusedFor, open_plan: Plan) -> None:
    own = replace(open_plan, id="p-2", requested_by="wu")
    control.add_plan(own)
    refused(sign("wu", plan=own), "two people", plan_id="p-2")


def test_a_signature_of_somebody_elses_key(sign: Sign, refused: RefusedFor, signers: dict[str, Signer]) -> None:
    refused(sign("wu", signer=signers["chen"]), "an approver's own key")
    refused(sign("wu", signer=signers["chen"].named("wu")), "an approver's own key")
    stranger = Signer.of(Ed25519PrivateKey.generate(), name="wu", kind=Kind.NOTE)
    refused(sign("wu", signer=stranger), "an approver's own key")


def test_a_person_without_a_key_and_a_person_who_is_no_approver(
    sign: Sign, refused: RefusedFor, signers: dict[str, Signer]
) -> None:
    refused(sign("zhao", signer=signers["chen"].named("zhao")), "an approver's own key")
    refused(sign("he", signer=signers["chen"].named("he")), "approvers")


def test_a_text_that_tells_another_story_of_the_plan(sign: Sign, refused: RefusedFor) -> None:
    text = sign("wu").decode().partition("\n\n")[0] + "\n"
    assert "destroy: 9 records in 2 orders\n" in text
    refused(sign("wu", text=text.replace("destroy: 9", "destroy: 1")), "approval statement")
    refused(sign("wu", text=text.replace("role: pi_officer", "role: liquidation_group")), "approvers")
    refused(sign("wu", text=text.replace("days: 30", "days: 90")), "approval statement")
    refused(sign("wu", text=text + "and more\n"), "approval statement")
    refused(sign("wu", text="I approve everything\n"), "approval statement")
    refused(sign("wu", text=text.replace("approval v1", "approval v2")), "approval statement")


def test_a_changed_byte_of_the_signature(sign: Sign, refused: RefusedFor) -> None:
    note = sign("wu").decode()
    place = note.rindex("— wu ") + 20
    other = "A" if note[place] != "A" else "B"
    refused((note[:place] + other + note[place + 1 :]).encode(), "C2SP signed-note")
    refused(b"", "C2SP signed-note")
    refused(b"\xff\n\n", "C2SP signed-note")


@pytest.mark.parametrize("state", ["superseded", "certified", "withdrawn"])
def test_a_plan_that_is_not_open_takes_no_signature(
    control: Repository, sign: Sign, refused: RefusedFor, state: str
) -> None:
    control.set_plan_state("p-1", state)
    refused(sign("wu"), "only an open plan")


# -- keys that nobody listed -------------------------------------------------------------------------------------------


def test_who_writes_the_case_file_signs_for_nobody(
    control: Repository, sign: Sign, refused: RefusedFor, open_plan: Plan, case: Case
) -> None:
    """The keys that a case file names are those of who wrote it: notes fit, and nobody listed them."""
    own = {name: Signer.of(Ed25519PrivateKey.generate(), name=name, kind=Kind.NOTE) for name in ("chen", "wu")}
    people = tuple(replace(one, key=own[one.id].key.line if one.id in own else "") for one in case.people)
    forged = replace(open_plan, id="p-2", approvers=replace(case, people=people).named_approvers())
    control.add_plan(forged)
    for person, signer in own.items():
        refused(sign(person, plan=forged, signer=signer), "an approver's own key", plan_id="p-2")


def test_a_second_role_brings_in_no_second_key(
    control: Repository, sign: Sign, refused: RefusedFor, open_plan: Plan
) -> None:
    own = Signer.of(Ed25519PrivateKey.generate(), name="wu", kind=Kind.NOTE)
    twice = Approver("wu", "liquidation_group", own.key.line)
    forged = replace(open_plan, id="p-2", approvers=(*open_plan.approvers, twice))
    control.add_plan(forged)
    text = statement(forged, twice, digest=forged.digest, signed_at=format_time(START))
    refused(sign("wu", plan=forged, text=text, signer=own), "an approver's own key", plan_id="p-2")


def test_a_key_that_is_listed_under_another_login(
    sign: Sign, refused: RefusedFor, approver_keys: Path, signers: dict[str, Signer]
) -> None:
    approver_keys.write_text(f"{signers['wu'].named('zhao').key.line}\n{signers['chen'].key.line}\n")
    refused(sign("wu"), "an approver's own key")


@pytest.mark.parametrize("text", ["wu\n", "", None])
def test_a_list_that_is_malformed_empty_or_missing(  # noqa: PLR0917
    door: Door, case: Case, sign: Sign, refused: RefusedFor, approver_keys: Path, text: str | None, open_plan: Plan
) -> None:
    approver_keys.unlink() if text is None else approver_keys.write_text(text)
    refused(sign("wu"), "an approver's own key" if text == "" else "listed keys of approvers")
    door.approve(case, "p-1", plan_digest=open_plan.digest, person_id="wu")


def test_a_server_without_a_list_takes_no_signature(  # noqa: PLR0917
    engine: Engine, ledger: Ledger, clock: MovableClock, control: Repository, case: Case, sign: Sign
) -> None:
    with pytest.raises(Refused, match="no keys of approvers are listed on this server"):
        bring(Door(engine, ledger=ledger, clock=clock), case, sign("wu"))
    assert (control.approvals("p-1"), ledger.size("c-1")) == ([], 0)


def test_the_list_is_read_anew_for_each_signature_and_by_the_door_alone(  # noqa: PLR0917
    door: Door, authority: Authority, case: Case, sign: Sign, approver_keys: Path, refused: RefusedFor, deed: Deed
) -> None:
    bring(door, case, sign("wu"))
    bring(door, case, sign("chen"))
    approver_keys.unlink()
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")  # a worker does not have the file
    refused(sign("wu"), "listed keys of approvers")


# -- what counts at a batch --------------------------------------------------------------------------------------------


@pytest.fixture
def signed(door: Door, case: Case, sign: Sign) -> None:
    for person in ("chen", "wu"):
        bring(door, case, sign(person))


def objection(authority: Authority, deed: Deed) -> str:
    with pytest.raises(Refused) as refusal:
        authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    return refusal.value.message


@pytest.mark.usefixtures("signed")
def test_signatures_are_read_anew_at_every_batch(
    engine: Engine, authority: Authority, deed: Deed, sign: Sign, signers: dict[str, Signer]
) -> None:
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    forged = sign("wu", signer=signers["chen"].named("wu")).decode()
    for note in ("", forged, sign("chen").decode()):
        with engine.begin() as connection:
            connection.execute(update(tables.approval).where(tables.approval.c.person == "wu").values(note=note))
        said = objection(authority, deed)
        assert "1 approvals of its digest" in said
        assert "the approval of wu does not count" in said


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize(
    "change", [{"approved_at": format_time(START + DAY)}, {"door": "api"}, {"role": "liquidation_group"}]
)
def test_a_row_that_says_more_than_its_signature_does_not_count(
    engine: Engine, authority: Authority, deed: Deed, change: dict[str, str]
) -> None:
    with engine.begin() as connection:
        connection.execute(update(tables.approval).where(tables.approval.c.person == "wu").values(**change))
    assert "1 approvals of its digest" in objection(authority, deed)


@pytest.mark.usefixtures("signed")
def test_approvals_expire_with_the_last_minute_that_an_authorization_could_outlive_them(
    authority: Authority, deed: Deed, pass_time: PassTime
) -> None:
    pass_time(30 * DAY - timedelta(seconds=61))
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    pass_time(timedelta(seconds=1))
    said = objection(authority, deed)
    assert "0 approvals of its digest" in said
    assert "the approval of wu expired at 2026-12-23T02:00:00+00:00" in said


@pytest.mark.usefixtures("signed")
def test_an_expired_approval_is_given_anew_and_never_replayed(  # noqa: PLR0917
    door: Door, authority: Authority, case: Case, sign: Sign, refused: RefusedFor, deed: Deed, clock: MovableClock,
    ledger: Ledger, open_plan: Plan,
) -> None:  # fmt: skip
    old = sign("wu")
    clock.at += 31 * DAY
    refused(old, "approvals expire")
    bring(door, case, sign("wu", at=clock.at))
    assert "no approval by liquidation_group" in objection(authority, deed)
    door.approve(case, "p-1", plan_digest=open_plan.digest, person_id="chen")
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
    given = [entry for entry in map(LedgerEntry.parse, ledger.entries("c-1")) if entry.type == "approval_given"]
    assert [entry.body["person"] for entry in given] == ["chen", "wu", "wu", "chen"]


def test_a_third_role_is_needed_where_the_case_says_so(  # noqa: PLR0917
    door: Door, control: Repository, authority: Authority, case: Case, plan: Plan, deed: Deed
) -> None:
    people = (*case.people, replace(case.people[0], id="zhou", role="legal", key=""))
    asks = replace(case, people=people, approvers=(*case.approvers, "zhou"))
    roles = ("liquidation_group", "pi_officer", "legal")
    wide = replace(plan, approvers=asks.named_approvers(), approver_roles=roles, approvals_needed=3)
    control.add_plan(wide)
    for person in ("chen", "wu", "zhao"):
        door.approve(asks, "p-1", plan_digest=wide.digest, person_id=person)
    assert "plan p-1 has no approval by legal" in objection(authority, deed)
    door.approve(asks, "p-1", plan_digest=wide.digest, person_id="zhou")
    authority.authorize(deed("o-files", Power.QUARANTINE), actor="winddown")
