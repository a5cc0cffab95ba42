"""The ledger under many writers: contiguous, in commit order, and what was rolled back was never there."""

import contextlib
import json
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, delete, insert, select, text
from sqlalchemy.exc import IntegrityError

from winddown.control.engine import open_control
from winddown.control.ledger import Ledger, stamp
from winddown.control.tables import ledger_entry, ledger_head
from winddown.domain.errors import Refused, Residual
from winddown.evidence.entry import LedgerEntry
from winddown.evidence.merkle import Frontier, leaf_hash, root

WRITERS = 8
_ENDED = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
APPENDS = 125  # each writer, so 1,000 together


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ChangedMindError(Exception):
    pass


def write(engine: Engine, writer: int, appends: int) -> None:
    """Append, and after every fourth append write one more that is rolled back."""
    ledger = Ledger(engine, clock=RealClock())
    for number in range(appends):
        body = {"writer": writer, "number": number}
        ledger.append("c-1", "classified", body, actor="winddown")
        if number % 4 == 0:
            with contextlib.suppress(ChangedMindError), engine.begin() as connection:
                ledger.append_within(connection, "c-1", "decided", body, actor="winddown")
                raise ChangedMindError


def write_elsewhere(url: str, writer: int, appends: int) -> None:
    engine = open_control(url)
    write(engine, writer, appends)
    engine.dispose()


def assert_sound(engine: Engine, *, writers: int, appends: int) -> None:
    lines = Ledger(engine, clock=RealClock()).entries("c-1")
    entries = [LedgerEntry.parse(line) for line in lines]
    assert [entry.seq for entry in entries] == list(range(writers * appends))
    assert {entry.type for entry in entries} == {"classified"}  # nothing that was rolled back
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    for writer in range(writers):
        own = [entry.body["number"] for entry in entries if entry.body["writer"] == writer]
        assert own == list(range(appends))
    with engine.begin() as connection:
        head = connection.execute(select(ledger_head)).one()
        stored = connection.execute(select(ledger_entry.c.leaf_hash).order_by(ledger_entry.c.seq)).scalars().all()
    leaves = [leaf_hash(line) for line in lines]
    assert stored == [leaf.hex() for leaf in leaves]
    assert head.size == writers * appends
    assert Frontier.from_hex(head.size, json.loads(head.frontier)).root() == root(leaves)


def test_a_thousand_appends_by_eight_threads_with_rollbacks_in_between(engine: Engine) -> None:
    failures: list[BaseException] = []

    def run(writer: int) -> None:
        try:
            write(engine, writer, APPENDS)
        except BaseException as error:  # noqa: BLE001 - whatever a thread dies of is the result
            failures.append(error)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_sound(engine, writers=WRITERS, appends=APPENDS)


def test_appends_by_several_processes(url: str, engine: Engine) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_elsewhere, args=(url, writer, 20)) for writer in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert_sound(engine, writers=3, appends=20)


def test_a_batch_is_appended_whole_or_not_at_all(engine: Engine, ledger: Ledger) -> None:
    assert ledger.append("c-1", "decided", {"n": 0}, actor="a") == 0
    assert ledger.append_all("c-1", [("decided", {"n": n}) for n in range(1, 40)], actor="a") == range(1, 40)
    assert ledger.append_all("c-1", [], actor="a") == range(0)
    with pytest.raises(Refused):
        ledger.append_all("c-1", [("decided", {}), ("gossip", {})], actor="a")
    assert ledger.append("c-1", "decided", {"n": 40}, actor="a") == 40
    entries = [LedgerEntry.parse(line) for line in ledger.entries("c-1")]
    assert [(entry.seq, entry.body["n"]) for entry in entries] == [(n, n) for n in range(41)]
    with engine.begin() as connection:
        head = connection.execute(select(ledger_head)).one()
    assert Frontier.from_hex(head.size, json.loads(head.frontier)).root() == root([entry.leaf for entry in entries])


def test_batches_of_several_writers_do_not_mix(engine: Engine) -> None:
    def write_batches(writer: int) -> None:
        ledger = Ledger(engine, clock=RealClock())
        for batch in range(5):
            body = {"writer": writer, "batch": batch}
            ledger.append_all("c-1", [("decided", body | {"n": n}) for n in range(20)], actor="a")

    threads = [threading.Thread(target=write_batches, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = [LedgerEntry.parse(line) for line in Ledger(engine, clock=RealClock()).entries("c-1")]
    assert [entry.seq for entry in entries] == list(range(400))
    for first in range(0, 400, 20):
        found = [(entry.body["writer"], entry.body["batch"], entry.body["n"]) for entry in entries[first : first + 20]]
        assert found == [(*found[0][:2], n) for n in range(20)]


def test_a_forked_process_opens_a_connection_of_its_own(engine: Engine) -> None:
    ledger = Ledger(engine, clock=RealClock())
    ledger.append("c-1", "decided", {"of": "parent"}, actor="a")
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            ledger.append("c-1", "decided", {"of": "child"}, actor="a")
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    ledger.append("c-1", "decided", {"of": "parent"}, actor="a")
    bodies = [LedgerEntry.parse(line).body["of"] for line in ledger.entries("c-1")]
    assert bodies == ["parent", "child", "parent"]


def test_a_session_that_was_cut_off_while_it_rested_is_opened_anew(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(engine := open_control(postgres_url), clock=RealClock())
    ledger.append("c-1", "decided", {}, actor="a")
    ending = text(f"{_ENDED} WHERE datname = current_database() AND pid <> pg_backend_pid()")
    with (other := create_engine(engine.url)).begin() as connection:
        assert connection.execute(ending).all() == [(True,)]
    monkeypatch.setattr("winddown.control.engine._RESTED_SECONDS", 0.0)
    assert ledger.append("c-1", "decided", {}, actor="a") == 1
    engine.dispose()
    other.dispose()


def test_cases_have_ledgers_of_their_own(ledger: Ledger) -> None:
    assert [ledger.append(case, "decided", {}, actor="a") for case in ("c-1", "c-2", "c-1")] == [0, 0, 1]
    assert (ledger.size("c-1"), ledger.size("c-2"), ledger.size("c-3")) == (2, 1, 0)
    assert ledger.entries("c-3") == []


def test_the_times_of_a_ledger_never_step_back(ledger: Ledger, pass_time: Callable[[timedelta], None]) -> None:
    ledger.append("c-1", "decided", {}, actor="a")
    pass_time(timedelta(hours=-2))
    ledger.append("c-1", "decided", {}, actor="a")
    pass_time(timedelta(hours=3))
    ledger.append("c-1", "decided", {}, actor="a")
    first, second, third = (LedgerEntry.parse(line).at for line in ledger.entries("c-1"))
    assert (second - first, third - first) == (timedelta(0), timedelta(hours=1))


def test_a_missing_entry_is_found_when_the_ledger_is_read(engine: Engine, ledger: Ledger) -> None:
    for number in range(3):
        ledger.append("c-1", "decided", {"number": number}, actor="a")
    with engine.begin() as connection:
        connection.execute(delete(ledger_entry).where(ledger_entry.c.seq == 1))
    with pytest.raises(Residual, match="no entry 1"):
        ledger.entries("c-1")


def test_what_the_database_refuses_leaves_nothing_and_is_told(engine: Engine, ledger: Ledger) -> None:
    ledger.append("c-1", "decided", {"n": 0}, actor="winddown")
    with engine.begin() as connection:
        in_the_way = {"case_id": "c-1", "seq": 1, "body": "{}", "leaf_hash": "00"}
        connection.execute(insert(ledger_entry).values(in_the_way))
    for body in ({"n": 1}, {"n": 2}):  # twice: the connection is as good as new after the first
        with pytest.raises(IntegrityError):
            ledger.append("c-1", "decided", body, actor="winddown")
        with pytest.raises(IntegrityError):
            ledger.append_all("c-1", [("decided", body), ("decided", body)], actor="winddown")
    assert ledger.size("c-1") == 1
    assert ledger.entries("c-1")[1:] == [b"{}"]


@pytest.mark.parametrize(
    ("kind", "body"), [("gossip", {}), ("intent", {"effect": "e"}), ("approval_given", {"person": "chen"})]
)
def test_an_entry_that_the_verifier_could_not_read_is_not_written(
    ledger: Ledger, kind: str, body: dict[str, Any]
) -> None:
    with pytest.raises(Refused):
        ledger.append("c-1", kind, body, actor="a")
    assert ledger.size("c-1") == 0


def test_a_stamp_sorts_as_text_the_way_times_do() -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=10**power) for power in range(12)]
    assert sorted(map(stamp, moments)) == [stamp(moment) for moment in moments]
    assert Counter(len(stamp(moment)) for moment in moments) == {27: 12}


def test_the_last_entry_of_some_kinds_is_found_by_its_type_alone(ledger: Ledger) -> None:
    told = {"reason": 'he said: ,"type":"halted"}', "door": "command"}
    for kind in ("case_opened", "halted", "resumed", "classified"):
        ledger.append("c-1", kind, told, actor="a")
    ledger.append("c-2", "halted", told, actor="a")
    assert ledger.last_of("c-1", ("halted", "case_opened"), since=0) == 1
    assert ledger.last_of("c-1", ("halted", "case_opened"), since=2) is None
    assert ledger.last_of("c-1", ("resumed", "case_opened"), since=2) == 2
    assert ledger.last_of("c-1", ("case_opened",), since=0) == 0
    assert ledger.last_of("c-3", ("case_opened",), since=0) is None
