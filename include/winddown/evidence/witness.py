"""A witness of logs: it remembers the last checkpoint of each, and cosigns only what continues it.

An outside party runs it, with keys of its own. Whoever then shows a checkpoint with its cosignature cannot show another
history to somebody else: a fork, a rollback, and a rewritten entry find no proof of consistency. What it does *not* do:
read entries, or say that they are true.

A request is ``old <size>``, a consistency proof line by line, a blank line, and the log's checkpoint. The answers are
those of C2SP tlog-witness: 200 with signature lines, 400 malformed, 403 not signed by the log, 404 unknown log, 409
with the size that the witness has seen, 422 inconsistent.
"""

import fcntl
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from winddown.archive.atomic import made_folder
from winddown.domain.errors import Refused
from winddown.evidence import durable, strict
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import EMPTY_ROOT, verify_consistency
from winddown.evidence.note import NOTE_BYTES_MAX, Note
from winddown.evidence.signing import Kind, Signer, VerifyingKey

REQUEST_BYTES_MAX: Final = NOTE_BYTES_MAX + 4096
ENDINGS: Final = {Kind.COSIGNATURE: "witness.ed25519.pem", Kind.POST_QUANTUM: "witness.ml-dsa-44.pem"}
_PROOF_MAX: Final = 63
_RULE: Final = "C2SP tlog-witness"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness says, as a status of HTTP and a text."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """A log asks for a cosignature.

    Args:
        old: size of the checkpoint that the proof begins at; 0 for none.
        proof: that the checkpoint continues it.
        note: the log's signed checkpoint.
    """

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    @property
    def body(self) -> bytes:
        """The request's bytes."""
        lines = [f"old {self.old}", *map(strict.write_base64, self.proof), "", ""]
        return "\n".join(lines).encode() + self.note

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Return the request of these bytes; any other spelling is refused."""
        head, blank, note = body.partition(b"\n\n")
        first, *rest = head.decode("ascii", "replace").split("\n")
        if not blank or not first.startswith("old ") or len(rest) > _PROOF_MAX or len(body) > REQUEST_BYTES_MAX:
            raise Refused("a request is an old size, at most 63 hashes, a blank line and a checkpoint", rule=_RULE)
        return cls(strict.read_integer(first.removeprefix("old ")), tuple(map(strict.read_base64, rest)), note)


def create_signers(folder: Path, name: str) -> tuple[Signer, ...]:
    """Make a witness's keys; Refused when there are any."""
    made_folder(folder)
    return tuple(Signer.create(folder / path, name=name, kind=kind) for kind, path in ENDINGS.items())


class Witness:
    """One witness, whose memory is a folder: a file for each log, replaced whole."""

    def __init__(self, folder: Path, *, name: str, logs: Mapping[str, Sequence[VerifyingKey]]) -> None:
        """Load the keys from the folder; ``logs`` are the keys that it trusts for each origin."""
        self._folder = folder
        self._logs = logs
        self._signers = [Signer.load(folder / path, name=name, kind=kind) for kind, path in ENDINGS.items()]

    def add_checkpoint(self, body: bytes, *, at: int) -> Answer:
        """Cosign the checkpoint of a request at POSIX time ``at``, if it continues what was seen; remember it first."""
        try:
            request = Request.parse(body)
            note = Note.parse(request.note)
            checkpoint = Checkpoint.parse(note.text)
        except Refused as reason:
            return Answer(400, f"{reason}\n")
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return Answer(404, "the log is not known here\n")
        try:
            signed_by = note.open_of_log(keys)
        except Refused as reason:
            return Answer(403, f"{reason}\n")
        if request.old > checkpoint.size:
            return Answer(400, "the old size is beyond the checkpoint's\n")
        with self._locked():
            return self._judged(request, checkpoint) or self._cosigned(checkpoint, note, signed_by, at)

    def latest(self, origin_hash: str) -> bytes | None:
        """The last checkpoint cosigned of the log whose origin has this SHA-256 (hex), or None."""
        known = {_hash(origin) for origin in self._logs}
        path = self._folder / f"{origin_hash}.checkpoint"
        return path.read_bytes() if origin_hash in known and path.exists() else None

    def _judged(self, request: Request, checkpoint: Checkpoint) -> Answer | None:
        """Refuse what does not continue the last checkpoint; None when it does."""
        seen = self.latest(_hash(checkpoint.origin))
        last = Checkpoint.parse(Note.parse(seen).text) if seen else None
        size = last.size if last else 0
        if request.old != size:
            return Answer(409, f"{size}\n")
        if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
            return Answer(422, "an empty log has the root of nothing\n")
        if last is None or last.size == 0:
            # Every log continues the empty one, so there is nothing to prove, and a proof would prove nothing.
            return Answer(422, "no proof begins at size 0\n") if request.proof else None
        try:
            verify_consistency(
                old_size=last.size,
                old_root=last.root,
                new_size=checkpoint.size,
                new_root=checkpoint.root,
                proof=request.proof,
            )
        except Refused as reason:
            return Answer(422, f"{reason}\n")
        return None

    def _cosigned(self, checkpoint: Checkpoint, note: Note, signed_by: Mapping[VerifyingKey, int], at: int) -> Answer:
        ours = "".join(signer.sign_note(note.text, at=at) for signer in self._signers)
        named = {(key.name, key.id) for key in signed_by}
        theirs = "".join(
            f"— {name} {strict.write_base64(key_id + signature)}\n"
            for name, key_id, signature in note.signatures
            if (name, key_id) in named
        )
        kept = f"{note.text}\n{theirs}{ours}".encode()
        durable.replace(self._folder / f"{_hash(checkpoint.origin)}.checkpoint", kept)
        return Answer(200, ours)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Checked and remembered in one step, or two requests at once could roll the memory back.
        with (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _hash(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()
