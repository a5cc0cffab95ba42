"""The steps of the deregistration, dated and evidenced, and the clocks between them."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Something that happened in the deregistration, with the digest of its evidence."""

    step: str  # S0 … S9
    event: str  # e.g. service_stopped; rules refer to it
    on: date
    evidence: str
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All events of a case."""

    events: tuple[TimelineEvent, ...]

    def on(self, event: str) -> date | None:
        """The date of an event, or None when it has not happened."""
        return next((found.on for found in self.events if found.event == event), None)
