"""The shop's database roles: the shop's own, and one per act for the wind-down, each with a random password.

The owner role cannot log in. Of the wind-down's roles the reader reads, the marker makes reversible changes in the
owner's place, the purger owns the database so that it may clear the statistics, the inspector reads whatever exists
or will exist and learns where the files are, and the scratch role creates databases for restoring backups.
"""

import secrets
from collections.abc import Mapping

import psycopg
from psycopg import sql

from winddown.demo.schema import OWN_SCHEMAS

LOGINS = (
    "shop_app",
    "shop_report",
    "winddown_reader",
    "winddown_marker",
    "winddown_purger",
    "winddown_inspector",
    "winddown_scratch",
)
SCHEMAS = ", ".join(OWN_SCHEMAS)
# Runs in the new database once its tables exist.
GRANTS = (
    f"GRANT USAGE ON SCHEMA {SCHEMAS} TO shop_app, shop_report, winddown_reader, winddown_marker",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMAS} TO shop_app, winddown_marker",
    f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMAS} TO shop_report, winddown_reader",
    "GRANT shop_owner TO winddown_marker",
    "GRANT shop_owner, winddown_marker, pg_checkpoint TO winddown_purger",
    "GRANT EXECUTE ON FUNCTION pg_switch_wal(), pg_ls_waldir() TO winddown_purger",
    "GRANT pg_read_all_data, pg_read_all_settings TO winddown_inspector",
    "ALTER ROLE winddown_scratch CREATEDB",
    "ALTER DATABASE shop OWNER TO winddown_purger",
    "GRANT CREATE ON DATABASE shop TO winddown_marker",
)


def create_roles(admin: psycopg.Connection) -> Mapping[str, str]:
    """Create the roles, or give existing ones new passwords, and return the password of every login."""
    passwords = {name: secrets.token_urlsafe(18) for name in LOGINS}
    present = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles").fetchall()}
    if "shop_owner" not in present:
        admin.execute("CREATE ROLE shop_owner NOLOGIN")
    for name, password in passwords.items():
        verb = "ALTER" if name in present else "CREATE"
        statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
        admin.execute(statement.format(sql.SQL(verb), sql.Identifier(name), sql.Literal(password)))
    return passwords


def grant(admin: psycopg.Connection) -> None:
    """Give every role its rights in the database that the connection is in."""
    for statement in GRANTS:
        admin.execute(statement.encode())
