"""Tells which folders are tables of Delta Lake, Apache Iceberg or Apache Hudi, by the names of what lies in them.

A file of such a table may never be handled by itself: its size and statistics stand in the table's log or manifests,
and rows that were deleted live on in files that no longer count. So all that lies below a table's folder belongs to it.
"""

import re
from collections.abc import Container
from enum import StrEnum


class Kind(StrEnum):
    """Who reads and writes the table; as a collection's format."""

    DELTA = "delta"  # https://github.com/delta-io/delta/blob/master/PROTOCOL.md
    ICEBERG = "iceberg"  # https://iceberg.apache.org/spec/
    HUDI = "hudi"  # https://hudi.apache.org/tech-specs/


FOLDERS = ("_delta_log/", "metadata/", ".hoodie/")
"""Where in a table's folder lies what makes it one."""

_MARKS = (
    (Kind.DELTA, re.compile(r"(?:(.*)/)?_delta_log/[^/]+")),
    (Kind.ICEBERG, re.compile(r"(?:(.*)/)?metadata/[^/]+\.metadata\.json(?:\.gz)?")),
    (Kind.HUDI, re.compile(r"(?:(.*)/)?\.hoodie/hoodie\.properties")),
)


def mark_of(key: str) -> tuple[str, Kind] | None:
    """The folder that an object makes a table, and of which kind; None for an object that makes none.

    >>> mark_of("lake/orders/_delta_log/00000000000000000000.json")
    ('lake/orders', <Kind.DELTA: 'delta'>)
    """
    for kind, mark in _MARKS:
        found = mark.fullmatch(key)
        if found:
            return found.group(1) or "", kind
    return None


class Roots:
    """Folders that are tables; of one inside another, only the outer one."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[Kind]] = {}

    def see(self, key: str) -> None:
        """Look at an object's name."""
        found = mark_of(key)
        if found:
            self._kinds.setdefault(found[0], set()).add(found[1])

    def outer(self) -> dict[str, frozenset[Kind]]:
        """Every table that lies in no other one, by its folder, and all kinds that were seen in it."""
        found: dict[str, set[Kind]] = {}
        for root in sorted(self._kinds, key=lambda name: (name.count("/") if name else -1, name)):
            around = home_of(root, found)
            found.setdefault(root if around is None else around, set()).update(self._kinds[root])
        return {root: frozenset(kinds) for root, kinds in found.items()}

    def nested(self) -> frozenset[str]:
        """Those of the outer ones that have another table inside."""
        outer = self.outer()
        return frozenset(around for root in self._kinds if (around := home_of(root, outer)) not in {root, None})


def home_of(folder: str, roots: Container[str]) -> str | None:
    """The table in which a folder lies, or which it is; None outside of all."""
    while folder not in roots:
        if not folder:
            return None
        folder = folder.rpartition("/")[0]
    return folder
