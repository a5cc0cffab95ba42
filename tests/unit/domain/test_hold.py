"""What a hold covers, how its parts intersect, and what it says of itself."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.errors import Refused
from winddown.domain.hold import Ground, LegalHold, Scope, holds_digest
from winddown.domain.inventory import CollectionRef

ORDERS, SCANS, OTHER = (CollectionRef("shop", name) for name in ("orders", "scans", "other"))
PERSONS = {"subjects_manifest": "hold-H-1-x", "subjects_digest": "a" * 64, "subject_count": 2}
REVIEW = date(2027, 6, 1)
HOLD = LegalHold(
    "H-1", "（2026）示例1号", Ground.COURT, "示例人民法院", "第7号", "li", date(2026, 6, 1), REVIEW, Scope(company=True)
)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "covers nothing protects nothing"),
        ({"company": True, "collections": (ORDERS,)}, "cannot be narrowed"),
        ({"company": True, "since": date(2025, 1, 1)}, "cannot be narrowed"),
        ({"company": True, **PERSONS}, "cannot be narrowed"),
        ({"since": date(2025, 1, 2), "until": date(2025, 1, 1)}, "before they begin"),
        ({"subjects_manifest": "m", "subject_count": 0}, "names at least one"),
        ({"collections": (ORDERS,), "subject_count": 1}, "names at least one"),
    ],
)
def test_a_scope_that_says_nothing_or_two_things_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        Scope(**parts)


def test_a_hold_of_everybody_counts_no_persons() -> None:
    assert Scope(company=True).subject_count == 0


def test_one_day_is_a_range() -> None:
    assert Scope(since=date(2025, 1, 1), until=date(2025, 1, 1)).has_dates


def test_a_folder_is_meant_with_all_of_its_formats_and_no_namesake() -> None:
    scope = Scope(collections=(CollectionRef("files", "exports/a"),))
    touched = [name for name in ("exports/a", "exports/a#csv", "exports/ab", "exports/a/b")
               if scope.touches(CollectionRef("files", name))]  # fmt: skip
    assert touched == ["exports/a", "exports/a#csv"]


def test_what_is_tied_to_nobody_is_covered_unless_the_hold_is_about_persons_elsewhere() -> None:
    assert Scope(company=True).touches_whole(OTHER)
    assert Scope(since=date(2025, 1, 1)).touches_whole(OTHER)
    assert not Scope(**PERSONS).touches_whole(OTHER)
    assert not Scope(collections=(ORDERS,)).touches_whole(OTHER)
    assert Scope(collections=(OTHER,), **PERSONS).touches_whole(OTHER)


@pytest.mark.parametrize(
    ("earlier", "later", "narrows"),
    [
        (Scope(company=True), Scope(collections=(ORDERS,)), True),
        (Scope(company=True), Scope(since=date(2025, 1, 1)), True),
        (Scope(company=True), Scope(**PERSONS), True),
        (Scope(collections=(ORDERS,)), Scope(company=True), False),
        (Scope(collections=(ORDERS, SCANS)), Scope(collections=(ORDERS,)), True),
        (Scope(collections=(ORDERS,)), Scope(collections=(SCANS, ORDERS)), False),
        (Scope(collections=(ORDERS,), **PERSONS), Scope(**PERSONS), False),
        (Scope(**PERSONS), Scope(collections=(ORDERS,), **PERSONS), True),
        (Scope(since=date(2025, 1, 1)), Scope(since=date(2024, 1, 1)), False),
        (Scope(since=date(2025, 1, 1)), Scope(since=date(2025, 1, 2)), True),
        (Scope(until=date(2025, 1, 1)), Scope(until=date(2024, 12, 31)), True),
        (Scope(until=date(2025, 1, 1)), Scope(since=date(2020, 1, 1), until=date(2025, 1, 1)), True),
        (Scope(since=date(2025, 1, 1)), Scope(company=True), False),
    ],
)
def test_a_hold_may_grow_and_not_shrink(earlier: Scope, later: Scope, *, narrows: bool) -> None:
    assert later.narrows(earlier) is narrows
    assert not later.narrows(later)


# -- what it says ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", Ground)
def test_every_ground_says_what_it_is_in_both_languages(ground: Ground) -> None:
    said = replace(HOLD, ground=ground).says(HOLD.placed_on)
    assert ground.zh in said
    assert ground.en in said
    assert ground.is_statutory is (ground is not Ground.PRIVATE_DISPUTE)


def test_a_hold_names_its_matter_order_and_review_date() -> None:
    said = HOLD.says(date(2026, 11, 1))
    assert said.startswith("hold H-1, matter （2026）示例1号 (示例人民法院 第7号): ")
    assert said.endswith("next review on 2027-06-01")


def test_a_private_dispute_says_that_it_is_no_statutory_hold() -> None:
    dispute = replace(HOLD, ground=Ground.PRIVATE_DISPUTE, authority="", document_number="")
    said = dispute.says(HOLD.placed_on)
    assert said.startswith(f"hold H-1, matter （2026）示例1号: {Ground.PRIVATE_DISPUTE.zh}; "), "of nobody's order"
    named = replace(dispute, authority="示例公司").says(HOLD.placed_on)
    assert named.startswith("hold H-1, matter （2026）示例1号 (示例公司): ")
    for part in ("并非法定保全", "第一百八十八条", "律师确认"):
        assert part in said
    for part in ("no statutory hold", "no duty to keep", "its own interest", "counsel must confirm"):
        assert part in said


@pytest.mark.parametrize("ground", [ground for ground in Ground if ground.is_statutory])
@pytest.mark.parametrize("missing", ["authority", "document_number"])
def test_a_statutory_hold_names_its_order(ground: Ground, missing: str) -> None:
    with pytest.raises(Refused, match="needs the authority and the number of its order"):
        replace(HOLD, ground=ground, **{missing: " "})  # type: ignore[arg-type]


@pytest.mark.parametrize("review_on", [HOLD.placed_on, HOLD.placed_on - timedelta(1)])
def test_a_hold_is_reviewed_after_the_day_on_which_it_was_placed(review_on: date) -> None:
    assert replace(HOLD, review_on=HOLD.placed_on + timedelta(1)).is_overdue(REVIEW)
    with pytest.raises(Refused, match=f"{review_on} is not after placed_on 2026-06-01"):
        replace(HOLD, review_on=review_on)


def test_a_hold_is_reviewed_until_its_day_is_over_and_is_overdue_then() -> None:
    assert [HOLD.is_overdue(REVIEW + timedelta(days)) for days in (-1, 0, 1)] == [False, False, True]
    assert "overdue for review since 2027-06-01, and holds until it is released" in HOLD.says(REVIEW + timedelta(1))


# -- the digest of all holds -------------------------------------------------------------------------------------------

DATES = st.none() | st.dates(date(2024, 1, 1), date(2026, 1, 1))
REFS = st.lists(st.sampled_from([ORDERS, SCANS, OTHER]), unique=True, max_size=3).map(tuple)


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    if draw(st.booleans()):
        return Scope(company=True)
    since, until = draw(DATES), draw(DATES)
    if since is not None and until is not None and until < since:
        since, until = until, since
    digest = draw(st.sampled_from(["", "a" * 64, "b" * 64]))
    collections = draw(REFS)
    if not (digest or collections or since or until):
        collections = (ORDERS,)
    persons = {"subjects_manifest": "m", "subjects_digest": digest, "subject_count": 1} if digest else {}
    return Scope(collections=collections, since=since, until=until, **persons)


def test_each_part_of_a_scope_is_in_the_digest() -> None:
    parts: list[dict[str, Any]] = [
        {"company": True}, {"collections": (ORDERS,)}, PERSONS, {"since": date(2025, 1, 1)},
        {"until": date(2025, 1, 1)}, {"since": date(2025, 1, 2)}, {"until": date(2025, 1, 2)},
    ]  # fmt: skip
    assert len({holds_digest([replace(HOLD, scope=Scope(**part))]) for part in parts}) == len(parts)


@given(one=scopes(), other=scopes())
def test_two_holds_have_one_digest_only_when_they_cover_the_same(one: Scope, other: Scope) -> None:
    def covers(scope: Scope) -> tuple[object, ...]:
        return (scope.company, set(scope.collections), scope.subjects_digest, scope.since, scope.until)

    same = holds_digest([replace(HOLD, scope=one)]) == holds_digest([replace(HOLD, scope=other)])
    assert same is (covers(one) == covers(other))


@given(held=st.lists(scopes(), max_size=4), position=st.integers(0, 3))
def test_placing_and_releasing_a_hold_leads_back_to_the_digest_from_before(held: list[Scope], position: int) -> None:
    holds = [replace(HOLD, id=f"H-{number}", scope=scope) for number, scope in enumerate(held)]
    fresh = [*holds[:position], replace(HOLD, id="H-new"), *holds[position:]]
    assert holds_digest(fresh) != holds_digest(holds)
    assert holds_digest([hold for hold in fresh if hold.id != "H-new"]) == holds_digest(holds)
