"""Notes of objects: found again under the same name, tried now and then, and of no use to anybody else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from winddown.archive import container, notes
from winddown.archive.keys import CaseKeys
from winddown.archive.notes import CaseNotes
from winddown.ports import Note

NAMES = [f"bucket/scans/{number}.jpg v1" for number in range(250)]
Opened = Callable[..., CaseNotes]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens the same notes again; ``turn`` says which of the notes that are met is tried."""
    keys = CaseKeys(tmp_path / "keys")

    def opened(
        *, turn: int = notes.TRIED, version: str = "1", name: str = "look", store: str = "shop",
    ) -> CaseNotes:  # fmt: skip
        monkeypatch.setattr("winddown.archive.notes.secrets.randbelow", lambda _: turn)
        return CaseNotes(tmp_path / "notes", name, store=store, keys=keys, code_version=version)

    return opened


def note_of(name: str) -> Note:
    return Note(b"opaque" if "1" in name else b"csv", name[-9:].encode())


def noted(found: CaseNotes, names: list[str]) -> None:
    for name in names:
        found.put(name, note_of(name))
    assert found.keep()


def test_what_was_kept_is_recalled(opened: Opened) -> None:
    noted(opened(), NAMES)
    again = opened()
    assert [again.recall(name) for name in NAMES] == [note_of(name) for name in NAMES]
    assert again.recall("bucket/scans/0.jpg v2") is None


@pytest.mark.parametrize("rows", [1, 7, 249, 250])
def test_what_was_kept_in_pieces_is_recalled(opened: Opened, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(notes, "_ROWS", rows)
    noted(opened(), NAMES)
    again = opened()
    assert [again.recall(name) for name in NAMES] == [note_of(name) for name in NAMES]
    assert [again.recall(f"{name} and more") for name in NAMES] == [None] * len(NAMES)
    assert again.keep()
    last = opened()
    assert [last.recall(name) for name in reversed(NAMES)] == [note_of(name) for name in reversed(NAMES)]


def test_what_is_not_met_any_more_is_forgotten(opened: Opened) -> None:
    noted(opened(), NAMES)
    again = opened()
    assert again.recall(NAMES[3]) == note_of(NAMES[3])
    again.put("new", Note(b"pdf", b""))
    assert again.keep()
    last = opened()
    assert [last.recall(name) for name in (NAMES[3], "new", NAMES[4])] == [note_of(NAMES[3]), Note(b"pdf"), None]


def test_one_in_a_hundred_is_tried(opened: Opened) -> None:
    noted(opened(), NAMES)
    again = opened(turn=7)
    tried = [name for name in NAMES if again.recall(name) is None]
    assert tried == [NAMES[7], NAMES[107], NAMES[207]]
    noted(again, tried)
    assert all(opened().recall(name) == note_of(name) for name in NAMES)


@pytest.mark.parametrize("count", [1, 40, 250])
def test_one_is_tried_wherever_all_are_met(tmp_path: Path, count: int) -> None:
    keys = CaseKeys(tmp_path / "keys")
    noted(CaseNotes(tmp_path, "x", store="shop", keys=keys, code_version="1"), NAMES[:count])
    for _ in range(20):
        again = CaseNotes(tmp_path, "x", store="shop", keys=keys, code_version="1")
        assert 1 <= sum(again.recall(name) is None for name in NAMES[:count]) <= -(-count // notes.TRIED)


def test_a_contradicted_note_takes_all_with_it(opened: Opened) -> None:
    noted(opened(), NAMES)
    again = opened(turn=0)
    assert again.recall(NAMES[0]) is None
    again.put(NAMES[0], Note(b"opaque", b"other"))
    assert not again.keep()
    assert [opened().recall(name) for name in NAMES[:2]] == [None, None]


def contradicted(opened: Opened) -> CaseNotes:
    again = opened(turn=0)
    assert again.recall(NAMES[0]) is None
    again.put(NAMES[0], Note(b"opaque", b"other"))
    return again


def test_a_doubt_outlives_whoever_had_it(opened: Opened, tmp_path: Path) -> None:
    noted(opened(), NAMES)
    noted(opened(name="contents shop:scans"), NAMES)
    noted(opened(store="other"), NAMES)
    doubt = tmp_path / "notes" / contradicted(opened).doubt
    # Killed here: nothing was kept, and yet nothing is recalled or kept any more.
    assert doubt.stat().st_mode & 0o777 == 0o600
    for name in ("look", "contents shop:scans"):
        again = opened(name=name)
        assert (again.is_doubted, again.recall(NAMES[1])) == (True, None)
        again.put(NAMES[1], note_of(NAMES[1]))
        assert not again.keep()
    assert opened(store="other").recall(NAMES[1]) == note_of(NAMES[1])
    doubt.unlink()
    for name in ("look", "contents shop:scans"):
        again = opened(name=name)
        assert (again.is_doubted, again.recall(NAMES[1])) == (False, None), "what was noted before is gone"
        noted(again, NAMES)


def test_another_worker_brings_no_doubted_note_back(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    noted(opened(), NAMES)
    early, late = opened(), opened()
    assert early.recall(NAMES[0]) == late.recall(NAMES[0]) == note_of(NAMES[0])
    found: list[CaseNotes] = []

    def seal(*rest: Any, **named: Any) -> None:
        found.append(contradicted(opened))
        container.seal(*rest, **named)

    monkeypatch.setattr(notes, "seal", seal)
    assert not early.keep(), "found out while these notes were written"
    assert not late.keep()
    (doubt,) = (early._folder).iterdir()
    assert doubt.name == found[0].doubt
    doubt.unlink()
    assert opened().recall(NAMES[0]) is None


def test_what_is_not_to_be_noted_any_more_contradicts(opened: Opened) -> None:
    noted(opened(), NAMES)
    again = opened(turn=0)
    assert again.recall(NAMES[0]) is None
    again.put("new", None)
    again.put(NAMES[0], None)
    assert not again.keep()
    assert opened().is_doubted


def test_what_was_not_looked_at_contradicts_nothing(opened: Opened) -> None:
    noted(opened(), NAMES)
    again = opened(turn=0)
    assert again.recall(NAMES[0]) is None
    assert again.keep()
    assert not opened().is_doubted


@pytest.mark.parametrize(
    "change", [{"version": "2"}, {"name": "other"}, {"store": "other"}], ids=["program", "kind", "store"]
)
def test_notes_serve_one_program_and_one_store(opened: Opened, change: dict[str, str]) -> None:
    noted(opened(), NAMES)
    assert opened(**change).recall(NAMES[0]) is None


def test_damaged_notes_are_none(opened: Opened, tmp_path: Path) -> None:
    noted(opened(), NAMES)
    (path,) = (tmp_path / "notes").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert opened().recall(NAMES[0]) is None


def test_another_case_reads_nothing(opened: Opened, tmp_path: Path) -> None:
    found = opened()
    noted(found, NAMES)
    keys = CaseKeys(tmp_path / "other")
    other = CaseNotes(tmp_path / "notes", "look", store="shop", keys=keys, code_version="1")
    assert other.recall(NAMES[0]) is None
    assert other.digest(b"13800138000") != found.digest(b"13800138000")


def test_no_name_is_kept(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain: list[bytes] = []

    def seal(content: bytes, *rest: Any, **named: Any) -> None:
        plain.append(content)
        container.seal(content, *rest, **named)

    monkeypatch.setattr(notes, "seal", seal)
    noted(opened(), [f"{name} 13800138000" for name in NAMES])
    (path,) = (tmp_path / "notes").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert plain
    assert b"scans" not in plain[0]


def test_what_goes_beyond_the_limits_is_not_noted(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_NOTES_MAX", 3)
    noted(opened(), NAMES[:5])
    again = opened()
    assert [again.recall(name) is None for name in NAMES[:5]] == [False, False, False, True, True]


@pytest.mark.parametrize(("limit", "maximum"), [("_NOTES_MAX", 10), ("_OWN_MAX", 10), ("_COMMON_MAX", 10)])
def test_the_limits_hold_for_all_that_is_kept(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, limit: str, maximum: int
) -> None:
    monkeypatch.setattr(notes, limit, maximum)
    for turn in (notes.TRIED, 0, 5, notes.TRIED):
        again = opened(turn=turn)
        for number, name in enumerate(NAMES):
            if again.recall(name) is None:
                again.put(name, Note(f"fields {number}".encode(), b"x"))
        assert again.keep()
        last = opened()
        assert sum(last.recall(name) is not None for name in NAMES) == maximum


def test_a_full_container_still_takes_what_others_have_in_common(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "_COMMON_MAX", 2)
    noted(opened(), NAMES[:20])
    again = opened()
    assert all(again.recall(name) for name in NAMES[:20])
    noted(again, NAMES[20:40])
    last = opened()
    assert all(last.recall(name) for name in NAMES[:40])


def test_what_is_forgotten_is_looked_at_again(opened: Opened) -> None:
    noted(opened(), NAMES)
    again = opened()
    again.forget()
    assert again.recall(NAMES[0]) is None
    assert again.keep()
    assert opened().recall(NAMES[1]) is None


def test_nothing_noted_is_nothing_recalled(opened: Opened) -> None:
    assert opened().keep()
    assert opened().recall(NAMES[0]) is None
