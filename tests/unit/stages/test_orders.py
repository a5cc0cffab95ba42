"""Orders: children before parents, links survive minimising, units that may run side by side."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition, Reason, Term
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Collection, CollectionRef, Medium
from winddown.domain.plan import Act, Method, Order, OrderId, Plan, Wave
from winddown.domain.selection import Selection
from winddown.stages.case_file import read_case_file
from winddown.stages.decide import Labelled
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import read_manifest
from winddown.stages.open import open_case
from winddown.stages.orders import make_orders
from winddown.stages.quarantine import units
from winddown.stages.references import kept_references

from .conftest import OBJECT_LOCATORS

REASON = Reason("DEL-PIPL-47-2", "PIPL 47", "the service stopped", prevails=True)


@pytest.fixture
def case(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Case:
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    return deployment.case("demo-1")


def labelled(shelved: tuple[Collection, pa.Table], disposition: Disposition, **more: Any) -> Labelled:
    """All records of a collection under one label and one decision."""
    collection, table = shelved
    keys = pl.DataFrame({name: table.column(name).to_pylist() for name in collection.key})
    records = keys.with_columns(pl.lit("customer").alias("label"))
    if "needed_fields" in more:
        more |= {"terms": (Term(more.get("until"), more["needed_fields"]),)}
    decision = Decision(collection.ref, "customer", records.height, disposition, (REASON,), **more)
    return Labelled(collection, records, (decision,))


def personal(collection: Collection) -> tuple[Finding, ...]:
    """Every field of the collection confirmed as personal information."""
    return tuple(
        Finding(collection.ref, name, Status.CONFIRMED, "mobile", False, 1, 0, (), (), (), ())
        for name in collection.field_names()
    )


# -- levels ----------------------------------------------------------------------------------------------------------


def levels(deployment: Deployment, case: Case, shop: Any, **refers: list[str]) -> dict[str, int]:
    """Tables and to which tables each refers → their levels in the orders that erase them."""
    for name, targets in refers.items():
        shop.put(name, {"id": ["1"]}, key=("id",), refers=[("id", target) for target in targets])
    found = [labelled(shelved, Disposition.ERASE) for shelved in shop.shelf.values()]
    orders, blockers = make_orders(
        deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=found, findings=()
    )  # fmt: skip
    assert blockers == []
    return {order.collection.name: order.level for order in orders}


def test_a_chain_of_tables_goes_from_the_last_child_to_the_first_parent(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    found = levels(deployment, case, shop, a=[], b=["a"], c=["b"], d=["c"], e=["d"])
    assert found == {"e": 0, "d": 1, "c": 2, "b": 3, "a": 4}


def test_a_parent_waits_for_the_longest_of_its_chains(deployment: Deployment, case: Case, shop: Any) -> None:
    found = levels(deployment, case, shop, customers=[], orders=["customers"], payments=["orders", "customers"])
    assert found == {"payments": 0, "orders": 1, "customers": 2}


def test_a_table_that_refers_to_itself_or_to_a_table_elsewhere_is_no_cycle(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    assert levels(deployment, case, shop, staff=["staff"], notes=["archive"]) == {"staff": 0, "notes": 0}


@pytest.mark.parametrize(
    ("refers", "circular"),
    [
        ({"a": ["b"], "b": ["a"]}, {"a", "b"}),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, {"a", "b", "c"}),
        ({"a": ["b"], "b": ["c"], "c": ["b", "d"], "d": ["e"], "e": []}, {"b", "c"}),
    ],
)
def test_tables_in_a_circle_are_named_and_stop_nobody_else(
    deployment: Deployment, case: Case, shop: Any, refers: dict[str, list[str]], circular: set[str]
) -> None:
    for name, targets in refers.items():
        shop.put(name, {"id": ["1"]}, key=("id",), refers=[("id", target) for target in targets])
    found = [labelled(shelved, Disposition.ERASE) for shelved in shop.shelf.values()]
    orders, blockers = make_orders(deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=found, findings=())
    assert {(one.code, one.subject) for one in blockers} == {
        ("circular-references", f"shop:{name}") for name in circular
    }
    assert {order.collection.name for order in orders} == set(refers) - circular
    # Rows of the circle stay, and so does whatever they refer to.
    named = kept_references(deployment, case, found, orders)
    assert {one.subject for one in named} == {f"shop:{name}" for name in ("d", "e") if name in refers}


def test_a_circle_of_tables_that_stay_stops_nobody(deployment: Deployment, case: Case, shop: Any) -> None:
    shop.put("staff", {"id": ["1"]}, key=("id",), refers=[("id", "shops")])
    shop.put("shops", {"id": ["1"]}, key=("id",), refers=[("id", "staff")])
    shop.put("rentals", {"id": ["1"]}, key=("id",), refers=[("id", "staff")])
    found = [
        labelled(shelved, Disposition.ERASE if name == "rentals" else Disposition.BLOCKED)
        for name, shelved in shop.shelf.items()
    ]
    orders, blockers = make_orders(deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=found, findings=())
    assert ([order.collection.name for order in orders], blockers) == (["rentals"], [])


def test_a_circle_through_a_table_that_stays_is_none(deployment: Deployment, case: Case, shop: Any) -> None:
    for name, target in {"a": "b", "b": "c", "c": "a"}.items():
        shop.put(name, {"id": ["1"]}, key=("id",), refers=[("id", target)])
    found = {name: labelled(shelved, Disposition.ERASE) for name, shelved in shop.shelf.items()}
    found["c"] = labelled(shop.shelf["c"], Disposition.HELD)
    orders, blockers = make_orders(
        deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=list(found.values()), findings=()
    )  # fmt: skip
    assert blockers == []
    assert [(order.collection.name, order.level) for order in sorted(orders, key=lambda one: one.level)] == [
        ("a", 0), ("b", 1),
    ]  # fmt: skip


def test_rows_to_which_others_may_refer_go_in_smaller_batches(deployment: Deployment, case: Case, shop: Any) -> None:
    ids = [str(number) for number in range(3_000)]
    shop.put("customers", {"id": ids}, key=("id",))
    shop.put("orders", {"id": ids}, key=("id",), refers=[("id", "customers")])
    found = [labelled(shelved, Disposition.ERASE) for shelved in shop.shelf.values()]
    orders, _ = make_orders(deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=found, findings=())
    batches = {order.collection.name: len(order.selection.batch_digests) for order in orders}
    assert batches == {"customers": 2, "orders": 1}


# -- what minimising leaves ------------------------------------------------------------------------------------------


def minimised(deployment: Deployment, case: Case, found: Labelled, *, wave: Wave) -> tuple[str, ...]:
    """The fields that the wave's one order empties."""
    ((order,), _) = make_orders(
        deployment, case, "p", wave=wave, labelled=[found], findings=personal(found.collection)
    )  # fmt: skip
    assert order.act is Act.MINIMISE
    return order.fields


def test_a_voucher_kept_in_place_loses_every_personal_field_but_needed_ones_keys_and_links(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    columns = ("payment_no", "order_no", "account", "paid_on", "payer", "phone")
    shop.put("payments", {name: ["1"] for name in columns}, key=("payment_no",), refers=[("account", "accounts")])
    found = labelled(
        shop.shelf["payments"], Disposition.STORE_ONLY, needed_fields=("paid_on",), until=case.custodian.agreement_on,
        in_place=True,
    )  # fmt: skip
    # payment_no is the key, account a foreign key, order_no the link that the register declares, paid_on is needed.
    assert minimised(deployment, case, found, wave=Wave.AFTER_CLAIMS) == ("payer", "phone")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tied": "unique index x"}, "phone is bound by unique index x"),
        ({"computed_from": ("payer", "paid_on")}, "phone is computed from paid_on, which stays"),
        ({"nullable": False, "type": "date"}, "phone may be neither null nor an empty text"),
    ],
)
def test_a_field_that_cannot_be_emptied_is_named_when_the_plan_is_made(
    deployment: Deployment, case: Case, shop: Any, change: dict[str, Any], said: str
) -> None:
    shop.put("payments", {name: ["1"] for name in ("payment_no", "paid_on", "payer", "phone")}, key=("payment_no",))
    collection, table = shop.shelf["payments"]
    for changes, expected in ((change, [said]), ({"computed_from": ("payer",)}, [])):
        fields = tuple(replace(field, **changes) if field.name == "phone" else field for field in collection.fields)
        shop.shelf["payments"] = (replace(collection, fields=fields), table)
        found = labelled(
            shop.shelf["payments"], Disposition.STORE_ONLY, needed_fields=("paid_on",),
            until=case.custodian.agreement_on, in_place=True,
        )  # fmt: skip
        orders, blockers = make_orders(
            deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=[found], findings=personal(collection)
        )
        assert [(one.code, one.explanation) for one in blockers] == [("cannot-minimise", one) for one in expected]
        assert len(orders) == (0 if expected else 1)


PARTS = (("mobile", "token"), ("paid_on", "month"), ("zip", "region:4"))


@pytest.fixture
def partly(deployment: Deployment, case: Case, shop: Any) -> Callable[..., tuple[tuple[Order, ...], list[Blocker]]]:
    """Orders for payments that stay, of whose fields a part is to stay; of the last row nothing is due."""

    def plan(parts: tuple[tuple[str, str], ...] = PARTS, **changed: list[str | None]) -> Any:
        columns: dict[str, list[str | None]] = {
            "payment_no": ["1", "2"], "paid_on": ["2025-03-02", None], "zip": ["200030", "?"],
            "payer": ["x", "y"], "mobile": ["13800000000", "13800000001"],
        }  # fmt: skip
        shop.put("payments", columns | changed, key=("payment_no",))
        found = labelled(
            shop.shelf["payments"], Disposition.STORE_ONLY, needed_fields=("paid_on",),
            until=case.custodian.agreement_on, in_place=True, in_part=parts,
        )  # fmt: skip
        found = replace(found, records=found.records.with_columns(pl.Series("label", ["customer", "held"])))
        return make_orders(
            deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=[found], findings=personal(found.collection)
        )

    return plan


def test_an_order_says_of_which_fields_what_stays(partly: Callable[..., Any]) -> None:
    ((order,), blockers) = partly()
    assert blockers == []
    assert (order.act, order.method, order.generalised) == (Act.MINIMISE, Method.MOVE_FIELDS, PARTS)
    assert set(order.fields) == {"mobile", "paid_on", "payer", "zip"}, "what is needed in part is no longer whole"
    assert order.reason == "the records stay and 1 of their fields are emptied, and of 3 more a part or a token stays"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"zip": ["20003", "x"]}, "1 values of zip cannot be read as region:4 expects, or would stay whole"),
        ({"paid_on": ["2025/03/02", "x"]}, "1 values of paid_on cannot be read as month expects, or would stay whole"),
        ({"parts": (("payment_no", "token"),)}, "payment_no names records, so it stays"),
        (
            {"parts": (("payer", "first:8"),)},
            "1 values of payer cannot be read as first:8 expects, or would stay whole",
        ),
    ],
)
def test_values_that_would_not_become_coarser_are_counted_when_the_plan_is_made(
    partly: Callable[..., Any], given: dict[str, Any], said: str
) -> None:
    orders, blockers = partly(**given)
    assert orders == ()
    assert [(one.code, one.explanation, one.resolver) for one in blockers] == [("cannot-minimise", said, "steward")]


def test_what_was_left_already_is_not_left_again_and_less_of_it_may_be_due_later(
    partly: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def due(parts: tuple[tuple[str, str], ...]) -> list[tuple[set[str], tuple[tuple[str, str], ...]]]:
        orders, blockers = partly(parts)
        assert blockers == []
        return [(set(order.fields), order.generalised) for order in orders]

    before, _ = partly(PARTS)
    monkeypatch.setattr("winddown.stages.orders._emptied", lambda *_: before)
    assert due(PARTS) == [], "nothing of it is due again"
    everything = {"mobile", "paid_on", "payer", "zip"}
    assert due((("mobile", "token"), ("paid_on", "month"))) == [(everything - {"mobile", "paid_on"}, ())]
    assert due((*PARTS[:2], ("zip", "region:2"))) == [({"payer", "zip"}, (("zip", "region:2"),))]

    of_some = [replace(order, fields=("mobile", "zip"), generalised=(PARTS[0], PARTS[2])) for order in before]
    monkeypatch.setattr("winddown.stages.orders._emptied", lambda *_: of_some)
    assert due(PARTS) == [({"paid_on", "payer"}, (PARTS[1],))], "a token is not made of a token"


def test_a_part_stays_only_where_fields_move(partly: Callable[..., Any], shop: Any) -> None:
    shop.method = lambda *_, **__: Method.SET_ASIDE
    orders, (blocker,) = partly()
    assert orders == ()
    assert blocker.explanation == "only fields of database tables keep a part of their values"


def test_a_childs_voucher_keeps_what_others_are_tied_through(deployment: Deployment, case: Case, shop: Any) -> None:
    shop.put("orders", {name: ["1"] for name in ("id", "order_no", "customer", "amount", "phone")}, key=("id",))
    found = labelled(
        shop.shelf["orders"], Disposition.STORE_ONLY, needed_fields=("amount",), until=case.custodian.agreement_on,
        at_once=True,
    )  # fmt: skip
    # Payments are tied to persons through order_no, orders through customer.
    assert minimised(deployment, case, found, wave=Wave.AT_ONCE) == ("phone",)


def test_each_childs_voucher_loses_only_what_its_own_duties_do_not_need(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    shop.put("orders", {name: ["1", "2"] for name in ("id", "amount", "phone", "buyer")}, key=("id",))
    collection, table = shop.shelf["orders"]
    labels = ("minor/2020", "minor/2026")
    records = pl.DataFrame({"id": table.column("id").to_pylist(), "label": labels})
    until = case.custodian.agreement_on
    decisions = tuple(
        Decision(
            collection.ref, label, 1, Disposition.STORE_ONLY, (REASON,), needed, until,
            at_once=True, terms=(Term(until, needed),),
        )
        for label, needed in zip(labels, (("amount",), ("amount", "buyer")), strict=True)
    )  # fmt: skip
    found = Labelled(collection, records, decisions)
    orders, _ = make_orders(deployment, case, "p", wave=Wave.AT_ONCE, labelled=[found], findings=personal(collection))
    assert {order.label: order.fields for order in orders} == {
        "minor/2020": ("phone", "buyer"), "minor/2026": ("phone",),
    }  # fmt: skip


def test_a_childs_row_in_the_list_of_customers_is_emptied_and_its_number_stays(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    shop.put("customers", {name: ["1"] for name in ("row", "id", "born_on", "mobile")}, key=("row",))
    found = labelled(shop.shelf["customers"], Disposition.ERASE, at_once=True)
    assert minimised(deployment, case, found, wave=Wave.AT_ONCE) == ("born_on", "mobile")


def test_a_childs_contact_data_goes_whole_and_an_adults_waits(deployment: Deployment, case: Case, shop: Any) -> None:
    shop.put("contacts", {"no": ["1"], "customer": ["C-1"], "phone": ["2"]}, key=("no",))
    child = labelled(shop.shelf["contacts"], Disposition.ERASE, at_once=True)
    findings = personal(child.collection)
    ((order,), _) = make_orders(deployment, case, "p", wave=Wave.AT_ONCE, labelled=[child], findings=findings)
    assert (order.act, order.method, order.fields, order.selection.count) == (Act.ERASE, Method.MOVE_ROWS, (), 1)
    adult = labelled(shop.shelf["contacts"], Disposition.ERASE)
    assert make_orders(deployment, case, "p", wave=Wave.AT_ONCE, labelled=[adult], findings=findings) == ((), [])


@pytest.mark.parametrize("disposition", [Disposition.HELD, Disposition.BLOCKED])
@pytest.mark.parametrize("wave", Wave)
def test_what_is_held_or_blocked_gets_no_order(
    deployment: Deployment, case: Case, shop: Any, disposition: Disposition, wave: Wave
) -> None:
    shop.put("contacts", {"no": ["1"], "customer": ["C-1"]}, key=("no",))
    found = labelled(shop.shelf["contacts"], disposition)
    orders, _ = make_orders(deployment, case, "p", wave=wave, labelled=[found], findings=personal(found.collection))
    assert orders == ()


def test_what_is_sealed_is_erased_only_after_the_custodians_receipt(
    deployment: Deployment, case: Case, shop: Any
) -> None:
    shop.put("orders", {"order_no": ["1", "2"], "customer": ["C-1", "C-2"], "amount": ["3", "4"]}, key=("order_no",))
    found = labelled(
        shop.shelf["orders"], Disposition.STORE_ONLY, needed_fields=("order_no", "amount"),
        until=case.custodian.agreement_on,
    )  # fmt: skip
    (seal, erase), _ = make_orders(deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=[found], findings=())
    assert (seal.act, seal.fields, seal.until) == (Act.SEAL, ("order_no", "amount"), "2026-10-01")
    assert (erase.act, erase.requires) == (Act.ERASE, (seal.id,))
    assert erase.selection.batch_digests == seal.selection.batch_digests
    assert erase.record_count_max == erase.selection.count == 2


# -- files of rows ---------------------------------------------------------------------------------------------------


def test_a_plan_writes_a_file_anew_once_and_no_empty_field_again(
    deployment: Deployment, case: Case, files: Any
) -> None:
    rows = {
        "winddown_object": ["a", "a", "b", "c"], "winddown_version": ["v"] * 4, "winddown_row": ["0", "1", "0", "0"],
        "paid_on": ["1"] * 4, "phone": ["13800138000", "13800138000", "13800138000", ""],
    }  # fmt: skip
    collection = files.put("exports", rows, medium=Medium.ROW_FILES)
    labels = ["customer", "kept", "kept", "kept"]
    records = pl.DataFrame(files.shelf["exports"][1].select(list(OBJECT_LOCATORS))).with_columns(
        pl.Series("label", labels)
    )
    until = case.custodian.agreement_on
    kept = Decision(
        collection.ref, "kept", 3, Disposition.STORE_ONLY, (REASON,), needed_fields=("paid_on",), until=until,
        in_place=True, terms=(Term(until, ("paid_on",)),),
    )  # fmt: skip
    gone = Decision(collection.ref, "customer", 1, Disposition.ERASE, (REASON,))
    found = Labelled(collection, records, (kept, gone))
    (minimise, erase), (later,) = make_orders(
        deployment, case, "p", wave=Wave.AFTER_CLAIMS, labelled=[found], findings=personal(collection)
    )  # fmt: skip
    named = read_manifest(deployment, case.id, minimise.selection.manifest).column("winddown_object").to_pylist()
    assert (minimise.act, minimise.fields, named) == (Act.MINIMISE, ("phone",), ["b"])
    assert (erase.act, erase.selection.count) == (Act.ERASE, 1)
    assert later.code == "minimised-later"
    assert later.explanation.startswith("1 records")


# -- units -----------------------------------------------------------------------------------------------------------


def order(name: str, store: str, level: int, method: Method, act: Act = Act.ERASE) -> Order:
    fields = () if act is Act.ERASE else ("phone",)
    ref, selection = CollectionRef(store, name), Selection(name, "a" * 64, 1, ("b" * 64,))
    return Order(OrderId(name), ref, "customer", act, method, selection, level, 1, fields)


def plan_of(*orders: Order) -> Plan:
    return Plan("p", "demo-1", Wave.AFTER_CLAIMS, orders, "", (), (), "", (), (), "1", 60, "usual", 2, ("pi_officer",))


def test_the_tables_of_a_store_are_one_unit_in_the_order_of_their_levels() -> None:
    plan = plan_of(
        order("customers", "shop", 2, Method.MOVE_ROWS),
        order("payments", "shop", 0, Method.MOVE_FIELDS, Act.MINIMISE),
        order("orders", "shop", 1, Method.MOVE_ROWS),
        order("contacts", "shop", 0, Method.MOVE_ROWS),
        order("clients", "crm", 0, Method.MOVE_ROWS),
    )
    assert set(units(plan)) == {("contacts", "payments", "orders", "customers"), ("clients",)}


def test_objects_are_units_of_their_own_and_seals_are_none() -> None:
    plan = plan_of(
        order("sealed", "shop", 0, Method.CUSTODIAN_ARCHIVE, Act.SEAL),
        order("orders", "shop", 1, Method.MOVE_ROWS),
        order("scans", "files", 0, Method.DELETE_MARKER),
        order("exports", "files", 0, Method.REWRITE_OBJECT),
    )
    assert set(units(plan)) == {("orders",), ("scans",), ("exports",)}
    assert units(replace(plan, orders=plan.orders[:1])) == ()
