"""How hard a server has it: who waits for locks, and how far replicas are behind."""

from sqlalchemy import Connection, text

from winddown.ports import Strain

# pg_locks shows every session's waiting to everybody; how far replicas are behind is shown to members of pg_monitor
# alone, and to others as NULL.
_POSTGRESQL = text(
    "SELECT (SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted) AS waiting, "
    "(SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_stat_replication) AS lag"
)
# Both need PROCESS; without it, one's own sessions are all that is seen.
_MYSQL = text(
    "SELECT (SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT') + "
    "(SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for %lock%')"
)


def of_postgresql(connection: Connection) -> Strain:
    """Ask PostgreSQL; a credential that may not see replicas reads a lag of 0."""
    found = connection.execute(_POSTGRESQL).one()
    return Strain(waiting=int(found.waiting), lag_seconds=float(found.lag))


def of_mysql(connection: Connection) -> Strain:
    """Ask MySQL or MariaDB, for rows and for whole tables; a primary does not know how far its replicas are behind."""
    return Strain(waiting=int(connection.execute(_MYSQL).scalar_one()), lag_seconds=0.0)
