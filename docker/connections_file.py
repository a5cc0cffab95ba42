#!/usr/bin/env python3
"""Write Airflow's file of connections in winddown's own form: ``connections-file SOURCE TARGET``.

Tasks read connections through Airflow. The command line ``python -m winddown`` runs without Airflow and reads the file
that ``WINDDOWN_CONNECTIONS`` names, which must be closed to others; a mounted secret is not.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any


def converted(name: str, connection: Any) -> dict[str, str]:
    """Return one connection's parameters; ValueError, without its content, for a form that is not understood.

    >>> converted("crm", "postgresql://reader@db/crm")
    {'url': 'postgresql://reader@db/crm'}
    >>> converted("files", {"conn_type": "aws", "login": "id", "extra": {"region_name": "cn-north-1"}})
    {'endpoint_url': '', 'access_key': 'id', 'secret_key': '', 'region': 'cn-north-1'}
    """
    if isinstance(connection, str):
        return {"url": connection}
    if isinstance(connection, dict) and connection.get("conn_type") == "aws":
        extra = connection.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        return {
            "endpoint_url": str(extra.get("endpoint_url", "")),
            "access_key": str(connection.get("login", "")),
            "secret_key": str(connection.get("password", "")),
            "region": str(extra.get("region_name", "")),
        }
    raise ValueError(f"connection {name} is neither a URL nor of type aws")


def convert(source: Path, target: Path) -> None:
    """Write ``target`` anew with mode 0600."""
    found = {name: converted(name, connection) for name, connection in json.loads(source.read_text("utf-8")).items()}
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
