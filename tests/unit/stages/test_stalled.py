"""A case that stands still is told, not at once and not again and again."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from winddown.stages.deployment import Deployment
from winddown.stages.stalled import look_for_stalled, remember_told, stalled_notice

from .conftest import FixedClock
from .running import Running, running, visits

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Later = Callable[[timedelta], list[str]]


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    tables = visits(case_document, 30)
    return running(deployment, case_folder, case_document, tables)


@pytest.fixture
def later(deployment: Deployment) -> Later:
    """``later(by)``: look, let the time pass, look again; what is told then."""
    clock = cast("FixedClock", deployment.clock)

    def move(by: timedelta) -> list[str]:
        look_for_stalled(deployment)
        clock.at += by
        return list(stalled_notice(look_for_stalled(deployment)).lines)

    return move


def test_people_have_three_days_and_then_are_told_every_day(
    company: Running, deployment: Deployment, later: Later
) -> None:
    assert company.run().reason == "approvals"
    assert later(3 * DAY - HOUR) == []
    (said,) = later(HOUR)
    assert said.startswith("demo-1 stands since 2026-11-23 10:00 (UTC+8): ")
    assert "| next: the approvers answer" in said
    assert later(HOUR) == [said], "who could not be told is told again"
    remember_told(deployment, look_for_stalled(deployment))
    assert later(DAY - HOUR) == []
    remember_told(deployment, look_for_stalled(deployment))  # nobody was told, so the day goes on
    assert later(HOUR) == [said]
    assert stalled_notice(look_for_stalled(deployment)).subject == "winddown: 1 stalled"


def test_what_happens_ends_it_and_a_new_stall_is_told_anew(
    company: Running, deployment: Deployment, later: Later
) -> None:
    plan_id = company.run().plan_id
    assert len(later(3 * DAY)) == 1
    remember_told(deployment, look_for_stalled(deployment))
    company.approve(plan_id)
    assert later(6 * HOUR - MINUTE) == []
    (said,) = later(MINUTE)
    assert "clear it" in said


def test_a_destruction_that_began_may_stand_for_an_hour_after_its_grace(company: Running, later: Later) -> None:
    company.approve(company.run().plan_id)
    assert company.run().reason == "grace"
    assert later(20 * DAY) == [], "its grace is over since nobody looked, and it could go on"
    assert later(HOUR - MINUTE) == []
    assert len(later(MINUTE)) == 1


def test_a_halted_case_is_told_after_a_day_and_a_finished_one_never(
    company: Running, deployment: Deployment, later: Later
) -> None:
    company.approve(company.run().plan_id)
    deployment.switch.halt("demo-1", by="chen", reason="a complaint", door="command")
    assert later(DAY - HOUR) == []
    assert len(later(HOUR)) == 1
    deployment.switch.resume("demo-1", by="chen", reason="settled", door="command")
    while company.run().reason != "finished":
        later(10 * DAY)
    assert later(100 * DAY) == []
