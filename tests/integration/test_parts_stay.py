"""Vouchers that stay where they are keep the beginning of a card's number and a token of a phone's, in a whole case."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from winddown.domain.plan import Act
from winddown.evidence.verify import verify
from winddown.rules.sentences import said
from winddown.stages.quarantine import restore

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

PARTS = {"card_number": "first:6", "payer_phone": "token"}
Rows = dict[str, tuple[Any, ...]]


def payments(company: "CompanyCase") -> Rows:
    query = "SELECT payment_no, card_number, payer_phone, payer_name, amount_cny FROM finance.payments"
    with company.database() as connection:
        return {row[0]: row[1:] for row in connection.execute(query).fetchall()}


def test_a_part_and_a_token_stay_until_the_end_and_the_rest_comes_back_before(
    company_case: "Callable[..., CompanyCase]",
) -> None:
    company = company_case(customers=20)

    def ask(raw: dict[str, Any]) -> None:
        (entry,) = [found for found in raw["register"] if found["collection"] == "shop_db:finance.payments"]
        entry["minimise"] = PARTS

    company.edit(ask)
    before = payments(company)
    company.run_until("grace")
    assert payments(company) != before
    restore(company.deploy(), company.case_id, requested_by="chen.liquidator")
    assert payments(company) == before
    company.run_until("finished")
    after, control = payments(company), company.deploy().control
    orders = [
        order
        for plan_id in control.plans(company.case_id, state="certified")
        for order in control.plan(plan_id).orders
        if order.act is Act.MINIMISE and order.collection.name == "finance.payments"
    ]
    assert {order.generalised for order in orders} == {tuple(sorted(PARTS.items()))}
    changed = {number for number in before if after[number] != before[number]}
    assert len(changed) == sum(order.selection.count for order in orders) > 0
    tokens: dict[str, str] = {}
    for number in changed:
        (card, phone, _, amount), (card_left, phone_left, name_left, amount_left) = before[number], after[number]
        assert (card_left, name_left, amount_left) == (card and card[:6], None, amount)
        assert (phone is None) == (phone_left is None)
        if phone is not None:
            assert phone_left.startswith("~")
            assert tokens.setdefault(phone, phone_left) == phone_left, "the same phone has the same token"
    assert len(set(tokens.values())) == len(tokens) > 1
    rows = [row for document in company.certificates() for row in document["orders"] if row.get("left")]
    assert {row["collection"] for row in rows} == {"shop_db:finance.payments"}
    assert all(dict(row["left"]) == PARTS for row in rows)
    (limit,) = {text for document in company.certificates() for text in document["not_claimed"] if "tokens" in text}
    assert "shop_db:finance.payments.payer_phone: whoever holds the case's key can find a value out" in limit
    assert said(limit).zh
    evidence = company.workspace / company.case_id / "evidence"
    bundle = (evidence / f"{company.case_id}-bundle.zip").read_bytes()
    assert verify(bundle, (evidence / "winddown.pub").read_text()).reasons == []
