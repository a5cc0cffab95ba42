"""PostgreSQL as a store: rows move to a quarantine table in one transaction a batch, and are purged from there.

The move is ``DELETE … RETURNING`` into ``INSERT``, so that a row is at every moment either live or quarantined. A
journal table in the same database is written in the same transaction; ``locate`` compares it with what is there.
Personal data does not leave the database. What this module does not promise: bytes in free space, WAL archives and
replicas (see ``sanitise`` and the certificate's claims).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual
from winddown.domain.inventory import Collection, CollectionRef, Fact
from winddown.domain.plan import Act, Method, Order
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import Discovery
from winddown.stores.sql import catalogue
from winddown.stores.sql.catalogue import QUARANTINE_SCHEMA, quoted, quoted_name
from winddown.stores.sql.catalogue_facts import facts
from winddown.stores.sql.copying import Copies, typed
from winddown.stores.sql.faults import translated
from winddown.stores.sql.leftovers import cycle_wal, drop_emptied, drop_own_schema
from winddown.stores.sql.limits import kept_relation
from winddown.stores.sql.reading import marked

_JOURNAL = f"{QUARANTINE_SCHEMA}.journal"
_LOCK_WAIT = "5s"  # an inventory makes nobody queue behind it for long
_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")

Unlock = Callable[[Authorization], Engine]


class PostgresStore:
    """A PostgreSQL database.

    Args:
        name: the store's name in the case.
        reader: engine with the reading credential.
        unlock: exchanges an authorization for an engine with the credential of its power; spends it.
    """

    methods = frozenset({Method.MOVE_ROWS, Method.MOVE_FIELDS})

    def __init__(self, name: str, *, reader: Engine, unlock: Unlock) -> None:
        self.name = name
        self._reader = reader
        self._copies = Copies(reader)
        self._unlock = unlock

    # -- reading -------------------------------------------------------------------------------------------------

    def discover(self) -> Discovery:
        """List all relations with records and what the database says of them; what cannot be handled is a blocker."""
        with translated(self.name, "reading the catalogue"), self._reader.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text(f"SET statement_timeout = 0; SET lock_timeout = '{_LOCK_WAIT}'"))
            found = [*catalogue.discover(connection, self.name), *facts(connection, self.name)]
        return Discovery(
            tuple(item for item in found if isinstance(item, Collection)),
            tuple(item for item in found if isinstance(item, Blocker)),
            tuple(item for item in found if isinstance(item, Fact)),
        )

    def locators(self, collection: Collection) -> tuple[str, ...]:
        """The key's fields."""
        return collection.key

    def read(self, collection: Collection, *, fields: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows in one snapshot: key fields first, all values as text, in the table's order."""
        wanted = collection.field_names() if fields is None else fields
        columns = list(dict.fromkeys([*collection.key, *wanted]))
        return self._copies.read(collection, columns, expressions=[_as_text(collection, columns)])

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield all rows in one snapshot, typed; see ``copying`` for how."""
        expressions = [typed(field) for field in collection.fields]
        return map(marked, self._copies.read(collection, collection.field_names(), expressions=expressions))

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the live rows of a batch, as text, ordered by key."""
        table, join = quoted(collection.ref.name), _key_join(collection, "t")
        order = ", ".join(f"t.{quoted_name(name)}" for name in collection.key)
        query = f"SELECT {_as_text(collection, fields, 't')} FROM {table} t JOIN {join} ORDER BY {order}"
        with translated(self.name, f"reading {collection.ref}"), self._reader.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text(query), _key_values(collection, batch))]
        yield _arrow(fields, rows)

    def batch_keys(self, collection: Collection, located: pa.Table, *, size: int) -> pa.Table:
        """Sort by key and number the batches."""
        keys = located.select(list(collection.key)).sort_by([(name, "ascending") for name in collection.key])
        numbers = pa.array([row // size for row in range(keys.num_rows)], type=pa.int32())
        return keys.append_column("batch", numbers)

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:  # noqa: ARG002
        """Rows are moved; fields are moved where every one of them can be emptied."""
        blocker = kept_relation(collection)
        if blocker is not None:
            return blocker
        if act is not Act.MINIMISE:
            return Method.MOVE_ROWS
        return Method.MOVE_FIELDS

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Compare the journal with the rows that are there."""
        with translated(self.name, f"locating {order.id}"), self._reader.connect() as connection:
            collection = self._current(connection, order.collection)
            return _Position(connection, collection, order, batch).whereabouts()

    # -- effects -------------------------------------------------------------------------------------------------

    def quarantine(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Move the batch's rows or fields into the order's quarantine table."""
        engine = self._open(authorization, Power.QUARANTINE, order, batch)
        with translated(self.name, f"quarantine of {order.id}"), engine.begin() as connection:
            collection = self._current(connection, order.collection)
            _take_turns(connection, order, batch)
            _prepare(connection, collection, order)
            position = _Position(connection, collection, order, batch)
            if position.journalled() != "quarantined":
                acting = catalogue.hazards(connection, order.collection)
                if acting:
                    raise Refused(
                        f"order {order.id}: {', '.join(acting)} came to the table after the plan was made",
                        rule="only approved rows move",
                        next_step="disable it for the case, then plan again",
                    )
                moved = position.set_aside()
                if moved != batch.records:
                    raise Refused(
                        f"order {order.id} batch {batch.index}: {moved} of {batch.records} planned records are there",
                        rule="an approved order may shrink only by a new plan",
                        next_step="find out who changed the table after it was frozen, then plan again",
                    )
                position.journal("quarantined")
        return Receipt("quarantine", order.id, batch.index, batch.records, (("method", order.method.value),))

    def restore(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Put the rows or fields back; the foreign keys are checked as for any insert."""
        engine = self._open(authorization, Power.RESTORE, order, batch)
        with translated(self.name, f"restore of {order.id}"), engine.begin() as connection:
            collection = self._current(connection, order.collection)
            _take_turns(connection, order, batch)
            _prepare(connection, collection, order)
            position = _Position(connection, collection, order, batch)
            state = position.journalled()
            if state == "purged":
                raise Residual(f"order {order.id} batch {batch.index} was purged and cannot be restored")
            if state == "quarantined":
                restored = position.put_back()
                if restored != batch.records:
                    raise Residual(f"order {order.id} batch {batch.index}: {restored} of {batch.records} were restored")
                position.journal("restored")
        return Receipt("restore", order.id, batch.index, batch.records)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        """Delete the batch from the quarantine table. Refuses a batch that is not there."""
        engine = self._open(authorization, Power.PURGE, order, batch)
        with translated(self.name, f"purge of {order.id}"), engine.begin() as connection:
            collection = self._current(connection, order.collection)
            _take_turns(connection, order, batch)
            position = _Position(connection, collection, order, batch)
            state = position.journalled()
            if state == "quarantined":
                purged = position.destroy()
                if purged != batch.records:
                    raise Residual(
                        f"order {order.id} batch {batch.index}: {purged} of {batch.records} were in quarantine"
                    )
                position.journal("purged")
            elif state != "purged":
                raise Refused(
                    f"order {order.id} batch {batch.index} is not in quarantine", rule="quarantine before purge"
                )
        return Receipt("purge", order.id, batch.index, batch.records)

    # -- abilities -----------------------------------------------------------------------------------------------

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """List every grant to write on these tables or columns of them, but the owners' and our own."""
        with translated(self.name, "reading grants"), self._reader.connect() as connection:
            grants = {(ref.name, *grant) for ref in collections for grant in _writers(connection, ref)}
        grants |= set(_grants(earlier)) if earlier is not None else set()
        return Receipt("freeze", self.name, 0, len(collections), (("grants", json.dumps(sorted(grants))),))

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Revoke the remembered grants. Owners and superusers keep theirs: only the administrator can take those."""
        authorization.require(Power.FREEZE, store=self.name)
        engine = self._unlock(authorization)
        with translated(self.name, "freezing"), engine.begin() as connection:
            for table, role, privilege, _ in _grants(remembered):
                # Whatever the role passed on to others goes with it; those others were remembered by themselves.
                connection.execute(text(f"REVOKE {privilege} ON {quoted(table)} FROM {_grantee(role)} CASCADE"))
        return remembered

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Grant again what the freeze revoked."""
        authorization.require(Power.RESTORE, store=self.name)
        engine = self._unlock(authorization)
        with translated(self.name, "thawing"), engine.begin() as connection:
            for table, role, privilege, option in _grants(remembered):
                connection.execute(text(f"GRANT {privilege} ON {quoted(table)} TO {_grantee(role)} {option}"))
        return remembered

    def sanitise(self, authorization: Authorization, collections: Sequence[CollectionRef]) -> Receipt:
        """Rewrite the tables, drop emptied quarantine tables, rewrite statistics and cycle the WAL.

        Plain VACUUM leaves deleted rows in the heap and in indexes, and ``pg_statistic`` holds sample values; both are
        rewritten. Recycled WAL segments keep old bytes until they are overwritten, so the log is switched once for
        each segment on disk. Archived WAL, replicas, slots and file-system blocks are not reached.
        """
        authorization.require(Power.SANITISE, store=self.name)
        engine = self._unlock(authorization)
        with translated(self.name, "sanitising"), engine.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            # A reader that holds a lock must not make everybody else queue behind us for long.
            connection.execute(text("SET lock_timeout = '30s'"))
            dropped = drop_emptied(connection)
            drop_own_schema(connection)
            for ref in collections:
                connection.execute(text(f"VACUUM (FULL, ANALYZE) {quoted(ref.name)}"))
            connection.execute(text("VACUUM FULL pg_catalog.pg_statistic"))
            switched = cycle_wal(connection)
        details = (
            ("tables_rewritten", str(len(collections))),
            ("quarantine_tables_dropped", str(dropped)),
            ("statistics_rewritten", "pg_statistic"),
            ("wal_switches", str(switched)),
            ("not_reached", "archived WAL, replicas, replication slots, blocks of the file system"),
        )
        return Receipt("sanitise", self.name, 0, len(collections), details)

    def _open(self, authorization: Authorization, power: Power, order: Order, batch: Batch) -> Engine:
        authorization.require(power, store=self.name, target=order.id, batch_digest=batch.digest)
        return self._unlock(authorization)

    def _current(self, connection: Connection, ref: CollectionRef) -> Collection:
        return catalogue.describe(connection, ref)


class _Position:
    """One batch of one order inside one transaction."""

    def __init__(self, connection: Connection, collection: Collection, order: Order, batch: Batch) -> None:
        self._connection = connection
        self._collection = collection
        self._order = order
        self._batch = batch
        self._table = quoted(collection.ref.name)
        self._aside = f"{QUARANTINE_SCHEMA}.{quoted(_aside_name(order))}"
        self._values = _key_values(collection, batch)

    def whereabouts(self) -> Whereabouts:
        state, expected = self.journalled(), self._batch.records
        live = self._live()
        # The reading credential cannot look into quarantine tables; the journal is written in the transaction of
        # every move, and the inspector counts what is set aside with a credential of its own.
        if state == "quarantined":
            return Whereabouts.QUARANTINED if live == 0 else Whereabouts.MIXED
        if state == "purged":
            return Whereabouts.GONE if live == 0 else Whereabouts.MIXED
        if self._order.act is Act.MINIMISE:
            return Whereabouts.LIVE  # rows whose fields are empty already are as good a batch as any
        if live == expected:
            return Whereabouts.LIVE
        return Whereabouts.GONE if live == 0 else Whereabouts.MIXED

    def journalled(self) -> str | None:
        if not self._exists(_JOURNAL):
            return None
        query = text(f"SELECT state FROM {_JOURNAL} WHERE order_id = :o AND batch = :b")
        found = self._connection.execute(query, {"o": self._order.id, "b": self._batch.index}).scalar()
        return str(found) if found is not None else None

    def journal(self, state: str) -> None:
        self._connection.execute(
            text(
                f"INSERT INTO {_JOURNAL} (order_id, batch, state, records) VALUES (:o, :b, :s, :n) "
                "ON CONFLICT (order_id, batch) DO UPDATE SET state = excluded.state, changed_at = now()"
            ),
            {"o": self._order.id, "b": self._batch.index, "s": state, "n": self._batch.records},
        )

    def set_aside(self) -> int:
        join = _key_join(self._collection, "t")
        if self._order.act is Act.ERASE:
            condition = self._key_match()
            names = _names(self._collection.field_names())
            query = (
                f"WITH gone AS (DELETE FROM {self._table} t USING {_key_rows(self._collection)} WHERE {condition} "
                f"RETURNING {_names(self._collection.field_names(), 't')}) "
                f"INSERT INTO {self._aside} (winddown_batch, {names}) SELECT :batch, {names} FROM gone"
            )
            return self._run(query)
        kept = (*self._collection.key, *self._order.fields)
        copied = self._run(
            f"INSERT INTO {self._aside} (winddown_batch, {_names(kept)}) "
            f"SELECT :batch, {_names(kept, 't')} FROM {self._table} t JOIN {join} FOR UPDATE OF t"
        )
        emptied = ", ".join(f"{quoted_name(name)} = {_empty(self._collection, name)}" for name in self._stored_fields())
        self._run(f"UPDATE {self._table} t SET {emptied} FROM {_key_rows(self._collection)} WHERE {self._key_match()}")
        return copied

    def put_back(self) -> int:
        if self._order.act is Act.ERASE:
            computed = self._computed()
            names = _names([name for name in self._collection.field_names() if name not in computed])
            restored = self._run(
                f"INSERT INTO {self._table} ({names}) OVERRIDING SYSTEM VALUE "
                f"SELECT {names} FROM {self._aside} WHERE winddown_batch = :batch",
                keys=False,
            )
        else:
            values = ", ".join(f"{quoted_name(name)} = q.{quoted_name(name)}" for name in self._stored_fields())
            match = " AND ".join(f"t.{quoted_name(name)} = q.{quoted_name(name)}" for name in self._collection.key)
            restored = self._run(
                f"UPDATE {self._table} t SET {values} FROM {self._aside} q WHERE q.winddown_batch = :batch AND {match}",
                keys=False,
            )
        self.destroy()
        return restored

    def destroy(self) -> int:
        return self._run(f"DELETE FROM {self._aside} WHERE winddown_batch = :batch", keys=False)

    def _key_match(self) -> str:
        return " AND ".join(f"t.{quoted_name(name)} = k.{quoted_name(name)}" for name in self._collection.key)

    def _computed(self) -> frozenset[str]:
        """Generated columns: the database computes them anew, and takes no value for them."""
        query = text("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:t) AND attgenerated <> ''")
        return frozenset(self._connection.execute(query, {"t": self._table}).scalars())

    def _stored_fields(self) -> tuple[str, ...]:
        computed = self._computed()
        return tuple(name for name in self._order.fields if name not in computed)

    def _live(self) -> int:
        query = f"SELECT count(*) FROM {self._table} t JOIN {_key_join(self._collection, 't')}"
        if self._order.act is Act.MINIMISE:
            full = (
                f"t.{quoted_name(name)} IS DISTINCT FROM {_empty(self._collection, name)}"
                for name in self._stored_fields()
            )
            query += f" WHERE {' OR '.join(full)}"
        return int(self._connection.execute(text(query), self._values).scalar_one())

    def _exists(self, table: str) -> bool:
        return self._connection.execute(text("SELECT to_regclass(:t)"), {"t": table}).scalar() is not None

    def _run(self, query: str, *, keys: bool = True) -> int:
        values = (self._values if keys else {}) | {"batch": self._batch.index}
        return int(self._connection.execute(text(query), values).rowcount)


# -- SQL pieces ----------------------------------------------------------------------------------------------------


def _aside_name(order: Order) -> str:
    return "q_" + hashlib.sha256(order.id.encode()).hexdigest()[:24]


def _names(fields: Sequence[str], alias: str = "") -> str:
    return ", ".join((f"{alias}." if alias else "") + quoted_name(name) for name in fields)


def _as_text(collection: Collection, fields: Sequence[str], alias: str = "") -> str:
    prefix = f"{alias}." if alias else ""
    known = {field.name: field.type for field in collection.fields}
    # A key is written the way a cast from text reads it back.
    return ", ".join(
        f"encode({prefix}{quoted_name(name)}, 'base64')"
        if known[name] == "bytea" and name not in collection.key
        else f"{prefix}{quoted_name(name)}::text"
        for name in fields
    )


def _arrow(columns: Sequence[str], rows: list[tuple[str | None, ...]]) -> pa.RecordBatch:
    arrays = [pa.array([row[index] for row in rows], type=pa.string()) for index in range(len(columns))]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _key_rows(collection: Collection) -> str:
    """``unnest`` of one text array a key field, cast to the field's own type, as ``k``."""
    types = {field.name: field.type for field in collection.fields}
    arrays = ", ".join(f"CAST(:k{index} AS text[])" for index in range(len(collection.key)))
    raw = ", ".join(f"c{index}" for index in range(len(collection.key)))
    typed = ", ".join(
        f"CAST(c{index} AS {types[name]}) AS {quoted_name(name)}" for index, name in enumerate(collection.key)
    )
    return f"(SELECT {typed} FROM unnest({arrays}) AS u({raw})) k"


def _key_join(collection: Collection, alias: str) -> str:
    match = " AND ".join(f"{alias}.{quoted_name(name)} = k.{quoted_name(name)}" for name in collection.key)
    return f"{_key_rows(collection)} ON {match}"


def _key_values(collection: Collection, batch: Batch) -> dict[str, object]:
    return {f"k{index}": batch.keys.column(name).to_pylist() for index, name in enumerate(collection.key)}


def _empty(collection: Collection, field: str) -> str:
    nullable = next(found.nullable for found in collection.fields if found.name == field)
    return "NULL" if nullable else "''"


def _grants(receipt: Receipt) -> list[tuple[str, str, str, str]]:
    """Table, role, privilege and grant option; the role PUBLIC, which is none, is written ``""``."""
    found = json.loads(dict(receipt.details)["grants"])
    return [(table, role, privilege, option) for table, role, privilege, option in found]


def _grantee(role: str) -> str:
    return quoted_name(role) if role else "PUBLIC"


def _take_turns(connection: Connection, order: Order, batch: Batch) -> None:
    """Let one worker at a time act on a batch; the next one sees in the journal what the first one did."""
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtext(:order), :batch)"), {"order": order.id, "batch": batch.index}
    )


def _create_journal(connection: Connection) -> None:
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {QUARANTINE_SCHEMA}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA {QUARANTINE_SCHEMA} TO PUBLIC"))
    connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {_JOURNAL} (order_id text, batch int, state text NOT NULL, "
            "records int NOT NULL, changed_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (order_id, batch))"
        )
    )
    connection.execute(text(f"GRANT SELECT ON {_JOURNAL} TO PUBLIC"))


def _prepare(connection: Connection, collection: Collection, order: Order) -> None:
    """Create the order's quarantine table, readable by nobody but its owner."""
    name = f"{QUARANTINE_SCHEMA}.{quoted(_aside_name(order))}"
    there = text("SELECT to_regclass(:t)")
    if connection.execute(there, {"t": name}).scalar() is not None:
        return
    # Two workers may come at once, and CREATE … IF NOT EXISTS is not safe against that by itself.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('winddown_quarantine'))"))
    _create_journal(connection)
    fields = collection.field_names() if order.act is Act.ERASE else (*collection.key, *order.fields)
    if connection.execute(there, {"t": name}).scalar() is not None:
        return
    connection.execute(
        text(
            f"CREATE TABLE {name} AS SELECT 0 AS winddown_batch, {_names(fields)} "
            f"FROM {quoted(collection.ref.name)} WHERE false"
        )
    )
    connection.execute(text(f"COMMENT ON TABLE {name} IS '{order.id.replace(chr(39), '')}'"))


def _writers(connection: Connection, ref: CollectionRef) -> list[tuple[str, str, str]]:
    """Role, privilege and grant option of every grant to write on a table or on columns of it."""
    rows = connection.execute(
        text(
            "SELECT coalesce(r.rolname, '') AS role, a.privilege_type AS privilege, acl.field, a.is_grantable "
            "FROM (SELECT relacl AS items, relowner, NULL AS field FROM pg_class WHERE oid = to_regclass(:t) "
            "UNION ALL SELECT f.attacl, c.relowner, f.attname FROM pg_attribute f JOIN pg_class c "
            "ON c.oid = f.attrelid WHERE c.oid = to_regclass(:t) AND f.attnum > 0) acl "
            "CROSS JOIN LATERAL aclexplode(acl.items) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
            "WHERE a.privilege_type = ANY(:w) AND a.grantee <> acl.relowner "
            "AND coalesce(r.rolname, '') NOT LIKE 'winddown\\_%' ORDER BY 1, 2, 3"
        ),
        {"t": quoted(ref.name), "w": list(_WRITES)},
    )
    return [
        (
            row.role,
            row.privilege + (f" ({quoted_name(row.field)})" if row.field is not None else ""),
            "WITH GRANT OPTION" if row.is_grantable else "",
        )
        for row in rows
    ]
