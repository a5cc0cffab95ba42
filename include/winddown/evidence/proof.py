"""A proof that one entry stands in a log, complete in one text: its index, its audit path, and the checkpoint.

    c2sp.org/tlog-proof@v1
    index <number>
    <base64 of a hash>…

    <checkpoint>

An ``extra`` line before the index may carry anything; it is not signed. Source: C2SP tlog-proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from winddown.domain.errors import Refused
from winddown.evidence import strict
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import inclusion_proof, verify_inclusion
from winddown.evidence.policy import Policy

_HEADER: Final = "c2sp.org/tlog-proof@v1"
_RULE: Final = "C2SP tlog-proof"
_HASHES_MAX: Final = 63


@dataclass(frozen=True, slots=True)
class LogProof:
    """A proof as it is handed over; nothing is verified yet.

    Args:
        index: the entry's, from 0.
        path: the audit path, lowest sibling first.
        checkpoint: the signed note, verbatim.
        extra: what the maker says beside; never to be trusted. None for no such line.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def of(cls, leaves: Sequence[bytes], index: int, *, checkpoint: bytes) -> Self:
        """Prove leaf ``index`` among the leaf hashes that the checkpoint covers; Refused when there is none."""
        return cls(index, inclusion_proof(leaves, index), checkpoint)

    @property
    def text(self) -> bytes:
        """The file's content."""
        extra = [] if self.extra is None else [f"extra {strict.write_base64(self.extra)}"]
        lines = [_HEADER, *extra, f"index {self.index}", *map(strict.write_base64, self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return the proof whose text is exactly ``raw``; any other spelling is refused."""
        head, blank, checkpoint = raw.partition(b"\n\n")
        lines = head.decode("ascii", "replace").split("\n")
        if not blank or lines.pop(0) != _HEADER:
            raise Refused("not a proof of this version", rule=_RULE)
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = strict.read_base64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index ") or len(lines) > 1 + _HASHES_MAX:
            raise Refused("a proof has an index and at most 63 hashes", rule=_RULE)
        index = strict.read_integer(lines[0].removeprefix("index "))
        return cls(index, tuple(map(strict.read_base64, lines[1:])), checkpoint, extra)

    def verify(self, leaf: bytes, policy: Policy) -> Checkpoint:
        """Return the checkpoint under which the leaf hash stands at the index, by the reader's policy.

        Raises:
            Refused: if the checkpoint does not count or the path does not lead to its root.
        """
        checkpoint = policy.judge(self.checkpoint)
        size, root = checkpoint.size, checkpoint.root
        verify_inclusion(leaf, index=self.index, size=size, proof=self.path, root=root)
        return checkpoint
