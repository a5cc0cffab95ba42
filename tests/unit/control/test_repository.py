"""Documents, progress and holds as the stages see them."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from winddown.control import tables
from winddown.control.repository import Repository
from winddown.domain.errors import Refused
from winddown.domain.hold import Ground, LegalHold, Scope, holds_digest
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Plan

REF = CollectionRef("shop", "orders")
HOLD = LegalHold(
    "H-1", "matter", Ground.TAX_INSPECTION, "tax bureau", "No. 1", "chen", date(2026, 6, 1), date(2027, 6, 1),
    Scope(subjects_manifest="hold-H-1", subjects_digest="a" * 64, subject_count=1),
)  # fmt: skip


def test_a_document_is_read_as_the_value_that_was_put(control: Repository) -> None:
    digest = control.put("c-1", "inventory", "first", REF, type_=CollectionRef)
    assert control.get("c-1", "inventory", "first", type_=CollectionRef) == REF
    assert control.put("c-1", "inventory", "first", REF, type_=CollectionRef) == digest
    assert control.put("c-1", "inventory", "second", CollectionRef("shop", "x"), type_=CollectionRef) != digest
    assert control.names("c-1", "inventory") == ("first", "second")
    assert control.names("c-2", "inventory") == ()


def test_a_document_that_was_changed_in_the_database_is_refused(control: Repository) -> None:
    control.put("c-1", "inventory", "first", REF, type_=CollectionRef)
    with control.engine.begin() as connection:
        connection.execute(update(tables.document).values(body='{"name":"customers","store":"shop"}'))
    with pytest.raises(Refused, match=r"inventory/first of case c-1 was changed"):
        control.get("c-1", "inventory", "first", type_=CollectionRef)


def test_a_document_that_is_not_there_yet_is_refused_where_it_is_required(control: Repository) -> None:
    assert control.get("c-1", "inventory", "first", type_=CollectionRef) is None
    with pytest.raises(Refused, match=r"c-1 has no inventory 'first' yet.*earlier stages"):
        control.require("c-1", "inventory", "first", type_=CollectionRef)


def test_a_plan_comes_back_whole(control: Repository, open_plan: Plan) -> None:
    assert control.plan("p-1") == open_plan
    assert control.plan_state("p-1") == "open"
    assert control.plans("c-1") == control.plans("c-1", wave="after_claims", state="open") == ("p-1",)
    assert control.plans("c-1", wave="at_once") == control.plans("c-2") == ()


def test_holds_in_force_are_those_that_were_not_released(control: Repository) -> None:
    control.put_hold("c-1", HOLD)
    assert control.holds("c-1") == (HOLD,)
    assert holds_digest(control.holds("c-1")) != holds_digest(())
    with control.engine.begin() as connection:
        connection.execute(update(tables.hold).values(released_at="2026-11-23T00:00:00.000000Z"))
    assert control.holds("c-1") == ()


def test_progress_keeps_the_first_start_and_forgets_on_reset(
    control: Repository, pass_time: Callable[[timedelta], None]
) -> None:
    control.set_progress("c-1", "case", "discover", state="running", message="")
    pass_time(timedelta(minutes=5))
    control.set_progress("c-1", "case", "discover", state="done", message="2 collections")
    (found,) = control.progress("c-1")
    assert (found.state, found.message) == ("done", "2 collections")
    assert (found.started_at, found.finished_at) == ("2026-11-23T02:00:00.000000Z", "2026-11-23T02:05:00.000000Z")
    control.reset_progress("c-1")
    assert control.progress("c-1") == ()
