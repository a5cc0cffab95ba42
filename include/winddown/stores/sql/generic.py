"""Any other database that SQLAlchemy speaks to, by reflection; it says in facts what it cannot see.

Values are taken as the driver hands them over, and each batch is typed by what is in it. Rows stream where the driver
can stream. Long values are read whole by the driver and cut afterwards, so memory is bounded by the longest value.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, Inspector, func, inspect, select, table
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.inventory import Collection, CollectionRef, Fact, Field, ForeignKey, Medium
from winddown.domain.plan import Order
from winddown.stores.sql import staged
from winddown.stores.sql.copy_then_delete import is_ours
from winddown.stores.sql.expressions import named_in
from winddown.stores.sql.faults import translated
from winddown.stores.sql.generic_rows import GenericRows, live_table, shape_of, unchanged_rows
from winddown.stores.sql.generic_rows import bound as digest_of
from winddown.stores.sql.limits import changed, gone, unknown_relation, unnamed_rows
from winddown.stores.sql.reading import LONGEST, as_text, batched, plain_type, refuse_change

_NOT_SEEN = (
    "partitions, grants, replication and other copies, triggers, large objects, bytes, which tables a view reads, "
    "and relations that the dialect does not reflect"
)
NOT_PROMISED = (
    "no freeze; triggers and what else acts by itself are not known; logs, statistics, free space and other bytes of "
    "the engine are not cleared; emptied tables named winddown_… stay until the administrator drops them"
)
_STREAMED_ROWS = 1_000
_SYSTEM = frozenset({"information_schema", "pg_catalog", "sys", "SYS", "SYSTEM", "INFORMATION_SCHEMA"})


class GenericSource:
    """All schemas of one database that the dialect reflects."""

    def __init__(self, store: str, *, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self.title = f"{engine.dialect.name} (by reflection)"

    def identity(self) -> str:
        """The server and database that the connection names; see ``identity_of``."""
        return identity_of(self._engine)

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield tables and materialised views as collections, views as facts."""
        yield Fact(self._store, "not_seen", _NOT_SEEN)
        yield Fact(self._store, "not_promised", NOT_PROMISED)
        with translated(self._store, "reading the catalogue"):
            inspector = inspect(self._engine)
            for schema in inspector.get_schema_names():
                if schema in _SYSTEM:
                    continue
                for name in inspector.get_view_names(schema=schema):
                    yield Fact(f"{self._store}:{schema}.{name}", "view", "what it reads is not seen")
                for name in sorted(inspector.get_table_names(schema=schema)):
                    if not is_ours(name):
                        yield from self._relation(inspector, schema, name, kind="table")
                for name in sorted(_materialised(inspector, schema)):
                    yield from self._relation(inspector, schema, name, kind="materialised-view")

    def rows(
        self, collection: Collection, names: Sequence[str], *, text: bool, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row; see ``Source``."""
        with translated(self._store, f"reading {collection.ref}"), self._engine.connect() as connection:
            refuse_change(collection, self.current(connection, collection.ref, kind=collection.format))
            source = live_table(collection)
            every = collection.field_names() if bound else ()
            query = select(*(source.c[name].label(f"c{place}") for place, name in enumerate([*names, *every])))
            with connection.execution_options(yield_per=_STREAMED_ROWS).execute(query) as found:
                if bound:
                    rows = _bound(found, collection, len(names))
                    yield from batched(rows, [*names, CONTENT], text=text)
                else:
                    yield from batched(found if text else map(_cut, found), names, text=text)

    def fetch(self, collection: Collection, batch: Batch, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield fields of the live and unchanged rows of a batch; see ``BindingSource``."""
        with translated(self._store, f"reading {collection.ref}"), self._engine.connect() as connection:
            current = self.current(connection, collection.ref)
            fields = current.field_names()
            source = live_table(current)
            parts = unchanged_rows(connection, source, current, batch, locking=False)
            found = [row for rows in parts for row in rows]
            found.sort(key=lambda row: [as_text(row[fields.index(name)]) or "" for name in current.key])
            yield from batched([[row[fields.index(name)] for name in names] for row in found], names, text=True)

    @contextmanager
    def look(self, order: Order, batch: Batch) -> Iterator[staged.Look]:
        """Look at a batch in one transaction."""
        with translated(self._store, f"locating {order.id}"), self._engine.connect() as connection:
            current = self.current(connection, order.collection)
            computed = self.computed(connection, order.collection)
            yield GenericRows(connection, current, order, batch, computed=computed)

    def current(self, connection: Connection, ref: CollectionRef, *, kind: str = "table") -> Collection:
        """Describe a table as it is now; raises Refused when it is gone."""
        schema, _, name = ref.name.partition(".")
        try:
            return self._collection(inspect(connection), schema, name, kind=kind, count=-1)
        except NoSuchTableError:
            raise gone(ref) from None

    def computed(self, connection: Connection, ref: CollectionRef) -> frozenset[str]:
        """Generated columns, as far as the dialect tells."""
        schema, _, name = ref.name.partition(".")
        columns = inspect(connection).get_columns(name, schema=schema)
        return frozenset(found["name"] for found in columns if found.get("computed"))

    def _relation(
        self, inspector: Inspector, schema: str, name: str, *, kind: str
    ) -> Iterator[Collection | Blocker | Fact]:
        ref = CollectionRef(self._store, f"{schema}.{name}")
        if "." in schema:
            yield unknown_relation(ref, "a schema whose name has a dot is not read")
            return
        try:
            with self._engine.connect() as connection:
                counted = select(func.count()).select_from(table(name, schema=schema))
                count = connection.execute(counted).scalar_one()
            found = self._collection(inspector, schema, name, kind=kind, count=int(count))
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            yield changed(ref)
        except SQLAlchemyError:
            yield changed(ref)
        else:
            yield found
            if not found.key:
                yield unnamed_rows(ref)

    def _collection(self, inspector: Inspector, schema: str, name: str, *, kind: str, count: int) -> Collection:
        ref = CollectionRef(self._store, f"{schema}.{name}")
        inspector.clear_cache()
        columns = inspector.get_columns(name, schema=schema)
        names = [found["name"] for found in columns]
        fields = tuple(
            Field(
                found["name"],
                plain_type(str(found["type"])),
                found["nullable"],
                found.get("comment") or "",
                computed_from=named_in((found.get("computed") or {"sqltext": ""})["sqltext"], names),
            )
            for found in columns
        )
        key = _key(inspector, schema, name, {field.name for field in fields if field.nullable})
        links = tuple(
            ForeignKey(
                tuple(found["constrained_columns"]),
                CollectionRef(self._store, f"{found['referred_schema'] or schema}.{found['referred_table']}"),
                tuple(found["referred_columns"]),
            )
            for found in inspector.get_foreign_keys(name, schema=schema)
        )
        words: list[Any] = [list(key), [[field.name, field.type, field.nullable] for field in fields]]
        return Collection(
            ref=ref,
            medium=Medium.TABLE,
            format=kind,
            key=key,
            fields=fields,
            foreign_keys=links,
            record_count=count,
            byte_count=0,
            version_count=0,
            fingerprint=digest([*words, count]),
            comment=_comment(inspector, schema, name),
        )


def identity_of(engine: Engine) -> str:
    """Which system it is, as far as a connection can tell that for any engine: dialect, host, port and database.

    Another server under the same name and port is not told from it; what a plan binds is the content of its rows.
    """
    url = engine.url
    return f"{engine.dialect.name} {url.host or ''}:{url.port or ''}/{url.database or ''}"


def _bound(rows: Iterable[Sequence[Any]], collection: Collection, count: int) -> Iterator[list[Any]]:
    """Each row's wanted values, then its digest, which is over the others."""
    shape = shape_of(collection)
    for row in rows:
        yield [*row[:count], digest_of(shape, row[count:])]


def _key(inspector: Inspector, schema: str, name: str, nullable: set[str]) -> tuple[str, ...]:
    primary = tuple(inspector.get_pk_constraint(name, schema=schema).get("constrained_columns") or ())
    if primary:
        return primary
    unique = _told(lambda: inspector.get_unique_constraints(name, schema=schema), [])
    return next(
        (tuple(found["column_names"]) for found in unique if not nullable & set(found["column_names"])),
        (),
    )


def _comment(inspector: Inspector, schema: str, name: str) -> str:
    found = _told(lambda: inspector.get_table_comment(name, schema=schema), {"text": ""})
    return str(found["text"] or "")


def _materialised(inspector: Inspector, schema: str) -> Sequence[str]:
    found: Sequence[str] = _told(lambda: inspector.get_materialized_view_names(schema=schema), [])
    return found


def _told(question: Any, otherwise: Any) -> Any:
    """The answer of a dialect, or what stands for none: not every one knows every question."""
    try:
        return question()
    except NotImplementedError:
        return otherwise


def _cut(row: Sequence[Any]) -> list[Any]:
    return [value[: LONGEST + 1] if isinstance(value, str | bytes) and len(value) > LONGEST else value for value in row]
