"""A customer gets a proof of their own records, which opens with the bundle and says nothing of others."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from winddown.__main__ import main
from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.stages import journey
from winddown.stages.commitments import prove_person
from winddown.stages.deployment import Deployment
from winddown.stages.report import Report, report
from winddown.stores.memory import Row

from .running import NONE, Running, running, table
from .test_probes import MOBILE, entry

PERSONS = 7


@pytest.fixture
def case(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> tuple[Running, Report]:
    """A finished case in which customer n made n calls."""
    monkeypatch.setattr(journey, "report", lambda *_: "")
    customers: list[Row] = [
        {"id": f"C{n}", "phone": f"1380013{n:04d}", "born_on": "1980-01-01", "country": "CN"} for n in range(PERSONS)
    ]
    callers = [n for n in range(PERSONS) for _ in range(n)]
    calls: list[Row] = [{"no": f"{k}", "customer": f"C{n}", "phone": f"1390013{k:04d}"} for k, n in enumerate(callers)]
    calls.append({"no": "999", "customer": None, "phone": "13900139999"})
    case_document["register"] = [
        entry("customers", {"id": NONE, "phone": MOBILE, "born_on": NONE, "country": NONE}),
        entry("calls", {"no": NONE, "customer": NONE, "phone": MOBILE}),
    ]
    case_document["register"][0]["subject"] = {"field": "id"}
    tables = {"customers": table("id", rows=customers), "calls": table("no", rows=calls)}
    made = running(deployment, case_folder, case_document, tables)
    while (halt := made.run()).reason != "finished":
        if halt.reason == "approvals":
            made.approve(halt.plan_id)
        else:
            made.pass_grace()
    return made, report(made.deployment, "demo-1")


def judged(written: Report, proof: bytes) -> verify.Report:
    return verify.verify(written.bundle.read_bytes(), written.key.read_text(), person=proof)


def test_each_customer_is_shown_their_own_records_and_no_others(case: tuple[Running, Report]) -> None:
    made, written = case
    plans = [made.deployment.control.plan(one) for one in made.deployment.control.plans("demo-1", state="certified")]
    orders = {str(order.id): order for plan in plans for order in plan.orders}
    for n in range(PERSONS):
        proof = prove_person(made.deployment, "demo-1", f"C{n}")
        rows = json.loads(proof)["orders"]
        told = {(str(orders[row["order_id"]].collection), row["records"]) for row in rows}
        assert told == {("shop:customers", 1)} | ({("shop:calls", n)} if n else set())
        found = judged(written, proof)
        assert found.reasons == []
        assert sum(line.startswith("person: order") for line in found.checks) == len(rows)
        assert all(f'"C{other}"' not in proof.decode() for other in range(PERSONS) if other != n)
    with pytest.raises(Refused, match="no certified plan") as refused:
        prove_person(made.deployment, "demo-1", "C999")
    assert "C999" not in str(refused.value)
    assert {order.selection.persons for order in orders.values()} == {PERSONS, PERSONS - 1}, "nobody is nobody"


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"records": 3}, "not what the plan commits to"),
    ({"salt": "0" * 64}, "not what the plan commits to"),
    ({"index": 99}, "there is no entry 99"),
    ({"path": []}, "too short"),
    ({"path": ["AA=="]}, "too long"),
    ({"order_id": "demo-1-01-after-claims-999"}, "not in a certified plan"),
    ({"records": -1}, "records is not a count"),
]


def test_what_was_changed_in_a_proof_is_refused(case: tuple[Running, Report]) -> None:
    made, written = case
    for change, said in CHANGES:
        document = json.loads(prove_person(made.deployment, "demo-1", "C5"))
        document["orders"][0] |= change
        assert said in "".join(judged(written, verify.canonical(document)).reasons), change
    document = json.loads(prove_person(made.deployment, "demo-1", "C5")) | {"person": "C6"}
    assert "not what the plan commits to" in "".join(judged(written, verify.canonical(document)).reasons)
    document = json.loads(prove_person(made.deployment, "demo-1", "C5")) | {"case": "demo-2"}
    assert "not in a certified plan of this case" in "".join(judged(written, verify.canonical(document)).reasons)


def test_the_command_reads_the_customer_from_standard_input_while_the_key_is_there(
    case: tuple[Running, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, written = case
    monkeypatch.setattr("winddown.__main__.deploy", lambda *_: made.deployment)
    monkeypatch.setattr("sys.stdin", io.StringIO("C3\n"))
    assert main(["prove-person", "demo-1", str(tmp_path / "c3.person.json"), "--by", "li"]) == 0
    assert "C3" not in capsys.readouterr().out.replace(str(tmp_path), "")
    assert judged(written, (tmp_path / "c3.person.json").read_bytes()).reasons == []
    entries = [json.loads(raw) for raw in made.deployment.ledger.entries("demo-1")]
    assert entries[-1]["type"] == "evidence_read"
    assert "C3" not in json.dumps(entries[-1]["body"])
    made.deployment.keys("demo-1").destroy()
    with pytest.raises(Refused, match="destroyed"):
        prove_person(made.deployment, "demo-1", "C5")
