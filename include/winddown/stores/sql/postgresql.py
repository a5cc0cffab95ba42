"""PostgreSQL as a store: rows go into escrow in one transaction a batch, and are purged with their file.

A table or partition of which everything goes moves as it is (``whole_table``); one of which most goes is written anew
with what stays (``survivors``); of rows that stay, the values of fields move to a quarantine table (``position``).

Rows are deleted and handed out by one statement, and their encrypted file is durable before that is committed, so that
a row is at every moment live or in escrow. A journal table in the same database is written in the same transaction;
``locate`` compares it with what is there. Rows are matched by key and by a digest of their content: one that changed
after it was planned is not deleted. What this module does not promise: bytes in free space, WAL archives and replicas
(see ``sanitise`` and the certificate's claims).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from winddown.archive.escrow import Escrow
from winddown.archive.tokens import Tokens
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Fact
from winddown.domain.plan import ESCROWING, Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt, Whereabouts, given_back
from winddown.ports import Discovery, Strain, Survivors, WholeTables
from winddown.stores.sql import catalogue, movable, staged, strain
from winddown.stores.sql.catalogue import quoted, quoted_name
from winddown.stores.sql.catalogue_facts import facts
from winddown.stores.sql.copying import copies, typed
from winddown.stores.sql.escrow_position import RowsPosition
from winddown.stores.sql.faults import told, translated
from winddown.stores.sql.leftovers import cleared
from winddown.stores.sql.position import (
    FieldsPosition,
    bring_up_to_date,
    content,
    key_join,
    key_values,
    prepare,
    same,
    take_turns,
)
from winddown.stores.sql.reading import marked, with_names
from winddown.stores.sql.survivors import SurvivorsPosition, survivors
from winddown.stores.sql.whole_table import WholeTable

_LOCK_WAIT = "5s"  # an inventory makes nobody queue behind it for long
_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")

_SIDE_BY_SIDE = 2
_WHOLE = frozenset({Method.MOVE_TABLE, Method.DETACH_PARTITION})

Unlock = Callable[[Authorization], Engine]
Grant = tuple[str, str, str, str]


class PostgresStore(staged.StagedStore):
    """A PostgreSQL database.

    Args:
        name: the store's name in the case.
        reader: engine with the reading credential.
        unlock: exchanges an authorization for an engine with the credential of its power; spends it.
        escrow: of this store in the case.
        tokens: of the case.
    """

    methods = frozenset({*ESCROWING, Method.MOVE_TABLE, Method.DETACH_PARTITION, Method.MOVE_FIELDS})

    def __init__(self, name: str, *, reader: Engine, unlock: Unlock, escrow: Escrow, tokens: Tokens) -> None:
        self.name = name
        self._reader = reader
        self._unlock = unlock
        self._escrow = escrow
        self._tokens = tokens

    # -- reading -------------------------------------------------------------------------------------------------

    def discover(self) -> Discovery:
        """List all relations with records and what the database says of them; what cannot be handled is a blocker."""
        with translated(self.name, "reading the catalogue"), self._reader.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text(f"SET statement_timeout = 0; SET lock_timeout = '{_LOCK_WAIT}'"))
            found = [*catalogue.discover(connection, self.name), *facts(connection, self.name)]
            identity = _identity(connection)
        return Discovery(
            tuple(item for item in found if isinstance(item, Collection)),
            tuple(item for item in found if isinstance(item, Blocker)),
            tuple(item for item in found if isinstance(item, Fact)),
            identity,
        )

    def locators(self, collection: Collection) -> tuple[str, ...]:
        """The key's fields."""
        return collection.key

    def read(
        self, collection: Collection, *, fields: Sequence[str] | None = None, bound: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield all rows in one snapshot: key fields first, all values as text, in the table's order."""
        wanted = collection.field_names() if fields is None else fields
        columns = list(dict.fromkeys([*collection.key, *wanted]))
        expressions = [_as_text(collection, columns)] + ([f"{content(collection)} AS {CONTENT}"] if bound else [])
        names = columns + ([CONTENT] if bound else [])
        return copies(self._reader, collection, names, expressions=expressions)

    def cells(self, collection: Collection) -> Iterator[pa.RecordBatch]:
        """Yield all rows in one snapshot, typed; see ``copying`` for how."""
        pairs = [typed(field) for field in collection.fields]
        expressions, wires = [expression for expression, _ in pairs], [wire for _, wire in pairs]
        return map(
            marked, copies(self._reader, collection, collection.field_names(), expressions=expressions, wires=wires)
        )

    def fetch(self, collection: Collection, batch: Batch, *, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield ``fields`` of the live and unchanged rows of a batch, as text, ordered by key."""
        table, join = quoted(collection.ref.name), key_join(collection, "t")
        order = ", ".join(f"t.{quoted_name(name)}" for name in collection.key)
        query = f"SELECT {_as_text(collection, fields, 't')} FROM {table} t JOIN {join} "
        query += f"WHERE {same(collection)} ORDER BY {order}"
        with translated(self.name, f"reading {collection.ref}"), self._reader.connect() as connection:
            rows = [tuple(row) for row in connection.execute(with_names(query), key_values(collection, batch))]
        yield _arrow(fields, rows)

    def whole_tables(self, collection: Collection, located: pa.Table, *, whole: bool) -> WholeTables:
        """See ``movable``."""
        with translated(self.name, f"looking at {collection.ref}"):
            return movable.whole_tables(self._reader, collection, located, whole=whole)

    def survivors(self, collection: Collection, *, going: int) -> Survivors:
        """See the module of that name."""
        with translated(self.name, f"looking at {collection.ref}"), self._reader.connect() as connection:
            return survivors(connection, collection, going)

    def locate(self, order: Order, batch: Batch) -> Whereabouts:
        """Compare the journal with the rows that are there, or with where the table is."""
        self.require_method(order)
        with translated(self.name, f"locating {order.id}"), self._reader.connect() as connection:
            if order.method in _WHOLE:
                return WholeTable(connection, order, batch).whereabouts()
            collection = catalogue.outline(connection, order.collection)
            if order.method in ESCROWING:
                return self._rows(connection, collection, order, batch).whereabouts()
            fields = FieldsPosition(connection, collection, order, batch, tokens=self._tokens)
            return staged.whereabouts(fields, batch)

    # -- effects -------------------------------------------------------------------------------------------------

    def method(self, collection: Collection, act: Act, *, whole: bool) -> Method | Blocker:
        """As other databases have it, but rows go into escrow."""
        found = super().method(collection, act, whole=whole)
        return Method.ESCROW_ROWS if found is Method.MOVE_ROWS else found

    @contextmanager
    def open_turn(
        self, authorization: Authorization, power: Power, order: Order, batch: Batch
    ) -> Iterator[staged.Turn]:
        """Open a transaction with the power's credential, and wait for the batch's turn in it."""
        # A snapshot that is older than the turn would not show what was done in the one before.
        engine = self._unlock(authorization).execution_options(isolation_level="READ COMMITTED")
        over: tuple[str, ...] = ()
        with translated(self.name, f"{power} of {order.id}"), engine.begin() as connection:
            authorization.require_system(_identity(connection))
            take_turns(connection, order, batch)
            if order.method in _WHOLE:
                yield WholeTable(connection, order, batch)
                return
            collection = catalogue.outline(connection, order.collection)
            staged.require_same_key(collection, batch)
            if power is Power.PURGE:
                bring_up_to_date(connection)
            else:
                prepare(connection, order)
            if order.method not in ESCROWING:
                yield FieldsPosition(connection, collection, order, batch, tokens=self._tokens)
                return
            rows = self._rows(connection, collection, order, batch)
            if earlier := rows.over():  # of another turn, and of no use however this one ends
                self._escrow.destroy(order.id, earlier)
            yield rows
            over = rows.over()
        self._escrow.destroy(order.id, over)

    # -- abilities -----------------------------------------------------------------------------------------------

    def remember_writers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """List every grant to write on these tables or columns of them, but the owners' and our own."""
        return self._remember(collections, earlier, _WRITES)

    def remember_readers(self, collections: Sequence[CollectionRef], earlier: Receipt | None) -> Receipt:
        """List every grant to read these tables or columns of them, but the owners' and our own."""
        return self._remember(collections, earlier, ("SELECT",))

    def _remember(
        self, collections: Sequence[CollectionRef], earlier: Receipt | None, privileges: Sequence[str]
    ) -> Receipt:
        with translated(self.name, "reading grants"), self._reader.connect() as connection:
            grants = {(ref.name, *grant) for ref in collections for grant in _holders(connection, ref, privileges)}
        grants |= set(_grants(earlier)) if earlier is not None else set()
        return Receipt("freeze", self.name, 0, len(collections), (("grants", json.dumps(sorted(grants))),))

    def freeze(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Revoke the remembered grants. Owners and superusers keep theirs: only the administrator can take those.

        Raises Refused, and revokes nothing, when a role of our own would no longer read what it reads now.
        """
        authorization.require(Power.FREEZE, store=self.name)
        engine = self._unlock(authorization)
        with translated(self.name, "freezing"), engine.begin() as connection:
            authorization.require_system(_identity(connection))
            own = _own_readers(connection, _grants(remembered))
            for table, role, privilege, _ in _present(connection, remembered)[0]:
                # Whatever the role passed on to others goes with it; those others were remembered by themselves.
                connection.execute(with_names(f"REVOKE {privilege} ON {quoted(table)} FROM {_grantee(role)} CASCADE"))
            lost = own - _own_readers(connection, _grants(remembered))
            if lost:
                raise Refused(
                    f"store {self.name}: {', '.join(sorted(lost))} read by rights that applications share",
                    rule="undo must not wait",
                    next_step="grant them SELECT on these tables by name, then freeze again",
                )
        return remembered

    def thaw(self, authorization: Authorization, remembered: Receipt) -> Receipt:
        """Grant again what the freeze revoked, as far as its table, its column and its role are still there."""
        authorization.require(Power.RESTORE, store=self.name)
        engine = self._unlock(authorization)
        with translated(self.name, "thawing"), engine.begin() as connection:
            authorization.require_system(_identity(connection))
            present, gone = _present(connection, remembered)
            for table, role, privilege, option in present:
                connection.execute(with_names(f"GRANT {privilege} ON {quoted(table)} TO {_grantee(role)} {option}"))
        return given_back(remembered, gone)

    def strain(self) -> Strain:
        """Who waits for locks, and how far replicas are behind."""
        with translated(self.name, "looking at locks and replicas"), self._reader.connect() as connection:
            return strain.of_postgresql(connection)

    def side_by_side(self, order: Order) -> int:
        """Two, where rows go into escrow: they are compared and encrypted here as long as the server deletes them."""
        if order.method is not Method.ESCROW_ROWS:
            return 1
        with translated(self.name, f"looking at {order.collection}"), self._reader.connect() as connection:
            return 1 if catalogue.refers_to_itself(connection, order.collection) else _SIDE_BY_SIDE

    def sanitise(
        self, authorization: Authorization, collections: Sequence[CollectionRef], *, settled: Sequence[OrderId] = ()
    ) -> Receipt:
        """Rewrite the tables, drop emptied quarantine tables, rewrite statistics and cycle the WAL; see ``leftovers``.

        What the account may not do stands in the details under ``tasks``, as statements for the administrator, and
        what stays under ``not_reached``.
        """
        authorization.require(Power.SANITISE, store=self.name)
        engine = self._unlock(authorization)
        with translated(self.name, "sanitising"), engine.connect() as raw:
            connection = raw.execution_options(isolation_level="AUTOCOMMIT")
            authorization.require_system(_identity(connection))
            details = cleared(connection, collections, escrow=self._escrow, settled=settled)
            return Receipt("sanitise", self.name, 0, len(collections), details)

    def _rows(self, connection: Connection, collection: Collection, order: Order, batch: Batch) -> RowsPosition:
        position = SurvivorsPosition if order.method is Method.KEEP_SURVIVORS else RowsPosition
        return position(connection, collection, order, batch, escrow=self._escrow)


def _identity(connection: Connection) -> str:
    """The cluster and the database in it. A physical copy, e.g. a promoted standby, has the same identity."""
    query = (
        "SELECT s.system_identifier::text, d.oid::text, d.datname FROM pg_control_system() s, pg_database d "
        "WHERE d.datname = current_database()"
    )
    system, database, name = connection.execute(text(query)).one()
    return f"PostgreSQL {system}, database {database} ({name})"


# -- SQL pieces ----------------------------------------------------------------------------------------------------


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


def _grants(receipt: Receipt) -> list[Grant]:
    """Table, role, privilege and grant option; the role PUBLIC, which is none, is written ``""``."""
    found = json.loads(dict(receipt.details)["grants"])
    return [(table, role, privilege, option) for table, role, privilege, option in found]


def _present(connection: Connection, remembered: Receipt) -> tuple[list[Grant], list[str]]:
    """Grants whose table, column and role are there; and of each of the others, what is not.

    A table that moved to quarantine as a whole is not there, and has kept its own.
    """
    grants = _grants(remembered)
    # By the fields that a table has of itself, one without any of its own is found as well.
    fields = text(
        "SELECT t, f.attname FROM unnest(CAST(:t AS text[])) t "
        "JOIN pg_attribute f ON f.attrelid = to_regclass(t) AND NOT f.attisdropped"
    )
    found: dict[str, set[str]] = {}
    for table, name in connection.execute(fields, {"t": sorted({quoted(table) for table, *_ in grants})}):
        found.setdefault(table, set()).add(quoted_name(name))
    known = text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:r)")
    roles = {"", *connection.execute(known, {"r": sorted({role for _, role, *_ in grants})}).scalars()}
    present, gone = [], []
    for grant in grants:
        table, role, privilege, _ = grant
        field = privilege.partition(" ")[2].removeprefix("(").removesuffix(")")
        if quoted(table) not in found:
            gone.append(f"table {told(table)}")
        elif field and field not in found[quoted(table)]:
            gone.append(f"column {told(field)} of {told(table)}")
        elif role not in roles:
            gone.append(f"role {told(role)}")
        else:
            present.append(grant)
    return present, gone


def _grantee(role: str) -> str:
    return quoted_name(role) if role else "PUBLIC"


def _own_readers(connection: Connection, grants: Sequence[Grant]) -> set[str]:
    """Our own roles, each with a table that grants are about and that it may read."""
    rows = connection.execute(
        text(
            "SELECT r.rolname || ' on ' || t FROM pg_roles r CROSS JOIN unnest(CAST(:t AS text[])) t "
            "WHERE r.rolname LIKE 'winddown\\_%' AND has_table_privilege(r.oid, to_regclass(t), 'SELECT')"
        ),
        {"t": sorted({quoted(table) for table, *_ in grants})},
    )
    return set(rows.scalars())


def _holders(connection: Connection, ref: CollectionRef, privileges: Sequence[str]) -> list[tuple[str, str, str]]:
    """Role, privilege and grant option of every grant of these privileges on a table or on columns of it."""
    rows = connection.execute(
        text(
            "SELECT coalesce(r.rolname, '') AS role, a.privilege_type AS privilege, acl.field, a.is_grantable "
            "FROM (SELECT relacl AS items, relowner, NULL AS field FROM pg_class WHERE oid = to_regclass(:t) "
            "UNION ALL SELECT f.attacl, c.relowner, f.attname FROM pg_attribute f JOIN pg_class c "
            # A column that was dropped may keep its grants, under a name that no statement may use.
            "ON c.oid = f.attrelid WHERE c.oid = to_regclass(:t) AND f.attnum > 0 AND NOT f.attisdropped) acl "
            "CROSS JOIN LATERAL aclexplode(acl.items) a LEFT JOIN pg_roles r ON r.oid = a.grantee "
            "WHERE a.privilege_type = ANY(:w) AND a.grantee <> acl.relowner "
            "AND coalesce(r.rolname, '') NOT LIKE 'winddown\\_%' ORDER BY 1, 2, 3"
        ),
        {"t": quoted(ref.name), "w": list(privileges)},
    )
    return [
        (
            row.role,
            row.privilege + (f" ({quoted_name(row.field)})" if row.field is not None else ""),
            "WITH GRANT OPTION" if row.is_grantable else "",
        )
        for row in rows
    ]
