"""Compares a log with checkpoints that were kept of it: finds forks and rollbacks.

Whoever keeps a checkpoint needs no program while time passes. Later the log is asked for its entries, and each kept
checkpoint must be the root over the first of them. An empty log's checkpoint is a prefix of everything and proves
nothing; it is named as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from winddown.domain.errors import Refused
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import EMPTY_ROOT, Frontier, leaf_hash
from winddown.evidence.policy import Policy


@dataclass(frozen=True, slots=True)
class Finding:
    """What one checkpoint says about the log.

    Attributes:
        name: what the checkpoint was called.
        verdict: consistent, proves nothing, fork, rollback or not accepted.
        says: the reason in a sentence.
    """

    name: str
    verdict: str
    says: str

    @property
    def is_alarm(self) -> bool:
        """Whether the log misbehaved, or the checkpoint is no evidence of it at all."""
        return self.verdict in {"fork", "rollback", "not accepted"}


def compare(notes: Mapping[str, bytes], entries: Sequence[bytes], *, origin: str, policy: Policy) -> list[Finding]:
    """Judge every checkpoint (signed note by name) against the entries that the log of ``origin`` has today."""
    found: list[Finding] = []
    accepted: list[tuple[str, Checkpoint]] = []
    for name, note in notes.items():
        try:
            checkpoint = policy.judge(note)
        except Refused as reason:
            found.append(Finding(name, "not accepted", str(reason)))
            continue
        if checkpoint.origin != origin:
            found.append(Finding(name, "not accepted", f"of another log, {checkpoint.origin}"))
        else:
            accepted.append((name, checkpoint))
    frontier = Frontier()
    first: dict[int, tuple[str, bytes]] = {}
    for name, checkpoint in sorted(accepted, key=lambda pair: pair[1].size):
        if checkpoint.size <= len(entries):
            frontier = frontier.extend([leaf_hash(one) for one in entries[frontier.size : checkpoint.size]])
        other, root = first.setdefault(checkpoint.size, (name, checkpoint.root))
        if root != checkpoint.root:
            verdict, says = "fork", f"another root than {other} for the same {checkpoint.size} entries"
        elif checkpoint.size > len(entries):
            verdict, says = "rollback", f"{checkpoint.size} entries were signed, the log has {len(entries)}"
        elif frontier.root() != checkpoint.root:
            verdict, says = "fork", f"the log's first {checkpoint.size} entries are not those that were signed"
        elif checkpoint.root == EMPTY_ROOT:
            verdict, says = "proves nothing", "every log begins empty"
        else:
            verdict, says = "consistent", f"the first {checkpoint.size} of {len(entries)} entries are unchanged"
        found.append(Finding(name, verdict, says))
    return found
