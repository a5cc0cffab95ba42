"""What outsiders add to a case's checkpoint, what is said when they do not, and what leaves the ledger as files."""

import argparse
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown.commands.ledger import add_ledger_commands, run_keys_command, run_ledger_command
from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.evidence.entry import LedgerEntry
from winddown.evidence.keyring import log_signers, origin_of
from winddown.evidence.tiles import read_entries
from winddown.evidence.witness import Request, Witness, create_signers
from winddown.evidence.witness_server import server
from winddown.stages.case_file import read_case_file
from winddown.stages.checkpoints import publish
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case
from winddown.stages.report import report

CASE = "demo-1"


@pytest.fixture
def opened(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Deployment:
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    return deployment


@pytest.fixture
def witnessed(opened: Deployment, tmp_path: Path) -> Iterator[tuple[Deployment, str]]:
    """A deployment with one witness that answers and one that does not; and the policy of a reader of both."""
    folder, keys = tmp_path / "w", opened.signers(CASE)
    (signer, _) = create_signers(folder, "w.example")
    serving = server(Witness(folder, name="w.example", logs={origin_of(CASE): [keys[0].key]}), "127.0.0.1", 0)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    (absent, _) = create_signers(tmp_path / "absent", "absent.example")
    lines = [
        f"witness here {signer.key.line} http://127.0.0.1:{serving.server_port}",
        f"witness absent {absent.key.line} http://127.0.0.1:9",
        "quorum none",
    ]
    (tmp_path / "witnesses").write_text("\n".join(lines) + "\n")
    settings = replace(opened.settings, witnesses=tmp_path / "witnesses")
    logs = "".join(f"log {one.key.line}\n" for one in keys)
    yield replace(opened, settings=settings), logs + "\n".join(lines[:2]) + "\n"
    serving.shutdown()
    serving.server_close()
    thread.join()


def test_witnesses_cosign_a_report_and_the_absent_one_is_named(witnessed: tuple[Deployment, str]) -> None:
    deployment, policy = witnessed
    for _ in range(2):  # Each report has one entry more, so the second one needs a proof that it continues the first.
        written = report(deployment, CASE)
        assert len(written.missing) == 1
        assert written.missing[0].startswith("witness absent: the witness could not be asked")
        data = written.bundle.read_bytes()
        assert verify.verify(data, policy + "quorum here\n").reasons == []
        reasons = verify.verify(data, policy + "quorum absent\n").reasons
        assert reasons == ["checkpoint.txt: not cosigned by quorum absent of the policy"]


def test_a_ledger_that_was_rolled_back_is_told_by_its_witness(witnessed: tuple[Deployment, str]) -> None:
    deployment, _ = witnessed
    deployment.ledger.append(CASE, "decided", {}, actor="a")
    entries = deployment.ledger.entries(CASE)
    publish(deployment, CASE, entries)
    said = publish(deployment, CASE, entries[:-1]).missing
    assert any("witness here" in one and "it was rolled back" in one for one in said)
    forked = publish(deployment, CASE, [*entries[:-1], b"another"]).missing
    assert any("witness here" in one and "status 422" in one for one in forked)


def test_an_authority_that_is_not_reached_is_named(opened: Deployment, tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("none")
    for roots, word in ((tmp_path / "roots.pem", "no PEM certificates"), (tmp_path / "none", "no PEM certificates")):
        settings = replace(opened.settings, timestamp_url="http://127.0.0.1:9/", timestamp_roots=roots)
        published = publish(replace(opened, settings=settings), CASE, opened.ledger.entries(CASE))
        assert published.stamps == {}
        assert published.missing[0].startswith("time stamp: ")
        assert word in published.missing[0]


def test_a_policy_of_witnesses_that_cannot_be_read_is_refused(opened: Deployment, tmp_path: Path) -> None:
    settings = replace(opened.settings, witnesses=tmp_path / "none")
    with pytest.raises(Refused, match="cannot be read"):
        publish(replace(opened, settings=settings), CASE, [])


def run(deployment: Deployment, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_ledger_commands(parser.add_subparsers(dest="command"))
    chosen = parser.parse_args(words)
    return (run_keys_command if words[0] == "keys" else run_ledger_command)(deployment, chosen)


def test_the_commands_hand_out_the_log_and_single_entries(
    opened: Deployment, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    opened.ledger.append_all(CASE, [("decided", {"n": number}) for number in range(300)], actor="a")
    entries = opened.ledger.entries(CASE)
    run(opened, "keys", "list", CASE)
    policy = capfdbinary.readouterr().out.decode() + "quorum none\n"
    run(opened, "ledger", "export", CASE, str(tmp_path / "log"), "--by", "wu")
    entries = opened.ledger.entries(CASE)  # the reading stands in what is read
    assert [LedgerEntry.parse(entries[-1]).type, LedgerEntry.parse(entries[-1]).actor] == ["evidence_read", "wu"]
    assert read_entries(tmp_path / "log", len(entries)) == entries
    head = verify.Policy(policy).open_checkpoint((tmp_path / "log" / "checkpoint").read_bytes(), "checkpoint")
    assert head[:2] == (origin_of(CASE), len(entries))
    run(opened, "ledger", "prove", CASE, "257", str(tmp_path), "--by", "he")
    proof, entry = (tmp_path / "257.tlog-proof").read_bytes(), (tmp_path / "257.json").read_bytes()
    assert verify.verify_proof(proof, entry, policy).reasons == []
    assert verify.verify_proof(proof, entries[256], policy).reasons == ["proof: it leads to another root"]
    capfdbinary.readouterr()
    run(opened, "ledger", "request", CASE, "--old", "8")
    asked = Request.parse(capfdbinary.readouterr().out)
    assert (asked.old, len(asked.proof) > 0) == (8, True)
    with pytest.raises(Refused, match="no leaf"):
        run(opened, "ledger", "prove", CASE, "999", str(tmp_path), "--by", "wu")


def test_who_is_nothing_in_the_case_reads_no_ledger(opened: Deployment, tmp_path: Path) -> None:
    size = opened.ledger.size(CASE)
    with pytest.raises(Refused, match="stranger may not read evidence"):
        run(opened, "ledger", "export", CASE, str(tmp_path / "log"), "--by", "stranger")
    assert opened.ledger.size(CASE) == size
    assert not (tmp_path / "log").exists()


def test_the_commands_change_the_keys(opened: Deployment) -> None:
    first = log_signers(opened.signing_keys, "x")
    run(opened, "keys", "add")
    run(opened, "keys", "retire", "1")
    assert {signer.key.raw for signer in opened.signers(CASE)}.isdisjoint(signer.key.raw for signer in first)


def test_a_report_is_signed_with_sm2_once_there_is_such_a_key(
    opened: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    before = report(opened, CASE).bundle.read_bytes()
    assert run(opened, "keys", "add", "--sm2") == 0
    capsys.readouterr()
    run(opened, "keys", "list", CASE)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    demands = f"{lines[-1]}\nquorum none\n"  # the SM2 key alone
    written = report(opened, CASE)
    assert verify.verify(written.bundle.read_bytes(), demands).reasons == []
    assert verify.verify(written.bundle.read_bytes(), written.key.read_text("utf-8")).reasons == []
    assert verify.verify(before, f"{lines[0]}\n{demands}").reasons == [
        f"checkpoint.txt: not signed by the SM2 key of {origin_of(CASE)} in the policy"
    ]
