"""How hard a PostgreSQL server has it: who waits for locks, and how far replicas are behind."""

from sqlalchemy import Connection, text

from winddown.ports import Strain

# pg_locks shows every session's waiting to everybody; how far replicas are behind is shown to members of pg_monitor
# alone, and to others as NULL.
_STRAIN = text(
    "SELECT (SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted) AS waiting, "
    "(SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_stat_replication) AS lag"
)


def strain(connection: Connection) -> Strain:
    """Ask the server; a credential that may not see replicas reads a lag of 0."""
    found = connection.execute(_STRAIN).one()
    return Strain(waiting=int(found.waiting), lag_seconds=float(found.lag))
