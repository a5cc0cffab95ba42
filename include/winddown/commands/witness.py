"""The commands of ``python -m winddown witness``, for a party outside: it needs no deployment and no database.

A witness is a folder: its keys, its name, and the last checkpoint of each log. Which logs it knows, and their keys,
stand in a policy (C2SP tlog-policy) of its own.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from winddown.domain.errors import Refused
from winddown.evidence.monitor import compare
from winddown.evidence.policy import Policy
from winddown.evidence.tiles import read_entries
from winddown.evidence.witness import Witness, create_signers
from winddown.evidence.witness_server import server

_NAME = "name"
_OK = 200


def add_to(commands: Any) -> None:
    """Declare the commands and their arguments."""
    witness = commands.add_parser("witness").add_subparsers(dest="witness_command", required=True)
    for name in ("new", "serve", "sign", "seen", "watch"):
        command = witness.add_parser(name)
        command.add_argument("folder", type=Path)
        if name == "new":
            command.add_argument("--name", required=True)
        else:
            command.add_argument("--policy", type=Path, required=True)
        if name == "serve":
            command.add_argument("--host", default="127.0.0.1")
            command.add_argument("--port", type=int, default=7380)
        if name == "sign":
            command.add_argument("request", type=Path)
        if name == "watch":
            command.add_argument("checkpoint", type=Path, nargs="*")


def run(chosen: argparse.Namespace) -> int:
    """Run one of them; 0 when all is well, 2 when a checkpoint is not cosigned or the log misbehaved."""
    if chosen.witness_command == "new":
        signers = create_signers(chosen.folder, chosen.name)
        (chosen.folder / _NAME).write_text(chosen.name + "\n", "utf-8")
        print("\n".join(f"witness {kind} {signer.key.line}" for kind, signer in zip("ab", signers, strict=True)))
        return 0
    policy = _policy(chosen.policy)
    if chosen.witness_command == "watch":
        return _watch(chosen, policy)
    witness = _witness(chosen.folder, policy)
    if chosen.witness_command == "serve":
        serving = server(witness, chosen.host, chosen.port)
        print(f"listening on {chosen.host}:{serving.server_port}", flush=True)
        serving.serve_forever()
    if chosen.witness_command == "seen":
        for path in sorted(chosen.folder.glob("*.checkpoint")):
            sys.stdout.write(path.read_text("utf-8"))
        return 0
    answer = witness.add_checkpoint(_read(chosen.request), at=int(time.time()))
    sys.stdout.write(answer.text)
    return 0 if answer.status == _OK else 2


def _watch(chosen: argparse.Namespace, policy: Policy) -> int:
    own = _read(chosen.folder / "checkpoint")
    head = policy.judge(own)
    notes = {"the log's own checkpoint": own} | {str(path): _read(path) for path in chosen.checkpoint}
    found = compare(notes, read_entries(chosen.folder, head.size), origin=head.origin, policy=policy)
    for one in found:
        print(f"{one.verdict}: {one.name}: {one.says}")
    return 2 if any(one.is_alarm for one in found) else 0


def _witness(folder: Path, policy: Policy) -> Witness:
    origins = {member.key.name for member in policy.logs}
    logs = {origin: policy.log_keys(origin) for origin in origins}
    return Witness(folder, name=_read(folder / _NAME).decode().removesuffix("\n"), logs=logs)


def _policy(path: Path) -> Policy:
    try:
        return Policy.parse(_read(path).decode())
    except UnicodeDecodeError:
        raise Refused(f"{path.name} is not UTF-8") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path.name} cannot be read ({error.strerror})") from None
