"""Checks before anything is touched: the backup restores, transfers have a lawful path, clocks are known."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.case import Case
from winddown.domain.clocks import ClockResult
from winddown.domain.errors import Refused, WinddownError
from winddown.domain.inventory import Collection, Inventory
from winddown.domain.plan import Wave
from winddown.domain.transfer import TransferCheck
from winddown.inspection.backup import BackupComparison, compare_backup
from winddown.ports import SupportsContent, ability
from winddown.stages.clocks import wave_clocks
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.transfers import check_transfers


@dataclass(frozen=True, slots=True)
class Checks:
    """Results of all checks; a blocker here stops the destruction in the store that it names."""

    backups: tuple[BackupComparison, ...]
    transfers: tuple[TransferCheck, ...]
    clocks: tuple[ClockResult, ...]
    blockers: tuple[Blocker, ...]


def check(deployment: Deployment, case_id: str) -> Checks:
    """Run every check and record the results."""
    case = deployment.case(case_id)
    inventory: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    backups, blockers = _check_backups(deployment, case, inventory)
    transfers, more = check_transfers(deployment, case, inventory)
    clocks = wave_clocks(deployment, case, Wave.AFTER_CLAIMS)
    checks = Checks(backups, transfers, clocks, (*blockers, *more))
    deployment.control.put(case_id, "checks", "before", checks, type_=Checks)
    return checks


# -- backups ---------------------------------------------------------------------------------------------------------


def _check_backups(
    deployment: Deployment, case: Case, inventory: Inventory
) -> tuple[tuple[BackupComparison, ...], tuple[Blocker, ...]]:
    """Every PostgreSQL database needs one backup that restores, or nothing in it is destroyed.

    Backups of other engines are not restored; certificates say so.
    """
    results, blockers = [], []
    for declaration in case.stores:
        if declaration.kind != "postgresql":
            continue
        entry = next((found for found in case.register if found.backup and found.backup.of == declaration.name), None)
        source = inventory.collection(entry.collection) if entry is not None else None
        if entry is None or source is None:
            blockers.append(
                _backup_blocker(declaration.name, "no backup of it is declared, or it is not where it should be")
            )
            continue
        try:
            result = _prove(deployment, case, declaration.name, source, inventory)
        except WinddownError as error:
            blockers.append(_backup_blocker(declaration.name, error.message))
            continue
        results.append(result)
        if not result.success:
            blockers.append(
                _backup_blocker(declaration.name, f"the restored backup differs: {', '.join(result.failed)}")
            )
            continue
        assert entry.backup is not None  # noqa: S101 - it was looked up by its backup
        body = {
            "store": declaration.name,
            "collection": str(entry.collection),
            "until": entry.backup.expires_on.isoformat(),
            "backup_sha256": result.backup_sha256,
            "expectations": result.expectations,
        }
        deployment.ledger.append(case.id, "backup_proven", body, actor=ACTOR)
    return tuple(results), tuple(blockers)


def _prove(
    deployment: Deployment, case: Case, store: str, source: Collection, inventory: Inventory
) -> BackupComparison:
    systems = deployment.systems(case)
    drill = systems.drills[store]
    holder = ability(systems.store(source.ref.store), SupportsContent)
    if holder is None:
        raise Refused(f"store {source.ref.store} cannot hand out the content of a backup")
    scratch = f"winddown_scratch_{digest(case.id)[:16]}"
    hasher = hashlib.sha256()
    try:
        drill.drop(scratch)
        url = drill.restore(_hashed(holder.content(source), hasher), scratch)
        # Rows of a materialised view are in no dump: they are computed anew when it is restored.
        tables = [
            found for found in inventory.collections if found.ref.store == store and found.format != "materialised-view"
        ]
        return compare_backup(store, tables, url, backup_sha256=hasher.hexdigest())
    finally:
        drill.drop(scratch)


def _hashed(pieces: Iterator[bytes], hasher: "hashlib._Hash") -> Iterator[bytes]:
    for piece in pieces:
        hasher.update(piece)
        yield piece


def _backup_blocker(store: str, explanation: str) -> Blocker:
    return Blocker(
        "backup-not-proven", store, explanation, "database administrator", "take a new backup and run the check again"
    )
