"""The verifier's command line within this process: statuses, words, and what each of its options is for."""

import gc
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.evidence import verify
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import leaf_hash, root
from winddown.evidence.proof import LogProof
from winddown.evidence.signing import Kind, Signer


@pytest.fixture
def folder(case: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gc, "disable", lambda: None)
    (tmp_path / "b.zip").write_bytes(case.bundle())
    (tmp_path / "policy.txt").write_text(case.policy)
    return tmp_path


def run(folder: Path, *options: str | Path, evidence: str = "b.zip") -> int:
    return verify.main([str(folder / evidence), "--policy", str(folder / "policy.txt"), *map(str, options)])


def refuses_to_start(folder: Path, *options: str | Path, evidence: str = "b.zip") -> None:
    with pytest.raises(SystemExit) as ended:
        run(folder, *options, evidence=evidence)
    assert ended.value.code == 2


def test_what_verifies_says_so(folder: Path, case: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == 0
    report = verify.verify(case.bundle(), case.policy)
    assert capsys.readouterr().out == "".join(f"✓ {check}\n" for check in report.checks) + "verified\n"
    assert run(folder, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"verified": True, "checks": report.checks, "notes": [], "reasons": []}


def test_a_policy_is_bytes_whose_comments_may_hold_any(folder: Path, case: Any) -> None:
    policy, path = case.policy.encode(), folder / "policy.txt"
    path.write_bytes(b"# \xb1\xb8\xd7\xa2\xff\n" + policy)
    assert run(folder) == 0
    for odd in (policy.replace(b"\n", b"\r\n"), b"#\r" + policy, policy.replace(b"log ", b"log \xff", 1)):
        path.write_bytes(odd)
        refuses_to_start(folder)


def test_what_does_not_verify_says_why_first_and_never_verified(
    folder: Path, case: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(25):
        case.step(f"x{number}", 9_999, "plan_made", plan_id=f"p-{number}", wave=1, digest="d")
    (folder / "b.zip").write_bytes(case.bundle())
    reasons = verify.verify(case.bundle(), case.policy).reasons
    assert len(reasons) == 25
    assert run(folder) == 1
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("✗")] == [f"✗ {reason}" for reason in reasons[:20]]
    assert "verified" not in said
    assert run(folder, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["verified"], found["reasons"]) == (False, reasons)


def test_a_checkpoint_of_an_earlier_day_is_asked_for_history(
    folder: Path, case: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old").write_bytes(case.checkpoint(case.entries()[:5]))
    (folder / "older").write_bytes(case.checkpoint(case.entries()[:2]))
    assert run(folder, "--earlier", folder / "old", "--earlier", folder / "older") == 0
    said = capsys.readouterr().out
    assert "first 5 entries" in said
    assert "first 2 entries" in said
    (folder / "old").write_bytes(case.checkpoint([b"another"]))
    assert run(folder, "--earlier", folder / "old") == 1


def test_approvers_keys_are_the_readers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signer = Signer.of(Ed25519PrivateKey.generate(), name="u-8", kind=Kind.NOTE)
    (folder / "keys").write_text(f"# of the officer\n\n{signer.key.line}\n")
    assert run(folder, "--approvers", folder / "keys") == 1
    assert "u-8 did not sign the approval" in capsys.readouterr().out
    (folder / "keys").write_text("nonsense\n")
    refuses_to_start(folder, "--approvers", folder / "keys")


def test_a_proof_is_about_one_entry(folder: Path, case: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lines = case.entries()
    leaves = [leaf_hash(line) for line in lines]
    note = Checkpoint("winddown/c1", len(lines), root(leaves)).sign(case.signers, at=1)
    (folder / "p.tlog-proof").write_bytes(LogProof.of(leaves, 3, checkpoint=note).text)
    (folder / "entry.json").write_bytes(lines[3])
    assert run(folder, "--entry", folder / "entry.json", evidence="p.tlog-proof") == 0
    assert f"entry 3 of the {len(lines)} of winddown/c1 is exactly this one" in capsys.readouterr().out
    (folder / "entry.json").write_bytes(lines[4])
    assert run(folder, "--entry", folder / "entry.json", evidence="p.tlog-proof") == 1


def test_what_cannot_be_read_is_wrong_usage(folder: Path) -> None:
    refuses_to_start(folder, evidence="none.zip")
    refuses_to_start(folder, "--earlier", folder / "none")
    refuses_to_start(folder, "--entry", folder / "none")
    refuses_to_start(folder, "--authority", folder / "policy.txt")
    (folder / "policy.txt").write_text("rubbish\n")
    refuses_to_start(folder)


def test_a_terminal_without_check_marks_is_no_reason_to_fail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert run(folder) == 0
    sys.stdout.flush()
    assert written.getvalue().startswith(b"? archive: ")


def test_an_earlier_checkpoint_may_be_of_one_entry(folder: Path, case: Any) -> None:
    (folder / "old").write_bytes(case.checkpoint(case.entries()[:1]))
    assert run(folder, "--earlier", folder / "old") == 0
    (folder / "old").write_bytes(case.checkpoint(case.entries()))
    assert run(folder, "--earlier", folder / "old") == 0
