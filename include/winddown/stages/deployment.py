"""What a stage may use: the deployment's control database, ledger, authority, stores, keys and clock.

The composition root builds it; a stage takes it as its first argument and knows nothing of Airflow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta, timezone
from pathlib import Path

from winddown.archive.atomic import made_folder
from winddown.archive.keys import CaseKeys
from winddown.control.authority import Authority
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.control.switch import Switch
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.pack import Rulebook
from winddown.evidence.keyring import log_signers, origin_of
from winddown.evidence.signing import Signer
from winddown.notify.channels import LogChannel
from winddown.ports import BackupDrill, Clock, Inspector, Notifier, Store
from winddown.settings import Settings

CHINA = timezone(timedelta(hours=8))  # one time zone, no daylight saving since 1991
ACTOR = "winddown"  # the ledger's name for what the program does by itself


@dataclass(frozen=True, slots=True)
class Systems:
    """The stores of one case, each with its independent inspector and, for databases, a drill for its backups."""

    stores: Mapping[str, Store]
    inspectors: Mapping[str, Inspector]
    drills: Mapping[str, BackupDrill]

    def store(self, name: str) -> Store:
        """Return a store by name; raises Refused when the case declares none of that name."""
        if name not in self.stores:
            raise Refused(f"store {name!r} is not declared in the case")
        return self.stores[name]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything a stage may use."""

    settings: Settings
    clock: Clock
    control: Repository
    ledger: Ledger
    authority: Authority
    rulebook: Rulebook
    systems: Callable[[Case], Systems]
    connection_exists: Callable[[str], bool]
    keys: Callable[[str], CaseKeys]
    signing_keys: Path
    code_version: str
    notifier: Notifier = field(default_factory=LogChannel)

    def case(self, case_id: str) -> Case:
        """The opened case; raises Refused when there is none."""
        case: Case = self.control.require(case_id, "case", "case", type_=Case)
        return case

    @property
    def switch(self) -> Switch:
        """The kill switches of the cases."""
        return Switch(self.control.engine, ledger=self.ledger)

    def signers(self, case_id: str) -> tuple[Signer, ...]:
        """The keys that sign a case's checkpoints and documents, made on first use."""
        return log_signers(self.signing_keys, origin_of(case_id))

    def folder(self, case_id: str, *parts: str) -> Path:
        """A folder of the case's workspace, created on first use, readable by its owner alone."""
        folder = self.settings.workspace / case_id
        for part in parts:
            folder /= part
        made_folder(folder)
        return folder


def today(deployment: Deployment) -> date:
    """The date as of which decisions are made; the law's days are those of the deployment's clock in UTC+8."""
    return deployment.clock.now().astimezone(CHINA).date()
