"""Who may write to tables of MySQL or MariaDB, and how that is taken and given back exactly.

Grants are read where the server keeps them, on tables, columns and databases; a role's are the role's own. A grant on a
database is taken only where it covers nothing but tables that are to be frozen; one on all databases never is, because
other databases live by it: then the administrator has the statements. GRANT OPTION stays where it is, since nobody can
hand on what he lost. The server looks a database's grants up when a session chooses the database, so sessions that are
open keep theirs until they end.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import DBAPIError

from winddown.domain.inventory import CollectionRef
from winddown.domain.receipt import Receipt, given_back
from winddown.stores.sql.faults import told
from winddown.stores.sql.mysql_catalogue import DENIED
from winddown.stores.sql.mysql_values import quoted, table_name

WRITES = ("Insert", "Update", "Delete", "Drop")  # DROP is what TRUNCATE asks for
_NO_TABLE, _NO_COLUMN = frozenset({1049, 1146}), frozenset({1054})
_NO_ACCOUNT = frozenset({1133, 1141, 1147, 1269, 1396, 1410})  # or it has no such grant, or would have to be created
_OURS = r"user NOT LIKE 'winddown\_%'"

_OF_DATABASES = f"""
    SELECT host, user, db, insert_priv, update_priv, delete_priv, drop_priv FROM mysql.db
     WHERE :schema LIKE db AND {_OURS} ORDER BY user, host, db
"""
_OF_TABLES = f"""
    SELECT host, user, CAST(table_priv AS CHAR) FROM mysql.tables_priv
     WHERE db = :schema AND table_name = :name AND {_OURS} ORDER BY user, host
"""
_OF_COLUMNS = f"""
    SELECT host, user, column_name, CAST(column_priv AS CHAR) FROM mysql.columns_priv
     WHERE db = :schema AND table_name = :name AND {_OURS} ORDER BY user, host, column_name
"""
_OF_EVERYTHING = f"""
    SELECT host, user, insert_priv, update_priv, delete_priv, drop_priv FROM mysql.user
     WHERE super_priv <> 'Y' AND {_OURS} ORDER BY user, host
"""
_TABLES = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = :schema AND table_type NOT LIKE '%VIEW'"
)
_MATCHING = "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE :pattern"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One privilege on one thing. ``on`` and ``privilege`` are SQL; a role has no host."""

    on: str
    user: str
    host: str
    privilege: str

    @property
    def grantee(self) -> str:
        """How SQL names the account, the role, or everybody."""
        if self.host:
            return f"{quoted(self.user)}@{quoted(self.host)}"
        return self.user if self.user == "PUBLIC" else quoted(self.user)


def remembered(
    connection: Connection, store: str, collections: Sequence[CollectionRef], earlier: Receipt | None
) -> Receipt:
    """What a freeze would take now, joined with what an earlier one took."""
    known = set(_grants(earlier)) if earlier is not None else set()
    try:
        found = list(_found(connection, collections))
    except DBAPIError as error:
        if _number(error) not in DENIED:
            raise
        task = "GRANT SELECT on mysql.db, mysql.tables_priv, mysql.columns_priv and mysql.user to the reading user"
        return Receipt("freeze", store, 0, 0, (("grants", _listed(known)), ("tasks", task)))
    grants = _listed(known | {grant for grant, is_ours in found if is_ours})
    tasks = [_revoke(grant) for grant, is_ours in sorted(found) if not is_ours]
    return Receipt("freeze", store, 0, len(collections), (("grants", grants), ("tasks", "; ".join(tasks) or "none")))


def revoked(connection: Connection, receipt: Receipt) -> Receipt:
    """Take what was remembered; what the account may not take is added to the tasks."""
    tasks, _ = _attempted(connection, receipt, _revoke)
    users = {grant.user for grant in _grants(receipt) if grant.on.endswith(".*")}
    query = text("SELECT count(*) FROM information_schema.processlist WHERE user IN :users")
    query = query.bindparams(bindparam("users", expanding=True))
    still = connection.execute(query, {"users": sorted(users)}).scalar_one()
    if still:
        tasks.append(f"end the {still} sessions of {', '.join(map(told, sorted(users)))}, which write on until then")
    return _told(receipt, tasks)


def granted(connection: Connection, receipt: Receipt) -> Receipt:
    """Give back what was remembered, on tables and columns and to accounts that still exist; none is created."""
    # Without it, older servers would create an account, and let it in without a password.
    connection.execute(text("SET SESSION sql_mode = concat(@@sql_mode, '' /*M! , ',NO_AUTO_CREATE_USER' */)"))
    tasks, gone = _attempted(connection, receipt, _grant)
    return given_back(_told(receipt, tasks), [*gone, *("the right to grant" for _ in tasks)])


def _attempted(
    connection: Connection, receipt: Receipt, written: Callable[[Grant], str]
) -> tuple[list[str], list[str]]:
    """Execute a statement for each grant; return those that the account may not, and of others what is gone."""
    denied, gone = [], []
    for grant in _grants(receipt):
        try:
            connection.exec_driver_sql(written(grant).replace("%", "%%"))
        except DBAPIError as error:
            number = _number(error)
            if number in DENIED:
                denied.append(written(grant))
            elif number in _NO_TABLE:
                gone.append(f"table {told(grant.on)}")
            elif number in _NO_COLUMN:
                gone.append(f"a column of {told(grant.on)}")
            elif number in _NO_ACCOUNT:
                gone.append(f"account {told(grant.user)}")
            else:
                raise
    return denied, gone


def _told(receipt: Receipt, tasks: Sequence[str]) -> Receipt:
    details = dict(receipt.details)
    known = [] if details["tasks"] == "none" else [details["tasks"]]
    details["tasks"] = "; ".join([*known, *tasks]) or "none"
    return Receipt(receipt.power, receipt.target, receipt.batch, receipt.records, tuple(details.items()))


def _found(connection: Connection, collections: Sequence[CollectionRef]) -> Iterator[tuple[Grant, bool]]:
    """Yield each grant to write, and whether it covers nothing but the collections."""
    schemas: dict[str, set[str]] = {}
    for ref in collections:
        schema, _, name = ref.name.partition(".")
        schemas.setdefault(schema, set()).add(name)
        yield from ((grant, True) for grant in _of_table(connection, ref, {"schema": schema, "name": name}))
    for schema, names in schemas.items():
        is_whole = {row[0] for row in _rows(connection, _TABLES, {"schema": schema})} <= names
        for host, user, pattern, *flags in _rows(connection, _OF_DATABASES, {"schema": schema}):
            is_ours = is_whole and _covers_only(connection, pattern, schema)
            yield from ((Grant(f"{quoted(pattern)}.*", user, host, held), is_ours) for held in _of_flags(flags))
    for host, user, *flags in _rows(connection, _OF_EVERYTHING, {}):
        yield from ((Grant("*.*", user, host, held), False) for held in _of_flags(flags))


def _of_table(connection: Connection, ref: CollectionRef, where: dict[str, str]) -> Iterator[Grant]:
    """Yield the grants on one table and on columns of it."""
    for host, user, held in _rows(connection, _OF_TABLES, where):
        yield from (Grant(table_name(ref), user, host, privilege) for privilege in _of_set(held))
    for host, user, column, held in _rows(connection, _OF_COLUMNS, where):
        yield from (
            Grant(table_name(ref), user, host, f"{privilege} ({quoted(column)})") for privilege in _of_set(held)
        )


def _covers_only(connection: Connection, pattern: str, schema: str) -> bool:
    r"""Whether a grant's pattern is one database's; ``_`` stands for any character, ``\_`` does not."""
    if re.search(r"(?<!\\)%", pattern):
        return False
    return {row[0] for row in _rows(connection, _MATCHING, {"pattern": pattern})} <= {schema}


def _rows(connection: Connection, query: str, values: dict[str, str]) -> Sequence[Any]:
    return connection.execute(text(query), values).all()


def _of_set(held: str) -> list[str]:
    return [name.upper() for name in WRITES if name in held.split(",")]


def _of_flags(flags: Sequence[str]) -> list[str]:
    return [name.upper() for name, flag in zip(WRITES, flags, strict=True) if flag == "Y"]


def _grants(receipt: Receipt) -> list[Grant]:
    return [Grant(*found) for found in json.loads(dict(receipt.details)["grants"])]


def _listed(grants: Iterable[Grant]) -> str:
    return json.dumps([[grant.on, grant.user, grant.host, grant.privilege] for grant in sorted(grants)])


def _grant(grant: Grant) -> str:
    return f"GRANT {grant.privilege} ON {grant.on} TO {grant.grantee}"


def _revoke(grant: Grant) -> str:
    return f"REVOKE {grant.privilege} ON {grant.on} FROM {grant.grantee}"


def _number(error: DBAPIError) -> int:
    arguments = error.orig.args if error.orig is not None else ()
    return int(arguments[0]) if arguments else 0
