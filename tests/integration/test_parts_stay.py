"""Vouchers that stay where they are keep the beginning of a card's number and a token of a phone's, in a whole case.

In the same case, a bucket goes with all that was in it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from winddown.demo.bucket import REGION
from winddown.domain.plan import Act
from winddown.evidence.verify import verify
from winddown.rules.sentences import said
from winddown.stages.quarantine import restore

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

PARTS = {"card_number": "first:6", "payer_phone": "token"}
CALLS = "huadong-calls"
Rows = dict[str, tuple[Any, ...]]


def payments(company: "CompanyCase") -> Rows:
    query = "SELECT payment_no, card_number, payer_phone, payer_name, amount_cny FROM finance.payments"
    with company.database() as connection:
        return {row[0]: row[1:] for row in connection.execute(query).fetchall()}


def bucket_that_goes(company: "CompanyCase") -> None:
    """A store of its own, with a file of customers that are neither held nor children."""
    held = ",".join((company.directory / "holds" / "hold-2026-01.csv").read_text().split()[1:])
    adults = "SELECT customer_id, mobile FROM shop.customers WHERE birth_date < '2000-01-01'"
    query = f"{adults} AND customer_id NOT IN ({held})"
    with company.database() as connection:
        rows = connection.execute(query.encode()).fetchall()
    with company.bucket() as client:
        client.create_bucket(Bucket=CALLS, CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_bucket_versioning(Bucket=CALLS, VersioningConfiguration={"Status": "Enabled"})
        body = "customer_id,mobile\n" + "".join(f"{number},{mobile}\n" for number, mobile in rows)
        client.put_object(Bucket=CALLS, Key="calls/2024.csv", Body=body.encode())
    company.copy_connections("shop_files", "shop_calls")

    def declare(raw: dict[str, Any]) -> None:
        files = next(found for found in raw["stores"] if found["name"] == "shop_files")
        why = {"name": "shop_calls", "connection": "shop_calls", "bucket": CALLS, "delete_bucket": "the hotline ends"}
        raw["stores"].append(files | why)
        entry = next(found for found in raw["register"] if found["collection"] == "shop_files:exports/chats")
        raw["register"].append(entry | {"collection": "shop_calls:calls"})

    company.edit(declare)


def test_a_part_and_a_token_stay_until_the_end_and_the_rest_comes_back_before(
    company_case: "Callable[..., CompanyCase]",
) -> None:
    company = company_case(customers=20)

    def ask(raw: dict[str, Any]) -> None:
        (entry,) = [found for found in raw["register"] if found["collection"] == "shop_db:finance.payments"]
        entry["minimise"] = PARTS

    company.edit(ask)
    bucket_that_goes(company)
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
    with company.bucket() as client:
        assert CALLS not in {found["Name"] for found in client.list_buckets()["Buckets"]}
    said_of = {
        row["collection"]: row["exceptions"] for document in company.certificates() for row in document["orders"]
    }
    assert "its bucket was deleted once it was empty, for the approved reason" in said_of["shop_calls:calls"]
    assert company.run().reason == "finished", "nothing misses the bucket"
    evidence = company.workspace / company.case_id / "evidence"
    bundle = (evidence / f"{company.case_id}-bundle.zip").read_bytes()
    assert verify(bundle, (evidence / "winddown.pub").read_text()).reasons == []
