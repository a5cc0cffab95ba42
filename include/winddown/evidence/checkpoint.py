"""A checkpoint: the ledger's size and root under a signature, in the form transparency logs exchange.

The text is three lines, ``origin``, ``size``, ``base64(root)``, and of other logs perhaps extension lines, which are
kept and mean nothing here. A log's keys have its origin as their name. Sources: C2SP tlog-checkpoint, signed-note.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from winddown.domain.errors import Refused
from winddown.evidence import strict
from winddown.evidence.merkle import HASH_BYTES
from winddown.evidence.signing import Signer

_RULE: Final = "C2SP tlog-checkpoint"
_SIZE_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log's head says of itself.

    Args:
        origin: name of the log, one line without control characters; unique to one ledger for ever.
        size: number of entries.
        root: Merkle root over them, 32 bytes.
        extensions: further lines, none of them blank. Ours has none.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or any(letter < " " for letter in line):
                raise Refused("a checkpoint's lines are not blank and have no control characters", rule=_RULE)
        if isinstance(self.size, bool) or not 0 <= self.size <= _SIZE_MAX or len(self.root) != HASH_BYTES:
            raise Refused("a checkpoint needs a size from 0 and a root of 32 bytes", rule=_RULE)

    @property
    def text(self) -> str:
        """The signed lines."""
        return "".join(
            f"{line}\n" for line in (self.origin, str(self.size), strict.write_base64(self.root), *self.extensions)
        )

    def sign(self, signers: Sequence[Signer], *, at: int) -> bytes:
        """Return the note with one signature of each signer, made at ``at`` (POSIX seconds), as UTF-8 bytes."""
        return (self.text + "\n" + "".join(signer.sign_note(self.text, at=at) for signer in signers)).encode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the checkpoint whose text is exactly ``text``; this checks no signature.

        Raises:
            Refused: for any other spelling of the same values.
        """
        # Only a line feed ends a line: splitlines() would also split on U+2028 and its like.
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():  # noqa: PLR2004 - at least three lines, each ended
            raise Refused("a checkpoint has at least three lines", rule=_RULE)
        return cls(lines[0], strict.read_integer(lines[1]), strict.read_base64(lines[2]), tuple(lines[3:]))
