"""The append-only log of a case: each entry a leaf of an RFC 6962 Merkle tree, contiguous and in commit order.

A serial column would leave gaps and out-of-order commits under several writers; so an append locks the case's one-row
head first and inserts then. Entries carry ids, counts and digests, never personal data.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from winddown.control.tables import ledger_entry, ledger_head
from winddown.domain.errors import Residual
from winddown.evidence.entry import LedgerEntry, format_time, parse_time
from winddown.evidence.merkle import Frontier
from winddown.ports import Clock

# Made once: putting a statement together takes longer than sending it, and every append needs these three.
_HEAD = select(ledger_head).where(ledger_head.c.case_id == bindparam("of_case")).with_for_update()
_ADD = insert(ledger_entry)
_ADVANCE = update(ledger_head).where(ledger_head.c.case_id == bindparam("of_case"))


def stamp(moment: datetime) -> str:
    """Write a time the way every ledger entry and control row does: ISO 8601, UTC, microseconds."""
    return format_time(moment)


@contextmanager
def _one_message(connection: Connection) -> Iterator[None]:
    """Send statements together with the commit at their end, where the driver can."""
    if connection.dialect.driver != "psycopg":
        yield
        return
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            yield
    except BaseException:
        # Once the commit was sent SQLAlchemy rolls nothing back, but a refused statement left the transaction open.
        connection.invalidate()
        raise


class Ledger:
    """Appends to and reads the ledgers of all cases in one control database."""

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def append(self, case_id: str, kind: str, body: Mapping[str, Any], *, actor: str) -> int:
        """Append one entry in a transaction of its own and return its sequence number."""
        return self._append_alone(case_id, ((kind, body),), actor)

    def append_within(
        self, connection: Connection, case_id: str, kind: str, body: Mapping[str, Any], *, actor: str
    ) -> int:
        """Append one entry inside the caller's transaction; it commits or vanishes with the caller's other rows."""
        return self._append(connection, case_id, ((kind, body),), actor)

    def append_all(self, case_id: str, entries: Sequence[tuple[str, Mapping[str, Any]]], *, actor: str) -> range:
        """Append kinds and bodies in order, all of them or none, and return their sequence numbers."""
        if not entries:
            return range(0)
        first = self._append_alone(case_id, entries, actor)
        return range(first, first + len(entries))

    def _append_alone(self, case_id: str, entries: Sequence[tuple[str, Mapping[str, Any]]], actor: str) -> int:
        with self._engine.connect() as connection, connection.begin() as transaction:
            return self._append(connection, case_id, entries, actor, then=transaction.commit)

    def _append(
        self,
        connection: Connection,
        case_id: str,
        entries: Sequence[tuple[str, Mapping[str, Any]]],
        actor: str,
        then: Callable[[], None] | None = None,
    ) -> int:
        head = self._locked_head(connection, case_id)
        at = self._time(head)
        rows, leaves = [], []
        for seq, (kind, body) in enumerate(entries, head.size):
            entry = LedgerEntry(seq, at, case=case_id, type=kind, actor=actor, body=body)
            leaves.append(entry.leaf)
            raw = entry.raw.decode()
            rows.append({"case_id": case_id, "seq": seq, "body": raw, "leaf_hash": leaves[-1].hex()})
        frontier = Frontier.from_hex(head.size, json.loads(head.frontier)).extend(leaves)
        edge = {"size": frontier.size, "last_at": stamp(at), "frontier": json.dumps(frontier.to_hex())}
        # Other writers wait for the head, which stays locked for one message so, and not for three.
        with _one_message(connection) if then is not None else nullcontext():
            connection.execute(_ADD, rows if len(rows) > 1 else rows[0])
            connection.execute(_ADVANCE, edge | {"of_case": case_id})
            if then is not None:
                then()
        return int(head.size)

    def now_within(self, connection: Connection, case_id: str) -> datetime:
        """The time at which an effect is recorded: the clock's, but never before the ledger's last entry.

        Locks the ledger's head until the caller's transaction ends.
        """
        return self._time(self._locked_head(connection, case_id))

    def _time(self, head: Any) -> datetime:
        # The clock may step back between processes; the log's times may not.
        now = self._clock.now()
        return max(now, parse_time(head.last_at)) if head.last_at else now

    def _locked_head(self, connection: Connection, case_id: str) -> Any:
        asked = {"of_case": case_id}
        head = connection.execute(_HEAD, asked).one_or_none()
        if head is None:
            try:
                with connection.begin_nested():
                    connection.execute(insert(ledger_head).values(case_id=case_id, size=0, last_at="", frontier="[]"))
            except IntegrityError:
                pass  # another writer opened the same log first; its row is the one to lock
            head = connection.execute(_HEAD, asked).one()
        return head

    def entries(self, case_id: str) -> list[bytes]:
        """All entries of a case in order, as the bytes that were hashed; raises Residual when one is missing."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(ledger_entry.c.seq, ledger_entry.c.body)
                .where(ledger_entry.c.case_id == case_id)
                .order_by(ledger_entry.c.seq)
            ).all()
        for position, row in enumerate(rows):
            if row.seq != position:
                raise Residual(f"the ledger of case {case_id} has no entry {position}", rule="contiguous ledger")
        return [row.body.encode() for row in rows]

    def size(self, case_id: str) -> int:
        """Number of entries of a case."""
        with self._engine.begin() as connection:
            size = connection.execute(select(ledger_head.c.size).where(ledger_head.c.case_id == case_id)).scalar()
        return int(size or 0)

    def last_of(self, case_id: str, kinds: Sequence[str], *, since: int) -> int | None:
        """Position of a case's last entry of one of these kinds among those from ``since`` on, or None.

        The database looks from the end and sends no body; it reads the entries behind the last one of these kinds.
        """
        # Canonical JSON writes the type last, and a quotation mark within a text is never written bare.
        is_wanted = or_(*(ledger_entry.c.body.endswith(f',"type":"{kind}"}}', autoescape=True) for kind in kinds))
        with self._engine.begin() as connection:
            found = connection.execute(
                select(ledger_entry.c.seq)
                .where(ledger_entry.c.case_id == case_id, ledger_entry.c.seq >= since, is_wanted)
                .order_by(ledger_entry.c.seq.desc())
                .limit(1)
            ).scalar()
        return None if found is None else int(found)
