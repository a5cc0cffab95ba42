"""What a connection says, whoever keeps it: Airflow's connections, or a JSON file for runs without Airflow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from winddown.domain.errors import Refused


@dataclass(frozen=True, slots=True)
class ConnectionParameters:
    """Address and credential of one store for one purpose. The representation shows neither."""

    url: str = field(default="", repr=False)  # databases: a SQLAlchemy or libpq URL
    endpoint_url: str = field(default="", repr=False)  # object stores
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    region: str = ""


class Connections(Protocol):
    """Resolves a connection's name."""

    def find(self, name: str) -> ConnectionParameters | None:
        """Return the connection with this name, or None when nobody knows it."""
        ...


class NoConnections:
    """No store's credential is known: enough for whoever opens none, as the API server and approvers' commands."""

    def find(self, name: str) -> None:
        """Nothing is known here."""


class FileConnections:
    """Connections from a JSON file of mode 0600: name → parameters."""

    def __init__(self, path: Path) -> None:
        if path.stat().st_mode & 0o077:
            raise Refused(
                f"{path.name} holds credentials and is open to others", next_step="chmod 600, change the secrets"
            )
        self._found: Mapping[str, Mapping[str, str]] = json.loads(path.read_text("utf-8"))

    def find(self, name: str) -> ConnectionParameters | None:
        """Look the name up in the file."""
        raw = self._found.get(name)
        return ConnectionParameters(**raw) if raw is not None else None
