"""A whole table or partition of PostgreSQL inside one transaction: it moves to a schema of its own, then is dropped.

Moving and dropping change the catalogue alone, so they take no longer for many rows than for one. The schema belongs
to the marking role and nobody else may use it: whatever was granted on the table stays granted and is worth nothing
meanwhile, so that there is nothing to remember. The schema is the journal as well: with the table in it the batch is
in quarantine, and when it is empty the batch is purged.
"""

from sqlalchemy import Connection, text

from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Order
from winddown.domain.receipt import Whereabouts
from winddown.stores.sql.catalogue import QUARANTINE_SCHEMA, describe, place_of, quoted, quoted_name
from winddown.stores.sql.reading import verbatim, without_parameters
from winddown.stores.sql.relation import Relation, described, held, referrers, stands_against

ALWAYS_COMPARED_BYTES = 4 << 20
"""A table that is no bigger is compared row by row under the lock; a bigger one only when its statistics say that
somebody wrote to it since it was planned, or were reset."""

_FORGONE = " without "


class WholeTable:
    """The turn of one table or partition. Its reading half needs no more than the catalogue and the collection."""

    def __init__(self, connection: Connection, order: Order, batch: Batch) -> None:
        self._connection = connection
        self._order = order
        self._batch = batch
        self._planned = Relation.parse(batch)
        self._place = f"{place_of(order.id)}_{batch.index}"
        self._aside = f"{self._place}.{self._planned.table}"
        self._label = f"{order.id} {batch.index}"
        self._is_back = False

    def whereabouts(self) -> Whereabouts:
        """Compare where the table is with what stands under its name; a live one is compared with the plan."""
        state = self.journalled()
        if state is None and self.unchanged() == self._batch.records:
            return Whereabouts.LIVE
        if self._is_taken() or self._rows_came_back():
            return Whereabouts.MIXED
        return Whereabouts.QUARANTINED if state == "quarantined" else Whereabouts.GONE

    def hazards(self) -> tuple[str, ...]:
        """Lock the table against everybody, and say what would keep on using it if it went."""
        planned = self._planned
        if not self._is_live():
            return ()
        # A partition's parent first, as everybody does who reads it.
        if planned.parent:
            self._run(f"LOCK TABLE ONLY {quoted(planned.parent)} IN ACCESS EXCLUSIVE MODE")
        self._run(f"LOCK TABLE {quoted(planned.name)} IN ACCESS EXCLUSIVE MODE")
        found = [*stands_against(self._connection, planned.oid)]
        for name in referrers(self._connection, planned.oid):
            found += [] if name in planned.together else [f"foreign key of {name}"]
        return tuple(found)

    def journalled(self) -> str | None:
        """``quarantined`` while the table is in its schema, ``purged`` while that is empty, None when there is none."""
        query = text(
            "SELECT n.oid AS place, c.oid AS moved FROM pg_namespace n "
            "LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.oid = :oid WHERE n.nspname = :place"
        )
        row = self._connection.execute(query, {"oid": self._planned.oid, "place": self._place}).one_or_none()
        if row is None:
            return None
        return "quarantined" if row.moved is not None else "purged"

    def journal(self, state: str) -> None:
        """Nothing: where the table is says it."""

    def unchanged(self) -> int:
        """All records of the batch when the live table holds exactly what was planned, and 0 otherwise.

        Once it was moved back, all of them: it is the very table that went. Should it hold anything else, it did when
        it went, and undo does not wait for that to be cleared up; the inspector compares it as well.
        """
        return self._planned.records if self._is_live() and (self._is_back or self._is_as_planned()) else 0

    def set_aside(self) -> int:
        """Move the table, which ``hazards`` has locked; 0, and nothing is moved, when it is not the planned one."""
        planned = self._planned
        if not self._is_live() or not self._is_untouched():
            return 0
        self._require_way_back()
        self._create_place()
        if planned.parent:
            self._run(f"ALTER TABLE {quoted(planned.parent)} DETACH PARTITION {quoted(planned.name)}")
        self._run(f"ALTER TABLE {quoted(planned.name)} SET SCHEMA {quoted_name(self._place)}")
        return planned.records

    def put_back(self) -> int:
        """Move it back, and attach a partition with the bounds that it had; 0 when something has its name by now.

        Raises Residual when a foreign key of it went with a table that is purged.
        """
        planned = self._planned
        if self._is_taken():
            return 0
        missing = self._said_of_place().partition(_FORGONE)[2]
        if missing:
            raise Residual(
                f"order {self._order.id} batch {self._batch.index}: its foreign key {missing} went with the table that "
                "it refers to, which is purged",
                next_step=f"bring {self._aside} back by hand, without that foreign key, if it is to stay",
            )
        self._run(f"ALTER TABLE {quoted(self._aside)} SET SCHEMA {quoted_name(planned.schema)}")
        if planned.parent:
            attach = f"ALTER TABLE {quoted(planned.parent)} ATTACH PARTITION {quoted(planned.name)} "
            self._connection.exec_driver_sql(without_parameters(attach + planned.bound))
        self._run(f"DROP SCHEMA {quoted_name(self._place)}")
        self._is_back = True
        return planned.records

    def destroy(self) -> int:
        """Drop the table; its empty schema stays until ``sanitise``. Never with what depends on it."""
        for place, name, constraint, said in self._circular_keys():
            self._run(f"ALTER TABLE {quoted(name)} DROP CONSTRAINT {quoted_name(constraint)}")
            self._label_place(f"{said}{_FORGONE}{constraint}", place)
        self._run(f"DROP TABLE {quoted(self._aside)}")
        return self._planned.records

    # -- pieces ------------------------------------------------------------------------------------------------------

    def _create_place(self) -> None:
        """Create the schema, open to nobody but its owner, whatever default privileges say."""
        self._run(f"CREATE SCHEMA {quoted_name(self._place)}")
        self._label_place(self._label)
        others = text(
            "SELECT DISTINCT pg_get_userbyid(a.grantee), a.grantee = 0 FROM pg_namespace n, aclexplode(n.nspacl) a "
            "WHERE n.nspname = :s AND a.grantee <> n.nspowner"
        )
        for role, is_public in self._connection.execute(others, {"s": self._place}).all():
            grantee = "PUBLIC" if is_public else quoted_name(role)
            self._run(f"REVOKE ALL ON SCHEMA {quoted_name(self._place)} FROM {grantee}")

    def _is_untouched(self) -> bool:
        """Whether nobody wrote to the locked table since it was planned, or whatever they wrote left it as it was."""
        planned = self._planned
        now = described(self._connection, planned.oid)
        if now is None or (now.parent, now.bound, now.condition) != (planned.parent, planned.bound, planned.condition):
            return False
        size = text("SELECT pg_table_size(CAST(:oid AS oid))")
        is_small = self._connection.execute(size, {"oid": planned.oid}).scalar_one() <= ALWAYS_COMPARED_BYTES
        if planned.mark and now.mark == planned.mark and not is_small:
            return True
        return self._is_as_planned()

    def _is_as_planned(self) -> bool:
        collection = describe(self._connection, self._order.collection)
        return held(self._connection, collection, self._planned) == (self._planned.records, self._planned.content)

    def _is_live(self) -> bool:
        """Whether the planned table itself stands under its name; another one of that name is not it."""
        now = described(self._connection, self._planned.oid)
        return now is not None and (now.name, now.parent) == (self._planned.name, self._planned.parent)

    def _is_taken(self) -> bool:
        """Whether anything stands under the table's name."""
        query = text("SELECT to_regclass(:t)")
        return self._connection.execute(query, {"t": quoted(self._planned.name)}).scalar() is not None

    def _rows_came_back(self) -> bool:
        """Whether the collection has rows where a partition was, e.g. in its default partition."""
        if not self._planned.condition:
            return False
        table, where = quoted(self._order.collection.name), self._planned.condition
        query = text(verbatim(f"SELECT EXISTS (SELECT FROM {table} WHERE {where})"))
        return bool(self._connection.execute(query).scalar_one())

    def _require_way_back(self) -> None:
        """Undo must not fail for want of a right that could have been asked for before."""
        query = text("SELECT has_schema_privilege(:s, 'CREATE')")
        if not self._connection.execute(query, {"s": self._planned.schema}).scalar_one():
            raise Refused(
                f"order {self._order.id}: the marking role could not move {self._planned.name} back",
                rule="undo must not wait",
                next_step=f"GRANT CREATE ON SCHEMA {quoted_name(self._planned.schema)} to the marking role",
            )

    def _circular_keys(self) -> list[tuple[str, str, str, str]]:
        """Foreign keys to this table from tables that are in quarantine as well: schema, table, key, what is said."""
        query = text(
            "SELECT n.nspname, n.nspname || '.' || c.relname, k.conname, "
            "coalesce(obj_description(n.oid, 'pg_namespace'), '') FROM pg_constraint k "
            "JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE k.contype = 'f' AND k.confrelid = :oid AND k.conrelid <> :oid AND starts_with(n.nspname, :ours) "
            "ORDER BY 1, 3"
        )
        rows = self._connection.execute(query, {"oid": self._planned.oid, "ours": f"{QUARANTINE_SCHEMA}_"})
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def _said_of_place(self) -> str:
        query = text("SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = :s")
        return str(self._connection.execute(query, {"s": self._place}).scalar_one())

    def _label_place(self, said: str, place: str = "") -> None:
        written = said.replace("'", "''")
        self._run(f"COMMENT ON SCHEMA {quoted_name(place or self._place)} IS '{written}'")

    def _run(self, statement: str) -> None:
        self._connection.exec_driver_sql(without_parameters(statement))
