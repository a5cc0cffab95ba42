"""PyMySQL's connection, which does not read the machine's certificate authorities anew each time.

It also misses a server whose machine is lost within a minute.
"""

import socket
import ssl
from functools import cache
from typing import Any

from pymysql.connections import Connection

PATIENCE = "/*M!100100 , max_statement_time = 0 */ /*!50708 , max_execution_time = 0 */"
"""No limit to a statement: of these comments in one that sets, MariaDB reads the first as well, MySQL the second."""
_MISSED = [
    (getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)  # PyMySQL has asked for keepalives, and each system names their times in its own way
]


class DriverConnection(Connection):  # type: ignore[misc]
    """Encrypts where the server can, as PyMySQL does, and verifies what the URL's own settings say."""

    def connect(self, sock: Any = None) -> None:
        """As PyMySQL does."""
        super().connect(sock)
        if self._sock.family != socket.AF_UNIX:
            for option, value in _MISSED:
                self._sock.setsockopt(socket.IPPROTO_TCP, option, value)

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
