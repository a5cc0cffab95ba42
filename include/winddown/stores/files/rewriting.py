"""Writes a file anew without some rows, or with fields of them emptied, as a draft in the slot of the old one.

Owner, mode, access lists and other extended attributes are the old file's. The time of its last change is not: who
copies by it, as synchronisers and backups do, must see that the content is another one.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, cast

from winddown.domain.errors import Refused
from winddown.domain.plan import Order
from winddown.stores.files.aside import QUARANTINED, Place
from winddown.stores.files.moves import Moves
from winddown.stores.files.tree import LocalFile, size_in, state_of
from winddown.stores.objects import formats
from winddown.stores.objects.formats.change import Change


def draft(moves: Moves, order: Order, places: Sequence[Place], *, rows: Sequence[int]) -> None:
    """Write the new file into the slots of all names of the old one, and note its state.

    What a killed worker left there is thrown away, unless it stands under one of the names already.
    """
    held = moves.held
    if any(held.where(place) is QUARANTINED for place in held.places if place.number == places[0].number):
        return
    for place in places:
        with suppress(FileNotFoundError):
            os.unlink(place.slot, dir_fd=held.slots)
    first = places[0]
    made = os.open(first.slot, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=held.slots)
    try:
        with os.fdopen(made, "wb") as sink, LocalFile(moves.live_entry(first)) as source:
            old = cast("BinaryIO", source)
            formats.rewrite(_form(old, size_in(first.state)), old, sink, Change.of(rows, fields=order.fields))
            sink.flush()
            _keep_attributes(source.fileno(), sink.fileno())
            os.fsync(sink.fileno())
            state = state_of(os.fstat(sink.fileno()))
    except BaseException:
        os.unlink(first.slot, dir_fd=held.slots)
        raise
    for place in places[1:]:
        os.link(first.slot, place.slot, src_dir_fd=held.slots, dst_dir_fd=held.slots, follow_symlinks=False)
    held.note_made(first, state)


def _form(source: BinaryIO, size: int) -> str:
    form = formats.identify(source, size)
    if form not in formats.REWRITABLE:
        raise Refused("a file is no longer of the format that was planned", next_step="discover and plan again")
    return str(form)


def _keep_attributes(old: int, new: int) -> None:
    status = os.fstat(old)
    try:
        os.fchown(new, status.st_uid, status.st_gid)
        for name in os.listxattr(old):
            os.setxattr(new, name, os.getxattr(old, name))
        os.fchmod(new, status.st_mode & 0o7777)
    except PermissionError:
        raise Refused(
            "owner, mode or attributes of a file cannot be given to the one that is written in its place",
            rule="a rewritten file keeps its owner and rights",
            next_step="run winddown's workers as root, or as the owner of the files",
        ) from None
    os.utime(new, ns=(status.st_atime_ns, os.fstat(new).st_mtime_ns))
