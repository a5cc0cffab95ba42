"""A named reason why something may not go on, and who can resolve it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Blocker:
    """One thing that is not decidable or not doable yet.

    A blocker stops what it names and nothing else. It is a value, not an exception: the rest of the case goes on.

    Attributes:
        code: stable kebab-case name, e.g. ``no-primary-key``; documented in ``docs/blockers.md``.
        subject: what is blocked: ``store``, ``store:collection`` or ``store:collection.field``.
        explanation: one sentence without personal data.
        resolver: role or person that can resolve it.
        next_step: what the resolver does.
    """

    code: str
    subject: str
    explanation: str
    resolver: str
    next_step: str

    def covers(self, subject: str) -> bool:
        """Whether the blocker stops ``subject``: the same one, or something inside it.

        Of a folder that holds several formats, each is a collection ``store:folder#format``.
        """
        return subject == self.subject or subject.startswith(tuple(self.subject + mark for mark in ":.#"))
