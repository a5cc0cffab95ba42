"""What winddown itself holds of a case goes last: asked for, approved, searched before, and certified afterwards."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Header
from fastapi.testclient import TestClient

from winddown.__main__ import main
from winddown.archive import keys as case_keys
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Wave
from winddown.evidence import verify
from winddown.stages import journey, own_traces
from winddown.stages.deployment import Deployment
from winddown.stages.report import Report, report
from winddown.stages.standing import standing
from winddown.stores.memory import Row
from winddown.web.app import create_app

from .running import NONE, Running, require_sound, running, statement_of, table
from .test_probes import MOBILE, entry

ASKS = "li"
HOLD = {
    "id": "hold-1", "matter": "suit", "ground": "court", "authority": "示例人民法院",
    "document_number": "（2026）示例1号", "placed_on": date(2026, 6, 1), "review_on": date(2027, 6, 1),
    "steward": "li", "collections": ["shop:calls"],
}  # fmt: skip


@pytest.fixture
def begun(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Running:
    """A case before its first run; reports are written where a test asks for one."""
    monkeypatch.setattr(journey, "report", lambda *_: "")
    customers: list[Row] = [
        {"id": f"C{n}", "phone": f"1380013{n:04d}", "born_on": "1980-01-01", "country": "CN"} for n in range(60)
    ]
    calls: list[Row] = [{"no": f"{n}", "customer": f"C{n}", "phone": f"1390013{n:04d}"} for n in range(60)]
    case_document["register"] = [
        entry("customers", {"id": NONE, "phone": MOBILE, "born_on": NONE, "country": NONE}),
        entry("calls", {"no": NONE, "customer": NONE, "phone": MOBILE}),
    ]
    case_document["register"][0]["subject"] = {"field": "id"}
    tables = {"customers": table("id", rows=customers), "calls": table("no", rows=calls)}
    return running(deployment, case_folder, case_document, tables)


@pytest.fixture
def case(begun: Running) -> Running:
    """A case whose records are all certified."""
    finish(begun)
    return begun


def finish(made: Running, until: str = "finished") -> str:
    """Let people act until the case halts for a reason; return the plan that it halts at."""
    while (halt := made.run()).reason != until:
        if halt.reason == "approvals":
            made.approve(halt.plan_id)
        elif halt.reason == "grace":
            made.pass_grace()
        else:
            raise AssertionError(halt)
    return halt.plan_id


def folder_of(made: Running) -> Path:
    return made.deployment.folder("demo-1")


def files(made: Running, *names: str) -> list[str]:
    return sorted(
        str(path.relative_to(folder_of(made)))
        for name in names
        for path in (folder_of(made) / name).glob("**/*")
        if path.is_file()
    )


def test_everything_goes_but_the_evidence_and_the_key_goes_last(case: Running) -> None:
    assert files(case, "manifests", "keys")
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    plan_id = finish(case, "approvals")
    plan = case.deployment.control.plan(plan_id)
    assert plan.wave is Wave.OWN_TRACES
    assert plan.traces[-1].name == "keys"
    assert files(case, "manifests", "keys"), "before two people said yes nothing goes"
    case.approve(plan_id)
    assert case.run().reason == "finished"
    assert {path.name for path in folder_of(case).iterdir()} <= own_traces.OUTLIVES | {"keys"}
    assert files(case, "keys") == ["keys/case.key.destroyed"]
    with pytest.raises(Refused, match="destroyed"):
        case_keys.CaseKeys(folder_of(case) / "keys")
    document = case.certificate(plan_id)
    assert [row["name"] for row in document["own_traces"]] == [trace.name for trace in plan.traces]
    assert document["own_traces"][-1]["method"] == "overwritten_and_unlinked"
    assert document["inspection"][0]["records_live"] == 0
    assert document["inspection"][0]["values_searched"] > 0
    require_sound(report(case.deployment, "demo-1"))
    assert standing(case.deployment, "demo-1").waits_for == "finished"


def cleaned(case: Running) -> tuple[Running, str]:
    """The case when its own traces are certified, and the plan's id."""
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    plan_id = finish(case, "approvals")
    case.approve(plan_id)
    assert case.run().reason == "finished"
    return case, plan_id


def of_the_case(written: Report) -> dict[str, Any]:
    members = verify.read_archive(written.bundle.read_bytes())
    found: dict[str, Any] = statement_of(members["certificate.json"])["predicate"]
    return found


def test_the_schedulers_records_go_after_the_last_run_by_whom_the_plan_names(
    case: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case, plan_id = cleaned(case)
    plan = case.deployment.control.plan(plan_id)
    assert plan.scheduler_by == ASKS
    assert any(said.endswith(f"is removed afterwards by {ASKS}") for said in plan.preconditions)
    (row,) = [row for row in case.certificate(plan_id)["residual_until"] if row["collection"] == "scheduler"]
    assert (row["until"], row["next"]["what"]) == (None, "remove")
    written = report(case.deployment, "demo-1")
    require_sound(written)
    assert of_the_case(written)["scheduler_cleared"] == []
    open_end = f"plan {plan_id}: {ASKS} has not said that what the scheduler kept is gone"
    assert open_end in verify.verify(written.bundle.read_bytes(), written.key.read_text()).notes

    log = tmp_path / "logs" / "run.log"
    log.parent.mkdir()
    log.write_text("case demo-1 is finished\n")
    monkeypatch.setattr("winddown.__main__.deploy", lambda *_: searching(case, log.parent).deployment)
    command = ["clear-scheduler", "demo-1", "--by"]
    assert main([*command, ASKS]) == 2
    assert "1 files of the scheduler name case demo-1: logs/run.log" in capsys.readouterr().err
    log.write_text("case demo-10 is finished, and so is xdemo-1\n")
    assert main([*command, "chen"]) == 2
    assert f"chen is not whom plan {plan_id} names" in capsys.readouterr().err
    for _ in range(2):
        assert main([*command, ASKS]) == 0
        assert "written anew" in capsys.readouterr().out
    require_sound(written)
    (said,) = of_the_case(written)["scheduler_cleared"]
    assert (said["person"], said["plan_id"], said["bytes_searched"]) == (ASKS, plan_id, log.stat().st_size)
    assert open_end not in verify.verify(written.bundle.read_bytes(), written.key.read_text()).notes
    assert own_traces.scheduler_left_to(case.deployment, "demo-1") == ""


def test_the_scheduler_is_cleared_when_its_time_has_come_and_can_be_seen(case: Running, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="are not certified"):
        own_traces.clear_scheduler(case.deployment, "demo-1", by=ASKS)
    with pytest.raises(Refused, match="stranger may not clear scheduler"):
        own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS, scheduler_by="stranger")
    case, _ = cleaned(case)
    with pytest.raises(Refused, match="not all of this could be searched"):
        own_traces.clear_scheduler(searching(case, tmp_path / "absent").deployment, "demo-1", by=ASKS)
    assert own_traces.scheduler_left_to(case.deployment, "demo-1") == ASKS


def test_the_stand_alone_verifier_reads_the_receipts(case: Running) -> None:
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    case.approve(finish(case, "approvals"))
    case.run()
    entries = [json.loads(raw) for raw in case.deployment.ledger.entries("demo-1")]
    own = [
        (one["type"], one["body"]["order_id"])
        for one in entries
        if one["body"].get("act") == "sanitise" and "own-traces" in one["body"]["plan_id"]
    ]
    names = [f"sanitise {name}" for name in ("manifests", "keys")]
    assert [pair for pair in own if pair[1] in names] == [(word, name) for name in names for word in ("intent", "done")]
    written = report(case.deployment, "demo-1")
    assert verify.verify(written.bundle.read_bytes(), written.key.read_text()).reasons == []


def test_whoever_approves_does_not_ask(case: Running) -> None:
    # Two of two approvers are needed: asked for by one of them, the plan could never be approved.
    for person, rule in (("chen", "two people"), ("wu", "two people"), ("stranger", "roles of the product")):
        with pytest.raises(Refused) as refused:
            own_traces.ask_for_erasure(case.deployment, "demo-1", by=person)
        assert refused.value.rule == rule
    assert own_traces.asked_by(case.deployment, "demo-1") == ""
    assert case.run().reason == "finished"


def test_a_value_that_lies_open_keeps_everything(case: Running) -> None:
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    case.approve(finish(case, "approvals"))
    before = files(case, "manifests", "keys")
    stray = folder_of(case) / "notices" / "note.txt"
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("please call 13800130007")
    with pytest.raises(Residual, match=r"lie open in 1 files: notices/note\.txt") as refused:
        case.run()
    assert "13800130007" not in str(refused.value)
    assert files(case, "manifests", "keys") == before
    stray.unlink()
    assert case.run().reason == "finished"


def searching(case: Running, *places: Path) -> Running:
    """The case in a deployment that searches these places as well."""
    settings = replace(case.deployment.settings, searched=places)
    return Running(replace(case.deployment, settings=settings), case.folder, case.document, case.tables, case.keys)


@contextmanager
def only_in_its_log(database: Path, value: str) -> Iterator[None]:
    """A scheduler's database that is open, with a value that stands in the log beside it alone."""
    with closing(sqlite3.connect(database)) as scheduler:
        scheduler.execute("PRAGMA journal_mode=WAL")
        scheduler.execute("CREATE TABLE xcom (value TEXT)")
        scheduler.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        scheduler.execute("INSERT INTO xcom VALUES (?)", (value,))
        scheduler.commit()
        yield


def test_the_log_of_a_database_that_is_searched_is_searched_too(case: Running, tmp_path: Path) -> None:
    # SQLite keeps what was written last beside its file, and Airflow's metadata stay there while it runs.
    database = tmp_path / "airflow.db"
    with only_in_its_log(database, "call 13800130007"):
        assert b"13800130007" not in database.read_bytes()
        own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
        case.approve(finish(case, "approvals"))
        with pytest.raises(Residual, match=r"lie open in 1 files: airflow\.db-wal"):
            searching(case, database).run()
    assert files(case, "manifests", "keys")


def test_a_place_that_cannot_be_searched_keeps_everything(
    case: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    case.approve(finish(case, "approvals"))
    before = files(case, "manifests", "keys")
    with pytest.raises(Refused, match=r"not all of this could be searched: .*absent"):
        searching(case, tmp_path / "absent").run()
    log = tmp_path / "task.log"
    log.write_text("nothing of anybody")
    read = Path.read_bytes

    def closed(path: Path) -> bytes:
        if path == log:
            raise PermissionError  # whoever runs the tests may be allowed to read everything
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", closed)
        with pytest.raises(Refused, match=r"not all of this could be searched: .*task\.log"):
            searching(case, log).run()
    assert files(case, "manifests", "keys") == before
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "later.log").touch()
    assert searching(case, log, tmp_path / "empty").run().reason == "finished"


def test_more_files_than_were_approved_are_not_destroyed(case: Running) -> None:
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    plan_id = finish(case, "approvals")
    case.approve(plan_id)
    (folder_of(case) / "manifests" / "fresh.sealed").write_bytes(b"x")
    with pytest.raises(Refused, match="its maximum is"):
        case.run()
    assert files(case, "manifests")


def test_another_workspace_is_not_the_planned_one(case: Running) -> None:
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    plan_id = finish(case, "approvals")
    case.approve(plan_id)
    own_traces.search(case.deployment, case.deployment.control.plan(plan_id))
    (folder_of(case) / "keys" / "case.key").write_bytes(bytes(32))
    with pytest.raises(Refused, match="another key than the planned one"):
        own_traces.erase(fresh(case), case.deployment.control.plan(plan_id), ["manifests"], say=print)
    assert files(case, "manifests")


def test_nothing_goes_before_the_search(case: Running) -> None:
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    plan_id = finish(case, "approvals")
    case.approve(plan_id)
    with pytest.raises(Refused, match="own_traces"):
        own_traces.erase(case.deployment, case.deployment.control.plan(plan_id), ["manifests", "keys"], say=print)
    assert files(case, "manifests", "keys")


def fresh(case: Running) -> Deployment:
    """The deployment as another process sees it."""
    return replace(case.deployment, keys=lambda case_id: case_keys.CaseKeys(case.deployment.folder(case_id) / "keys"))


@pytest.mark.parametrize("where", ["before the act", "amid the key", "before the close"])
def test_killed_anywhere_it_ends_the_same(case: Running, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    plan_id = finish(case, "approvals")
    case.approve(plan_id)

    class Killed(BaseException):
        pass

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if where == "before the act":
            patch.setattr(own_traces, "_destroy_key", kill)
        elif where == "amid the key":
            patch.setattr(case_keys.os, "fsync", kill)
        else:
            original = own_traces._destroy_key

            def late(*arguments: Any) -> None:
                original(*arguments)
                raise Killed

            patch.setattr(own_traces, "_destroy_key", late)
        with pytest.raises(Killed):
            case.run()
    again = Running(fresh(case), case.folder, case.document, case.tables, case.keys)
    assert again.run().reason == "finished"
    assert files(case, "keys") == ["keys/case.key.destroyed"]
    require_sound(report(again.deployment, "demo-1"))


def test_a_hold_keeps_the_key(
    begun: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun.document["holds"] = [HOLD]
    finish(begun)
    monkeypatch.setattr("winddown.__main__.deploy", lambda *_: begun.deployment)
    assert main(["erase-traces", "demo-1", "--by", ASKS]) == 0
    said = "own traces wait for the release of legal holds: hold-1"
    assert said in capsys.readouterr().out
    halt = begun.run()
    assert halt.reason == "clocks"
    assert said in halt.message
    assert files(begun, "keys")
    with pytest.raises(Refused, match=said):
        own_traces.make_plan(begun.deployment, "demo-1")


def test_approvers_and_readers_see_it_on_the_pages(case: Running) -> None:
    own_traces.ask_for_erasure(case.deployment, "demo-1", by=ASKS)
    plan_id = finish(case, "approvals")

    def person(x_person: Annotated[str, Header()]) -> str:
        return x_person

    with TestClient(create_app(lambda: case.deployment, person), headers={"X-Person": "chen"}) as client:

        def page(path: str) -> str:
            answer = client.get(path, headers={"Accept": "text/html"})
            assert answer.status_code == 200, answer.text
            return answer.text

        assert "manifests" in page(f"/plans/{plan_id}")
        assert "key is still there" in page("/cases/demo-1")
        case.approve(plan_id)
        case.run()
        finished = page("/cases/demo-1")
        assert "nothing of the case can be continued" in finished
        assert f"python -m winddown clear-scheduler demo-1 --by {ASKS}" in finished
        assert f"<b>{ASKS}</b>" in page("/")
        own_traces.clear_scheduler(case.deployment, "demo-1", by=ASKS)
        assert "clear-scheduler" not in page("/cases/demo-1")
        assert "manifests" in page(f"/plans/{plan_id}")
