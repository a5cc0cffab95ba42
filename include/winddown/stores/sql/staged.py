"""The stages of one batch in any SQL database, inside the one transaction in which a worker has its turn.

Engines differ in how records are told, moved and brought back; that is a ``Turn``. What must hold of every one of them
stands here once: nothing moves but what was planned and is unchanged, nothing is purged but what is in quarantine, and
what cannot come back whole does not come back in part. Whoever hands out a turn has checked the authorization and the
system, and lets one worker at a time act on a batch; an exception undoes all of the turn.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import pyarrow as pa

from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import CONTENT, Batch, numbered
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Method, Order
from winddown.domain.receipt import ACTED, Receipt, Whereabouts
from winddown.stores.sql.limits import kept_relation

_ON_RETURN = ("trigger ", "rule ")  # of the hazards those that act when rows come back, too


class Look(Protocol):
    """One batch of one order, seen inside one transaction that changes nothing."""

    def journalled(self) -> str | None:
        """What was last done to the batch: quarantined, restored, purged; None when nothing was."""
        ...

    def live(self) -> int:
        """Records that the batch names and that are there, whatever they hold; of fields to empty, that are not."""
        ...

    def unchanged(self) -> int:
        """Records of the batch that are live with exactly the planned content."""
        ...


class Turn(Protocol):
    """One batch of one order inside one transaction. It counts and moves; it decides nothing."""

    def hazards(self) -> tuple[str, ...]:
        """What would act on the collection by itself when records go, e.g. a trigger; a plan may be older than it."""
        ...

    def journalled(self) -> str | None:
        """As ``Look`` has it."""
        ...

    def unchanged(self) -> int:
        """As ``Look`` has it."""
        ...

    def journal(self, state: str) -> None:
        """Write down what is being done, in the transaction that does it."""
        ...

    def set_aside(self) -> int:
        """Move unchanged records, or the values of the order's fields, into quarantine; return how many records."""
        ...

    def put_back(self) -> int:
        """Move them back where nothing was written meanwhile; return how many records."""
        ...

    def destroy(self) -> int:
        """Delete the batch from quarantine; return how many records."""
        ...


def require_same_key(collection: Collection, batch: Batch) -> None:
    """Raise Refused when a table's rows are told by something else than the batch names: it was made anew, or changed.

    A view that took the place of a table has no key; a deletion through it would go on in tables that nobody looked at.
    """
    planned = tuple(name for name in batch.keys.column_names if name != CONTENT)
    if collection.key != planned:
        raise Refused(
            f"collection {collection.ref} has another key than the plan names its rows by, or none",
            rule="only approved rows move",
            next_step="give it the key back that it had; or plan again, after what is in quarantine was restored",
        )


def whereabouts(look: Look, batch: Batch) -> Whereabouts:
    """Compare the journal with the records that are there.

    The reading credential need not see what is set aside: the journal is written in the transaction of every move, and
    the inspector counts quarantine with a credential of its own.
    """
    state = look.journalled()
    if state == "quarantined":
        return Whereabouts.QUARANTINED if look.live() == 0 else Whereabouts.MIXED
    if state != "purged" and look.unchanged() == batch.records:
        return Whereabouts.LIVE
    return Whereabouts.GONE if look.live() == 0 else Whereabouts.MIXED


def quarantine(turn: Turn, order: Order, batch: Batch) -> Receipt:
    """Set the batch aside; raises Refused when it is not there exactly as it was planned."""
    state = turn.journalled()
    if state == "purged":
        raise Residual(
            f"order {order.id} batch {batch.index} was purged, and its records are there again",
            next_step="find out who wrote them, then plan again",
        )
    if state != "quarantined":
        acting = turn.hazards()
        if acting:
            raise Refused(
                f"order {order.id}: {', '.join(acting)} came to the table after the plan was made",
                rule="only approved rows move",
                next_step="disable or drop it for the case, then plan again",
            )
        moved = turn.set_aside()
        if moved != batch.records:
            raise Refused(
                f"order {order.id} batch {batch.index}: {moved} of {batch.records} planned records are there unchanged",
                rule="an approved order may shrink only by a new plan",
                next_step="find out who changed the table after it was frozen, then plan again",
            )
        turn.journal("quarantined")
    return Receipt("quarantine", order.id, batch.index, batch.records, (("method", order.method.value),))


def restore(turn: Turn, order: Order, batch: Batch) -> Receipt:
    """Put the batch back; foreign keys are checked as for any insert.

    Undo does not wait for what came to the table in grace and acts by itself when rows come back: it may copy them to
    places that nobody planned, so it is named in the receipt's details, under ``ACTED``.

    Raises Residual, and restores nothing of the batch, when the records would not be exactly those that were planned:
    somebody wrote in their place meanwhile, or changed the table.
    """
    state = turn.journalled()
    if state == "purged":
        raise Residual(f"order {order.id} batch {batch.index} was purged and cannot be restored")
    acting = "" if state is None else _on_return(turn, order)
    if state == "quarantined":
        restored = turn.put_back()
        if order.act is Act.ERASE:
            restored = min(restored, turn.unchanged())
        if restored != batch.records:
            raise Residual(
                f"order {order.id} batch {batch.index}: only {restored} of {batch.records} records could be "
                "restored as they were; others were written in their place"
                + (f", or {acting}, which acts on the table by itself, changed them" if acting else ""),
                next_step="decide which of the two stays; what is in quarantine is kept until then"
                + (", and disable what acts by itself" if acting else ""),
            )
        turn.journal("restored")
    return Receipt("restore", order.id, batch.index, batch.records, ((ACTED, acting),) if acting else ())


def _on_return(turn: Turn, order: Order) -> str:
    """What acts by itself on rows that come back; a table that comes back as it is has none of them inserted."""
    if order.method in {Method.MOVE_TABLE, Method.DETACH_PARTITION}:
        return ""
    return ", ".join(name for name in turn.hazards() if name.startswith(_ON_RETURN))


def purge(turn: Turn, order: Order, batch: Batch) -> Receipt:
    """Destroy the batch in quarantine; raises Refused when it is not there."""
    state = turn.journalled()
    if state == "quarantined":
        purged = turn.destroy()
        if purged != batch.records:
            raise Residual(f"order {order.id} batch {batch.index}: {purged} of {batch.records} were in quarantine")
        turn.journal("purged")
    elif state != "purged":
        raise Refused(f"order {order.id} batch {batch.index} is not in quarantine", rule="quarantine before purge")
    return Receipt("purge", order.id, batch.index, batch.records)


class StagedStore(ABC):
    """What a store of tables has of every engine's: how orders are cut and carried out. An engine opens the turns."""

    name: str
    methods: frozenset[Method]

    @abstractmethod
    def open_turn(
        self, authorization: Authorization, power: Power, order: Order, batch: Batch
    ) -> AbstractContextManager[Turn]:
        """Exchange the authorization for a credential, compare the system, and wait for the batch's turn.

        What is done in it is committed at its end, and undone by any exception.
        """

    def batch_keys(self, collection: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        """Number the batches."""
        return numbered(located, collection.key, size=size)

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:  # noqa: ARG002
        """Rows are moved; fields are moved where every one of them can be emptied."""
        blocker = kept_relation(collection)
        if blocker is not None:
            return blocker
        return Method.MOVE_FIELDS if act is Act.MINIMISE else Method.MOVE_ROWS

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Set the batch's rows or fields aside, or all of its table."""
        with self._turn(authorization, Power.QUARANTINE, order, batch) as turn:
            return quarantine(turn, order, batch)

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Put them back."""
        with self._turn(authorization, Power.RESTORE, order, batch) as turn:
            return restore(turn, order, batch)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Destroy what is in quarantine of the batch."""
        with self._turn(authorization, Power.PURGE, order, batch) as turn:
            return purge(turn, order, batch)

    @contextmanager
    def _turn(self, authorization: Authorization, power: Power, order: Order, batch: Batch) -> Iterator[Turn]:
        authorization.require(power, store=self.name, target=order.id, batch_digest=batch.digest)
        self.require_method(order)
        with self.open_turn(authorization, power, order, batch) as turn:
            authorization.require_standing()
            yield turn

    def require_method(self, order: Order) -> None:
        """Raise Refused for an order of a version of winddown that went about it in another way."""
        if order.method not in self.methods:
            raise Refused(
                f"order {order.id} goes by {order.method}, which store {self.name} does not do in this version",
                rule="the approved method",
                next_step="restore or finish its plan with the version that its plan names, then plan again",
            )
