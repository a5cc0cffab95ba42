"""A case's log to the outside: its checkpoint, cosigned by witnesses and time-stamped where that is configured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from winddown.domain.errors import Refused, WinddownError
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.keyring import origin_of
from winddown.evidence.merkle import leaf_hash, root
from winddown.evidence.policy import Policy
from winddown.evidence.timestamp import TimeAuthority
from winddown.evidence.witness_client import cosign
from winddown.stages.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint as it goes out.

    Attributes:
        note: signed by the log, and by every witness that answered.
        stamps: time stamps by member name of the bundle.
        missing: whoever was configured and did not sign, with the reason. The evidence is written without it, and a
            reader whose policy demands it refuses the bundle.
    """

    note: bytes
    stamps: dict[str, bytes]
    missing: tuple[str, ...]


def checkpoint(deployment: Deployment, case_id: str, entries: Sequence[bytes]) -> bytes:
    """Return the note over these entries, which are all that the case's ledger has, signed by the log alone."""
    head = Checkpoint(origin_of(case_id), len(entries), root([leaf_hash(entry) for entry in entries]))
    return head.sign(deployment.signers(case_id), at=int(deployment.clock.now().timestamp()))


def publish(deployment: Deployment, case_id: str, entries: Sequence[bytes]) -> Published:
    """Return the checkpoint with everything that the configured outsiders add to it."""
    note, stamps, missing = checkpoint(deployment, case_id, entries), {}, []
    text = note.rpartition(b"\n\n")[0] + b"\n"
    settings = deployment.settings
    if settings.witnesses is not None:
        leaves = [leaf_hash(entry) for entry in entries]
        for name, witness in _policy(settings.witnesses).witnesses.items():
            try:
                note = cosign(note, leaves, witness)
            except WinddownError as reason:
                missing.append(f"witness {name}: {reason}")
    if settings.timestamp_url:
        try:
            authority = TimeAuthority.load(settings.timestamp_url, settings.timestamp_roots)
            stamps["timestamps/authority.tsr"] = authority.stamp(text)
        except WinddownError as reason:
            missing.append(f"time stamp: {reason}")
    return Published(note, stamps, tuple(missing))


def _policy(path: Path) -> Policy:
    try:
        return Policy.parse(path.read_bytes().decode(errors="replace"))
    except OSError as error:
        raise Refused(f"the policy of witnesses cannot be read ({type(error).__name__})") from None
