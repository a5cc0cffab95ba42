"""Counts what a comparison with the truth finds, and says what the truth expects at which point of the case."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from winddown.demo.schema import CHILDREN, FINAL, Minimised
from winddown.demo.truth import Fate
from winddown.domain.errors import Refused

AFTER = ("all", "children")


class Wrong(StrEnum):
    """The three ways in which a record may have come out wrong."""

    DESTROYED = "wrongly destroyed"
    KEPT = "wrongly kept"
    CHANGED = "wrongly changed"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a record must be at one point of the case; ``digest`` is over the fields that must be left."""

    fate: Fate
    digest: str | None
    shape: Minimised | None


@dataclass(slots=True)
class Tally:
    """Running counts by kind of mistake, collection and expected fate."""

    after: str
    records: int = 0
    mistakes: Counter[tuple[Wrong, str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if self.after not in AFTER:
            raise Refused(f"no point of the case is called {self.after}", next_step=f"choose one of {AFTER}")

    def expect(self, line: Mapping[str, Any], *, table: str = "") -> Expected:
        """Return what a line of the truth expects at this point, and count the record."""
        self.records += 1
        if self.after == "all":
            fate = Fate(line["fate"])
            return Expected(fate, line["digest"], FINAL.get(table) if fate is Fate.MINIMISED else None)
        if line.get("wave1"):
            fate = Fate(line["wave1_fate"])
            return Expected(fate, line["wave1_digest"], CHILDREN.get(table) if fate is Fate.MINIMISED else None)
        return Expected(Fate.KEPT, line["digest_before"], None)

    def wrong(self, kind: Wrong, collection: str, fate: str, *, count: int = 1) -> None:
        """Count mistakes; a count of zero is none."""
        if count > 0:
            self.mistakes[kind, collection, fate] += count

    def total(self, kind: Wrong) -> int:
        """Return the number of mistakes of one kind."""
        return sum(count for (its_kind, _, _), count in self.mistakes.items() if its_kind is kind)

    def examples(self) -> tuple[str, ...]:
        """Return one sentence per kind, collection and fate, without any value of a record."""
        return tuple(
            f"{collection}: {count} {kind} (expected {fate})"
            for (kind, collection, fate), count in sorted(self.mistakes.items())
        )
