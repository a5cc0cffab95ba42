"""A SQL database in which records are destroyed in stages: a ``Source`` that binds what it reads, and its ``Effects``.

What every engine's stages have in common stands in ``staged``; what engines without PostgreSQL's ``RETURNING`` have in
common stands in ``copy_then_delete``. An engine's module joins them, and adds to ``SqlStore`` what else it can do.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import pyarrow as pa

from winddown.archive.escrow import Escrow
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.inventory import Collection
from winddown.domain.plan import Method, Order
from winddown.domain.receipt import Whereabouts
from winddown.ports import Discovery
from winddown.stores.sql import staged
from winddown.stores.sql.escrowed import EscrowedBatch
from winddown.stores.sql.readable import ReadableStore, Source


class BindingSource(Source, Protocol):
    """A source that also binds the content of what it reads, and finds records by a batch."""

    def identity(self) -> str:
        """What tells this database from any other that might answer under its connection; see ``Discovery``."""
        ...

    def rows(
        self, collection: Collection, names: Sequence[str], *, text: bool, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """As ``Source`` has it; ``bound``: a column ``CONTENT`` at the end binds each row, in the same snapshot."""
        ...

    def fetch(self, collection: Collection, batch: Batch, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield fields of the live and unchanged rows of a batch, as text, ordered by key."""
        ...

    def look(self, order: Order, batch: Batch) -> AbstractContextManager[staged.Look]:
        """Open a transaction that looks at a batch with the reading credential."""
        ...


class Effects(Protocol):
    """How one engine moves records."""

    def turn(
        self, authorization: Authorization, power: Power, order: Order, batch: Batch
    ) -> AbstractContextManager[staged.Turn]:
        """Exchange the authorization for a credential, compare the system, and wait for the batch's turn.

        What is done in it is committed at its end, and undone by any exception. Raises what ``staged`` describes.
        """
        ...


class SqlStore(staged.StagedStore, ReadableStore):
    """A database of an engine in which rows, or values of fields, move to quarantine and are purged from there."""

    methods = frozenset({Method.MOVE_ROWS, Method.MOVE_FIELDS})

    def __init__(self, name: str, *, source: BindingSource, effects: Effects) -> None:
        super().__init__(name, source=source)
        self._binding = source
        self._effects = effects

    def discover(self) -> Discovery:
        """List everything, and say which system it is."""
        return replace(super().discover(), identity=self._binding.identity())

    def read(
        self, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield all rows by one statement: key fields first, all values as text."""
        wanted = collection.field_names() if fields is None else fields
        names = list(dict.fromkeys([*collection.key, *wanted]))
        return self._binding.rows(collection, names, text=True, bound=bound)

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the live and unchanged rows of a batch, as text, ordered by key."""
        return self._binding.fetch(collection, batch, fields)

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Compare the journal with the rows that are there."""
        self.require_method(order)
        with self._binding.look(order, batch) as look:
            return staged.whereabouts(look, batch)

    def open_turn(
        self, authorization: Authorization, power: Power, order: Order, batch: Batch
    ) -> AbstractContextManager[staged.Turn]:
        """As the engine's effects have it."""
        return self._effects.turn(authorization, power, order, batch)


class EscrowLook(staged.Look, Protocol):
    """A look at a batch by a journal that names files."""

    def entry(self) -> tuple[str | None, str]:
        """What was last done to the batch, and the file that it is in; None and "" when nothing was."""
        ...


class EscrowSource(BindingSource, Protocol):
    """A source of a database whose rows go into escrow."""

    def look(self, order: Order, batch: Batch) -> AbstractContextManager[EscrowLook]:
        """As ``BindingSource`` has it."""
        ...


class EscrowStore(SqlStore):
    """A database whose rows go into escrow; what moves inside the database has other methods."""

    def __init__(self, name: str, *, source: EscrowSource, effects: Effects, escrow: Escrow) -> None:
        super().__init__(name, source=source, effects=effects)
        self._looking = source
        self._escrow = escrow

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Compare journal and rows and, where they go whole, the escrow."""
        self.require_method(order)
        with self._looking.look(order, batch) as look:
            found = staged.whereabouts(look, batch)
            if order.method is not Method.ESCROW_ROWS:
                return found
            return EscrowedBatch(self._escrow, order, batch).whereabouts(found, look.entry()[1])
