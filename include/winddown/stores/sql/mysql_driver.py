"""PyMySQL's connection, which does not read the machine's certificate authorities anew each time."""

import ssl
from functools import cache
from typing import Any

from pymysql.connections import Connection


class DriverConnection(Connection):  # type: ignore[misc]
    """Encrypts where the server can, as PyMySQL does, and verifies what the URL's own settings say."""

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        found: ssl.SSLContext = super()._create_ssl_ctx(sslp) if sslp else _without_settings()
        return found


@cache
def _without_settings() -> ssl.SSLContext:
    # Without settings PyMySQL verifies no certificate, and yet reads all authorities: longer than many an effect takes.
    found: ssl.SSLContext = Connection(defer_connect=True).ctx
    return found


def connected(_dialect: Any, _record: Any, arguments: Any, named: Any) -> DriverConnection:
    """Connect as SQLAlchemy's event ``do_connect`` wants it."""
    return DriverConnection(*arguments, **named)
