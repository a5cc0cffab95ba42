"""A checkpoint: the ledger's size and root under a signature, in the form transparency logs exchange.

The text is three lines, ``origin``, ``size``, ``base64(root)``; then a blank line and one line per signature,
``— name base64(key hash of 4 bytes + signature of 64)``, signed over the three lines with their line breaks.
Sources: C2SP tlog-checkpoint and signed-note. Extension lines are refused. Signatures of other keys (witnesses) may
stand beside ours; they must be well formed and are not checked here.
"""

import re
from dataclasses import dataclass
from typing import Final

from winddown.domain.errors import Refused
from winddown.evidence import strict
from winddown.evidence.merkle import HASH_BYTES
from winddown.evidence.signing import Signer, VerifyingKey

NOTE_BYTES_MAX: Final = 65_536
_RULE: Final = "C2SP signed-note"
_ORIGIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?")
_SIGNATURE: Final = re.compile(r"— ([!-*,-~]+) ([A-Za-z0-9+/]+={0,2})")
_SIGNATURE_BYTES: Final = 4 + 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log's head says of itself.

    Args:
        origin: name of the log, printable ASCII on one line; unique to one ledger for ever.
        size: number of entries.
        root: Merkle root over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _ORIGIN.fullmatch(self.origin):
            raise Refused("a checkpoint's origin is one line of printable ASCII", rule=_RULE)
        if isinstance(self.size, bool) or self.size < 0 or len(self.root) != HASH_BYTES:
            raise Refused("a checkpoint needs a size from 0 and a root of 32 bytes", rule=_RULE)

    @property
    def text(self) -> str:
        """The three signed lines."""
        return f"{self.origin}\n{self.size}\n{strict.write_base64(self.root)}\n"

    def sign(self, signer: Signer) -> bytes:
        """Return the signed note as UTF-8 bytes."""
        signature = signer.verifying_key.keyhash + signer.sign_bytes(self.text.encode())
        return f"{self.text}\n— {signer.name} {strict.write_base64(signature)}\n".encode()

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Return the checkpoint whose text is exactly ``text``; this checks no signature.

        Raises:
            Refused: for any other spelling of the same values, and for extension lines.
        """
        # Only a line feed ends a line: splitlines() would also split on U+2028 and its like.
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:  # noqa: PLR2004 - three lines, each ended
            raise Refused("a checkpoint is three lines", rule=_RULE)
        checkpoint = cls(lines[0], strict.read_integer(lines[1]), strict.read_base64(lines[2]))
        if checkpoint.text != text:
            raise Refused("a checkpoint, but not in its one spelling", rule=_RULE)
        return checkpoint


def open_checkpoint(note: bytes, key: VerifyingKey) -> Checkpoint:
    """Return the checkpoint of a note that ``key`` signed.

    Raises:
        Refused: if the note is malformed, not signed by the key, or signed by it twice.
    """
    return Checkpoint.parse(open_note(note, key))


def open_note(note: bytes, key: VerifyingKey) -> str:
    """Return the text of any signed note that ``key`` signed, line breaks included.

    Raises:
        Refused: if the note is malformed, not signed by the key, or signed by it twice.
    """
    if len(note) > NOTE_BYTES_MAX:
        raise Refused(f"a signed note has at most {NOTE_BYTES_MAX} bytes", rule=_RULE)
    try:
        text, blank, tail = note.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        raise Refused("a signed note is UTF-8", rule=_RULE) from None
    if not (text and blank and tail.endswith("\n")):
        raise Refused("a signed note is a text, a blank line and signature lines", rule=_RULE)
    text += "\n"
    ours = []
    for line in tail[:-1].split("\n"):
        match = _SIGNATURE.fullmatch(line)
        if not match:
            raise Refused("a line after the blank line is not a signature", rule=_RULE)
        signature = strict.read_base64(match[2])
        if match[1] == key.name and signature[:4] == key.keyhash:
            ours.append(signature)
    if len(ours) != 1 or len(ours[0]) != _SIGNATURE_BYTES:
        raise Refused(f"the note has not exactly one signature of key {key.name}", rule=_RULE)
    key.check(ours[0][4:], text.encode())
    return text
