"""What a connection says, whoever keeps it: Airflow's connections, or a JSON file for runs without Airflow."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
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


_PARAMETERS = tuple(one.name for one in fields(ConnectionParameters))
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


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
        self._name = path.name
        try:
            found = json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
            raise self._refused("it is not one JSON object with an object for each connection")
        self._found: Mapping[str, Mapping[str, object]] = found

    def find(self, name: str) -> ConnectionParameters | None:
        """Look the name up in the file."""
        raw = self._found.get(name)
        if raw is None:
            return None
        told = {key: value for key, value in raw.items() if key in _PARAMETERS and isinstance(value, str)}
        if set(told) != set(raw) or any(_CONTROL.search(value) for value in told.values()):
            raise self._refused(f"connection {name} has something else than texts under {', '.join(_PARAMETERS)}")
        return ConnectionParameters(**told)

    def _refused(self, why: str) -> Refused:
        return Refused(f"{self._name} cannot be used: {why}", next_step="correct the file; nothing was opened")
