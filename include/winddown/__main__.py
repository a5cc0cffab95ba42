"""The command line for the engineer: ``python -m winddown COMMAND …``.

Approvals enter by the authenticated API, or by the approver's own key. Who may do what: docs/web.md.

run CASE_FILE --by PERSON     open a case, or continue it, and carry it on as far as it may go now
continue CASE [--again]       carry an open case on; --again reads and decides anew, after a blocker was resolved
status CASE                   say what it waits for
deadlines CASE                say where it stands by the law, what is due and overdue, and what may not happen yet
notices CASE                  write the notices of the case, zh and en, for people to send
restore CASE --by PERSON      bring everything in quarantine back; the open plan is superseded
thaw CASE --by PERSON         give applications their writes back
halt CASE --by PERSON --reason TEXT    kill switch: nothing but restoring is authorised from now
resume CASE --by PERSON --reason TEXT  turn the kill switch off
approve PLAN_FILE --key KEY   read an exported plan and sign it with the own key; needs no database and no network
approval key FILE --person ID make an approver's key; its public line goes into the case file
approval export PLAN FILE --by PERSON  write a plan for its approvers
approval bring NOTE --by PERSON        hand in what an approver signed
hold place CASE FILE --by PERSON       place a legal hold; the file has the keys of a hold in the case file
hold release CASE HOLD --by PERSON --reason TEXT [--evidence FILE]    let go what it held; planned and approved anew
hold list CASE                say which holds are in force, what they cover and when they are due for review
erase-traces CASE --by PERSON ask that what winddown itself holds of the case goes too, its key last, when all is over;
                              --scheduler-by PERSON names who then removes what the scheduler keeps, if not who asks
clear-scheduler CASE --by PERSON       say that this is gone; it is looked for, and the evidence is written anew
prove-person CASE FILE --by PERSON     write what was done to the records of the customer whose key is on standard input
migrate                       bring the control database's schema up to date
explain CASE COLLECTION       why its records go or stay; --record KEY for one record, --lang zh|en
rules list|show|diff|review   the rules, the words of one, what another version changes, what is due for review
ledger export CASE FOLDER --by PERSON  write the case's ledger as static files (C2SP tlog-tiles), with a checkpoint
ledger prove CASE SEQ FOLDER --by PERSON         write one entry and its proof (SEQ.json, SEQ.tlog-proof)
ledger request CASE --old N   print the request for a witness that has seen N entries and is not on a network
keys list|add|retire          the keys that sign, as lines of a reader's policy; a pair beside the old one; without it
keys add --sm2                the same with an SM2 key, for readers who ask for one; later pairs have one as well
witness new|serve|sign|seen   be a witness of logs: keys, server, one request from a file, what was seen
witness watch FOLDER CHECKPOINT…       compare an exported log with checkpoints that were kept: forks and rollbacks
"""

import argparse
import errno
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import OperationalError, ProgrammingError

from winddown.archive.atomic import write_atomically
from winddown.bootstrap import deploy
from winddown.commands import approvals as approving
from winddown.commands import explain as explaining
from winddown.commands import rules as ruling
from winddown.commands import witness as witnessing
from winddown.commands.holds import add_hold_commands, run_hold_command
from winddown.commands.ledger import add_ledger_commands, run_keys_command, run_ledger_command
from winddown.commands.traces import TRACE_COMMANDS, add_trace_commands, run_trace_command
from winddown.connections import NoConnections
from winddown.control.engine import open_control, upgrade
from winddown.domain.access import Action
from winddown.domain.errors import Transient, WinddownError
from winddown.runner import Halt, run
from winddown.settings import load
from winddown.stages.case_file import read_case_file
from winddown.stages.commitments import prove_person
from winddown.stages.deadlines import case_position, listing
from winddown.stages.deployment import Deployment
from winddown.stages.freeze import thaw
from winddown.stages.notices import write_notices
from winddown.stages.open import open_case, start_again
from winddown.stages.people import halt, record_reading, require_action, resume
from winddown.stages.quarantine import restore
from winddown.stages.standing import standing

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 done, 2 refused or failed, 3 waiting for somebody or for a clock."""
    parser = argparse.ArgumentParser(
        prog="python -m winddown", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("case_file", type=Path)
    running.add_argument("--by", required=True)
    commands.add_parser("migrate")
    for name in ("continue", "status", "deadlines", "notices", "restore", "thaw", "halt", "resume"):
        command = commands.add_parser(name)
        command.add_argument("case")
        if name not in {"continue", "status", "deadlines", "notices"}:
            command.add_argument("--by", required=True)
        if name == "continue":
            command.add_argument("--again", action="store_true")
        if name in {"halt", "resume"}:
            command.add_argument("--reason", required=True)
    proving = commands.add_parser("prove-person")
    proving.add_argument("case")
    proving.add_argument("file", type=Path)
    proving.add_argument("--by", required=True)
    approving.add_approval_commands(commands)
    add_hold_commands(commands.add_parser("hold"))
    add_trace_commands(commands)
    explaining.add_to(commands)
    ruling.add_to(commands)
    add_ledger_commands(commands)
    witnessing.add_to(commands)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command in _ALONE:
            return _ALONE[chosen.command](chosen)
        return _COMMANDS[chosen.command](_of_people() if chosen.command in _DECIDING else deploy(), chosen)
    except WinddownError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, OperationalError, ProgrammingError) as error:
        said = _in_words(error)
        if said is None:
            raise
        print(said, file=sys.stderr)
        return 2


def _in_words(error: OSError | OperationalError | ProgrammingError) -> str | None:
    """What a person can do about a disk or a control database that does not do its part; None of a defect."""
    if isinstance(error, ProgrammingError):
        # The workers' role on PostgreSQL: its grants keep what people decide.
        denied = "the control database does not let this role do that: run it as the API server's role"
        return denied if "permission denied" in str(error.orig) else None
    if isinstance(error, OSError) and error.errno not in _NO_ROOM:
        return None
    # What the driver says, without the statement and its values.
    said = error.strerror if isinstance(error, OSError) else str(error.orig).partition("\n")[0]
    step = "look at the space and quota of the disks, and at the database's server; run again: it goes on from here"
    return str(Transient(f"the workspace or the control database takes nothing more ({said})", next_step=step))


def _of_people() -> Deployment:
    """For what people decide: written by the API server's role, whose machine knows no store's connection."""
    return deploy(NoConnections())


def _migrate(_chosen: argparse.Namespace) -> int:
    upgrade(open_control(load().control_url))
    return 0


def _run(deployment: Deployment, chosen: argparse.Namespace) -> int:
    case_id = open_case(deployment, read_case_file(chosen.case_file), requested_by=chosen.by)
    return _say(run(deployment, case_id))


def _continue(deployment: Deployment, chosen: argparse.Namespace) -> int:
    if chosen.again:
        start_again(deployment, chosen.case)
    return _say(run(deployment, deployment.case(chosen.case).id))


def _status(deployment: Deployment, chosen: argparse.Namespace) -> int:
    found = standing(deployment, deployment.case(chosen.case).id)
    print(f"{found.case_id} waits for {found.waits_for}: {found.message} {found.plan_id}".rstrip())
    return 0


def _deadlines(deployment: Deployment, chosen: argparse.Namespace) -> int:
    print("\n".join(listing(case_position(deployment, deployment.case(chosen.case).id))))
    return 0


def _notices(deployment: Deployment, chosen: argparse.Namespace) -> int:
    results = write_notices(deployment, deployment.case(chosen.case).id)
    print("\n".join(found.sentence for found in results))
    return 3 if any(found.missing for found in results) else 0


def _restore(deployment: Deployment, chosen: argparse.Namespace) -> int:
    done = restore(deployment, chosen.case, requested_by=chosen.by)
    print(f"{done.records} records in {done.batches} batches were restored; make a new plan to go on")
    for name in done.acted:
        print(f"{name} acted while records came back: look where it may have copied them, and disable it")
    return 0


def _thaw(deployment: Deployment, chosen: argparse.Namespace) -> int:
    require_action(deployment, chosen.case, chosen.by, Action.RESTORE)
    print(f"thawed: {', '.join(thaw(deployment, chosen.case)) or 'nothing was frozen'}")
    return 0


def _halt(deployment: Deployment, chosen: argparse.Namespace) -> int:
    halted = halt(deployment, chosen.case, by=chosen.by, reason=chosen.reason, door="command")
    print(f"{chosen.case} is {halted}; nothing but restoring is authorised")
    return 0


def _resume(deployment: Deployment, chosen: argparse.Namespace) -> int:
    resume(deployment, chosen.case, by=chosen.by, reason=chosen.reason, door="command")
    print(f"{chosen.case} goes on")
    return 0


def _prove_person(deployment: Deployment, chosen: argparse.Namespace) -> int:
    # From standard input, because a customer's key must not stand in a shell's history or a list of processes.
    require_action(deployment, chosen.case, chosen.by, Action.EXPLAIN)
    proof = prove_person(deployment, chosen.case, sys.stdin.readline().strip())
    record_reading(
        deployment, chosen.case, "proof of one person", by=chosen.by, sha256=hashlib.sha256(proof).hexdigest()
    )
    write_atomically(chosen.file, [proof], replace=True)
    print(f"written: {chosen.file}; it is verified with the case's bundle: verify.py BUNDLE --policy … --person …")
    return 0


def _say(halt: Halt) -> int:
    print(f"{halt.reason}: {halt.message} {halt.plan_id}".rstrip())
    return 0 if halt.reason == "finished" else 3


# What people decide needs no store.
_DECIDING = {"halt", "resume", *TRACE_COMMANDS}
# These open a deployment themselves, if they need one.
_ALONE: dict[str, Callable[[argparse.Namespace], int]] = {
    "rules": lambda chosen: ruling.run(deploy, chosen),
    "witness": witnessing.run,
    "migrate": _migrate,
    "approve": approving.sign,
    "approval": lambda chosen: approving.run(_of_people, chosen),
}
_COMMANDS: dict[str, Callable[[Deployment, argparse.Namespace], int]] = {
    "run": _run,
    "continue": _continue,
    "status": _status,
    "deadlines": _deadlines,
    "notices": _notices,
    "restore": _restore,
    "thaw": _thaw,
    **dict.fromkeys(TRACE_COMMANDS, run_trace_command),
    "prove-person": _prove_person,
    "halt": _halt,
    "resume": _resume,
    "hold": run_hold_command,
    "explain": explaining.run,
    "ledger": run_ledger_command,
    "keys": run_keys_command,
}

if __name__ == "__main__":
    sys.exit(main())
