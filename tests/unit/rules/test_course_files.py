"""Bad files of the course, the calendar and the notices are refused, naming the place; the shipped ones are whole."""

import copy
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from winddown.domain.deadline import has_clock
from winddown.domain.errors import Refused
from winddown.domain.event import EVENTS, Scope
from winddown.domain.event_title import EVENT_TITLES
from winddown.rules import loader
from winddown.rules.loader import load_pack
from winddown.stages.case_model import Exclusions

SHIPPED = Path(loader.__file__).parent / "cn"
PACK = load_pack("cn")
Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path_factory.mktemp("packs") / "cn"))


@pytest.fixture
def changed(whole: Path) -> Any:
    """``changed(file, change)``: load the pack with one file changed; the file is put back afterwards."""
    kept: dict[Path, str] = {}

    def change(file: str, act: Change) -> Any:
        path = whole / file
        kept.setdefault(path, path.read_text("utf-8"))
        content = copy.deepcopy(yaml.load(kept[path], Loader=yaml.BaseLoader))  # noqa: S506 - every value stays text
        act(content)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
        return load_pack("cn", whole.parent)

    yield change
    for path, text in kept.items():
        path.write_text(text, "utf-8")


def put(*path: Any, value: Any) -> Change:
    def act(content: Any) -> None:
        for part in path[:-1]:
            content = content[part]
        content[path[-1]] = value

    return act


@pytest.mark.parametrize(
    ("file", "act", "said"),
    [
        # the course
        ("course.yaml", put("states", 2, "clocks", 0, value="DL-NONE-1"), "state S2: .*no rule DL-NONE-1"),
        ("course.yaml", put("states", 4, "passed_by", 0, value="claims_closed"), r"state S4: .*claims_closed"),
        ("course.yaml", put("standing", "clocks", 0, value="DL-NONE-1"), r"standing\.clocks: no rule DL-NONE-1"),
        ("course.yaml", put("routes", 0, "waves", "at_once", "clocks", value=["DL-NONE-1"]),
         "route general: wave at_once: .*DL-NONE-1"),
        ("course.yaml", put("routes", 0, "waves", "at_once", "events", value=["stopped"]),
         "route general: wave at_once: .*stopped"),
        ("course.yaml", put("routes", 0, "path", value=["S0", "S1", "S3"]), "no transition from S1 to S3"),
        ("course.yaml", put("routes", 1, "path", 2, value="S4s"), "S4s"),
        ("course.yaml", lambda c: c["routes"].pop(3), "state R1 is on no route"),
        ("course.yaml", lambda c: c["routes"][0]["waves"].pop("at_once"), "route general: it says once"),
        ("course.yaml", put("routes", 0, "waves", "after_claims", "overdue_of", value=["B1"]), "B1 is not on its path"),
        ("course.yaml", lambda c: c["states"].append(c["states"][0]), "state S0 is named twice"),
        ("course.yaml", put("transitions", 0, "to", value="S7s"), "there is no state S7s"),
        ("course.yaml", put("owed_only_by", "group_listed", value=["firms"]), "group_listed: no subject firms"),
        ("course.yaml", put("owed_only_by", "listed", value=["company"]), "owed_only_by: no event of a case listed"),
        ("course.yaml", put("states", 0, "titel", value="x"), r"states\.0\.titel"),
        ("course.yaml", put("states", 0, "passed_by", value=[]), r"states\.0\.passed_by"),
        # the calendar
        ("calendar.yaml", put("years", "2026", "rest", 0, "to", value="2025-12-31"), "calendar.yaml: 2026: 元旦"),
        ("calendar.yaml", put("years", "2026", "rest", 0, "to", value="2026-03-01"), "no rest of 1 to 16 days"),
        ("calendar.yaml", put("years", "2026", "worked", 0, value="2025-01-04"), "2025-01-04 is a day of another year"),
        ("calendar.yaml", put("years", "2026", "worked", 0, value="2026-01-05"), "2026-01-05 is no weekend"),
        ("calendar.yaml", put("years", "2026", "worked", 0, value="2026-01-03"), "both a rest day and a worked one"),
        ("calendar.yaml", put("years", "2026", "notice", value=""), r"years\.2026\.notice"),
        ("calendar.yaml", put("years", "2026", "rest", 0, "from", value="2026-02-30"), r"2026\.rest\.0\.from"),
        # the notices
        ("notices.yaml", put("notices", 0, "rule", value="DL-NONE-1"), "stop_of_service: .*DL-NONE-1"),
        ("notices.yaml", put("notices", 0, "applies_to", 0, value="shops"), "stop_of_service: .*shops"),
        ("notices.yaml", put("notices", 0, "zh", value="{Company}停止服务"), "stop_of_service: a place is"),
        ("notices.yaml", put("notices", 1, "id", value="stop_of_service"), "stop_of_service is there twice"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_and_named(changed: Any, file: str, act: Change, said: str) -> None:
    with pytest.raises(Refused) as refused:
        changed(file, act)
    assert re.search(said, refused.value.message), refused.value.message
    assert refused.value.message.startswith(file)


@pytest.mark.parametrize("file", ["course.yaml", "calendar.yaml", "notices.yaml"])
def test_each_file_is_covered_by_the_packs_digest(changed: Any, file: str) -> None:
    whole = changed(file, lambda content: content)
    assert whole.digest == PACK.digest
    other = {
        "course.yaml": put("states", 0, "title", "en", value="Opening"),
        "calendar.yaml": put("source", value="elsewhere"),
        "notices.yaml": put("notices", 0, "basis", value="elsewhere"),
    }
    assert changed(file, other[file]).digest != PACK.digest


def test_every_clock_stands_in_the_course_and_every_duty_of_the_course_in_the_rules() -> None:
    course = PACK.course
    assert course is not None
    listed = [name for state in course.states for name in state.clocks]
    assert set(listed) | set(course.standing) >= {
        rule.id for rule in PACK.in_force(date(2026, 11, 23)) if has_clock(rule)
    }
    assert set(listed).isdisjoint(course.standing)


def test_the_states_and_routes_are_those_of_the_law() -> None:
    course = PACK.course
    assert course is not None
    assert {state.id for state in course.states} == {
        *(f"S{number}" for number in range(10)), "S3s", "S5s", "S8s", "B1", "B2", "R1", "R2",
    }  # fmt: skip
    assert {route.id: ">".join(route.path) for route in course.routes} == {
        "general": "S0>S1>S2>S3>S4>S5>S6>S7>S8>S9",
        "simplified": "S0>S1>S3s>S5s>S7>S8s>S9",
        "bankruptcy": "S0>S1>S2>B1>B2>S9",
        "forced": "R1>R2>S9",
    }
    assert [exclusion.fact for exclusion in course.exclusions] == list(Exclusions.model_fields)


def test_every_event_of_a_case_is_used_by_a_rule_or_a_state_and_has_a_title() -> None:
    course = PACK.course
    assert course is not None
    used = {event for state in course.states for event in state.passed_by}
    used |= {event for route in course.routes for wait in route.waves for event in wait.events}
    for rule in PACK.rules.values():
        used |= {rule.start_event, str(rule.end_event), *rule.requires_events}
    of_case = {event for event, scope in EVENTS.items() if scope is Scope.CASE}
    assert of_case == set(EVENT_TITLES)
    assert of_case - used == {"objection_raised", "registration_restored", "insolvency_found"}


def test_each_year_of_the_calendar_names_its_notice() -> None:
    document = yaml.safe_load((SHIPPED / "calendar.yaml").read_text("utf-8"))
    assert set(document["years"]) == {str(year) for year in range(2020, 2027)}
    assert all(f"{year}年部分节假日安排" in found["notice"] for year, found in document["years"].items())


def test_every_notice_says_the_same_facts_in_both_languages() -> None:
    for template in PACK.notices:
        of_zh, of_en = (set(re.findall(r"\{([a-z_]+)\}", text)) for text in (template.text.zh, template.text.en))
        assert {name.removesuffix("_zh") for name in of_zh} == {name.removesuffix("_en") for name in of_en}
        assert re.search(r"[\u4e00-\u9fff]", template.text.zh)
        assert re.fullmatch(r"[ -~\n]+", template.text.en)
