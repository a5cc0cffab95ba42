"""How a ledger's lines are judged part by part, by processes where there are many: the same words as by one."""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
from test_verify_limits import entry, read, refused

from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes


def test_the_root_over_parts_is_the_root_over_all() -> None:
    lines = [b"%d" % number for number in range(2 * 16_384 + 3)]
    with verify.judging(b"\n".join(lines) + b"\n") as parts:
        assert parts.root() == verify.merkle_root([verify.leaf_of(line) for line in lines])


@pytest.mark.parametrize("many", [0, 100])
def test_parts_go_on_from_each_other_by_whomever_they_are_judged(
    case: Any, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(verify, "LINES_AT_ONCE", 2)
    monkeypatch.setattr(verify, "MANY_LINES", many)
    lines = [entry(case, seq=seq, at=f"2026-11-30T10:00:0{seq}.000000Z") for seq in range(5)]
    assert [found.seq for found in read(lines)] == [0, 1, 2, 3, 4]
    for seq, name, value, said in (
        (2, "at", "2026-11-30T10:00:00.500000Z", "earlier than the entry before it"),
        (2, "case", "other", "of another case than the entries before it"),
        (4, "case", "other", "of another case than the entries before it"),
        (4, "seq", 3, "carries number 3, so entries are missing or reordered"),
        (3, "seq", 1, "carries number 1, so entries are missing or reordered"),
    ):
        bent = verify.canonical(json.loads(lines[seq]) | {name: value})
        assert refused(read, [*lines[:seq], bent, *lines[seq + 1 :]]) == f"ledger entry {seq}: {said}"


def test_a_judge_looks_at_its_own_part_and_lets_others_go_before(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [entry(case, seq=seq) for seq in range(3)]
    ledger, first = b"".join(line + b"\n" for line in lines), len(lines[0]) + 1
    told: list[int] = []
    monkeypatch.setattr("os.nice", told.append)
    monkeypatch.setattr(verify, "LEDGER", [b"of another"])
    verify.begin(ledger)
    assert verify.judged_there(1, first, len(ledger)) == verify.judged(1, b"\n".join(lines[1:]))
    assert told == [10]


@pytest.mark.parametrize("how", ["forkserver", "spawn", "no processes", "no semaphores"])
def test_lines_are_judged_wherever_processes_are_made_otherwise_or_not_at_all(
    case: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(verify, "LINES_AT_ONCE", 2)
    monkeypatch.setattr(verify, "MANY_LINES", 0)
    lines = [entry(case, seq=seq) for seq in range(5)]
    if how == "no processes":
        monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    elif how == "no semaphores":
        monkeypatch.setattr(verify, "ProcessPoolExecutor", Mock(side_effect=NotImplementedError))
    else:
        context = multiprocessing.get_context(how)
        monkeypatch.setattr(multiprocessing, "get_start_method", lambda: how)
        monkeypatch.setattr(verify, "ProcessPoolExecutor", partial(ProcessPoolExecutor, mp_context=context))
    assert [found.seq for found in read(lines)] == [0, 1, 2, 3, 4]
    assert refused(read, [*lines, lines[0]]).startswith("ledger entry 5: carries number 0")


def test_a_judge_that_is_ended_is_told(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MANY_LINES", 0)
    monkeypatch.setattr(verify, "judged", lambda *_: os._exit(9))
    told = "ledger.jsonl: a process that judged it was ended; verify again, with more memory"
    assert refused(read, [entry(case)]) == told


def test_what_nobody_signed_for_is_not_judged(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    monkeypatch.setattr(verify, "judged", lambda number, _: judged.append(number) or (b"", b""))
    files = case.files()
    longer = {**files, "ledger.jsonl": files["ledger.jsonl"] + b"\n"}
    unsigned = {**files, "checkpoint.txt": files["checkpoint.txt"].replace(b"A", b"B")}
    for members, said in ((longer, "not over exactly these entries"), (unsigned, "checkpoint.txt: ")):
        data = bundle_bytes(members, signers=case.signers)
        assert said in "\n".join(verify.verify(data, case.policy).reasons)
        cut = verify.verify(data[:-1], case.policy).reasons
        assert cut == ["archive: not the bytes that its members make"]
    assert judged == []
