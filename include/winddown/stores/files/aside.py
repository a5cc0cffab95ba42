"""Where a batch of files waits between quarantine and purge, and how it is told what became of each name.

Below the root lies a folder that only winddown's user may enter, on the same file system, so that a move is one step.
A batch has a folder in it, named by digest of the order and number of the batch, and each name of the batch a slot with
a number in that: what lies in which slot follows from the plan alone, so whoever is killed leaves a state that can be
told. A journal beside the folder says what else must be known: the state of each file that was written anew, and that a
purge has begun. It holds numbers and digests, no names. Whoever acts on the batch holds it locked.
"""

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Refused
from winddown.domain.plan import Method, Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.files.tree import QUARANTINE, Root, listed, state_of

LIVE, QUARANTINED, GONE, MIXED = Whereabouts.LIVE, Whereabouts.QUARANTINED, Whereabouts.GONE, Whereabouts.MIXED
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ORDER = 24  # digits of the order's digest


@dataclass(frozen=True, slots=True)
class Place:
    """One name of a batch.

    Attributes:
        number: of the key in the batch; all names of a file have one.
        key: the name; slot: where it waits.
        state: how the planned file, or link, is known.
        names: number of names that the file has; 0 for a symbolic link.
        content: SHA-256 of the planned content; "" for a link and for further names.
    """

    number: int
    key: str
    slot: str
    state: str
    names: int
    content: str


def places(order: Order, batch: Batch) -> list[Place]:
    """Every name of a batch; links stay when a file is written anew, because its name stays."""
    found = []
    for number, key in enumerate(batch.keys.drop_columns(_without(batch)).to_pylist()):
        others = [one for one in key["also"] if one["state"] == key["version"]]
        links = [one for one in key["also"] if one["state"] != key["version"]]
        count = 1 + len(others)
        slot = f"{number:06}"
        found.append(Place(number, key["object"], slot, key["version"], count, key[CONTENT]))
        found += [
            Place(number, one["name"], f"{slot}.{index}", one["state"], count, "")
            for index, one in enumerate(others, start=1)
        ]
        if order.method is Method.MOVE_FILE:
            found += [
                Place(number, one["name"], f"{slot}.link{index}", one["state"], 0, "")
                for index, one in enumerate(links, start=1)
            ]
    return found


def _without(batch: Batch) -> list[str]:
    return [name for name in ("rows",) if name in batch.keys.column_names]


@dataclass(slots=True)
class Journal:
    """What the journal of a batch says.

    Attributes:
        made: number of a key → state of the file that was written in its place.
        is_purging: whether a purge has begun.
    """

    made: dict[int, str] = field(default_factory=dict)
    is_purging: bool = False

    def take(self, written: bytes) -> None:
        """Read lines; the last one may be torn, and then what it announces was not begun."""
        for line in written.splitlines():
            with suppress(ValueError, KeyError):
                found = json.loads(line)
                if found.get("purging"):
                    self.is_purging = True
                else:
                    self.made[int(found["number"])] = str(found["state"])


class Aside:
    """The names of one batch, as they are now.

    Attributes:
        places: every name.
        rewrites: whether files are written anew, and do not go whole.
        folder: descriptor of the batch's folder, None when there is none.
        journal: what is known beside.
    """

    def __init__(self, root: Root, order: Order, batch: Batch, *, folder: int | None, journal: Journal) -> None:
        self.root, self.places, self.folder, self.journal = root, places(order, batch), folder, journal
        self.rewrites = order.method is Method.REWRITE_FILE

    def where(self, place: Place) -> Whereabouts:
        """Where a name is."""
        live, aside = self.live(place), self.aside(place)
        if self.rewrites:
            return self._where_rewritten(place, live, aside)
        if live is None and aside is None:
            return GONE
        if aside is None:
            return LIVE if is_it(place, live) else MIXED
        return QUARANTINED if live is None and is_it(place, aside) else MIXED

    def _where_rewritten(self, place: Place, live: os.stat_result | None, aside: os.stat_result | None) -> Whereabouts:
        is_planned, waits = is_it(place, live), is_it(place, aside)
        if is_planned and not waits:
            return LIVE  # what lies in the slot is a draft that did not take the file's place yet
        if waits and self.is_ours(place, live):
            return QUARANTINED
        is_away = aside is None and not is_planned
        return GONE if is_away and (live is None or self.journal.is_purging) else MIXED

    def whereabouts(self) -> Whereabouts:
        """Where the batch is."""
        found = {self.where(place) for place in self.places}
        return found.pop() if len(found) == 1 else MIXED

    def live(self, place: Place) -> os.stat_result | None:
        """What has the name now. A folder on the way that is a link by now is no reason to call a file gone."""
        try:
            folder, name = self.root.parent(place.key)
        except FileNotFoundError:
            return None
        return status_at(folder, name)

    def aside(self, place: Place) -> os.stat_result | None:
        """What lies in the slot."""
        return None if self.folder is None else status_at(self.folder, place.slot)

    def is_ours(self, place: Place, found: os.stat_result | None) -> bool:
        """Whether it is what was written in the place of a planned file."""
        return found is not None and state_of(found) == self.journal.made.get(place.number, "")


class Held(Aside):
    """The same, held by one worker alone, who may write the journal."""

    def __init__(
        self, root: Root, order: Order, batch: Batch, *, folder: int, journal: Journal, file: int, quarantine: int
    ) -> None:
        super().__init__(root, order, batch, folder=folder, journal=journal)
        self.slots = folder
        self._file, self._quarantine = file, quarantine

    def note_made(self, place: Place, state: str) -> None:
        """Remember a file before it takes the place of the planned one."""
        self._note({"number": place.number, "state": state, "instead_of": number_in(place.state)})
        self.journal.made[place.number] = state

    def note_purge(self) -> None:
        """Remember that a purge begins."""
        if not self.journal.is_purging:
            self._note({"purging": True})
            self.journal.is_purging = True

    def _note(self, line: dict[str, Any]) -> None:
        # On a line of its own, whatever was torn before it: read together, neither would count.
        os.write(self._file, b"\n" + json.dumps(line).encode() + b"\n")
        os.fsync(self._file)
        os.fsync(self._quarantine)

    def settle(self) -> None:
        """Write the batch's folder to the disk."""
        os.fsync(self.slots)
        os.fsync(self._quarantine)


@contextmanager
def seen(root: Root, order: Order, batch: Batch) -> Iterator[Aside]:
    """The batch as it is now; creates nothing."""
    quarantine = folder = None
    journal = Journal()
    name = name_of(order, batch)
    try:
        with suppress(FileNotFoundError):
            quarantine = os.open(QUARANTINE, _FOLDER, dir_fd=root.folder)
            with suppress(FileNotFoundError):
                journal.take(_read(quarantine, f"{name}.journal"))
            folder = os.open(name, _FOLDER, dir_fd=quarantine)
        yield Aside(root, order, batch, folder=folder, journal=journal)
    finally:
        for file in (folder, quarantine):
            if file is not None:
                os.close(file)


@contextmanager
def held(root: Root, order: Order, batch: Batch) -> Iterator[Held]:
    """The batch with its folder, for one worker at a time; what stayed empty is removed in the end."""
    with suppress(FileExistsError):
        os.mkdir(QUARANTINE, 0o700, dir_fd=root.folder)
        os.fsync(root.folder)
    quarantine = os.open(QUARANTINE, _FOLDER, dir_fd=root.folder)
    opened = [quarantine]
    try:
        _require_own(quarantine)
        name = name_of(order, batch)
        opened.append(file := _locked(quarantine, f"{name}.journal"))
        journal = Journal()
        journal.take(_read(quarantine, f"{name}.journal"))
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=quarantine)
        opened.append(folder := os.open(name, _FOLDER, dir_fd=quarantine))
        batch_held = Held(root, order, batch, folder=folder, journal=journal, file=file, quarantine=quarantine)
        try:
            yield batch_held
        finally:
            with suppress(OSError):
                os.rmdir(name, dir_fd=quarantine)
                if not journal.is_purging:
                    os.unlink(f"{name}.journal", dir_fd=quarantine)
            os.fsync(quarantine)
    finally:
        for each in reversed(opened):
            os.close(each)


def is_it(place: Place, found: os.stat_result | None) -> bool:
    """Whether it is the planned file, by number, size, time and number of names."""
    if found is None or state_of(found) != place.state:
        return False
    if not place.names:
        return stat.S_ISLNK(found.st_mode)
    return stat.S_ISREG(found.st_mode) and found.st_nlink == place.names


def status_at(folder: int, name: str) -> os.stat_result | None:
    """What a name stands for, no link followed; None when there is none."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def replaced(root: Root) -> dict[int, int]:
    """Number of each file that was written anew → number of the planned one, of all batches; empty without any."""
    found: dict[int, int] = {}
    with suppress(FileNotFoundError):
        quarantine = os.open(QUARANTINE, _FOLDER, dir_fd=root.folder)
        try:
            for name in listed(quarantine):
                for line in _read(quarantine, name).splitlines() if name.endswith(".journal") else ():
                    with suppress(ValueError, KeyError):
                        made = json.loads(line)
                        found[number_in(made["state"])] = int(made["instead_of"])
        finally:
            os.close(quarantine)
    return found


def number_in(state: str) -> int:
    """The number of a file that a state names."""
    return int(state.split("-", maxsplit=1)[0])


def name_of(order: Order, batch: Batch) -> str:
    """Name of a batch's folder."""
    return f"{hashlib.sha256(str(order.id).encode()).hexdigest()[:_ORDER]}-{batch.index:06}"


def _read(folder: int, name: str) -> bytes:
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as file:
        return file.read()


def _locked(quarantine: int, name: str) -> int:
    """Open and lock a journal; one that was removed by whom we waited for is opened anew."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        file = os.open(name, flags, 0o600, dir_fd=quarantine)
        fcntl.flock(file, fcntl.LOCK_EX)
        named = status_at(quarantine, name)
        if named is not None and named.st_ino == os.fstat(file).st_ino:
            return file
        os.close(file)


def _require_own(folder: int) -> None:
    found = os.fstat(folder)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Refused(
            f"the folder {QUARANTINE} in the store belongs to another user, or others may enter it",
            rule="only winddown reads what is in quarantine",
            next_step="find out who made it; move it away, or chown it to winddown's user and chmod 700",
        )
