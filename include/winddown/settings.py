"""Settings of a deployment. This module is the only reader of the environment.

==========================  ==========================================================================================
``WINDDOWN_CONTROL_URL``    SQLAlchemy URL of the control database; SQLite in the workspace when empty
``WINDDOWN_WORKSPACE``      folder for encrypted manifests, archives, keys, bundles; ``var/winddown`` when empty
``WINDDOWN_CONNECTIONS``    JSON file of connections for runs without Airflow; empty inside Airflow
``WINDDOWN_PG_BIN``         folder of ``pg_restore``; found on PATH or in the embedded wheel when empty
``WINDDOWN_NOTIFY``         ``log`` (when empty) or ``mail``, by the server of the connection ``winddown_mail``
``WINDDOWN_NOTIFY_FROM``    sender of that mail
``WINDDOWN_NOTIFY_TO``      its recipients, separated by commas
``WINDDOWN_RULE_PACKS``     rule packs, separated by commas: names of shipped ones, or paths; ``cn`` when empty
``WINDDOWN_WITNESSES``      policy file (C2SP tlog-policy) whose witnesses, by their URLs, cosign reports; may be empty
``WINDDOWN_TSA_URL``        time-stamping authority (RFC 3161) that stamps reports; may be empty
``WINDDOWN_TSA_ROOTS``      PEM file of its root certificates
``WINDDOWN_ENGINEERS``      logins of those who run every case, separated by commas: they read and may halt
``WINDDOWN_AUDITORS``       logins of those who read every case and change nothing, separated by commas
``WINDDOWN_APPROVER_KEYS``  file of the keys with which approvers may sign, read by the API server alone; may be empty
``WINDDOWN_SEARCHED``       folders and files outside the workspace, separated by commas, in which values are looked for
                            before a case's own traces go: the scheduler's task logs, its database where it is a file
==========================  ==========================================================================================
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Typed and frozen; built once by the composition root."""

    control_url: str
    workspace: Path
    connections: Path | None
    postgres_bin: str
    notify: str = "log"
    notify_from: str = ""
    notify_to: tuple[str, ...] = ()
    rule_packs: tuple[str, ...] = ("cn",)
    witnesses: Path | None = None
    timestamp_url: str = ""
    timestamp_roots: Path = Path()
    engineers: tuple[str, ...] = ()
    auditors: tuple[str, ...] = ()
    searched: tuple[Path, ...] = ()
    approver_keys: Path | None = None

    @property
    def embedded(self) -> bool:
        """Whether control lies in SQLite: one machine, one OS user, which certificates then say."""
        return self.control_url.startswith("sqlite")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment."""
    env = os.environ if environment is None else environment
    workspace = Path(env.get("WINDDOWN_WORKSPACE") or "var/winddown").absolute()
    connections = env.get("WINDDOWN_CONNECTIONS", "")
    return Settings(
        control_url=env.get("WINDDOWN_CONTROL_URL") or f"sqlite:///{workspace / 'control.sqlite'}",
        workspace=workspace,
        connections=Path(connections) if connections else None,
        postgres_bin=env.get("WINDDOWN_PG_BIN", ""),
        notify=env.get("WINDDOWN_NOTIFY") or "log",
        notify_from=env.get("WINDDOWN_NOTIFY_FROM", ""),
        notify_to=names(env.get("WINDDOWN_NOTIFY_TO", "")),
        rule_packs=names(env.get("WINDDOWN_RULE_PACKS") or "cn"),
        witnesses=Path(env["WINDDOWN_WITNESSES"]) if env.get("WINDDOWN_WITNESSES") else None,
        timestamp_url=env.get("WINDDOWN_TSA_URL", ""),
        timestamp_roots=Path(env.get("WINDDOWN_TSA_ROOTS", "")),
        engineers=names(env.get("WINDDOWN_ENGINEERS", "")),
        auditors=names(env.get("WINDDOWN_AUDITORS", "")),
        searched=tuple(map(Path, names(env.get("WINDDOWN_SEARCHED", "")))),
        approver_keys=Path(env["WINDDOWN_APPROVER_KEYS"]) if env.get("WINDDOWN_APPROVER_KEYS") else None,
    )


def names(text: str) -> tuple[str, ...]:
    """Names, written with commas between them.

    >>> names("cn, /srv/client/promises")
    ('cn', '/srv/client/promises')
    """
    return tuple(filter(None, (name.strip() for name in text.split(","))))
