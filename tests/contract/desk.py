"""Mints authorizations in a real control database, and exchanges them the way the composition root does."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from winddown import bootstrap
from winddown.archive.escrow import Escrow
from winddown.archive.keys import CaseKeys
from winddown.archive.tokens import Tokens
from winddown.connections import ConnectionParameters
from winddown.control import tables
from winddown.control.authority import LIFETIME, Authority
from winddown.control.ledger import Ledger, stamp
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.case import StoreDeclaration
from winddown.domain.plan import Order

CASE = "contract"
TOKEN_KEY = b"the key of the suite's tokens..."


@dataclass(slots=True)
class SteppingClock:
    """The machine's clock, moved forward at will."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Known:
    """Connections of one store: its name, with a suffix for each credential."""

    found: Mapping[str, ConnectionParameters] = field(repr=False)

    def find(self, name: str) -> ConnectionParameters | None:
        return self.found.get(name)


def escrow_in(workspace: Path, store: str) -> Escrow:
    """The escrow of a store, from any process of the suite."""
    keys = CaseKeys(workspace / "keys")
    return Escrow(workspace / "escrow" / store, scope=f"{CASE}/{store}", key=keys.container_key)


class Desk:
    """Stands in for ``Authority.authorize`` alone: spending is the real thing.

    What ``authorize`` checks first (plan, approvals, receipts) is none of a store's business; the suite needs to ask
    a store for what no plan would allow.
    """

    def __init__(self, engine: Engine, workspace: Path) -> None:
        self.clock = SteppingClock()
        self.engine = engine
        self.workspace = workspace
        self.identities: dict[str, str] = {}  # what a plan would say of each store
        self.ledger = Ledger(engine, clock=self.clock)
        self.authority = Authority(engine, ledger=self.ledger, clock=self.clock, code_version="test")

    def mint(self, power: Power, order: Order, batch: Batch, *, store: str = "") -> Authorization:
        return self.mint_for(power, store or order.collection.store, target=order.id, batch_digest=batch.digest)

    def mint_for(self, power: Power, store: str, *, target: str = "", batch_digest: str = "") -> Authorization:
        nonce, expires_at = secrets.token_hex(16), self.clock.now() + LIFETIME
        identity = self.identities.get(store, "")
        with self.engine.begin() as connection:
            connection.execute(
                insert(tables.authorization).values(
                    nonce=nonce,
                    case_id=CASE,
                    power=power,
                    store=store,
                    target=target,
                    batch_digest=batch_digest,
                    identity=identity,
                    plan_id="",
                    expires_at=stamp(expires_at),
                )
            )
        return Authorization(
            power,
            case=CASE,
            store=store,
            target=target,
            batch_digest=batch_digest,
            identity=identity,
            nonce=nonce,
            expires_at=expires_at,
            still_stands=self.authority.require_standing,
        )

    def escrow(self, store: str) -> Escrow:
        """As the composition root wires it."""
        return escrow_in(self.workspace, store)

    def tokens(self) -> Tokens:
        """Under one key in every process of the suite."""
        return Tokens(lambda: TOKEN_KEY)

    def unlock(
        self, store: str, connections: Mapping[str, ConnectionParameters], build: Callable[[ConnectionParameters], Any]
    ) -> Callable[[Authorization], Any]:
        """The composition root's exchange of an authorization for what ``build`` makes of its credential."""
        declaration = StoreDeclaration(store, kind="", connection=store, region="")
        return bootstrap._unlock(self.authority, Known(connections), declaration, build)
