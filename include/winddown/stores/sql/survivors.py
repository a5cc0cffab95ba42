"""Most rows of a PostgreSQL table at once: they go into escrow, the table is emptied, and what stays is put back.

Deleting them row by row leaves a dead row, an entry of each index and a piece of the log for each, which sanitising has
to clear again. Here the table gets a new file with what stays of it. It remains the same table, with its object id,
grants, policies, views, comments, sequences and whatever else refers to it.

All is one transaction. While the rows are looked at and written into escrow, only writers are shut out; readers are
from the moment on when the table is emptied. What stays is counted before and after, with the sums of its digests. A
transaction with an older snapshot that had not touched the table yet sees it as empty: TRUNCATE knows no snapshots.
Restore and purge are those of every row in escrow.
"""

from sqlalchemy import Connection, text

from winddown.domain.batch import CANARY_RECORDS
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection
from winddown.ports import Survivors
from winddown.stores.sql.catalogue import quoted, quoted_name
from winddown.stores.sql.escrow_position import RowsPosition
from winddown.stores.sql.faults import told
from winddown.stores.sql.position import KEYS_AT_ONCE, ROW, keys_equal
from winddown.stores.sql.reading import without_parameters
from winddown.stores.sql.relation import summed

BY_ROWS_MAX = CANARY_RECORDS
"""A batch of no more rows, e.g. an order's first one, is deleted as any other: so it is tried on a few before."""
BYTES_A_SECOND = 4_000_000
"""Of the table with its indexes, at which what stays was put back when two cores were busiest with other work."""

_GOING, _STAYING = "pg_temp.winddown_going", "pg_temp.winddown_staying"
# Readers queue behind whoever waits for this lock, so it is not waited for as long as for others.
_EXCLUSIVE_WAIT = "3s"
# What goes is looked up in a table of its keys, which fits into this for a million of them: what does not is written to
# files of the server.
_SETTINGS = {
    "work_mem": "128MB",
    "enable_seqscan": "on",
    "enable_hashjoin": "on",
    "enable_mergejoin": "off",
    "enable_nestloop": "off",
}
_AGAINST = text("""
    SELECT kind, name FROM (
        SELECT 'relation of kind' AS kind, relkind::text || relpersistence::text AS name FROM pg_class
         WHERE oid = :oid AND (relkind <> 'r' OR relpersistence <> 'p' OR relispartition)
        UNION ALL
        SELECT 'access method', a.amname::text FROM pg_class c JOIN pg_am a ON a.oid = c.relam
         WHERE c.oid = :oid AND a.amname <> 'heap'
        UNION ALL
        SELECT 'foreign key of', conrelid::regclass::text FROM pg_constraint
         WHERE contype = 'f' AND confrelid = :oid AND conrelid <> :oid
        UNION ALL
        SELECT 'publication', p.pubname::text FROM pg_publication_tables p JOIN pg_namespace n
            ON n.nspname = p.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
         WHERE c.oid = :oid
        UNION ALL
        SELECT 'logical replication slot', slot_name::text FROM pg_replication_slots
         WHERE slot_type = 'logical' AND database = current_database()
        UNION ALL
        SELECT 'event trigger', evtname::text FROM pg_event_trigger WHERE evtenabled <> 'D') found
     GROUP BY 1, 2 ORDER BY 1, 2
""")
_OID = text("SELECT CAST(to_regclass(:t) AS oid)::bigint")
_BYTES = text("SELECT pg_total_relation_size(CAST(:oid AS oid))")
_RIGHTS = text(
    "SELECT current_user AS me, has_table_privilege(CAST(:oid AS oid), 'TRUNCATE') AS empties, "
    "has_database_privilege(current_database(), 'TEMPORARY') AS keeps"
)


def survivors(connection: Connection, collection: Collection, going: int) -> Survivors:
    """See ``SupportsSurvivors``."""
    oid = connection.execute(_OID, {"t": quoted(collection.ref.name)}).scalar()
    if oid is None:
        return Survivors(0.0, ("it is there no more",))
    size = int(connection.execute(_BYTES, {"oid": oid}).scalar_one() or 0)
    share = 1 - going / max(collection.record_count, going, 1)
    return Survivors(size * share / BYTES_A_SECOND, _stands_against(connection, oid))


def _stands_against(connection: Connection, oid: int) -> tuple[str, ...]:
    """What would see more than that rows go, beside hazards of every order; names that may be told."""
    return tuple(f"{row.kind} {told(row.name)}" for row in connection.execute(_AGAINST, {"oid": oid}))


class SurvivorsPosition(RowsPosition):
    """One batch of rows, set aside by writing its table anew."""

    def set_aside(self) -> int:
        """Write the batch's rows into escrow and empty the table but for what stays; return how many are as planned.

        Unless all are, the transaction must not be committed.

        Raises:
            Refused: something would not only see rows go, a right is missing, or what stays would not be as it was.
        """
        if self._batch.records <= BY_ROWS_MAX:
            return super().set_aside()
        oid = int(self._connection.execute(_OID, {"t": self._table}).scalar_one())
        self._require_rights(oid)
        self._run(f"LOCK TABLE ONLY {self._table} IN SHARE ROW EXCLUSIVE MODE")
        self._refuse_surprises(oid)
        self._list_going()
        match = keys_equal(self._collection, "t", "k")
        found = self._lay_down(self._handed_out(f"SELECT {ROW} FROM ONLY {self._table} t JOIN {_GOING} k ON {match}"))
        if found == self._batch.records:
            self._keep(f"SELECT t.* FROM ONLY {self._table} t WHERE NOT EXISTS (SELECT FROM {_GOING} k WHERE {match})")
        return found

    def _require_rights(self, oid: int) -> None:
        may = self._connection.execute(_RIGHTS, {"oid": oid}).one()
        if may.empties and may.keeps:
            return
        missing = f"TRUNCATE ON {self._table}" if not may.empties else "TEMPORARY ON this DATABASE"
        raise Refused(
            f"order {self._order.id}: the marking role may not empty the table, or keep aside what stays of it",
            rule="credentials",
            next_step=f"GRANT {missing} TO {quoted_name(may.me)}",
        )

    def _refuse_surprises(self, oid: int) -> None:
        """Look once more, now that nobody can add anything."""
        found = (*self.hazards(), *_stands_against(self._connection, oid))
        if found:
            raise Refused(
                f"order {self._order.id}: {', '.join(found)} came to the table after the plan was made",
                rule="only approved rows move",
                next_step="plan again: then these rows are deleted in batches",
            )

    def _list_going(self) -> None:
        """Write the batch's keys into a table that only this session sees, with the types of the table's own."""
        for name, value in _SETTINGS.items():
            self._run(f"SET LOCAL {name} = '{value}'")
        fields = ", ".join(map(quoted_name, self._collection.key))
        self._run(
            f"CREATE TEMPORARY TABLE {_GOING} ON COMMIT DROP AS SELECT {fields} FROM ONLY {self._table} WHERE false"
        )
        for piece in self._batch.pieces(KEYS_AT_ONCE):
            self._hand_in(self._key_arrays(piece))
            self._run(f"INSERT INTO {_GOING} ({fields}) {self._keys()}")
        self._run(f"ANALYZE {_GOING}")

    def _keep(self, staying: str) -> None:
        """Empty the table but for the rows of a query, and require that these are as they were."""
        total = self._connection.exec_driver_sql(
            f"SELECT count(*) FROM ONLY {without_parameters(self._table)}"
        ).scalar_one()
        before = summed(self._connection, self._collection, f"({staying} OFFSET 0)")
        self._run(f"CREATE TEMPORARY TABLE {_STAYING} ON COMMIT DROP AS {staying}")
        self._run(f"SET LOCAL lock_timeout = '{_EXCLUSIVE_WAIT}'")
        self._run(f"LOCK TABLE ONLY {self._table} IN ACCESS EXCLUSIVE MODE")
        self._run(f"TRUNCATE TABLE ONLY {self._table} CONTINUE IDENTITY RESTRICT")
        computed = self._computed()
        stored = ", ".join(quoted_name(name) for name in self._collection.field_names() if name not in computed)
        self._run(f"INSERT INTO {self._table} ({stored}) OVERRIDING SYSTEM VALUE SELECT {stored} FROM {_STAYING}")
        after = summed(self._connection, self._collection, f"(SELECT * FROM ONLY {self._table})")
        if before != after or before[0] + self._batch.records != total:
            raise Refused(
                f"order {self._order.id}: of {total} rows, {before[0]} were to stay and {after[0]} would, not all of "
                "them as they were; nothing was changed",
                rule="what stays is not touched",
                next_step="find out what changes rows of the table when they are written again, e.g. a function by "
                "which a column is computed",
            )

    def _run(self, statement: str) -> None:
        self._connection.exec_driver_sql(without_parameters(statement))
