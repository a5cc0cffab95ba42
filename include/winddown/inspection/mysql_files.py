"""Searches the files of a MySQL or MariaDB server, when they are on this machine and truly that server's.

They are the data directory (tables, system tablespace with undo and doublewrite, redo, statistics, our own leftovers)
and whatever the server keeps elsewhere: binary and relay logs, redo, undo, the general and the slow log. A data
directory of the same name may belong to another server. So MySQL's must hold the server's UUID, in ``auto.cnf``;
MariaDB's redo log must begin with the checkpoint of which the server says that it is the last one.

Compressed or encrypted pages are not unpacked; where the server has such tablespaces, ``medium`` says so.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from winddown.inspection.raw_bytes import search_paths
from winddown.ports import ByteSearch

_FOLDERS = ("innodb_log_group_home_dir", "innodb_undo_directory", "innodb_data_home_dir", "innodb_doublewrite_dir")
_LOGS = ("log_bin_basename", "relay_log_basename", "general_log_file", "slow_query_log_file", "log_error")
_REDO = ("ib_logfile0",)
_HEADER = 16 << 10
_TRIES = 20


def search_server(connection: Connection, probes: Sequence[bytes]) -> ByteSearch:
    """Search every file of the server; ``reached`` is False where they are not here or not readable to the end."""
    found = {str(name): str(value) for name, value in connection.execute(text("SHOW GLOBAL VARIABLES")).all()}
    folder = Path(found["datadir"])
    medium = "files of the database server" + _packed(connection)
    unreached = ByteSearch(reached=False, medium=medium, bytes_read=0, probes=len(probes), found=0)
    if not os.access(folder, os.R_OK | os.X_OK) or not is_servers(connection, folder, found):
        return unreached
    folders = {folder, *(folder / found[name] for name in _FOLDERS if found.get(name))}
    logs = [folder / found[name] for name in _LOGS if found.get(name)]
    if not all(os.access(path, os.R_OK | os.X_OK) for path in [*folders, *(log.parent for log in logs)]):
        return unreached
    paths = sorted({path.resolve() for path in [*_below(folders), *_named(logs)]})
    top = Path(os.path.commonpath([folder.resolve(), *(path.parent for path in paths)]))
    return search_paths(paths, probes, medium=medium, folder=top)


def is_servers(connection: Connection, folder: Path, variables: dict[str, str]) -> bool:
    """Whether a data directory is that of the server which answers."""
    uuid = variables.get("server_uuid")
    if uuid:
        try:
            return f"server-uuid={uuid}" in (folder / "auto.cnf").read_text("utf-8")
        except OSError:
            return False
    redo = folder / variables.get("innodb_log_group_home_dir", ".") / _REDO[0]
    query = text("SHOW GLOBAL STATUS WHERE variable_name = 'Innodb_lsn_last_checkpoint'")
    for _ in range(_TRIES):  # a checkpoint may come between the question and the look
        checkpoint = int(connection.execute(query).one()[1])
        try:
            with redo.open("rb") as file:
                if checkpoint.to_bytes(8, "big") in file.read(_HEADER):
                    return True
        except OSError:
            return False
    return False


def _below(folders: set[Path]) -> Iterator[Path]:
    for folder in folders:
        for root, _, names in os.walk(folder, followlinks=True):
            yield from (path for name in names if (path := Path(root) / name).is_file())


def _named(logs: Sequence[Path]) -> Iterator[Path]:
    """Files of each log: itself, and those that are numbered after it."""
    for log in logs:
        yield from (path for path in log.parent.iterdir() if path.name.startswith(log.name) and path.is_file())


def _packed(connection: Connection) -> str:
    """What to add where tablespaces are compressed or encrypted, or nobody may tell."""
    try:
        query = text(
            "SELECT count(*) FROM information_schema.tables WHERE row_format = 'Compressed' "
            "OR create_options LIKE '%page_compressed%' OR create_options LIKE '%encrypt%'"
        )
        count = connection.execute(query).scalar_one()
    except DBAPIError:
        return "; whether some are compressed or encrypted is unknown"
    return f"; those of {count} compressed or encrypted tables are not unpacked" if count else ""
