"""What a look at an object found, written as a note and read again.

Only what has a version id of its own is noted, because without one a tag and a size are all that would tell. Noted are
objects that could be read to their end; whatever had a problem is looked at again, since problems go away.
"""

import json
from functools import lru_cache
from typing import Any

from winddown.domain.canonical import canonical
from winddown.ports import Note
from winddown.stores.objects import formats
from winddown.stores.objects.formats.problem import Problem
from winddown.stores.objects.gathering import Looked
from winddown.stores.objects.versions import UNNAMED, Version

_COUNT_BYTES = 8


class NoNotes:
    """Remembers nothing, so that everything is looked at."""

    doubt = ""
    is_doubted = False

    def recall(self, name: str) -> Note | None:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return None

    def put(self, name: str, note: Note | None) -> None:
        """Forgotten at once."""

    def digest(self, content: bytes) -> bytes:  # noqa: ARG002 - the protocol's
        """Empty: it goes nowhere."""
        return b""

    def keep(self) -> bool:
        """Nothing was contradicted."""
        return True


def name_of(place: str, version: Version) -> str:
    """What no other content in this place bears; "" for a version without an id of its own.

    An object goes to another storage class without a new version, and may not be readable there.
    """
    if version.version_id == UNNAMED or not version.etag:
        return ""
    return json.dumps([place, version.key, version.version_id, version.etag, version.size, version.storage_class])


def written(looked: Looked, beginning: bytes) -> Note | None:
    """A look as a note, with a keyed digest of the object's beginning; None for what is to be looked at again."""
    if looked.problem is not None or looked.format in {None, formats.TORN}:
        return None
    alike: list[Any] = [looked.format, [list(found) for found in looked.fields], looked.kind]
    return Note(canonical(alike), looked.records.to_bytes(_COUNT_BYTES, "big") + beginning)


def is_passing(looked: Looked) -> bool:
    """Whether the same object may be read at another time, so that this look says nothing against an earlier one."""
    return looked.problem is not None and looked.problem.problem in {Problem.CHANGED, Problem.COLD}


def read(note: Note) -> Looked:
    """The look that a note was written of."""
    form, fields, kind = _alike(note.common)
    return Looked(form, fields, int.from_bytes(note.own[:_COUNT_BYTES], "big"), kind=kind)


@lru_cache(maxsize=1024)
def _alike(common: bytes) -> tuple[str, tuple[tuple[str, str], ...], str]:
    form, fields, kind = json.loads(common)
    return form, tuple((name, told) for name, told in fields), kind
