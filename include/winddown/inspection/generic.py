"""Looks into any database that SQLAlchemy speaks to, by another path: another credential and another plan.

Shares no code with the store. Rows are asked for by the first field of their key alone, the rest is compared here, and
digests are computed anew. Roles and raw bytes are known to no dialect, so nothing is claimed about them.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, bindparam, column, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import NullType

from winddown.domain.batch import CONTENT, Batch
from winddown.domain.errors import Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Order
from winddown.inspection.forms import Judge, Row
from winddown.ports import ByteSearch

_VALUES_A_QUERY = 200
_UNKNOWN = "users that this dialect does not tell"


class GenericInspector:
    """Reads with a credential that may read everything and change nothing."""

    def __init__(self, name: str, *, engine: Engine, token_key: Callable[[], bytes]) -> None:
        self._name = name
        self._engine = engine
        self._token_key = token_key

    def identity(self) -> str:
        """Dialect, host, port and database that the inspector's own connection names, once it answered."""
        with self._reading():
            url = self._engine.url
            place = ":".join((url.host or "", str(url.port or "")))
            return f"{self._engine.dialect.name} {place}/{url.database or ''}"

    def remaining(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch that still exist, or that still have a field which was to be emptied."""
        with self._reading() as connection:
            rows = _rows(connection, order, batch)
            if order.generalised:
                live = ([_text(row[name]) for name in order.fields] for row in rows)
                return Judge(order, dict(_columns(connection, order)), self._token_key).whole(live)
            if order.act is Act.MINIMISE:
                return sum(any(row[name] not in {None, ""} for name in order.fields) for row in _hashable(rows))
            return sum(1 for _ in rows)

    def unchanged(self, order: Order, batch: Batch) -> int:
        """Count rows of the batch whose values, with the names and types of the fields, have the planned digest."""
        planned = set(batch.keys.column(CONTENT).to_pylist())
        with self._reading() as connection:
            columns = _columns(connection, order)
            return sum(_digest(columns, row) in planned for row in _rows(connection, order, batch))

    def set_aside(self, order: Order, batch: Batch) -> int:
        """The rows that are left over before a purge are those that could be restored.

        Of fields of which something stays, rows whose values are in quarantine, and of which exactly that is live.
        """
        if not order.generalised:
            return self.leftovers(order, batch)
        key = [name for name in batch.keys.column_names if name != CONTENT]
        schema = order.collection.name.partition(".")[0]

        def told(row: Mapping[str, Any]) -> Row:
            return tuple(_text(row[name]) for name in key), [_text(row[name]) for name in order.fields]

        with self._reading() as connection:
            types = dict(_columns(connection, order))
            live = list(map(told, _rows(connection, order, batch)))
            wanted = list(dict.fromkeys([*key, *order.fields]))
            aside = []
            for name in _aside_tables(connection, order):
                source = table(name, column("winddown_batch"), *map(column, wanted), schema=schema)
                query = select(source.c.winddown_batch, *(source.c[field] for field in wanted))
                rows = connection.execute(query).all()
                aside += [told(dict(zip(wanted, row[1:], strict=True))) for row in rows if row[0] == batch.index]
        return Judge(order, types, self._token_key).as_asked(live, aside)

    def leftovers(self, order: Order, batch: Batch) -> int:
        """Count the batch's rows in every table of the schema whose name ends with the order's digest."""
        schema = order.collection.name.partition(".")[0]
        with self._reading() as connection:
            numbers = (
                number
                for name in _aside_tables(connection, order)
                for (number,) in connection.execute(select(table(name, column("winddown_batch"), schema=schema)))
            )
            return sum(number == batch.index for number in numbers)

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Nobody can say who may write, so it is said that somebody may."""
        return (_UNKNOWN,) if collections else ()

    def readers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:
        """Nobody can say who may read either."""
        return (_UNKNOWN,) if collections else ()

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = ()) -> ByteSearch:  # noqa: ARG002
        """No dialect tells where an engine keeps its bytes: never reached."""
        return ByteSearch(reached=False, medium="files of the engine", bytes_read=0, probes=len(probes), found=0)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise Transient(f"the inspector of store {self._name} failed ({type(error).__name__})") from None


def _aside_tables(connection: Connection, order: Order) -> list[str]:
    """Tables of the schema whose names end with the order's digest."""
    ending = hashlib.sha256(str(order.id).encode()).hexdigest()[:24]
    schema = order.collection.name.partition(".")[0]
    return [name for name in inspect(connection).get_table_names(schema) if name.endswith(ending)]


def _columns(connection: Connection, order: Order) -> list[tuple[str, str]]:
    """Name and type of each field."""
    schema, _, name = order.collection.name.partition(".")
    return [(found["name"], str(found["type"])) for found in inspect(connection).get_columns(name, schema)]


def _rows(connection: Connection, order: Order, batch: Batch) -> Iterator[dict[str, Any]]:
    """Yield the rows that the batch names, by field."""
    schema, _, name = order.collection.name.partition(".")
    fields = [str(found["name"]) for found in inspect(connection).get_columns(name, schema)]
    source = table(name, *map(column, fields), schema=schema)
    named = [key for key in batch.keys.column_names if key != CONTENT]
    example = connection.execute(select(source.c[named[0]]).limit(1)).first()
    if example is None:
        return
    wanted = set(zip(*(batch.keys.column(key).to_pylist() for key in named), strict=True))
    firsts = [_value(text, example[0]) for text in sorted({key[0] for key in wanted})]
    query = select(*(source.c[field].label(f"f{place}") for place, field in enumerate(fields)))
    for start in range(0, len(firsts), _VALUES_A_QUERY):
        part = firsts[start : start + _VALUES_A_QUERY]
        given = [bindparam(None, value, type_=NullType(), unique=True) for value in part]
        for row in connection.execute(query.where(source.c[named[0]].in_(given))):
            found = dict(zip(fields, row, strict=True))
            if tuple(_text(found[key]) for key in named) in wanted:
                yield found


def _hashable(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows whose values can be compared with nothing, whatever kind they are of."""
    for row in rows:
        yield {name: value if value is None or isinstance(value, str) else repr(value) for name, value in row.items()}


def _value(text: str, like: Any) -> Any:
    """Read a planned key's text as a value of the kind that the driver hands out."""
    for kind in (bool, int, float, Decimal, UUID):
        if isinstance(like, kind):
            return text == "true" if kind is bool else kind(text)
    if isinstance(like, bytes | bytearray | memoryview):
        return base64.standard_b64decode(text)
    if isinstance(like, datetime):
        return datetime.fromisoformat(text)
    return date.fromisoformat(text) if isinstance(like, date) else text


def _text(value: Any) -> str | None:
    """A value as plans write it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.standard_b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _digest(columns: Sequence[tuple[str, str]], row: dict[str, Any]) -> str:
    """The digest that binds a row: names and types first, then kind, length and text of each value."""
    shape = "\n".join(f"{name} {_unlabelled(kind)}" for name, kind in columns)
    written = [hashlib.sha256(shape.encode()).hexdigest().encode()]
    for name, _ in columns:
        value = row[name]
        if isinstance(value, datetime) and value.utcoffset() is not None:
            value = value.astimezone(UTC)
        raw = (_text(value) or "").encode("utf-8", "surrogatepass")
        written.append(f"{type(value).__name__} {len(raw)} ".encode() + raw)
    return hashlib.sha256(b"".join(written)).hexdigest()


def _unlabelled(kind: str) -> str:
    """A type without the labels that it lists."""
    return "'…'".join(kind.replace("''", "").split("'")[::2])
