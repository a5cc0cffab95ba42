"""Clears what purged rows leave in PostgreSQL's write-ahead log and in what remembers statements, or says what stays.

Segments of the write-ahead log (WAL) that are written round keep old bytes until they are overwritten, so the log is
switched once for each segment on disk. What keeps segments from that is named: slots, settings, an archive that lags.
"""

import time
from typing import Any

from sqlalchemy import Connection, text

from winddown.stores.sql.clearing import Report
from winddown.stores.sql.faults import told

_AGAIN = "then sanitise again"
_MOST_ROUNDS = 3
"""So often each segment on disk may be switched before those that are still old are counted and named."""
_SECONDS_FOR_ARCHIVER = 30
_PAUSE = 0.1
_EVERY_STATEMENT = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "auto_explain.log_min_duration": "-1",
    "pgaudit.log": "none",
}
"""Settings by which statements are logged that succeed, each with the value that turns it off."""


def cycle_wal(connection: Connection, report: Report) -> None:
    """Switch until every segment on disk was written since; where these may not be listed, as often as settings allow.

    A segment that is written round keeps its old bytes under a new name until its turn comes, so names do not tell
    what was overwritten; the time of the last write does. Only the segment in use is written in part, and the last
    switch fills it up.
    """
    may_list = bool(_value(connection, "SELECT has_function_privilege('pg_ls_waldir()', 'EXECUTE')"))
    segments = int(
        _value(connection, "SELECT count(*) FROM pg_ls_waldir()")
        if may_list
        else _value(
            connection,
            "SELECT pg_size_bytes(current_setting('max_wal_size')) "
            "/ pg_size_bytes(current_setting('wal_segment_size'))",
        )
    )
    position = str(_value(connection, "SELECT pg_current_wal_lsn()::text"))
    since = str(_value(connection, "SELECT date_trunc('second', clock_timestamp())::text"))
    task = f"SELECT pg_switch_wal(); CHECKPOINT; {segments + 2} times"
    with report.may(task, left="the write-ahead log, until it is written round"):
        _switch(connection)
        if may_list:
            connection.execute(text("SELECT pg_sleep(1)"))  # times of files are told in seconds
            _await_archiver(connection, position)
        switches = 1
        while switches < (_MOST_ROUNDS if may_list else 1) * (segments + 2):
            if may_list and _older_segments(connection, position, since) == 0:
                break
            _switch(connection)
            switches += 1
        _switch(connection)
        report.done.append(("wal_switches", str(switches + 1)))
    _name_slots(connection, report, position)
    kept = int(_value(connection, "SELECT setting::int FROM pg_settings WHERE name = 'wal_keep_size'") or 0)
    if kept:
        report.tasks.append(f"ALTER SYSTEM SET wal_keep_size = 0; SELECT pg_reload_conf(); {_AGAIN}")
        report.left.append(f"the write-ahead log that wal_keep_size = {kept} MB keeps, until more than that is written")
    if may_list:
        report.done.append(("wal_segments_left", str(_older_segments(connection, position, since))))


def _name_slots(connection: Connection, report: Report, position: str) -> None:
    """Say which replication slots keep what was in the log before it was cycled."""
    query = text(
        "SELECT slot_name, restart_lsn::text, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint "
        "FROM pg_replication_slots WHERE restart_lsn <= CAST(:p AS pg_lsn) ORDER BY 1"
    )
    for name, start, behind in connection.execute(query, {"p": position}):
        report.tasks.append(
            f"let the reader of replication slot {told(name)} read on, or SELECT pg_drop_replication_slot; {_AGAIN}"
        )
        report.left.append(
            f"the write-ahead log that replication slot {told(name)} keeps, until it moves "
            f"(restart_lsn {start}, {behind} bytes behind)"
        )


def _switch(connection: Connection) -> None:
    """Fill the segment in use with zeros, and let those before it be written round."""
    connection.execute(text("SELECT pg_switch_wal()"))
    connection.execute(text("CHECKPOINT"))


def _await_archiver(connection: Connection, position: str) -> None:
    """Give a working archiver some time to copy what the log must keep for it; a failing one is not waited for."""
    lags = (
        "SELECT current_setting('archive_mode') <> 'off' "
        "AND coalesce(last_failed_time < last_archived_time, last_failed_time IS NULL) "
        "AND coalesce(substr(last_archived_wal, 9) < substr(pg_walfile_name(CAST(:p AS pg_lsn)), 9), true) "
        "FROM pg_stat_archiver"
    )
    until = time.monotonic() + _SECONDS_FOR_ARCHIVER
    while connection.execute(text(lags), {"p": position}).scalar() and time.monotonic() < until:
        time.sleep(_PAUSE)


def _older_segments(connection: Connection, position: str, since: str) -> int:
    """How many segments on disk were written before the log was cycled, and not overwritten since."""
    query = (
        "SELECT count(*) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' "
        'AND (substr(name, 9) COLLATE "C" <= substr(pg_walfile_name(CAST(:p AS pg_lsn)), 9) '
        "OR modification <= CAST(:s AS timestamptz))"
    )
    return int(connection.execute(text(query), {"p": position, "s": since}).scalar_one())


def name_archive(connection: Connection, report: Report) -> None:
    """Say that what was archived of the log holds the records, and where archiving lags, that the log waits for it."""
    mode = str(_value(connection, "SHOW archive_mode"))
    if mode == "off":
        return
    last = _value(connection, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    report.tasks.append(f"after a new base backup, remove from the archive the write-ahead log before {last}")
    report.left.append(
        f"archived write-ahead log (archive_mode = {mode}) before {last}, as long as the archive keeps it"
    )
    failing = (
        "SELECT to_char(last_failed_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM pg_stat_archiver "
        "WHERE last_failed_time > coalesce(last_archived_time, '-infinity')"
    )
    since = _value(connection, failing)
    if since:
        report.tasks.append(f"repair archiving, which failed last at {since} UTC; {_AGAIN}")
        report.left.append("the write-ahead log that waits to be archived")


def forget_statements(connection: Connection, report: Report) -> None:
    """Empty pg_stat_statements, whose texts may quote values; only all of it at once empties its file as well."""
    if _value(connection, "SELECT current_setting('pg_stat_statements.track', true)") is None:
        return  # the server has not loaded it, so it remembers nothing
    # By its membership in the extension: a function of that name may be anybody's.
    query = (
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(p.proname), "
        "ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) t) "
        "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' "
        "JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid "
        "WHERE e.extname = 'pg_stat_statements' AND p.proname = 'pg_stat_statements_reset'"
    )
    found = connection.execute(text(query)).one_or_none()
    task, left = "SELECT pg_stat_statements_reset()", "texts of statements in pg_stat_statements"
    if found is None:
        report.tasks.append(f"CREATE EXTENSION pg_stat_statements; {task}")
        report.left.append(left)
        return
    name, types = found
    with report.may(task, left=left):
        arguments = ", ".join(f"CAST('0' AS {kind})" for kind in types)
        connection.execute(text(f"SELECT {name}({arguments})"))
        report.done.append(("statement_statistics", "pg_stat_statements emptied"))


def name_server_log(connection: Connection, report: Report) -> None:
    """Say what the server's log may hold, with the settings that make it so; nothing in it is touched."""
    names = [*_EVERY_STATEMENT, "log_destination", "log_min_error_statement"]
    query = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:n)")
    found = {str(name): str(value) for name, value in connection.execute(query, {"n": names})}
    logging = [f"{name} = {found[name]}" for name, off in _EVERY_STATEMENT.items() if found.get(name, off) != off]
    place = f"log_destination = {found['log_destination']}"
    if logging:
        report.tasks.append("SELECT pg_rotate_logfile(), and remove the older files of the server log")
        report.left.append(f"statements with their values in the server log ({', '.join([place, *logging])})")
    else:
        level = f"log_min_error_statement = {found['log_min_error_statement']}"
        report.left.append(
            f"statements that failed, and values that errors quote, in the server log ({place}, {level})"
        )


def _value(connection: Connection, query: str) -> Any:
    return connection.execute(text(query)).scalar()
