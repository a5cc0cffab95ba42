"""A destruction that is killed at any statement and run again reaches the same end."""

import os
import shutil
from pathlib import Path
from typing import ClassVar

import pytest

from winddown.archive.tokens import Tokens
from winddown.domain.plan import Act

from .desk import TOKEN_KEY, Desk
from .duckdb_subject import DuckDbSubject
from .files_subject import FOLDER, CsvFiles
from .killing import Killer, Run, stride
from .sqlite_subject import SqliteSubject
from .subject import work
from .table_subject import Shape, TableSubject
from .text_files import File

ROWS = tuple((number, f"marker-{number:04}-mobile", f"备注-{number:04}") for number in range(8))
PARTS = (("mobile", "token"), ("note", "first:2"))
SHAPES = {
    "sqlite": Shape(
        "(id INTEGER PRIMARY KEY, mobile TEXT, note TEXT)", ("id",), ("id", "mobile", "note"), ROWS, ("mobile", "note")
    ),
    "duckdb": Shape(
        "(id INTEGER PRIMARY KEY, mobile VARCHAR, note VARCHAR)",
        ("id",),
        ("id", "mobile", "note"),
        ROWS,
        ("mobile", "note"),
    ),
}


def made(kind: str, folder: Path, desk: Desk, mode: str) -> TableSubject:
    if kind == "duckdb":
        return DuckDbSubject(folder, desk, SHAPES[kind])
    subject = SqliteSubject(folder, desk, SHAPES[kind], mode=mode)
    subject.close()
    return subject


@pytest.mark.chaos
@pytest.mark.parametrize(("kind", "mode"), [("sqlite", "delete"), ("sqlite", "wal"), ("duckdb", "")])
@pytest.mark.parametrize("act", [Act.ERASE, Act.MINIMISE])
def test_killed_at_any_statement_and_run_again(folder: Path, desk: Desk, kind: str, mode: str, act: Act) -> None:
    parts = () if mode == "delete" else PARTS  # with a journal of the file's own, fields are emptied
    subject = made(kind, folder, desk, mode)
    subject.parts = parts
    planned = work(subject, chosen=["1", "3", "5", "7"], act=act)
    path: Path = subject.path  # type: ignore[attr-defined]
    whole = folder / "whole"
    whole.mkdir()
    shutil.copy(path, whole)
    probes = [value.encode() for row in ROWS[1::2] for value in row[1:]]
    killer = Killer(Run(kind, path, planned.order, planned.batches, desk.workspace))
    step = stride(9 if kind == "duckdb" else 2)
    statement, kills = 1 - step, 0
    while True:
        statement += step
        for left in folder.glob(f"{path.name.replace('?', '[?]')}*"):
            left.unlink()
        # Written into a new file; what is bound is the plan's content, and the identity is asked for anew.
        shutil.copy(whole / path.name, path)
        if not killer.run(killed_before=statement):
            break
        kills += 1
        assert not killer.run()
        assert planned.remaining() + planned.remaining(1) == 0
        assert planned.leftovers() + planned.leftovers(1) == 0
        search = subject.inspector.search_bytes(probes)
        assert (search.reached, search.found, search.where) == (True, 0, ()), statement
        assert live(subject) == expected(act, parts), statement
        assert [found.name for found in folder.iterdir() if found.is_file()] == [path.name]
    killer.close()
    assert kills >= 40 // step, "there are not fewer statements that change something"


def live(subject: TableSubject) -> list[tuple[object, ...]]:
    return [
        tuple(row.values())  # type: ignore[attr-defined]
        for _, row in sorted(fresh(subject).items())
    ]


def fresh(subject: TableSubject) -> dict[str, object]:
    if isinstance(subject, SqliteSubject):
        subject.reopen()
        try:
            return subject.content()
        finally:
            subject.close()
    return subject.content()


def expected(act: Act, parts: tuple[tuple[str, str], ...]) -> list[tuple[object, ...]]:
    if act is Act.ERASE:
        return [row for row in ROWS if row[0] % 2 == 0]
    left = {row[0]: (Tokens(lambda: TOKEN_KEY).of(row[1], length=27), row[2][:2]) for row in ROWS}
    return [row if row[0] % 2 == 0 else (row[0], *(left[row[0]] if parts else (None, None))) for row in ROWS]


class KilledFiles(CsvFiles):
    """Two files; one has two names and a link that leads to it."""

    files: ClassVar = {
        "a": File(b"id,mobile\n", {str(n): f"{n},marker-{n:04}-mobile\n".encode() for n in range(4)}),
        "b": File(b"id,mobile\n", {str(n): f"{n},marker-{n:04}-mobile\n".encode() for n in range(4, 8)}),
    }


def made_folder(folder: Path, desk: Desk) -> KilledFiles:
    (folder / "share").mkdir()
    subject = KilledFiles(folder / "share", desk)
    os.link(folder / "share" / subject.keys()[0], folder / "share" / FOLDER / "a.zweite")
    (folder / "share" / "link").symlink_to(folder / "share" / subject.keys()[1])
    return subject


@pytest.mark.chaos
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("restores", [True, False])
def test_files_killed_at_any_step_and_run_again(folder: Path, desk: Desk, whole: bool, restores: bool) -> None:
    step, number, kills = stride(7), 0, 0
    killer: Killer | None = None
    chosen = {"0", "1", "2", "3", "4", "5", "6", "7"} if whole else {"1", "3", "5", "7"}
    while True:
        subject = made_folder(folder, desk)
        share = folder / "share"
        before = seen_in(share)
        planned = work(subject, chosen=chosen, size=4, whole=whole)
        run = Run("files", share, planned.order, planned.batches, desk.workspace, restores)
        killer = killer or Killer(run)
        killer.of = run
        number += step
        killed = killer.run(killed_before=number)
        assert killed is False or not killer.run()
        indices = range(len(planned.batches))
        assert sum(planned.leftovers(index) for index in indices) == 0, number
        found = seen_in(share)
        if restores:
            assert found == before, number
        else:
            assert sum(planned.remaining(index) for index in indices) == 0, number
            probes = [f"marker-{int(name):04}-mobile".encode() for name in chosen]
            assert subject.inspector.search_bytes(probes).found == 0, number
            assert (found == {}) if whole else (len(found) == len(before)), number
        shutil.rmtree(share)
        folder.joinpath("intended").unlink()
        if not killed:
            break
        kills += 1
    killer.close()
    assert kills >= 20 // step, "there are not fewer calls that change something"


def seen_in(share: Path) -> dict[str, tuple[int, int, bytes]]:
    """Number, mode and content of everything that has a name."""
    return {
        str(path.relative_to(share)): (path.lstat().st_ino, path.lstat().st_mode, path.read_bytes())
        for path in share.rglob("*")
        if not path.is_dir() and ".winddown-quarantine" not in path.parts
    }
