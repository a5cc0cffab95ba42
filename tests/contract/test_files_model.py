"""People write, link, rename and remove files while orders are carried out, in any order: nothing of theirs is lost."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.receipt import Whereabouts

from .desk import Desk
from .files_subject import FOLDER, WholeFiles
from .subject import Work, work

EXAMPLES = int(os.environ.get("WINDDOWN_TEST_EXAMPLES", "6"))
NAMES = ("b.pdf", "c.pdf", "d.pdf", "合同.pdf", "合同.pdf.2")


@pytest.fixture
def memory() -> Iterator[Path]:
    place = Path("/dev/shm")  # noqa: S108 - the name is not guessable
    with tempfile.TemporaryDirectory(dir=place if place.is_dir() else None) as found:
        yield Path(found)


class Files(RuleBasedStateMachine):
    """The model: what people wrote last under each name, and which files the order has taken or destroyed."""

    folder: Path
    desk: Desk

    def __init__(self) -> None:
        super().__init__()
        shutil.rmtree(self.folder / "share", ignore_errors=True)
        (self.folder / "share").mkdir()
        self.subject = WholeFiles(self.folder / "share", self.desk)
        self.live = dict(self.subject.live())
        self.aside: dict[str, bytes] = {}
        self.gone: set[str] = set()
        self.written = 0

    @initialize(count=st.integers(1, 5))
    def plan(self, count: int) -> None:
        chosen = [f"{FOLDER}/{name}" for name in NAMES[:count]]
        self.planned: Work = work(self.subject, chosen=chosen, size=9)
        self.doomed = {key: self.live[key] for key in chosen}

    def act(self, power: Power) -> bool:
        try:
            self.planned.act(power)
        except (Refused, Residual, Transient):
            return False
        return True

    @rule()
    def quarantine(self) -> None:
        if self.act(Power.QUARANTINE):
            self.aside = {key: body for key, body in self.doomed.items() if key not in self.gone}
            self.live = {key: body for key, body in self.live.items() if key not in self.doomed}
            assert self.planned.set_aside() == len(self.aside)
            assert self.planned.remaining() == 0

    @rule()
    def restore(self) -> None:
        is_whole = self.act(Power.RESTORE)
        for key in list(self.aside):
            if key not in self.live:
                self.live[key] = self.aside.pop(key)
        assert not is_whole or not self.aside

    @rule()
    def purge(self) -> None:
        if self.act(Power.PURGE):
            self.gone |= set(self.aside)
            self.aside = {}
            assert (self.planned.remaining(), self.planned.leftovers()) == (0, 0)

    @rule(name=st.sampled_from(NAMES), in_place=st.booleans())
    def write(self, name: str, in_place: bool) -> None:
        key = f"{FOLDER}/{name}"
        self.written += 1
        body = b"%PDF- theirs " + str(self.written).encode()
        if in_place and key in self.live:
            (self.subject.root / key).write_bytes(body)
        else:
            self.subject.put(key, body)
        self.live[key] = body

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        (self.subject.root / FOLDER / name).unlink(missing_ok=True)
        self.live.pop(f"{FOLDER}/{name}", None)

    @precondition(lambda self: len(self.live) > 1)
    @rule()
    def change_places(self) -> None:
        first, second = sorted(self.live)[:2]
        one, other = (self.subject.root / key for key in (first, second))
        draft = one.with_name(".moving")
        one.rename(draft)
        other.rename(one)
        draft.rename(other)
        self.live[first], self.live[second] = self.live[second], self.live[first]

    @invariant()
    def nothing_of_theirs_is_lost(self) -> None:
        assert self.subject.live() == self.live
        assert sorted(path.read_bytes() for path in self.subject.waiting()) == sorted(self.aside.values())

    @invariant()
    def where_it_is_said_to_be(self) -> None:
        where = self.subject.store.locate(self.planned.order, self.planned.batches[0])
        if where is Whereabouts.QUARANTINED:
            assert self.aside.keys() == self.doomed.keys()
        if where is Whereabouts.LIVE:
            assert self.planned.unchanged() == len(self.doomed)
        if where is Whereabouts.GONE:
            assert not self.doomed.keys() & self.live.keys()


def test_people_win_over_orders_in_any_order(memory: Path, desk: Desk) -> None:
    bound = type("BoundFiles", (Files,), {"folder": memory, "desk": desk})
    run_state_machine_as_test(bound, settings=settings(max_examples=EXAMPLES, stateful_step_count=15, deadline=None))
