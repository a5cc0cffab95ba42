"""The case's page says where it stands by the law: states and evidence, what is due and overdue, what may not be."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from fastapi.testclient import TestClient

from winddown.domain.case import Case
from winddown.domain.deadline import Status
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.rules import words
from winddown.stages.deployment import Deployment

from .small_case import CASE, SCRIPT, make_case

ClientOf = Callable[..., TestClient]
EVENTS = {
    "snapshot_taken": date(2026, 8, 1), "dissolution_resolved": date(2026, 8, 3),
    "dissolution_publicised": date(2026, 8, 10), "liquidation_group_formed": date(2026, 8, 18),
    "employment_ended": date(2026, 11, 2), "service_stopped": date(2026, 5, 31),
}  # fmt: skip


@pytest.fixture
def look(deployment: Deployment, client_of: ClientOf, plan: object) -> Callable[[Case], tuple[dict, str]]:
    """Store a case and return what the API and the page, without markup, say of it."""
    assert plan

    def act(case: Case) -> tuple[dict, str]:
        deployment.control.put(CASE, "case", "case", case, type_=Case)
        client = client_of("reader")
        page = client.get(f"/cases/{CASE}")
        assert page.status_code == 200
        assert SCRIPT not in page.text
        return client.get(f"/api/cases/{CASE}").json()["law"], html.unescape(
            " ".join(re.sub(r"<[^>]*>", " ", page.text).split())
        )

    return act


def case_with(**changes: object) -> Case:
    events = tuple(TimelineEvent("S1", event, on, f"{event}{SCRIPT}.txt", "0" * 64) for event, on in EVENTS.items())
    return replace(make_case(), timeline=Timeline(events), **changes)  # type: ignore[arg-type]


def test_states_show_their_evidence_and_what_is_to_come(look: Callable[[Case], tuple[dict, str]]) -> None:
    law, text = look(case_with())
    assert {state["id"]: state["state"] for state in law["states"]} == {
        "S0": "done", "S1": "done", "S2": "next", "S3": "done",
        **dict.fromkeys(("S4", "S5", "S6", "S7", "S8", "S9"), "ahead"),
    }  # fmt: skip
    assert "2026-08-03 决议解散 dissolution resolved" in text
    assert "待办 to come: 清算组公示 liquidation group listed" in text
    assert "普通注销 general route" in text
    assert "现在不得 what may not happen now" in text


def test_overdue_duties_come_first_with_who_owes_them_and_what_they_stop(
    look: Callable[[Case], tuple[dict, str]],
) -> None:
    law, text = look(case_with())
    assert [owed["status"] for owed in law["owed"][: law["overdue"]]] == ["overdue"] * law["overdue"]
    (staff,) = [owed for owed in law["owed"] if owed["rule"] == "DL-LAB-50"]
    assert (staff["due_on"], staff["owed_by"], staff["blocks"]) == ("2026-11-17", "liquidation_group", ["after_claims"])
    assert f"{law['overdue']} 逾期 overdue" in text
    assert "逾期未办 overdue" in text


def test_a_route_that_is_not_open_is_an_alarm(look: Callable[[Case], tuple[dict, str]]) -> None:
    profile = replace(make_case().profile, route="simplified")
    law, text = look(case_with(profile=profile, exclusions=(("customer_balances_unspent", True),)))
    assert not law["is_open"]
    assert "本程序不适用 This route is not open" in text
    assert "customers with unspent balances, refunds or claims" in text
    assert "未申报 not declared" in text


def test_a_case_of_an_unknown_sector_keeps_its_page_and_says_why(look: Callable[[Case], tuple[dict, str]]) -> None:
    law, text = look(case_with(profile=replace(make_case().profile, sectors=("casino",))))
    assert law["refused"] in text
    assert "casino" in law["refused"]


def test_every_status_and_role_has_a_word_in_both_languages(deployment: Deployment) -> None:
    assert words.known("deadline") == {status.value for status in Status}
    course = deployment.rulebook.course
    roles = {state.owed_by for state in course.states} | {course.standing_owed_by, "authority"}
    assert roles <= words.known("role")
