"""The checked right to do one thing to one batch, once, within seconds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Power(StrEnum):
    """What an authorization allows. Each power has its own credential where the store can tell them apart."""

    FREEZE = "freeze"
    SEAL = "seal"
    QUARANTINE = "quarantine"
    PURGE = "purge"
    SANITISE = "sanitise"
    RESTORE = "restore"  # needs a role and a ledger intent, never approvals: undo must not wait


@dataclass(frozen=True, slots=True)
class Authorization:
    """Minted by ``control.authorize`` alone; a store exchanges it for a credential, which spends it.

    Attributes:
        target: order id, or collection for a freeze, or store for a sanitise.
        batch_digest: digest of the batch's keys; "" where the act has no batch.
        nonce: single use.
        expires_at: aware UTC.
    """

    power: Power
    case: str
    store: str
    target: str
    batch_digest: str
    nonce: str
    expires_at: datetime
