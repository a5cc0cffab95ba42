"""Quarantine, restore and purge of the names of one batch.

Whatever is about to be moved is compared with the plan first, content included, and once more where it lies afterwards:
what came in between goes back, because a writer wins. Nothing is ever put over a file that somebody wrote.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from winddown.domain.errors import Refused, Residual, Transient
from winddown.stores.files.aside import GONE, LIVE, MIXED, QUARANTINED, Held, Place, is_it, number_in
from winddown.stores.files.keys import hashed
from winddown.stores.files.names import path_of
from winddown.stores.files.openers import holders
from winddown.stores.files.rename import exchange, move_new
from winddown.stores.files.tree import Entry, LocalFile, open_file, size_in

_ZEROS = bytes(1 << 20)


class Moves:
    """What is done to one batch, which this worker holds.

    Args:
        target: the order and batch, in words.
    """

    def __init__(self, held: Held, target: str) -> None:
        self.held, self._target = held, target

    # -- quarantine ----------------------------------------------------------------------------------------------

    def pending(self) -> list[Place]:
        """The names that are still live, every file compared with the plan; raises Refused when one is another."""
        found = {place: self.held.where(place) for place in self.held.places}
        if not set(found.values()) <= {LIVE, QUARANTINED}:
            self._return_strangers()
            raise self.overtaken()
        pending = [place for place in self.held.places if found[place] is LIVE]
        statuses = [status for place in pending if (status := self.held.live(place)) is not None]
        writers = holders({(one.st_dev, one.st_ino) for one in statuses}, writing=True)
        if writers:
            raise Transient(f"{self._target}: files are open for writing in {', '.join(writers)}; close them there")
        self._compare([place for place in pending if place.content], self._open_live)
        return pending

    def move(self, places: Sequence[Place]) -> None:
        """Move names into their slots."""
        moved: list[Place] = []
        for place in places:
            folder, name = self.held.root.parent(place.key)
            try:
                os.rename(name, place.slot, src_dir_fd=folder, dst_dir_fd=self.held.slots)
            except FileNotFoundError:
                self._give_back(moved)
                raise self.overtaken() from None
            moved.append(place)
        self.settle(moved)
        if not all(is_it(place, self.held.aside(place)) for place in moved):
            self._give_back(moved)
            raise self.overtaken()

    def swap(self, places: Sequence[Place]) -> None:
        """Let files that were written anew, in their slots, change places with the planned ones."""
        swapped: list[Place] = []
        for place in places:
            folder, name = self.held.root.parent(place.key)
            exchange(folder, name, self.held.slots, place.slot)
            swapped.append(place)
            if not is_it(place, self.held.aside(place)):
                self.restore(swapped)
                raise self.overtaken()
        self.settle(swapped)

    def settle(self, places: Iterable[Place]) -> None:
        """Write the folders that names left or came back to, and the batch's own, to the disk."""
        self.held.settle()
        for folder in {path_of(place.key).rpartition(b"/")[0] for place in places}:
            with suppress(FileNotFoundError):
                os.fsync(self.held.root.folder_of(folder))

    # -- restore -------------------------------------------------------------------------------------------------

    def restore(self, places: Sequence[Place]) -> None:
        """Put back what lies in slots, as far as nothing else has the name by now."""
        for place in places:
            if self.held.aside(place) is not None:
                with suppress(FileNotFoundError, FileExistsError):
                    self._restore(place)
        self.settle(places)

    def _restore(self, place: Place) -> None:
        held = self.held
        live, aside = held.live(place), held.aside(place)
        assert aside is not None  # noqa: S101 - asked before
        folder, name = held.root.parent(place.key)
        if not held.rewrites and live is None:
            move_new(held.slots, place.slot, folder, name)
        elif live is not None and (is_it(place, live) or os.path.samestat(live, aside)):
            # The planned file has its name; what lies in the slot is a draft, or the same file under a second name.
            os.unlink(place.slot, dir_fd=held.slots)
        elif held.is_ours(place, live):
            exchange(folder, name, held.slots, place.slot)
            if held.is_ours(place, held.aside(place)):
                os.unlink(place.slot, dir_fd=held.slots)
            else:
                exchange(folder, name, held.slots, place.slot)

    def _give_back(self, moved: Sequence[Place]) -> None:
        self.restore(moved)

    def _return_strangers(self) -> None:
        """Give back what a killed worker took away and was not the planned file."""
        self.restore([place for place in self.held.places if self._is_strange(place)])

    def _is_strange(self, place: Place) -> bool:
        aside = self.held.aside(place)
        return aside is not None and not is_it(place, aside) and not self.held.is_ours(place, aside)

    def require_live(self) -> None:
        """Raise Residual unless every name is what was planned."""
        if any(self.held.where(place) is not LIVE for place in self.held.places):
            raise Residual(
                f"{self._target}: a file can no longer be restored whole",
                next_step="somebody wrote, linked or removed files under these names or while they were in quarantine; "
                "nothing was overwritten: compare both, then put the right one in place",
            )

    # -- purge ---------------------------------------------------------------------------------------------------

    def doomed(self) -> list[Place]:
        """The names in quarantine, every file compared with the plan; raises Refused when one is not there."""
        found = {place: self.held.where(place) for place in self.held.places}
        if LIVE in found.values():
            raise Refused(f"{self._target} is not in quarantine", rule="quarantine first")
        if any(where is MIXED and not self._is_half_purged(place) for place, where in found.items()):
            raise self.overtaken()
        doomed = [place for place in self.held.places if found[place] is not GONE]
        statuses = [status for place in doomed if (status := self.held.aside(place)) is not None]
        programs = holders({(one.st_dev, one.st_ino) for one in statuses})
        if programs:
            raise Transient(
                f"{self._target}: files are open in {', '.join(programs)}, where their content would live on; "
                "close them there"
            )
        self._compare([one for one in doomed if one.content and found[one] is QUARANTINED], self._open_aside)
        return doomed

    def _is_half_purged(self, place: Place) -> bool:
        """A file of which a killed purge removed some names, so that it has fewer than planned."""
        live, aside = self.held.live(place), self.held.aside(place)
        is_free = self.held.is_ours(place, live) if self.held.rewrites else live is None
        return self.held.journal.is_purging and is_free and aside is not None and aside.st_ino == number_in(place.state)

    def unlink(self, places: Sequence[Place], *, overwrite: bool) -> int:
        """Remove slots for good; return how many bytes were overwritten before."""
        self.held.note_purge()
        written = 0
        for place in places:
            if overwrite and place.content:
                written += self._overwrite(place)
            with suppress(FileNotFoundError):
                os.unlink(place.slot, dir_fd=self.held.slots)
        self.held.settle()
        return written

    def _overwrite(self, place: Place) -> int:
        """Write zeros over the content, holes left out, and have them on the disk before the name goes."""
        file = self._opened_for_writing(place)
        written = 0
        try:
            for start, end in _data(file):
                for position in range(start, end, len(_ZEROS)):
                    os.pwrite(file, _ZEROS[: end - position], position)
                written += end - start
            os.fsync(file)
        finally:
            os.close(file)
        return written

    def _opened_for_writing(self, place: Place) -> int:
        flags, slots = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, self.held.slots
        try:
            return os.open(place.slot, flags, dir_fd=slots)
        except PermissionError:
            # The freeze took that right from the owner as well, who may take it back; root never comes here.
            file = open_file(slots, place.slot)
            try:
                os.fchmod(file, 0o600)
            finally:
                os.close(file)
            return os.open(place.slot, flags, dir_fd=slots)

    # -- pieces --------------------------------------------------------------------------------------------------

    def overtaken(self) -> Refused:
        """Somebody came in between."""
        return Refused(
            f"{self._target}: a file changed after the plan was made",
            rule="a writer wins",
            next_step="plan the wave again",
        )

    def _compare(self, wanted: Sequence[Place], opened: Callable[[Place], LocalFile]) -> None:
        found = hashed(opened(place) for place in wanted)
        if any(place.content != digest for place, digest in zip(wanted, found, strict=True)):
            raise self.overtaken()

    def _open_live(self, place: Place) -> LocalFile:
        return LocalFile(self.live_entry(place))

    def live_entry(self, place: Place) -> Entry:
        """The live file of a name, to be opened at once."""
        folder, name = self.held.root.parent(place.key)
        return Entry(place.key, "file", folder, name, size_in(place.state), state=place.state)

    def _open_aside(self, place: Place) -> LocalFile:
        slots = self.held.slots
        return LocalFile(Entry(place.key, "file", slots, place.slot, size_in(place.state), state=place.state))


def groups(places: Iterable[Place]) -> Iterator[list[Place]]:
    """The names of one file after another."""
    several: list[Place] = []
    for place in places:
        if several and several[-1].number != place.number:
            yield several
            several = []
        several.append(place)
    if several:
        yield several


def _data(file: int) -> Iterator[tuple[int, int]]:
    """Start and end of each part of a file that is no hole."""
    end = 0
    while True:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end
