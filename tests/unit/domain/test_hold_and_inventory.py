"""Holds, blockers, findings, collections: the small values that decisions rest on."""

from dataclasses import replace
from datetime import date

import pytest

from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding, Status
from winddown.domain.hold import Ground, LegalHold, Scope, holds_digest
from winddown.domain.inventory import CollectionRef, Inventory

PERSONS = Scope(subjects_manifest="hold-H-1", subjects_digest="a" * 64, subject_count=3)
HOLD = LegalHold(
    "H-1", "matter", Ground.COURT, "court", "No. 1", "chen", date(2026, 6, 1), date(2027, 6, 1), PERSONS
)  # fmt: skip


def test_a_hold_is_reviewed_after_it_was_placed() -> None:
    with pytest.raises(Refused, match=r"holds\.H-1\.review_on"):
        replace(HOLD, review_on=HOLD.placed_on)


def test_the_digest_of_the_holds_knows_which_and_whom_and_not_in_which_order() -> None:
    other = replace(HOLD, id="H-2")
    assert holds_digest((HOLD, other)) == holds_digest((other, HOLD))
    apart = {
        holds_digest(()),
        holds_digest((HOLD,)),
        holds_digest((other,)),
        holds_digest((HOLD, other)),
        holds_digest((replace(HOLD, scope=replace(PERSONS, subjects_digest="b" * 64)),)),
    }
    assert len(apart) == 5


@pytest.mark.parametrize(
    ("subject", "covered"),
    [
        ("shop", True),
        ("shop:orders", True),
        ("shop:orders.phone", True),
        ("shop2", False),
        ("shop2:orders", False),
        ("other", False),
    ],
)
def test_a_blocker_of_a_store_covers_what_is_inside_it_and_no_namesake(subject: str, *, covered: bool) -> None:
    assert Blocker("store-down", "shop", "down", "administrator", "start it").covers(subject) is covered


def test_a_blocker_of_a_collection_does_not_cover_its_neighbours() -> None:
    blocker = Blocker("no-primary-key", "shop:orders", "no key", "steward", "declare one")
    inventory = Inventory((), (blocker,))
    assert inventory.blockers_of(CollectionRef("shop", "orders")) == (blocker,)
    assert inventory.blockers_of(CollectionRef("shop", "orders_old")) == ()
    assert inventory.blockers_of(CollectionRef("shop", "customers")) == ()


@pytest.mark.parametrize("text", ["", "shop", "shop:", ":orders"])
def test_a_collection_is_named_store_colon_collection(text: str) -> None:
    with pytest.raises(Refused, match="store:collection"):
        CollectionRef.parse(text)


def test_a_collections_name_may_hold_colons() -> None:
    assert CollectionRef.parse("files:2025:exports/a") == CollectionRef("files", "2025:exports/a")


@pytest.mark.parametrize(
    ("status", "kind", "personal"),
    [
        (Status.CONFIRMED, "mobile", True),
        (Status.STEWARD, "mobile", True),
        (Status.STEWARD, None, False),
        (Status.HEADER_ONLY, "mobile", False),
        (Status.AMBIGUOUS, "mobile", False),
        (Status.NONE, None, False),
    ],
)
def test_only_a_confirmed_or_answered_field_is_personal(status: Status, kind: str | None, *, personal: bool) -> None:
    finding = Finding(CollectionRef("shop", "orders"), "phone", status, kind, False, 1, 0, (), (), (), ())
    assert finding.is_personal is personal
