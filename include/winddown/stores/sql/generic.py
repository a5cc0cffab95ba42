"""Any other database that SQLAlchemy speaks to, by reflection; it says in facts what it cannot see.

Values are taken as the driver hands them over, and each batch is typed by what is in it. Rows stream where the driver
can stream. Long values are read whole by the driver and cut afterwards, so memory is bounded by the longest value.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, Inspector, column, func, inspect, select, table
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SQLAlchemyError

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Fact, Field, ForeignKey, Medium
from winddown.stores.sql.faults import translated
from winddown.stores.sql.limits import changed, unknown_relation, unnamed_rows
from winddown.stores.sql.reading import LONGEST, batched, plain_type, refuse_change

_NOT_SEEN = (
    "partitions, grants, replication and other copies, triggers, large objects, bytes, which tables a view reads, "
    "and relations that the dialect does not reflect"
)
_STREAMED_ROWS = 1_000
_SYSTEM = frozenset({"information_schema", "pg_catalog", "sys", "SYS", "SYSTEM", "INFORMATION_SCHEMA"})


class GenericSource:
    """All schemas of one database that the dialect reflects."""

    def __init__(self, store: str, *, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self.title = f"{engine.dialect.name} (by reflection)"

    def discover(self) -> Iterator[Collection | Blocker | Fact]:
        """Yield tables and materialised views as collections, views as facts."""
        yield Fact(self._store, "not_seen", _NOT_SEEN)
        with translated(self._store, "reading the catalogue"):
            inspector = inspect(self._engine)
            for schema in inspector.get_schema_names():
                if schema in _SYSTEM:
                    continue
                for name in inspector.get_view_names(schema=schema):
                    yield Fact(f"{self._store}:{schema}.{name}", "view", "what it reads is not seen")
                for name in sorted(inspector.get_table_names(schema=schema)):
                    yield from self._relation(inspector, schema, name, kind="table")
                for name in sorted(_materialised(inspector, schema)):
                    yield from self._relation(inspector, schema, name, kind="materialised-view")

    def rows(self, collection: Collection, names: Sequence[str], *, text: bool) -> Iterator[pa.RecordBatch]:
        """Yield fields of every row; see ``Source``."""
        schema, _, name = collection.ref.name.partition(".")
        with translated(self._store, f"reading {collection.ref}"), self._engine.connect() as connection:
            inspector = inspect(connection)
            try:
                refuse_change(collection, self._collection(inspector, schema, name, kind=collection.format, count=-1))
            except NoSuchTableError:
                raise Refused(
                    f"collection {collection.ref} no longer exists", next_step="discover and plan again"
                ) from None
            query = select(*table(name, *map(column, names), schema=schema).columns)
            with connection.execution_options(yield_per=_STREAMED_ROWS).execute(query) as found:
                yield from batched(found if text else map(_cut, found), names, text=text)

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
        fields = tuple(
            Field(found["name"], plain_type(str(found["type"])), found["nullable"], found.get("comment") or "")
            for found in inspector.get_columns(name, schema=schema)
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
