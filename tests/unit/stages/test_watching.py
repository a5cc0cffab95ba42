"""The watch over days, its clock moved ten minutes at a time: what it starts again how often, and what it tells."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import pytest

from winddown import runner
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.pack import Rulebook
from winddown.evidence.entry import ENTRY_TYPES, LedgerEntry
from winddown.ports import ByteSearch
from winddown.stages import effects
from winddown.stages.deployment import Deployment
from winddown.stages.open import start_again
from winddown.stages.people import record_reading
from winddown.stages.progress import _STEPS, attempt, progress_mark
from winddown.stages.stalled import look_for_stalled, remember_told
from winddown.stages.standing import standing

from .conftest import FixedClock
from .running import Running, TableInspector, running, visits

MINUTES, HOUR, DAY = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)
VISITS = 1_250  # three batches
READINGS = ENTRY_TYPES - set(_STEPS) - {"done"}
"""Entries that no run that fails behind them is to count as a step; what is done counts as an effect."""


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    case_document["approval"] = {"days": 60}
    return running(deployment, case_folder, case_document, visits(case_document, VISITS))


@dataclass
class Watch:
    """``watch_cases`` without Airflow: a run that is triggered runs at once, and once under one id."""

    company: Running
    ids: set[str] = field(default_factory=set)
    runs: list[datetime] = field(default_factory=list)
    told: list[datetime] = field(default_factory=list)

    def look(self) -> None:
        """One run of the watch."""
        current = self.company.deployment
        stands = standing(current, "demo-1")
        run_id = f"{stands.plan_id} {attempt(current, 'demo-1')}"
        if stands.is_ready and run_id not in self.ids:
            self.ids.add(run_id)
            self.runs.append(current.clock.now())
            with suppress(Refused, Residual, Transient):
                runner.run(current, "demo-1")
        if untold := look_for_stalled(current):
            self.told.append(current.clock.now())
            remember_told(current, untold)

    def over(self, time: timedelta, *, step: timedelta = MINUTES, each: Callable[[], None] = lambda: None) -> None:
        """Let so much time pass; what is counted is what happened in it."""
        clock = cast("FixedClock", self.company.deployment.clock)
        self.runs, self.told, end = [], [], clock.at + time
        while clock.at < end:
            clock.at += step
            each()
            self.look()


@pytest.fixture
def watch(company: Running) -> Watch:
    return Watch(company)


def entries(company: Running) -> list[LedgerEntry]:
    return [LedgerEntry.parse(raw) for raw in company.deployment.ledger.entries("demo-1")]


def intents(company: Running) -> int:
    return sum(entry.type == "intent" for entry in entries(company))


def found_everywhere(_self: TableInspector, probes: list[bytes], **_: object) -> ByteSearch:
    return ByteSearch(reached=True, medium="files", bytes_read=1, probes=len(probes), found=1)


def quarantined(company: Running) -> str:
    return company.until("grace").plan_id


# -- what stands still although every run writes entries ---------------------------------------------------------------


def test_a_plan_that_a_blocker_refuses_is_tried_once_a_day_and_told(company: Running, watch: Watch) -> None:
    (entry,) = [one for one in company.document["register"] if one["collection"] == "shop:visits"]
    entry["record_count_max"] = 1
    with pytest.raises(Refused, match="above-maximum"):
        company.run()
    before = len(entries(company))
    watch.over(DAY)
    assert len(watch.runs) == 2, "on the day that is, and on the next one"
    assert len(watch.told) == 1
    assert watch.told[0] - FixedClock.at <= timedelta(hours=6, minutes=10)
    assert len(entries(company)) - before <= 6
    watch.over(3 * DAY, step=HOUR)
    assert (len(watch.runs), len(watch.told)) == (3, 3)


def test_a_residual_that_is_found_every_time_is_told_within_the_hour(
    company: Running, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TableInspector, "search_bytes", found_everywhere)
    quarantined(company)
    company.pass_grace()
    start = company.deployment.clock.now()
    watch.over(2 * HOUR)
    (first,) = watch.told
    assert first - start <= HOUR + 3 * MINUTES
    watch.over(7 * DAY, step=HOUR)
    assert (len(watch.runs), len(watch.told)) == (7, 7)


@pytest.mark.parametrize("power", [Power.QUARANTINE, Power.PURGE])
def test_a_read_back_that_contradicts_every_time_is_told_within_the_hour(
    company: Running, watch: Watch, monkeypatch: pytest.MonkeyPatch, power: Power
) -> None:
    if power is Power.PURGE:
        quarantined(company)
        company.pass_grace()
    else:
        company.approve(company.run().plan_id)
    really, last = effects._read_back, VISITS - 1_100  # the records of the last batch, behind which nothing is left

    def contradicts(inspector: Any, order: Any, batch: Any, asked: Power) -> int:
        return 1 if asked is power and batch.records == last else really(inspector, order, batch, asked)

    monkeypatch.setattr(effects, "_read_back", contradicts)
    start = company.deployment.clock.now()
    watch.over(2 * HOUR)
    (first,) = watch.told
    assert first - start <= HOUR + 3 * MINUTES
    begun = intents(company)
    watch.over(7 * DAY, step=HOUR)
    assert (len(watch.runs), len(watch.told)) == (7, 7)
    assert intents(company) - begun <= 7, "the batch is authorised again once a day"


def test_approvals_that_do_not_come_are_told_though_somebody_reads_evidence(company: Running, watch: Watch) -> None:
    company.run()
    hours = count()

    def read() -> None:
        if next(hours) % 48 == 0:
            record_reading(company.deployment, "demo-1", "ledger", by="wu")

    watch.over(10 * DAY, step=HOUR, each=read)
    assert watch.runs == []
    assert len(watch.told) == 7, "after three days, and every day then"


# -- what goes on ------------------------------------------------------------------------------------------------------


def test_a_store_that_was_down_is_tried_again_without_anybody(
    company: Running, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarantined(company)
    company.pass_grace()

    def down(*_: object) -> int:
        raise Transient("the network")

    with monkeypatch.context() as broken:
        broken.setattr(TableInspector, "leftovers", down)
        watch.over(HOUR)
        assert len(watch.runs) in {1, 2}
    watch.over(DAY, step=HOUR)
    assert watch.runs
    assert company.deployment.control.plans("demo-1", state="certified")


def test_a_whole_case_goes_on_by_itself_when_people_act_and_dates_come(company: Running, watch: Watch) -> None:
    plan_id = company.run().plan_id
    company.approve(plan_id)
    watch.over(HOUR)
    assert len(watch.runs) == 1, "it quarantined"
    watch.over(8 * DAY, step=HOUR)
    assert len(watch.runs) == 1, "its grace ended"
    assert company.deployment.control.plans("demo-1", state="certified") == (plan_id,)
    assert watch.told == []


def test_a_case_that_was_resumed_is_started_at_the_next_look(
    company: Running, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.approve(company.run().plan_id)

    def down(*_: object) -> None:
        raise Transient("the network")

    monkeypatch.setattr(effects, "_act", down)
    watch.over(HOUR)
    deployment = company.deployment
    deployment.switch.halt("demo-1", by="chen", reason="a complaint", door="command")
    deployment.switch.resume("demo-1", by="chen", reason="settled", door="command")  # between two looks
    watch.over(MINUTES)
    assert len(watch.runs) == 1
    watch.over(HOUR)
    assert watch.runs == []


def test_a_changed_case_rules_program_and_day_are_each_tried_anew(company: Running) -> None:
    company.run()
    deployment = company.deployment
    clock, book = cast("FixedClock", deployment.clock), deployment.rulebook
    first = book.packs[0]
    other = Rulebook((replace(first, digest="0" * 64, rules=MappingProxyType(dict(first.rules))), *book.packs[1:]))
    tried = [attempt(one, "demo-1") for one in (deployment, replace(deployment, rulebook=other))]
    tried.append(attempt(replace(deployment, code_version="another"), "demo-1"))
    marks = [progress_mark(deployment, "demo-1")]
    clock.at += DAY
    assert progress_mark(deployment, "demo-1") == marks[0], "a day is no step"
    tried.append(attempt(deployment, "demo-1"))
    company.document["profile"]["persons"] = 101
    company.run()
    marks.append(progress_mark(deployment, "demo-1"))
    tried.append(attempt(deployment, "demo-1"))
    clock.at += timedelta(seconds=1)
    start_again(deployment, "demo-1")
    company.run()
    marks.append(progress_mark(deployment, "demo-1"))
    tried.append(attempt(deployment, "demo-1"))
    assert len(set(tried)) == len(tried)
    assert len(set(marks)) == len(marks)


def test_a_purge_that_takes_days_is_never_told_while_batches_are_done(
    company: Running, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch takes fifty minutes, and the watch looks all the while."""
    quarantined(company)
    company.pass_grace()
    clock, really = cast("FixedClock", company.deployment.clock), effects._read_back

    def slowly(*arguments: Any) -> int:
        for _ in range(5):
            clock.at += MINUTES
            assert look_for_stalled(company.deployment) == ()
        return really(*arguments)

    monkeypatch.setattr(effects, "_read_back", slowly)
    watch.look()
    assert len(watch.runs) == 1
    assert clock.at - watch.runs[0] == timedelta(minutes=150)
    assert watch.told == []


# -- the mark ----------------------------------------------------------------------------------------------------------


def test_every_kind_of_entry_is_a_step_or_a_reading(company: Running) -> None:
    assert {
        "backup_proven", "classified", "decided", "evidence_read", "frozen", "intent", "report_issued",
        "residual_checked", "sanitised", "snapshot_taken", "transfer_checked", "unknown",
    } == READINGS  # fmt: skip
    company.run()
    deployment = company.deployment
    bodies: dict[str, Any] = {
        "plan_id": "p", "order_id": "o", "effect": "e", "act": "purge", "batch": "0", "batch_digest": "", "records": 1,
        "nonce": "n", "read_back": "x", "stores": [], "store": "shop", "collection": "c", "until": "2027-01-01",
        "name": "ledger", "entries": 1, "digest": "d", "wave": "w", "plan_digest": "d", "person": "chen",
        "role": "r", "door": "d", "reason": "r", "hold": "H-2", "scope_digest": "d", "certificate_id": "c",
        "archive_digest": "a", "bytes_searched": 1,
    }  # fmt: skip
    mark = progress_mark(deployment, "demo-1")
    for kind in sorted(READINGS | {"done"}):
        deployment.ledger.append("demo-1", kind, bodies, actor="winddown")
        assert progress_mark(deployment, "demo-1") == mark, kind
    for kind in _STEPS:
        deployment.ledger.append("demo-1", kind, bodies, actor="winddown")
        after = progress_mark(deployment, "demo-1")
        assert after != mark, kind
        mark = after


def test_the_mark_of_a_case_reads_each_entry_once(company: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    company.run()
    ledger, asked = company.deployment.ledger, []
    really = ledger.last_of

    def last_of(case_id: str, kinds: tuple[str, ...], *, since: int) -> int | None:
        asked.append(since)
        return really(case_id, kinds, since=since)

    monkeypatch.setattr(ledger, "last_of", last_of)
    monkeypatch.setattr(ledger, "entries", None)
    mark, size = progress_mark(company.deployment, "demo-1"), ledger.size("demo-1")
    assert progress_mark(company.deployment, "demo-1") == mark
    record_reading(company.deployment, "demo-1", "ledger", by="wu")
    assert progress_mark(company.deployment, "demo-1") == mark
    assert asked == [0, size]
