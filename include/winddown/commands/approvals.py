"""Approvals by an approver's own key: ``approve`` needs a plan's file and the key, no database and no network.

The machine of the deployment writes the plan to a file and takes the signed note back; the key never comes near it.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from winddown.control.approver_keys import key_objection
from winddown.control.door import Door
from winddown.domain.access import Action
from winddown.domain.approval import Approver
from winddown.domain.approval_statement import Stated, statement
from winddown.domain.errors import Refused
from winddown.domain.plan import Plan
from winddown.evidence import durable, strict
from winddown.evidence.entry import format_time
from winddown.evidence.note import Note
from winddown.evidence.signing import Kind, Signer
from winddown.stages.deployment import Deployment
from winddown.stages.people import record_reading, require_action


def add_approval_commands(commands: Any) -> None:
    """Declare the commands and their arguments."""
    signing = commands.add_parser("approve")
    signing.add_argument("plan", type=Path)
    signing.add_argument("--key", type=Path, required=True)
    signing.add_argument("--out", type=Path)
    approval = commands.add_parser("approval").add_subparsers(dest="approval_command", required=True)
    making = approval.add_parser("key")
    making.add_argument("file", type=Path)
    making.add_argument("--person", required=True)
    exporting = approval.add_parser("export")
    exporting.add_argument("plan")
    exporting.add_argument("file", type=Path)
    exporting.add_argument("--by", required=True)
    bringing = approval.add_parser("bring")
    bringing.add_argument("note", type=Path)
    bringing.add_argument("--by", required=True)


def sign(chosen: argparse.Namespace) -> int:
    """Show what a yes to the plan means, and sign it; the note lies beside the plan unless ``--out`` names a file."""
    plan = _read_plan(chosen.plan)
    approver, signer = _signer_of(plan, chosen.key)
    text = statement(plan, approver, digest=plan.digest, signed_at=format_time(_now()))
    sys.stdout.write(text)
    note = f"{text}\n{signer.sign_note(text, at=1)}".encode()
    path = chosen.out or chosen.plan.with_name(f"{plan.id}.{approver.person}.approval")
    durable.replace(path, note)
    print(f"signed: {path}")
    return 0


def run(deployed: Callable[[], Deployment], chosen: argparse.Namespace) -> int:
    """Make an approver's key and print its line, write a plan for its approvers, or take a signed approval in."""
    if chosen.approval_command == "key":
        print(Signer.create(chosen.file, name=chosen.person, kind=Kind.NOTE).key.line)
        return 0
    deployment = deployed()
    if chosen.approval_command == "export":
        plan = deployment.control.plan(chosen.plan)
        require_action(deployment, plan.case, chosen.by, Action.EXPLAIN)
        record_reading(deployment, plan.case, f"plans/{plan.id}.json", by=chosen.by, sha256=plan.digest)
        durable.replace(chosen.file, deployment.control.plan_body(plan.id))
        print(f"plan {plan.id}, digest {plan.digest}: {chosen.file}")
        for approver in plan.approvers:
            if objection := key_objection(deployment.settings.approver_keys, approver):
                print(f"a signature of {approver.person} would be refused: {objection}", file=sys.stderr)
        return 0
    note = _read(chosen.note)
    stated = Stated.read(Note.parse(note).text)
    case = deployment.case(stated.case)
    require_action(deployment, case.id, chosen.by, Action.BRING_SIGNATURE)
    keys = deployment.settings.approver_keys
    door = Door(deployment.control.engine, ledger=deployment.ledger, clock=deployment.clock, approver_keys=keys)
    given = door.approve_by_signature(case, stated.plan, note=note, brought_by=chosen.by)
    print(f"{given.person} approved plan {given.plan_id} as {given.role}")
    return 0


def _now() -> datetime:
    return datetime.now(UTC)


def _read_plan(path: Path) -> Plan:
    """The plan of an exported file, which holds exactly its canonical document."""
    document = strict.decode(_read(path))
    try:
        plan: Plan = TypeAdapter(Plan).validate_python(document)
    except (ValidationError, TypeError):
        raise Refused(f"{path.name} is no plan", next_step="export it again with this version") from None
    if plan.document() != document:
        raise Refused(f"{path.name} holds what this version does not know", next_step="sign with the plan's version")
    return plan


def _signer_of(plan: Plan, path: Path) -> tuple[Approver, Signer]:
    try:
        signer = Signer.load(path, name="nobody", kind=Kind.NOTE)
    except OSError as error:
        raise Refused(f"{path.name} cannot be read ({error.strerror})") from None
    for approver in plan.approvers:
        named = signer.named(approver.person)
        if approver.key == named.key.line:
            return approver, named
    raise Refused(
        f"plan {plan.id} names no approver with this key",
        rule="an approver's own key",
        next_step="the case file has the line that `python -m winddown approval key` printed, under people",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path.name} cannot be read ({error.strerror})") from None
