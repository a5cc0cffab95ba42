"""Every way around the approvals that we know, tried on one case: nothing is destroyed, and each is refused by name.

The file is the list. What an attempt is up against is tested in detail elsewhere: the door in ``control/test_door``
and ``control/test_signed_approvals``, the database's grants in ``control/test_database_roles``, tasks that are killed
and repeated under a real scheduler in ``integration/test_dag_truth``.
"""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

# Airflow writes its configuration where this points, when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="winddown-airflow-"))
os.environ.setdefault("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(64))

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from sqlalchemy import insert, update

from tallied import tally
from winddown.control import tables
from winddown.control.authority import effect_of
from winddown.domain.approval_statement import statement
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.canonical import canonical, digest
from winddown.domain.errors import Refused, WinddownError
from winddown.domain.plan import Plan
from winddown.evidence.entry import format_time
from winddown.evidence.signing import Kind, Signer
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import batches

from .running import Running, running, visits

CASE, VISITS = "demo-1", 30
OWN_KEY = Signer.of(Ed25519PrivateKey.from_private_bytes(b"w" * 32), name="wu", kind=Kind.NOTE)


@dataclass
class Target:
    """A case whose plan waits for approvals, and the tasks of Airflow that would carry it out."""

    company: Running
    tasks: Any
    plan: Plan

    @property
    def deployment(self) -> Deployment:
        return self.company.deployment

    @property
    def unit(self) -> list[str]:
        return [str(order.id) for order in self.plan.orders]

    @property
    def batch(self) -> Batch:
        (found,) = batches(self.deployment, CASE, self.plan.orders[0])
        return found

    def run_tasks(self, *names: str, plan_id: str = "", unit: list[str] | None = None) -> None:
        """Run tasks as a worker does, whatever ran before; one that is left out was marked success."""
        for name in names:
            arguments = [self.unit if unit is None else unit] if name in {"quarantine", "purge"} else []
            getattr(self.tasks, name).function(plan_id or self.plan.id, *arguments)

    def write(self, statement_: Any) -> None:
        """What somebody with the whole control database could write."""
        with self.deployment.control.engine.begin() as connection:
            connection.execute(statement_)

    def row(self, person: str, role: str, **changes: str) -> dict[str, str]:
        at = format_time(self.deployment.clock.now())
        return {
            "plan_id": self.plan.id, "person": person, "role": role, "plan_digest": self.plan.digest,
            "door": "api_session", "approved_at": at,
        } | changes  # fmt: skip

    def note(
        self, *, plan: Plan | None = None, at: datetime | None = None, signer: Signer = OWN_KEY, person: str = "wu"
    ) -> bytes:
        plan = plan or self.plan
        approver = next(one for one in plan.approvers if one.person == person)
        signed_at = format_time(at or self.deployment.clock.now())
        text = statement(plan, approver, digest=plan.digest, signed_at=signed_at)
        return f"{text}\n{signer.named(person).sign_note(text, at=1)}".encode()

    def session(self, person: str, *, plan_digest: str = "") -> None:
        case = self.deployment.case(CASE)
        found = plan_digest or self.plan.digest
        self.company.door.approve(case, self.plan.id, plan_digest=found, person_id=person)

    def put_in_own_keys(self) -> dict[str, Signer]:
        """What an engineer does who writes the case file: the approvers' names, keys of one's own, a new plan."""
        own = {name: Signer.of(Ed25519PrivateKey.generate(), name=name, kind=Kind.NOTE) for name in ("chen", "wu")}
        for person in self.company.document["people"]:
            if person["id"] in own:
                person["key"] = own[person["id"]].key.line
        self.plan = self.deployment.control.plan(self.company.run().plan_id)
        assert {one.person: one.key for one in self.plan.approvers} == {who: own[who].key.line for who in own}
        return own

    def bring(self, note: bytes) -> None:
        case = self.deployment.case(CASE)
        self.company.door.approve_by_signature(case, self.plan.id, note=note, brought_by="chen")


@pytest.fixture
def target(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Target:
    from winddown.orchestration import tasks  # noqa: PLC0415 - imports Airflow

    case_document["people"][1]["key"] = OWN_KEY.key.line
    stores = visits(case_document, VISITS)
    company = running(deployment, case_folder, case_document, stores)
    company.list_keys(OWN_KEY.key.line)
    plan_id = company.run().plan_id
    monkeypatch.setattr(tasks, "deployment", lambda: company.deployment)
    return Target(company, tasks, company.deployment.control.plan(plan_id))


Attempt = Callable[[Target], None]
ATTEMPTS: dict[str, tuple[Attempt, str]] = {}


def attempt(name: str, refusal: str) -> Callable[[Attempt], Attempt]:
    """Enter an attempt into the list, with the words by which it is refused."""

    def enter(act: Attempt) -> Attempt:
        ATTEMPTS[name] = (act, refusal)
        return act

    return enter


# -- through Airflow ---------------------------------------------------------------------------------------------------


@attempt("mark success: the gate and every task before quarantine are marked success", "2 distinct people are needed")
def _marked(target: Target) -> None:
    target.run_tasks("quarantine")


@attempt("mark success: everything before purge is marked success", "is live")
def _marked_purge(target: Target) -> None:
    target.run_tasks("purge")


@attempt("clear: tasks are cleared and run again and again", "2 distinct people are needed")
def _cleared(target: Target) -> None:
    for _ in range(3):
        with pytest.raises(Refused):
            target.run_tasks("approve")
        with pytest.raises(Refused):
            target.run_tasks("quarantine")
    target.run_tasks("quarantine")


@attempt("clear: purge is cleared before grace has ended", "grace ends at")
def _cleared_early(target: Target) -> None:
    target.company.approve(target.plan.id)
    target.run_tasks("approve", "quarantine")
    target.run_tasks("purge")


@attempt("forged XCom: another plan's id", "there is no plan 'demo-1-99'")
def _forged_plan(target: Target) -> None:
    target.run_tasks("quarantine", plan_id="demo-1-99")


@attempt("forged XCom: an order that the plan does not have", "has no order 'demo-1-order-99'")
def _forged_unit(target: Target) -> None:
    target.company.approve(target.plan.id)
    target.run_tasks("quarantine", unit=["demo-1-order-99"])


@attempt("forged XCom: the approval itself, as the gate would have answered", "2 distinct people are needed")
def _forged_answer(target: Target) -> None:
    target.run_tasks("quarantine", unit=[*target.unit, *target.unit])


# -- past Airflow ------------------------------------------------------------------------------------------------------


def _made_up(target: Target, power: Power, **changes: Any) -> Authorization:
    right = Authorization(
        power, case=CASE, store="shop", target=str(target.plan.orders[0].id), batch_digest=target.batch.digest,
        identity=dict(target.plan.identities)["shop"], nonce="0" * 32,
        expires_at=target.deployment.clock.now() + timedelta(seconds=60),
        still_stands=target.deployment.authority.require_standing,
    )  # fmt: skip
    return replace(right, **changes)


@attempt("direct call: a store with an authorization that nobody minted", "is unknown, spent or expired")
def _direct(target: Target) -> None:
    store: Any = target.deployment.systems(target.deployment.case(CASE)).store("shop")
    store.purge(_made_up(target, Power.PURGE), target.plan.orders[0], target.batch)


@attempt("direct call: authorize without approvals", "2 distinct people are needed")
def _authorize(target: Target) -> None:
    effect = effect_of(target.plan, target.plan.orders[0], target.batch, Power.QUARANTINE)
    target.deployment.authority.authorize(effect, actor="somebody")


@attempt("direct call: the right to restore, used to purge", "does not cover")
def _other_power(target: Target) -> None:
    effect = effect_of(target.plan, target.plan.orders[0], target.batch, Power.RESTORE)
    right = target.deployment.authority.authorize(effect, actor="somebody")
    store: Any = target.deployment.systems(target.deployment.case(CASE)).store("shop")
    with pytest.raises(Refused, match="is unknown, spent or expired"):
        store.purge(replace(right, power=Power.PURGE), target.plan.orders[0], target.batch)
    store.purge(right, target.plan.orders[0], target.batch)


@attempt("direct call: more than the order's batches", "is not the approved one")
def _other_batch(target: Target) -> None:
    target.company.approve(target.plan.id)
    effect = effect_of(target.plan, target.plan.orders[0], replace(target.batch, digest="f" * 64), Power.QUARANTINE)
    target.deployment.authority.authorize(effect, actor="somebody")


# -- approvals that are none -------------------------------------------------------------------------------------------


@attempt("edited plan: its text in the database", "was changed in the database")
def _edited(target: Target) -> None:
    target.company.approve(target.plan.id)
    document = target.plan.document() | {"grace_seconds": 0}
    target.write(update(tables.plan).values(body=canonical(document).decode()))
    target.run_tasks("quarantine", "purge")


@attempt("edited plan: its text and its digest", "approved another digest")
def _edited_digest(target: Target) -> None:
    target.company.approve(target.plan.id)
    document = target.plan.document() | {"grace_seconds": 0}
    target.write(update(tables.plan).values(body=canonical(document).decode(), digest=digest(document)))
    target.run_tasks("quarantine")


@attempt("edited plan: approvers that nobody approved, in plan and approvals", "approved another digest")
def _edited_people(target: Target) -> None:
    target.company.approve(target.plan.id)
    document = target.plan.document() | {"requested_by": "somebody"}
    target.write(update(tables.plan).values(body=canonical(document).decode(), digest=digest(document)))
    target.run_tasks("quarantine")


@attempt("replayed approval: rows of an earlier plan under the new one's id", "approved another digest")
def _replayed_rows(target: Target) -> None:
    for person, role in (("chen", "liquidation_group"), ("wu", "pi_officer")):
        target.write(insert(tables.approval).values(**target.row(person, role, plan_digest="a" * 64)))
    target.run_tasks("quarantine")


@attempt("replayed approval: a signature of another plan", "the signature is for another plan")
def _replayed_note(target: Target) -> None:
    target.bring(target.note(plan=replace(target.plan, id="demo-1-02")))


@attempt("replayed approval: a signature for another case", "the signature is for case another-case")
def _replayed_case(target: Target) -> None:
    target.bring(target.note(plan=replace(target.plan, case="another-case")))


@attempt("replayed approval: a session's row relabelled as a signature", "the approval of wu does not count")
def _relabelled(target: Target) -> None:
    target.company.approve(target.plan.id)
    target.write(update(tables.approval).where(tables.approval.c.person == "wu").values(door="signature"))
    target.run_tasks("quarantine")


@attempt("forged signature: another key under the approver's name", "is not signed by the key of wu")
def _forged_note(target: Target) -> None:
    stranger = Signer.of(Ed25519PrivateKey.generate(), name="wu", kind=Kind.NOTE)
    target.bring(target.note(signer=stranger))


@attempt("forged signature: own keys under the approvers' names in the case file", "of chen is not listed on this")
def _own_keys(target: Target) -> None:
    own = target.put_in_own_keys()
    notes = {person: target.note(person=person, signer=signer) for person, signer in own.items()}
    with pytest.raises(Refused, match="of wu is not listed on this server"):
        target.bring(notes["wu"])
    with pytest.raises(Refused, match="2 distinct people are needed"):
        target.run_tasks("quarantine")
    assert target.deployment.control.approvals(target.plan.id) == []
    target.bring(notes["chen"])


@attempt("forged signature: own keys, on a server whose administrator listed none", "no keys of approvers are listed")
def _no_list(target: Target) -> None:
    own = target.put_in_own_keys()
    settings = replace(target.deployment.settings, approver_keys=None)
    target.company.deployment = replace(target.deployment, settings=settings)
    target.bring(target.note(signer=own["wu"]))


@attempt("forged signature: a listed approver's key, claimed for somebody else as well", "of chen is not listed")
def _claimed(target: Target) -> None:
    own = target.put_in_own_keys()
    target.company.list_keys(own["wu"].key.line, own["chen"].named("somebody").key.line)
    target.bring(target.note(signer=own["wu"]))
    target.bring(target.note(person="chen", signer=own["chen"]))


@attempt("expired: approvals that are too old when the batch comes", "the approval of chen expired")
def _expired(target: Target) -> None:
    target.company.approve(target.plan.id)
    clock: Any = target.deployment.clock
    clock.at += timedelta(days=31)
    target.run_tasks("quarantine")


@attempt("expired: approvals that run out between quarantine and purge", "the approval of wu expired")
def _expired_in_grace(target: Target) -> None:
    target.company.approve(target.plan.id)
    target.run_tasks("approve", "quarantine")
    clock: Any = target.deployment.clock
    clock.at += timedelta(days=31)
    target.run_tasks("purge")


@attempt("expired: a signature from last month", "does not count")
def _expired_note(target: Target) -> None:
    target.bring(target.note(at=target.deployment.clock.now() - timedelta(days=31)))


@attempt("same person twice: by session and by signature", "wu has already approved")
def _twice(target: Target) -> None:
    target.session("wu")
    target.bring(target.note())


@attempt("same person twice: rows in two roles", "is no approver of this plan as liquidation_group")
def _two_roles(target: Target) -> None:
    target.session("wu")
    target.write(insert(tables.approval).values(**target.row("wu ", "liquidation_group")))
    target.run_tasks("quarantine")


@attempt("one role alone: a colleague whom the case does not name", "mallory is not an approver")
def _stranger(target: Target) -> None:
    target.session("wu")
    target.session("mallory")


@attempt("requester: who asked for the case approves it", "requested the plan")
def _requester(target: Target) -> None:
    target.session("wu")
    own = replace(target.plan, approvers=(*target.plan.approvers,), requested_by="chen")
    target.write(update(tables.plan).values(body=canonical(own.document()).decode(), digest=own.digest))
    target.write(update(tables.approval).values(plan_digest=own.digest))
    target.write(insert(tables.approval).values(**target.row("chen", "liquidation_group", plan_digest=own.digest)))
    target.run_tasks("quarantine")


# -- with the token of a task ------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tokens() -> Iterator[Callable[[str], str]]:
    """Tokens of tasks, signed as Airflow's executors sign them."""
    from airflow.api_fastapi.app import create_auth_manager  # noqa: PLC0415 - takes seconds
    from airflow.api_fastapi.auth.tokens import JWTGenerator, get_signing_args  # noqa: PLC0415 - takes seconds
    from airflow.providers.common.compat.sdk import conf  # noqa: PLC0415

    patch = pytest.MonkeyPatch()
    patch.setattr("airflow.models.revoked_token.RevokedToken.is_revoked", lambda *_args, **_kwargs: False)
    create_auth_manager()
    generator = JWTGenerator(
        valid_for=600,
        audience=conf.get_mandatory_list_value("execution_api", "jwt_audience")[0],
        issuer=conf.get("api_auth", "jwt_issuer", fallback=None),
        **get_signing_args(make_secret_key_if_needed=False),
    )
    yield lambda subject: str(generator.generate({"sub": subject}))
    patch.undo()


@pytest.mark.parametrize("subject", ["0198c0de-0000-7000-8000-000000000000", "chen"])
def test_the_token_of_a_task_approves_nothing(target: Target, tokens: Callable[[str], str], subject: str) -> None:
    from winddown.web.app import create_app  # noqa: PLC0415 - imports Airflow

    headers = {"Authorization": f"Bearer {tokens(subject)}"}
    with TestClient(create_app(lambda: target.deployment), headers=headers) as client:
        answers = [
            client.post(f"/api/plans/{target.plan.id}/approvals", json={"plan_digest": target.plan.digest}),
            client.post(f"/api/cases/{CASE}/resume", json={"reason": "x"}),
            client.get(f"/api/plans/{target.plan.id}"),
        ]
    assert {answer.status_code for answer in answers} <= {401, 403}
    assert target.deployment.control.approvals(target.plan.id) == []
    untouched(target)


# -- all of them -------------------------------------------------------------------------------------------------------


def untouched(target: Target) -> int:
    """Number of records that are destroyed: neither live nor in quarantine."""
    visits = target.company.tables["visits"]
    there = len(visits.rows) + sum(map(len, visits.aside.values()))
    assert len(target.company.tables["customers"].rows) == 3
    return VISITS - there


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_attempt_is_refused_and_destroys_nothing(target: Target, name: str) -> None:
    act, refusal = ATTEMPTS[name]
    with pytest.raises(WinddownError) as refused:
        act(target)
    assert refusal in refused.value.message
    assert untouched(target) == 0
    purges = [one for one in target.deployment.control.effects(target.plan.id) if one.power == Power.PURGE]
    assert purges == []
    tally("approval bypasses")


def test_the_list_has_every_kind() -> None:
    kinds = {name.partition(":")[0] for name in ATTEMPTS}
    assert kinds >= {"forged XCom", "clear", "mark success", "direct call", "replayed approval", "edited plan",
        "expired", "same person twice"}  # fmt: skip


def test_the_honest_way_destroys_it(target: Target) -> None:
    """The target can be hit: what the attempts lack is only what people give."""
    target.session("chen")
    target.bring(target.note())
    target.run_tasks("approve", "quarantine")
    target.company.pass_grace()
    target.run_tasks("purge")
    assert untouched(target) == VISITS
