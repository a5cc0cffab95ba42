"""What an earlier reading of a collection found, as long as nothing speaks against using it again.

Used again are the detectors' own findings: stewards' answers and the taxonomy are applied anew each time.
"""

from dataclasses import dataclass, replace

from winddown.domain.canonical import digest
from winddown.domain.finding import Finding
from winddown.domain.inventory import Collection
from winddown.stages.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Reading:
    """One collection, read to its end.

    Attributes:
        identity: of the system that the collection was read in.
        fingerprint, change_mark: the collection's when it was read.
        code_version: of the program that read it; another one's detectors may see more.
        read_at: ISO 8601, UTC.
        unread: what of it could not be read; see ``Coverage``.
    """

    identity: str
    fingerprint: str
    change_mark: str
    code_version: str
    read_at: str
    records: int
    cells: int
    unread: str
    findings: tuple[Finding, ...]


def earlier_reading(deployment: Deployment, case_id: str, collection: Collection, *, identity: str) -> Reading | None:
    """Return the last reading if the store says that nothing was written since, and the same program made it.

    A store that cannot tell (an empty change mark) is read again.
    """
    found: Reading | None = deployment.control.get(case_id, "reading", _name(collection), type_=Reading)
    if found is None or not collection.change_mark:
        return None
    now = (identity, collection.fingerprint, collection.change_mark, deployment.code_version)
    then = (found.identity, found.fingerprint, found.change_mark, found.code_version)
    return found if then == now else None


def remember(deployment: Deployment, case_id: str, collection: Collection, reading: Reading) -> None:
    """Keep a reading in place of the one before."""
    deployment.control.put(case_id, "reading", _name(collection), reading, type_=Reading)


def forget(deployment: Deployment, case_id: str, collection: Collection) -> None:
    """Let no reading that was made until now count again, whatever mark the collection will have."""
    found: Reading | None = deployment.control.get(case_id, "reading", _name(collection), type_=Reading)
    if found is not None and found.change_mark:
        remember(deployment, case_id, collection, replace(found, change_mark=""))


def _name(collection: Collection) -> str:
    # Names of collections may be longer than a document's name.
    return digest(str(collection.ref))
