"""Approving with one's own key on the command line, from the key to the auditor who verifies the bundle with it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown import __main__ as command_line
from winddown.commands import approvals as approving
from winddown.evidence import verify
from winddown.rules.sentences import said as told
from winddown.stages.deployment import Deployment
from winddown.stages.report import report

from .running import Running, running, visits

CASE = "demo-1"
Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line without any deployment, until ``company`` gives it one."""

    def nothing(_connections: object = None) -> Deployment:
        raise AssertionError("this command must need no deployment")

    monkeypatch.setattr(command_line, "deploy", nothing)
    return lambda *arguments: command_line.main([str(one) for one in arguments])


@pytest.fixture
def key_line(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The officer's own key, made on the officer's own machine."""
    (tmp_path / "officer").mkdir()
    assert run("approval", "key", tmp_path / "officer" / "wu.pem", "--person", "wu") == 0
    return capsys.readouterr().out.strip()


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any], key_line: str) -> Running:
    case_document["people"][1]["key"] = key_line
    tables = visits(case_document, 30)
    with_engineer = replace(deployment, settings=replace(deployment.settings, engineers=("ops",)))
    found = running(with_engineer, case_folder, case_document, tables)
    found.list_keys(key_line)
    return found


@pytest.fixture
def signed(company: Running, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """A plan, exported, carried to the officer's machine, and signed there; the plan's id and the note."""
    plan_id = company.run().plan_id
    with monkeypatch.context() as patch:
        patch.setattr(command_line, "deploy", lambda _connections=None: company.deployment)
        assert run("approval", "export", plan_id, tmp_path / "plan.json", "--by", "li") == 0
    shutil.move(tmp_path / "plan.json", tmp_path / "officer" / "plan.json")
    monkeypatch.setattr(approving, "_now", company.deployment.clock.now)
    assert run("approve", tmp_path / "officer" / "plan.json", "--key", tmp_path / "officer" / "wu.pem") == 0
    return plan_id, tmp_path / "officer" / f"{plan_id}.wu.approval"


def test_from_the_key_to_the_auditor(  # noqa: PLR0917
    company: Running, run: Run, signed: tuple[str, Path], key_line: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    plan_id, note = signed
    said = capsys.readouterr().out
    assert f"plan: {plan_id}\n" in said
    assert "destroy: 30 records in 1 orders\n" in said
    assert company.deployment.control.approvals(plan_id) == []
    monkeypatch.setattr(command_line, "deploy", lambda _connections=None: company.deployment)
    assert run("approval", "bring", note, "--by", "ops") == 0
    assert run("approval", "bring", note, "--by", "ops") == 2
    assert "wu has already approved" in capsys.readouterr().err
    case, plan = company.deployment.case(CASE), company.deployment.control.plan(plan_id)
    company.door.approve(case, plan_id, plan_digest=plan.digest, person_id="chen")
    assert company.run().reason == "grace"
    company.pass_grace()
    assert company.run().reason == "finished"
    assert company.tables["visits"].rows == []

    certificate = company.certificate(plan_id)
    assert {(row["person"], row["door"]) for row in certificate["approvals"]} == {
        ("chen", "api_session"), ("wu", "signature"),
    }  # fmt: skip
    (said,) = [text for text in certificate["not_claimed"] if text.startswith("embedded mode:")]
    assert "approvals given by login, receipts, halts and the ledger's keys are not protected" in said
    assert "signed with an approver's own key are" in said
    assert all(told(text).zh for text in certificate["not_claimed"])

    written = report(company.deployment, CASE)
    data, policy = written.bundle.read_bytes(), written.key.read_text()
    without = verify.verify(data, policy)
    assert (without.reasons, without.notes) == (
        [], ["approvals: 1 signatures were not looked at: their keys are not in --approvers"]
    )  # fmt: skip
    known = verify.verify(data, policy, approvers=f"# from the officer's own hand\n{key_line}\n")
    assert (known.reasons, known.notes) == ([], ["approvals: counted without a verified signature: chen"])
    assert "1 signed with their own keys" in "\n".join(known.checks)


def test_only_the_own_key_signs(
    run: Run, signed: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert signed
    run("approval", "key", tmp_path / "other.pem", "--person", "wu")
    assert run("approve", tmp_path / "officer" / "plan.json", "--key", tmp_path / "other.pem") == 2
    assert "names no approver with this key" in capsys.readouterr().err


@pytest.mark.parametrize("edit", [('"grace_seconds":604800', '"grace_seconds":604801')])
def test_a_plan_that_was_edited_on_the_way_is_signed_for_nothing(  # noqa: PLR0917
    company: Running, run: Run, signed: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], edit: tuple[str, str],
) -> None:  # fmt: skip
    plan_id, note = signed
    path = tmp_path / "officer" / "plan.json"
    text = path.read_text()
    assert edit[0] in text
    path.write_text(text.replace(*edit))
    assert run("approve", path, "--key", tmp_path / "officer" / "wu.pem") == 0
    monkeypatch.setattr(command_line, "deploy", lambda _connections=None: company.deployment)
    assert run("approval", "bring", note, "--by", "ops") == 2
    assert "approval binds the digest" in capsys.readouterr().err
    assert company.deployment.control.approvals(plan_id) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"id":"p"}', "not json", '{"id": "p"}'])
def test_what_is_no_plan_is_not_signed(run: Run, signed: tuple[str, Path], tmp_path: Path, text: str) -> None:
    assert signed
    (tmp_path / "rubbish.json").write_text(text)
    assert run("approve", tmp_path / "rubbish.json", "--key", tmp_path / "officer" / "wu.pem") == 2
    assert run("approve", tmp_path / "missing.json", "--key", tmp_path / "officer" / "wu.pem") == 2
    assert run("approve", tmp_path / "officer" / "plan.json", "--key", tmp_path / "missing.pem") == 2


@pytest.mark.parametrize("list_of", ["nobody", "another", "broken", "missing"])
def test_a_key_that_the_server_does_not_list_is_told_at_the_export_and_refused(  # noqa: PLR0917
    company: Running, run: Run, signed: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], list_of: str,
) -> None:  # fmt: skip
    plan_id, note = signed
    assert "would be refused" not in capsys.readouterr().err
    run("approval", "key", tmp_path / "other.pem", "--person", "wu")
    lines = {"another": [capsys.readouterr().out.strip()], "broken": ["wu+key"]}
    path = company.list_keys(*lines.get(list_of, []))
    if list_of == "missing":
        path.unlink()
    said = {
        "nobody": "of wu is not listed on this server", "another": "is not listed on this server; listed for wu is wu+",
        "broken": "WINDDOWN_APPROVER_KEYS: approvers.txt line 1", "missing": "approvers.txt cannot be read",
    }[list_of]  # fmt: skip
    monkeypatch.setattr(command_line, "deploy", lambda _connections=None: company.deployment)
    assert run("approval", "export", plan_id, tmp_path / "again.json", "--by", "li") == 0
    told = capsys.readouterr().err
    assert "a signature of wu would be refused: " in told
    assert said in told
    assert run("approval", "bring", note, "--by", "ops") == 2
    refusal = capsys.readouterr().err
    assert said in refusal
    assert "approve on the plan's page" in refusal
    assert company.deployment.control.approvals(plan_id) == []


@pytest.mark.parametrize("brought_by", ["ops", "chen", "wu"])
def test_nobody_brings_in_the_signature_of_who_requested(  # noqa: PLR0917
    company: Running, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    brought_by: str,
) -> None:  # fmt: skip
    company.requested_by = "wu"
    plan_id = company.run().plan_id
    monkeypatch.setattr(command_line, "deploy", lambda _connections=None: company.deployment)
    monkeypatch.setattr(approving, "_now", company.deployment.clock.now)
    assert run("approval", "export", plan_id, tmp_path / "plan.json", "--by", "li") == 0
    assert run("approve", tmp_path / "plan.json", "--key", tmp_path / "officer" / "wu.pem") == 0
    assert run("approval", "bring", tmp_path / f"{plan_id}.wu.approval", "--by", brought_by) == 2
    assert "wu requested plan" in capsys.readouterr().err
    assert company.deployment.control.approvals(plan_id) == []


@pytest.mark.parametrize("who", ["he", "stranger"])
def test_who_may_not_bring_a_signature(
    company: Running, run: Run, signed: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setattr(command_line, "deploy", lambda _connections=None: company.deployment)
    assert run("approval", "bring", signed[1], "--by", who) == 2
    assert company.deployment.control.approvals(signed[0]) == []
