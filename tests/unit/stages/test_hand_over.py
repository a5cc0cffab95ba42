"""A payment institution ends: what identifies its customers, and their transactions, go to a designated body."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown.archive.custody import open_as_custodian
from winddown.control.authority import Authority, Effect
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.plan import Act
from winddown.domain.rule import Period, RuleKind
from winddown.stages.deployment import Deployment
from winddown.stages.report import report
from winddown.stages.seal import receivers, seal
from winddown.stores.memory import Row
from winddown.web.fates import fates, totals

from .running import NONE, Running, require_sound, rule, running, table, with_rules

KYC: tuple[str, ...] = ("customer_identity_kyc", "transactions")
MOBILES = [f"1380013{number:04d}" for number in range(8)]


def entry(name: str, category: str, subject: str, **fields: Any) -> dict[str, Any]:
    return {
        "collection": f"shop:{name}", "category": category, "purpose": "payment", "steward": "li",
        "subject": {"field": subject}, "fields": fields,
    }  # fmt: skip


MOBILE = {"kind": "mobile", "because": "seen"}


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    customers: list[Row] = [
        {"id": f"C{n}", "born_on": "1980-01-01", "country": "CN", "mobile": mobile} for n, mobile in enumerate(MOBILES)
    ]
    kyc: list[Row] = [{"no": f"K{n}", "customer": f"C{n}", "mobile": mobile} for n, mobile in enumerate(MOBILES)]
    paid: list[Row] = [
        {"no": f"T{n}", "customer": f"C{n % 8}", "payer_mobile": MOBILES[n % 8], "amount": f"{n}.00"} for n in range(20)
    ]
    tables = {
        "customers": table("id", rows=customers), "kyc": table("no", rows=kyc), "transactions": table("no", rows=paid)
    }  # fmt: skip
    case_document["profile"]["sectors"] = ["nonbank_payment_institution"]
    case_document["people"].append({"id": "zhou", "name": "zhou", "role": "recipient"})
    case_document["accepted_dates"] = []
    announced = next(event for event in case_document["timeline"] if event["event"] == "stop_notice_published")
    case_document["timeline"].append(announced | {"event": "licence_plan_announced"})
    case_document["register"] = [
        entry("customers", "customer_profile", "id", id=NONE, born_on=NONE, country=NONE, mobile=MOBILE),
        entry("kyc", KYC[0], "customer", no=NONE, customer=NONE, mobile=MOBILE),
        entry("transactions", KYC[1], "customer", no=NONE, customer=NONE, payer_mobile=MOBILE, amount=NONE),
    ]
    hand_over = rule(
        "HO-AML-34", RuleKind.MUST_HANDOVER, KYC, "dissolution_resolved", recipient="designated_body",
        applies_to=("nonbank_payment_institution",),
    )  # fmt: skip
    keep = rule(
        "RET-AML-TXN-10Y", RuleKind.MIN_RETENTION, KYC, "service_stopped", period=Period.parse("P10Y"),
        needs=("whole_record",),
    )  # fmt: skip
    book = with_rules(deployment.rulebook, hand_over, keep, sectors=["nonbank_payment_institution"])
    made = running(replace(deployment, rulebook=book), case_folder, case_document, tables)
    case_document["recipients"] = [
        {
            "role": "designated_body", "person": "zhou", "organisation": "示例清算机构", "contact": "a@example.com",
            "country": "CN",
            "public_key": made.key("body.pub"), "agreement_on": case_document["custodian"]["agreement_on"],
            "evidence": "evidence/agreement.txt",
        }
    ]  # fmt: skip
    return made


def sealed(company: Running, plan_id: str) -> list[str]:
    return [str(order.id) for order in company.deployment.control.plan(plan_id).orders if order.act is Act.SEAL]


def test_the_own_copy_goes_only_after_the_bodys_own_receipt(company: Running) -> None:
    halt = company.run()
    assert halt.reason == "approvals"
    company.approve(halt.plan_id)
    halt = company.run()
    assert (halt.reason, halt.message.split(" receipt")[0]) == ("receipts", "the designated_body's")
    assert receivers(company.deployment, halt.plan_id) == ("zhou",)
    kyc, transactions = sealed(company, halt.plan_id)
    company.acknowledge(halt.plan_id, kyc, key="body.pub", person="zhou")
    # Half of it is not all of it: nothing has gone, of neither table.
    assert company.run().reason == "receipts"
    assert (len(company.tables["kyc"].rows), len(company.tables["transactions"].rows)) == (8, 20)
    company.acknowledge(halt.plan_id, transactions, key="body.pub", person="zhou")
    assert company.run().reason == "grace"
    assert company.tables["kyc"].rows == company.tables["transactions"].rows == []
    company.pass_grace()
    assert company.run().reason == "finished"
    rows = {row["id"]: row for row in company.certificate(halt.plan_id)["orders"]}
    assert rows[kyc]["receiver"] == {"organisation": "示例清算机构", "role": "designated_body", "person": "zhou"}
    assert rows[kyc]["acknowledged_by"] == "zhou"
    assert rows[kyc]["acknowledged_at"].startswith("2026-11-23")
    assert rows[kyc]["archive"]["keep_until"] == ""
    assert "HO-AML-34" in rows[kyc]["rules"]
    written = report(company.deployment, "demo-1")
    require_sound(written)
    assert "示例清算机构<br>designated body" in written.certificates[0].read_text("utf-8")


def test_no_receipt_comes_before_the_ledger_says_that_it_is_sealed(
    company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_self: Authority, effect: Effect, **_named: Any) -> None:
        assert effect.power is Power.SEAL
        raise KeyboardInterrupt

    plan_id = company.run().plan_id
    company.approve(plan_id)
    with monkeypatch.context() as patch:
        patch.setattr(Authority, "close", die)
        with pytest.raises(KeyboardInterrupt):
            seal(company.deployment, plan_id)
    kyc, transactions = sealed(company, plan_id)
    case, opened = company.deployment.case("demo-1"), company.receipt(plan_id, kyc, key="body.pub")
    for order_id in (kyc, transactions):
        with pytest.raises(Refused, match="has not been sealed yet"):
            company.door.acknowledge(case, plan_id, order_id, person_id="zhou", **opened)
    assert company.run().reason == "receipts"
    assert company.receipt(plan_id, kyc, key="body.pub") == opened
    for order_id in (kyc, transactions):
        company.acknowledge(plan_id, order_id, key="body.pub", person="zhou")
    company.until("grace")
    company.pass_grace()
    with monkeypatch.context() as patch:
        patch.setattr("winddown.stages.certify.unacknowledged", lambda *_: (kyc,))
        with pytest.raises(Refused, match=f"not carried out: the receipt of {kyc}"):
            company.run()
    assert company.run().reason == "finished"
    require_sound(report(company.deployment, "demo-1"))


def test_the_body_receives_every_field(company: Running) -> None:
    company.approve(company.run().plan_id)
    halt = company.run()
    _, transactions = sealed(company, halt.plan_id)
    path = company.deployment.folder("demo-1", "archives") / f"{transactions}.custody"
    _, found = open_as_custodian(path, private_key_pem=company.keys["body.pub"])
    assert found.num_rows == 20
    assert set(found.column_names) == {"no", "customer", "payer_mobile", "amount"}
    with pytest.raises(Refused, match="sealed for another key"):
        open_as_custodian(path, private_key_pem=company.keys["custodian.pub"])


@pytest.mark.parametrize("person", ["he", "chen", "wu", "li", "nobody"])
def test_nobody_else_can_give_its_receipt(company: Running, person: str) -> None:
    company.approve(company.run().plan_id)
    halt = company.run()
    for order_id in sealed(company, halt.plan_id):
        with pytest.raises(Refused, match=f"{person} is not the designated_body"):
            company.acknowledge(halt.plan_id, order_id, key="body.pub", person=person)
    assert company.run().reason == "receipts"
    assert len(company.tables["kyc"].rows) == 8


def test_without_the_recipient_nothing_is_planned(company: Running) -> None:
    company.document["recipients"] = []
    with pytest.raises(Refused, match=r"nothing of wave at_once can be done: .*shop:kyc: no-recipient"):
        company.run()
    assert company.deployment.control.plans("demo-1") == ()


@pytest.mark.parametrize(("country", "code"), [("", "unknown-country"), ("HK", "undeclared-transfer")])
def test_a_recipient_abroad_or_nowhere_receives_nothing_undeclared(company: Running, country: str, code: str) -> None:
    company.document["recipients"][0]["country"] = country
    with pytest.raises(Refused, match=rf"nothing of wave at_once can be done: .*shop:kyc: {code}"):
        company.run()
    assert company.deployment.control.plans("demo-1") == ()


def test_a_recipient_that_is_found_to_be_abroad_after_the_approval_gets_no_archive(company: Running) -> None:
    plan_id = company.run().plan_id
    company.approve(plan_id)
    case = company.deployment.case("demo-1")
    moved = replace(case, recipients=(replace(case.recipients[0], country="SG"),))
    company.deployment.control.put("demo-1", "case", "case", moved, type_=Case)
    with pytest.raises(Refused, match="goes to a designated_body in SG: handing it over is a transfer"):
        seal(company.deployment, plan_id)
    assert not list(company.deployment.folder("demo-1", "archives").iterdir())


def test_a_plans_page_says_what_is_handed_over(company: Running) -> None:
    plan = company.deployment.control.plan(company.run().plan_id)
    rows = {row["collection"]: row for row in fates(plan, company.deployment.rulebook, ())}
    assert [label["fate"] for label in rows["shop:kyc"]["labels"]] == ["hand_over"]
    assert (rows["shop:kyc"]["goes"], rows["shop:kyc"]["stays"]) == (8, 0)
    assert {order["act"]: order["recipient"] for order in rows["shop:kyc"]["orders"]} == {
        "seal": "designated_body", "erase": ""
    }  # fmt: skip
    assert totals(list(rows.values())) == {"erase": 8, "hand_over": 28}
