r"""A signed note: a text, a blank line, and one line for each signature, ``— name base64(key id and signature)``.

Signatures of unknown keys are ignored; a known key whose signature does not fit spoils the note. The text is the part
before the *last* blank line. Source: C2SP signed-note.

>>> note = Note.parse("text\n\n— k AAAAAAA=\n".encode())
>>> note.text, note.signatures
('text\n', (('k', b'\x00\x00\x00\x00', b'\x00'),))
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from winddown.domain.errors import Refused
from winddown.evidence import strict
from winddown.evidence.signing import Kind, VerifyingKey

NOTE_BYTES_MAX: Final = 2**18
SIGNATURES_MAX: Final = 64
_RULE: Final = "C2SP signed-note"
_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_ID_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Note:
    """A note that was read; nothing is verified yet.

    Attributes:
        text: what is signed, ending in a line feed.
        signatures: key name, key id and the rest of each signature, in order.
    """

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return the note whose bytes are ``raw``.

        Raises:
            Refused: for what is not UTF-8, has control characters, more than 256 KiB or 64 signatures, no signature,
                or a line after the last blank line that is none.
        """
        if len(raw) > NOTE_BYTES_MAX:
            raise Refused(f"a signed note has at most {NOTE_BYTES_MAX} bytes", rule=_RULE)
        try:
            text, blank, tail = raw.decode("utf-8").rpartition("\n\n")
        except UnicodeDecodeError:
            raise Refused("a signed note is UTF-8", rule=_RULE) from None
        if not (text and blank and tail.endswith("\n")) or _CONTROL.search(text + tail):
            raise Refused("a signed note is a text, a blank line and signature lines", rule=_RULE)
        lines = tail[:-1].split("\n")
        if len(lines) > SIGNATURES_MAX:
            raise Refused(f"a signed note has at most {SIGNATURES_MAX} signatures", rule=_RULE)
        return cls(text + "\n", tuple(map(_signature, lines)))

    def open(self, keys: Iterable[VerifyingKey]) -> dict[VerifyingKey, int]:
        """Return those keys that signed, with the time each states (0 for none); possibly none of them.

        Raises:
            Refused: if a signature names one of the keys and is not its own.
        """
        known = {(key.name, key.id): key for key in keys}
        found: dict[VerifyingKey, int] = {}
        for name, key_id, signature in self.signatures:
            key = known.get((name, key_id))
            if key is not None:
                found[key] = key.check_note(signature, self.text)
        return found

    def open_of_log(self, keys: Iterable[VerifyingKey]) -> dict[VerifyingKey, int]:
        """Return those keys of one log that signed its note. One is enough, yet whoever names SM2 keys demands one.

        Raises:
            Refused: as ``open`` does, and if no key signed, or SM2 keys are named of which none did.
        """
        named = [*keys]
        found = self.open(named)
        if not found:
            raise Refused("not signed by a key that is trusted for this log", rule=_RULE)
        demanded = {key for key in named if key.kind is Kind.SM2}
        if demanded and not demanded & found.keys():
            raise Refused("not signed by the SM2 key that is named for this log", rule=_RULE)
        return found


def _signature(line: str) -> tuple[str, bytes, bytes]:
    match = _LINE.fullmatch(line)
    if not match:
        raise Refused("a line after the blank line is not a signature", rule=_RULE)
    data = strict.read_base64(match[2])
    if len(data) <= _ID_BYTES:
        raise Refused("a signature has a key id and at least one byte more", rule=_RULE)
    return match[1], data[:_ID_BYTES], data[_ID_BYTES:]
