"""Empties members of one JSON text where they stand; every other byte of it stays.

>>> emptied('{"a": 1.50, "b": {"c": [{"d": "x"}, 2]}}', [["a"], ["b", "c", "d"]])
'{"a": null, "b": {"c": [{"d": null}, 2]}}'
"""

import json
import re
from collections.abc import Iterator, Sequence

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.problem import Problem, Unreadable

_SPACE = re.compile(r"[ \t\r\n]*")
_WHOLE = json.JSONDecoder()
Paths = Sequence[Sequence[str]]


def paths_of(fields: Sequence[str]) -> list[list[str]]:
    """Fields as paths; one whose own name has dots is looked for under that name too."""
    return [path for field in fields for path in ([field], *([field.split(".")] if "." in field else []))]


def emptied(text: str, paths: Paths) -> str:
    """Return the text with null where the paths lead; lists on the way are no step of a path.

    Raises:
        Unreadable: it is not JSON, or an object names a member twice.
    """
    spans: list[tuple[int, int]] = []
    try:
        end = _walk(text, _space(text, 0), paths, spans)
    except (ValueError, IndexError, RecursionError):
        raise _broken() from None
    if text[end:].strip():
        raise _broken()
    parts, place = [], 0
    for start, stop in spans:
        parts += [text[place:start], "null"]
        place = stop
    return "".join([*parts, text[place:]])


def _walk(text: str, place: int, paths: Paths, spans: list[tuple[int, int]]) -> int:
    """Note what is emptied in the value at a place; returns the place behind it."""
    if not paths:
        return _WHOLE.raw_decode(text, place)[1]
    if [] in paths:
        end = _WHOLE.raw_decode(text, place)[1]
        spans.append((place, end))
        return end
    if text[place] == "[":
        for _ in (steps := _Steps(text, place, "]")):
            steps.place = _walk(text, steps.place, paths, spans)
        return steps.place
    if text[place] == "{":
        names: list[str] = []
        for _ in (steps := _Steps(text, place, "}")):
            name, end = _WHOLE.raw_decode(text, steps.place)
            names.append(name)
            colon = _space(text, end)
            if text[colon] != ":" or text[steps.place] != '"':
                raise _broken()
            inside = [path[1:] for path in paths if path[0] == name]
            steps.place = _walk(text, _space(text, colon + 1), inside, spans)
        limits.check_names(names)
        return steps.place
    return _WHOLE.raw_decode(text, place)[1]


class _Steps:
    """Goes from element to element; who iterates moves ``place`` behind each one."""

    def __init__(self, text: str, place: int, end: str) -> None:
        self._text, self._end = text, end
        self.place = _space(text, place + 1)

    def __iter__(self) -> Iterator[None]:
        if self._text[self.place] == self._end:
            self.place += 1
            return
        while True:
            yield
            place = _space(self._text, self.place)
            mark = self._text[place]
            self.place = place + 1
            if mark == self._end:
                return
            if mark != ",":
                raise _broken()
            self.place = _space(self._text, self.place)


def _space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _broken() -> Unreadable:
    return Unreadable(Problem.BROKEN, "a record of the file is not JSON")
