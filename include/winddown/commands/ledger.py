"""The commands of ``python -m winddown ledger`` and ``keys``: what leaves the ledger for others, and who signs it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from winddown.evidence import durable
from winddown.evidence.keyring import add_pair, retire_pair
from winddown.evidence.merkle import leaf_hash
from winddown.evidence.proof import LogProof
from winddown.evidence.tiles import export
from winddown.evidence.witness_client import request_of
from winddown.stages.checkpoints import checkpoint
from winddown.stages.deployment import Deployment
from winddown.stages.people import record_reading


def add_ledger_commands(commands: Any) -> None:
    """Declare the commands and their arguments."""
    ledger = commands.add_parser("ledger").add_subparsers(dest="ledger_command", required=True)
    for name in ("export", "prove", "request"):
        command = ledger.add_parser(name)
        command.add_argument("case")
        if name == "prove":
            command.add_argument("seq", type=int)
        if name == "request":
            command.add_argument("--old", type=int, required=True)
        else:
            command.add_argument("folder", type=Path)
            command.add_argument("--by", required=True)
    keys = commands.add_parser("keys").add_subparsers(dest="keys_command", required=True)
    keys.add_parser("list").add_argument("case")
    keys.add_parser("add").add_argument("--sm2", action="store_true")
    keys.add_parser("retire").add_argument("pair")


def run_ledger_command(deployment: Deployment, chosen: argparse.Namespace) -> int:
    """Run one of them; 0 when it is done."""
    case_id = deployment.case(chosen.case).id
    if chosen.ledger_command != "request":  # which has hashes alone
        record_reading(deployment, case_id, "ledger", by=chosen.by)
    entries = deployment.ledger.entries(case_id)
    leaves, note = [leaf_hash(entry) for entry in entries], checkpoint(deployment, case_id, entries)
    if chosen.ledger_command == "request":
        sys.stdout.buffer.write(request_of(leaves, note, old=chosen.old).body)
        return 0
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if chosen.ledger_command == "export":
        export(chosen.folder, entries, checkpoint=note)
        print(f"{len(entries)} entries in {chosen.folder}")
        return 0
    proof = LogProof.of(leaves, chosen.seq, checkpoint=note)
    durable.replace(chosen.folder / f"{chosen.seq}.json", entries[chosen.seq])
    durable.replace(chosen.folder / f"{chosen.seq}.tlog-proof", proof.text)
    print(f"{chosen.seq}.json and {chosen.seq}.tlog-proof in {chosen.folder}")
    return 0


def run_keys_command(deployment: Deployment, chosen: argparse.Namespace) -> int:
    """Run one of them; 0 when it is done."""
    if chosen.keys_command == "list":
        for signer in deployment.signers(deployment.case(chosen.case).id):
            print(f"log {signer.key.line}")
    elif chosen.keys_command == "add":
        pair = add_pair(deployment.signing_keys, sm2=chosen.sm2)
        print(f"pair {pair} signs from now, beside the others: give its keys to readers")
    else:
        retire_pair(deployment.signing_keys, chosen.pair)
        print(f"pair {chosen.pair} signs no more")
    return 0
