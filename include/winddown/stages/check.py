"""Checks before anything is touched: the backup restores, transfers have a lawful path, clocks are known."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from winddown.domain.blocker import Blocker
from winddown.domain.canonical import digest
from winddown.domain.case import Case, Transfer
from winddown.domain.clocks import ClockResult
from winddown.domain.errors import Refused, WinddownError
from winddown.domain.finding import Finding
from winddown.domain.inventory import Collection, Inventory
from winddown.domain.plan import Wave
from winddown.domain.transfer import TransferPath, find_path
from winddown.inspection.backup import BackupComparison, compare_backup
from winddown.ports import SupportsContent, ability
from winddown.stages.clocks import wave_clocks
from winddown.stages.decide import today
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.subjects import build_index


@dataclass(frozen=True, slots=True)
class Checks:
    """Results of all checks; a blocker here stops the destruction in the store that it names."""

    backups: tuple[BackupComparison, ...]
    transfers: tuple[TransferPath, ...]
    clocks: tuple[ClockResult, ...]
    blockers: tuple[Blocker, ...]


def check(deployment: Deployment, case_id: str) -> Checks:
    """Run every check and record the results."""
    case = deployment.case(case_id)
    inventory: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    backups, blockers = _check_backups(deployment, case, inventory)
    transfers, more = _check_transfers(deployment, case, inventory)
    clocks = wave_clocks(deployment, case, Wave.AFTER_CLAIMS)
    checks = Checks(backups, transfers, clocks, (*blockers, *more))
    deployment.control.put(case_id, "checks", "before", checks, type_=Checks)
    return checks


# -- backups ---------------------------------------------------------------------------------------------------------


def _check_backups(
    deployment: Deployment, case: Case, inventory: Inventory
) -> tuple[tuple[BackupComparison, ...], tuple[Blocker, ...]]:
    """Every database needs one backup that restores; without it nothing in that database is destroyed."""
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
        body = {"store": declaration.name, "backup_sha256": result.backup_sha256, "expectations": result.expectations}
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
        tables = [found for found in inventory.collections if found.ref.store == store]
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


# -- transfers -------------------------------------------------------------------------------------------------------


def _check_transfers(
    deployment: Deployment, case: Case, inventory: Inventory
) -> tuple[tuple[TransferPath, ...], tuple[Blocker, ...]]:
    abroad = tuple(
        Blocker(
            "undeclared-transfer",
            declaration.name,
            f"the store lies in region {declaration.region}, outside mainland China: keeping data there is a transfer",
            "personal-information officer",
            "declare the transfer with its purpose and legal basis",
        )
        for declaration in case.stores
        if not declaration.region.startswith("cn-")
        and all(transfer.collection.store != declaration.name for transfer in case.transfers)
    )
    if not case.transfers:
        return (), abroad
    findings: tuple[Finding, ...] = deployment.control.require(
        case.id, "findings", "findings", type_=tuple[Finding, ...]
    )
    try:
        index = build_index(deployment, case, inventory)
    except Refused as error:
        blocker = Blocker("transfer-not-counted", case.stores[0].name, error.message, "steward", error.next_step)
        return (), (blocker,)
    paths, blockers = [], [*abroad]
    for transfer in case.transfers:
        frame = index.table.filter("overseas") if transfer.where == "overseas" else index.table
        facts = _facts(case, transfer, findings, persons=frame.height)
        path = find_path(transfer.id, facts, rulebook=deployment.rulebook, as_of=today(deployment))
        paths.append(path)
        if path.needs_filing:
            blockers.append(
                Blocker(
                    "transfer-without-path",
                    str(transfer.collection),
                    f"transfer {transfer.id}: {path.sentence}",
                    "personal-information officer",
                    "file the assessment or contract and record its evidence",
                )
            )
        body = {"transfer": transfer.id, "rule": path.rule, "persons": frame.height, "needs_filing": path.needs_filing}
        deployment.ledger.append(case.id, "transfer_checked", body, actor=ACTOR)
    return tuple(paths), tuple(blockers)


def _facts(
    case: Case, transfer: Transfer, findings: tuple[Finding, ...], *, persons: int
) -> dict[str, bool | int | str]:
    found_sensitive = any(
        finding.sensitive and finding.is_personal for finding in findings if finding.collection == transfer.collection
    )
    sensitive = transfer.sensitive or found_sensitive
    return {
        "legal_basis": transfer.legal_basis,
        "purpose": transfer.purpose,
        "critical_infrastructure": case.profile.critical_infrastructure,
        "important_data": case.profile.important_data,
        "persons_sensitive": persons if sensitive else 0,
        "persons_other": 0 if sensitive else persons,
    }
