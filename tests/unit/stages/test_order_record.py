"""What a certificate claims of an order is never stronger than what was looked at; the next action has a name."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt
from winddown.domain.selection import Selection
from winddown.stages.case_file import read_case_file
from winddown.stages.next_actions import next_for_record, next_for_residual
from winddown.stages.order_record import Outcome, Validation, reached
from winddown.stages.residuals import store_of
from winddown.stages.verify import StoreCheck

ORDER = Order(
    OrderId("o-1"), CollectionRef("shop", "orders"), "customer", Act.ERASE, Method.ESCROW_ROWS,
    Selection("m-1", "a" * 64, 3, ("b" * 64,)), 0, 3,
)  # fmt: skip
CHECK = StoreCheck(
    "shop", 1, 0, 0, 5, 0, reached=True, bytes_read=9, medium="files", claim="gone",
    probed=("shop:orders",),
)  # fmt: skip
CLEARED = Receipt("sanitise", "shop", 0, 1, (("tasks", "none"),))
NOT_CLEARED = Receipt("sanitise", "shop", 0, 1, (("tasks", "VACUUM FULL"),))
LIMITED = (Outcome.NONE, Validation.LIMITED)


def test_rows_that_are_in_no_byte_are_clear_and_nothing_stronger() -> None:
    assert reached(ORDER, CHECK, CLEARED, key_is_gone=False) == (Outcome.CLEAR, Validation.PASSED)
    assert {outcome.value for outcome in Outcome} == {"none", "clear", "purge"}


def test_what_lay_under_a_destroyed_key_is_purged_and_validated_by_what_was_searched() -> None:
    assert reached(ORDER, CHECK, CLEARED, key_is_gone=True) == (Outcome.PURGE, Validation.PASSED)
    assert reached(ORDER, replace(CHECK, probed=()), CLEARED, key_is_gone=True) == (Outcome.PURGE, Validation.LIMITED)


@pytest.mark.parametrize(
    ("check", "cleared"),
    [
        (replace(CHECK, reached=False), CLEARED),
        (replace(CHECK, probed=("shop:customers",)), CLEARED),
        (replace(CHECK, probed=()), CLEARED),
        (CHECK, NOT_CLEARED),
        (CHECK, None),
    ],
)
def test_a_deletion_that_nobody_could_look_behind_is_no_outcome(check: StoreCheck, cleared: Receipt | None) -> None:
    assert reached(ORDER, check, cleared, key_is_gone=False) == LIMITED


def test_an_order_that_only_copies_has_no_outcome() -> None:
    order = replace(ORDER, act=Act.SEAL, method=Method.CUSTODIAN_ARCHIVE, fields=("amount",))
    assert reached(order, CHECK, CLEARED, key_is_gone=False) == (Outcome.NONE, Validation.NOT_APPLICABLE)


def row(disposition: str, **more: Any) -> dict[str, Any]:
    return {"collection": "shop:orders", "disposition": disposition, "until": None} | more


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (row("erase"), ("later_wave", "li", None)),
        (row("held"), ("review_hold", "li", None)),
        (row("blocked", collection="shop:nobody-registered-it"), ("decide", "chen", None)),
        (row("store_only", keeper="", until="2036-12-31"), ("name_keeper", "li", "2036-12-31")),
        (
            row("store_only", keeper="示例托管, by agreement of 2026-10-01", until="2036-12-31"),
            ("erase_when_over", "示例托管", "2037-01-01"),
        ),
    ],
)
def test_what_remains_has_a_next_action_with_a_person(
    write_case: Any, case_document: dict[str, Any], said: dict[str, Any], expected: tuple[str, str, str | None]
) -> None:
    case = read_case_file(write_case(case_document)).case
    assert tuple(next_for_record(case, said).values()) == expected


def test_a_backup_is_a_residual_of_the_store_that_it_was_taken_of(
    write_case: Any, case_document: dict[str, Any]
) -> None:
    case_document["register"][-1] |= {
        "category": "backup", "backup": {"of": "shop", "taken_on": date(2026, 11, 1), "expires_on": date(2027, 2, 28)},
    }  # fmt: skip
    case = read_case_file(write_case(case_document)).case
    assert [store_of(case, {"collection": name}) for name in ("files:reports", "files:scans")] == ["shop", "files"]


def test_a_backup_is_looked_after_on_the_day_after_its_last(write_case: Any, case_document: dict[str, Any]) -> None:
    case = read_case_file(write_case(case_document)).case
    assert next_for_residual(case, {"until": "2027-02-28"}) == {
        "what": "confirm_expiry", "who": "示例托管", "on": "2027-03-01",
    }  # fmt: skip
    assert next_for_residual(case, {"until": None})["what"] == "find_out"
