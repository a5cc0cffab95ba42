"""A case's log to the outside: its checkpoint, signed as of now over all entries there are."""

from collections.abc import Sequence

from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.keyring import origin_of
from winddown.evidence.merkle import leaf_hash, root
from winddown.stages.deployment import Deployment


def checkpoint(deployment: Deployment, case_id: str, entries: Sequence[bytes]) -> bytes:
    """Return the signed note over these entries, which are all that the case's ledger has."""
    head = Checkpoint(origin_of(case_id), len(entries), root([leaf_hash(entry) for entry in entries]))
    return head.sign(deployment.signers(case_id), at=int(deployment.clock.now().timestamp()))
