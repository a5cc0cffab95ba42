"""The checked right to do one thing to one batch, once, within seconds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from winddown.domain.errors import Refused


class Power(StrEnum):
    """What an authorization allows. Each power has its own credential where the store can tell them apart."""

    FREEZE = "freeze"
    ANONYMISE = "anonymise"
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
        identity: of the system that the plan is about; another one that answers under its connection is refused.
        nonce: single use.
        expires_at: aware UTC.
        still_stands: asks whoever minted it, and raises Refused; see ``require_standing``.
    """

    power: Power
    case: str
    store: str
    target: str
    batch_digest: str
    identity: str
    nonce: str
    expires_at: datetime
    still_stands: Callable[["Authorization"], None] = field(repr=False, compare=False)

    def require(self, power: Power, *, store: str, target: str | None = None, batch_digest: str = "") -> None:
        """Raise Refused when this is the right to do something else than what a store was asked to do.

        That it is genuine, unspent and in time is checked where it is exchanged for a credential, not here.
        """
        wanted = (power, store, self.target if target is None else target, batch_digest)
        if (self.power, self.store, self.target, self.batch_digest) != wanted:
            raise Refused(
                f"an authorization to {self.power} {self.target} of {self.store} does not cover the {power} of "
                f"{target or store} that was asked for",
                rule="one authorization, one act on one batch",
            )

    def require_standing(self) -> None:
        """Raise Refused when the plan was withdrawn, a hold placed or the case halted since this was spent.

        Called by whoever had to wait for a batch, in its turn. A restore takes the turn of every batch that may be at
        work: either it comes later, and finds what was moved, or this is refused.
        """
        self.still_stands(self)

    def require_system(self, found: str) -> None:
        """Raise Refused when the system that answers is not the one that was planned; called in the act's own session.

        A connection may have been pointed elsewhere since: to a copy, a restored backup, another company's server.
        """
        if self.identity != found:
            raise Refused(
                f"store {self.store} is now another system: planned {self.identity or 'none'}, found {found}",
                rule="the approved system, no other",
                next_step="point the connection back, or trigger the case with `again` so that the new one is read",
            )
