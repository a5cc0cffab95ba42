"""What winddown itself holds goes by a plan of its own, trace by trace, and nothing else goes by it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from winddown.control.authority import OWN, Authority, Effect, effect_on
from winddown.control.door import Door
from winddown.control.repository import Repository
from winddown.domain.authorization import Power
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.plan import Plan, Trace, Wave

KEYS, NOTES = Trace("keys", 1), Trace("notes", 3)


@pytest.fixture
def url(sqlite_template: Path, tmp_path: Path) -> str:
    """One engine is enough: nothing here is asked of the database."""
    shutil.copy(sqlite_template, tmp_path / "control.sqlite")
    return f"sqlite:///{tmp_path / 'control.sqlite'}"


@pytest.fixture
def traces(control: Repository, door: Door, case: Case, plan: Plan) -> Plan:
    """An approved plan of own traces."""
    identities = ((OWN, "this deployment"),)
    made = replace(plan, id="p-9", wave=Wave.OWN_TRACES, orders=(), traces=(NOTES, KEYS), identities=identities)
    control.add_plan(made)
    for person in ("chen", "wu"):
        door.approve(case, made.id, plan_digest=made.digest, person_id=person)
    return made


def refusal(authority: Authority, effect: Effect) -> str:
    with pytest.raises(Refused) as refused:
        authority.authorize(effect, actor="winddown")
    return refused.value.message


def test_an_effect_on_a_trace_names_it_and_what_was_approved_of_it(traces: Plan) -> None:
    effect = effect_on(traces, NOTES, files=2)
    assert (effect.id, effect.order_id, effect.batch) == ("p-9/sanitise notes/sanitise/0", "sanitise notes", 0)
    assert (effect.power, effect.store, effect.batch_digest, effect.records) == (Power.SANITISE, OWN, NOTES.digest, 2)


@pytest.mark.parametrize("files", [0, 3])
def test_a_trace_may_have_fewer_files_by_now(authority: Authority, traces: Plan, files: int) -> None:
    authority.redeem(authority.authorize(effect_on(traces, NOTES, files=files), actor="winddown"))


def test_a_trace_may_not_have_more(authority: Authority, traces: Plan) -> None:
    said = refusal(authority, effect_on(traces, NOTES, files=4))
    assert said.endswith("notes holds 4 files, its maximum is 3: plan again")


@pytest.mark.parametrize("trace", [Trace("archives", 3), replace(NOTES, files_max=9), Trace("keys", 3)])
def test_what_was_not_approved_as_it_is_does_not_go(authority: Authority, traces: Plan, trace: Trace) -> None:
    said = refusal(authority, effect_on(traces, trace, files=1))
    assert said.endswith(f"sanitise {trace.name} is not in plan p-9")


@pytest.mark.parametrize("change", [{"batch": 1}, {"order_id": "sanitise keys"}])
def test_an_effect_on_another_place_does_not_go(authority: Authority, traces: Plan, change: dict[str, object]) -> None:
    changed = replace(effect_on(traces, NOTES, files=1), **change)  # type: ignore[arg-type]
    assert refusal(authority, changed).endswith(f"{changed.order_id} is not in plan p-9")


@pytest.mark.parametrize("power", [Power.QUARANTINE, Power.PURGE, Power.SEAL])
def test_nothing_else_is_done_by_a_plan_of_own_traces(authority: Authority, traces: Plan, power: Power) -> None:
    said = refusal(authority, replace(effect_on(traces, NOTES, files=1), power=power))
    assert said.endswith("plan p-9 is about own traces, and none is an order")
