"""Documents, progress and holds as the stages see them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite

from winddown.control import tables
from winddown.control.authority import Effect
from winddown.control.repository import Repository, _upsert
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Transient
from winddown.domain.hold import Ground, LegalHold, Scope, holds_digest
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Plan, Wave

REF = CollectionRef("shop", "orders")
HOLD = LegalHold(
    "H-1", "matter", Ground.TAX_INSPECTION, "tax bureau", "No. 1", "chen", date(2026, 6, 1), date(2027, 6, 1),
    Scope(subjects_manifest="hold-H-1", subjects_digest="a" * 64, subject_count=1),
)  # fmt: skip


def test_of_two_processes_that_make_a_plan_the_first_ones_stays(control: Repository, open_plan: Plan) -> None:
    with pytest.raises(Transient, match="another process made plan p-1 at the same time"):
        control.add_plan(replace(open_plan, grace_reason="another"))
    assert control.plan("p-1") == open_plan


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


# -- one case, plan or document says nothing of another ---------------------------------------------------------------


def test_two_workers_record_one_stage_at_the_same_moment(control: Repository) -> None:
    stages = [f"stage {number}" for number in range(20)]
    start = Barrier(4, timeout=10)

    def worker() -> None:
        for stage in stages:
            start.wait()
            control.set_progress("c-1", "case", stage, state="running", message="")

    with ThreadPoolExecutor(4) as workers:
        for each in [workers.submit(worker) for _ in range(4)]:
            each.result()
    assert {found.stage for found in control.progress("c-1")} == set(stages)


@pytest.mark.parametrize("engine_kind", [sqlite, postgresql], ids=["one", "other"])
def test_a_row_that_may_be_there_is_written_in_the_words_of_its_engine(engine_kind: Any) -> None:
    said = []
    connection: Any = SimpleNamespace(dialect=engine_kind.dialect(), execute=said.append)
    _upsert(connection, tables.document, {"case_id": "c-1", "kind": "a", "name": "b"}, {"body": "1"})
    (statement,) = said
    assert isinstance(statement, engine_kind.Insert)
    assert "ON CONFLICT (case_id, kind, name) DO UPDATE SET body" in str(statement.compile(dialect=connection.dialect))


def test_documents_are_apart_by_case_kind_and_name(control: Repository) -> None:
    names = [("c-1", "inventory", "first"), ("c-1", "inventory", "second"), ("c-1", "seen", "first")]
    names += [("c-2", "inventory", "first"), ("c-2", "case", "case"), ("c-1", "case", "case"), ("c-3", "seen", "first")]
    for number, (case_id, kind, name) in enumerate(names):
        control.put(case_id, kind, name, number)
    assert [control.get(*where, type_=int) for where in names] == list(range(len(names)))
    for number, where in enumerate(names):
        control.put(*where, 10 + number)
    assert [control.get(*where, type_=int) for where in names] == [10 + number for number in range(len(names))]
    assert control.names("c-1", "inventory") == ("first", "second")
    assert control.cases() == ("c-1", "c-2")


def test_plans_are_apart(control: Repository, open_plan: Plan) -> None:
    others = [
        replace(open_plan, id="p-2", wave=Wave.AT_ONCE),
        replace(open_plan, id="p-3"),
        replace(open_plan, id="p-4", case="c-2"),
    ]
    for other in others:
        control.add_plan(other)
    control.set_plan_state("p-3", "certified")
    assert [control.plan_state(f"p-{number}") for number in (1, 2, 3, 4)] == ["open", "open", "certified", "open"]
    assert control.plans("c-1") == ("p-1", "p-2", "p-3")
    assert control.plans("c-1", state="open") == ("p-1", "p-2")
    assert control.plans("c-1", state="certified") == ("p-3",)
    assert control.plans("c-1", wave="after_claims") == ("p-1", "p-3")
    assert control.plans("c-2") == ("p-4",)
    assert [control.case_of_plan(plan_id) for plan_id in ("p-1", "p-4", "p-9")] == ["c-1", "c-2", None]
    assert control.plan("p-4") == others[2]
    with pytest.raises(Refused, match="there is no plan 'p-9'"):
        control.plan("p-9")


def test_approvals_and_receipts_are_apart_by_plan(control: Repository, acknowledged: Plan) -> None:
    assert [row["person"] for row in control.approvals(acknowledged.id)] == ["chen", "wu"]
    assert [row["order_id"] for row in control.acknowledgements(acknowledged.id)] == ["o-seal"]
    control.add_plan(replace(acknowledged, id="p-2"))
    assert control.approvals("p-2") == control.acknowledgements("p-2") == []


def test_effects_are_apart_by_plan_and_come_in_order(
    control: Repository, acknowledged: Plan, deed: Callable[..., Effect], carry_out: Callable[[Effect], None]
) -> None:
    for effect in (deed("o-files", Power.QUARANTINE), deed("o-erase", Power.QUARANTINE, 1), deed("o-seal", Power.SEAL)):
        carry_out(effect)
    found = control.effects(acknowledged.id)
    assert [(one.order_id, one.power, one.batch, one.state, one.records) for one in found] == [
        ("o-erase", "quarantine", 1, "done", 2),
        ("o-files", "quarantine", 0, "done", 4),
        ("o-seal", "seal", 0, "done", 3),
    ]
    assert control.effects("p-2") == ()


def test_progress_is_apart_by_case_wave_and_stage(control: Repository, pass_time: Callable[[timedelta], None]) -> None:
    places = [("c-1", "case", "open"), ("c-1", "case", "check"), ("c-1", "at_once", "check"), ("c-2", "case", "open")]
    for case_id, wave, stage in places:
        control.set_progress(case_id, wave, stage, state="running", message=f"{wave} {stage}")
        pass_time(timedelta(minutes=1))
    control.set_progress("c-1", "case", "check", state="done", message="checked")
    found = [(one.wave, one.stage, one.state, one.message, one.finished_at) for one in control.progress("c-1")]
    assert found == [
        ("case", "open", "running", "case open", None),
        ("case", "check", "done", "checked", "2026-11-23T02:04:00.000000Z"),
        ("at_once", "check", "running", "at_once check", None),
    ]
    control.reset_progress("c-1")
    assert control.progress("c-1") == ()
    assert [one.stage for one in control.progress("c-2")] == ["open"]
