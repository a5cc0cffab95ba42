"""One company's wind-down: who, what, when, and who answers for what."""

from dataclasses import dataclass
from datetime import date, timedelta

from winddown.domain.company import Company
from winddown.domain.inventory import CollectionRef
from winddown.domain.timeline import Timeline

_DECLARED_BY_SECTOR = {"e_commerce": "ecommerce_operator", "retail": "", "wholesale": "", "services": ""}


@dataclass(frozen=True, slots=True)
class Profile:
    """Facts about the company that select rules.

    Attributes:
        persons: natural persons whose information it processes; the number itself counts as reached.
        faces: persons whose faces it stores.
        processes_minors: whether it processes information of persons under eighteen.
        algorithm_filed: whether a recommendation algorithm of it is on file.
    """

    route: str
    sectors: tuple[str, ...]
    critical_infrastructure: bool
    important_data: bool
    fiscal_year_end: tuple[int, int]  # month, day
    legal_form: str = "company"
    persons: int = 0
    faces: int = 0
    processes_minors: bool = False
    algorithm_filed: bool = False

    @property
    def declared(self) -> frozenset[str]:
        """The subjects of rules that the sectors stand for; a sector without rules of its own stands for none."""
        return frozenset(filter(None, (_DECLARED_BY_SECTOR.get(sector, sector) for sector in self.sectors)))

    def facts(self) -> dict[str, bool | int | str]:
        """The facts that decide whom rules bind."""
        return {
            "route": self.route,
            "legal_form": self.legal_form,
            "critical_infrastructure": self.critical_infrastructure,
            "important_data": self.important_data,
            "persons": self.persons,
            "faces": self.faces,
            "processes_minors": self.processes_minors,
            "algorithm_filed": self.algorithm_filed,
        }


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts in the case; ``id`` is the login."""

    id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Grace:
    """How long quarantined records stay restorable, and who accepted it."""

    duration: timedelta
    reason: str
    accepted_by: str


@dataclass(frozen=True, slots=True)
class Custodian:
    """Who keeps after the end what the law says must be kept."""

    person: str
    organisation: str
    contact: str
    public_key_pem: str
    agreement_on: date


@dataclass(frozen=True, slots=True)
class StoreDeclaration:
    """A system that holds data; ``connection`` names its credentials.

    Attributes:
        bucket: of an s3 store.
        inventory: ``s3://…`` address of an S3 Inventory report that serves for the first look; "" for none.
    """

    name: str
    kind: str
    connection: str
    region: str
    bucket: str = ""
    inventory: str = ""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Where the company keeps the list of its customers."""

    collection: CollectionRef
    key: str
    born_on: str
    country: str


@dataclass(frozen=True, slots=True)
class SubjectLink:
    """How a record is tied to a person: by a field, through another collection, or by the object's key."""

    field: str = ""
    via: CollectionRef | None = None
    target: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class BackupDeclaration:
    """A backup of a store, kept until it expires."""

    of: str
    taken_on: date
    expires_on: date


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """What a steward declares about a collection: purpose, category, and how records are tied to persons.

    Attributes:
        category: data category that rules apply to, e.g. ``accounting_vouchers``.
        custody: ``sealed`` (archived for the custodian, then erased) or ``in_place`` (the custodian takes the store).
        elements: field → element that a duty may need, e.g. ``order_no`` → ``voucher_number``.
        answers: field → (kind or None, why): the steward's corrections of the classification.
    """

    collection: CollectionRef
    category: str
    purpose: str
    steward: str
    subject: SubjectLink | None = None
    dated_by: str = ""
    custody: str = ""
    elements: tuple[tuple[str, str], ...] = ()
    answers: tuple[tuple[str, str | None, str], ...] = ()
    backup: BackupDeclaration | None = None


@dataclass(frozen=True, slots=True)
class AcceptedDate:
    """A start event for a rule that states none, accepted by a named officer."""

    rule: str
    start_event: str
    accepted_by: str
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Personal information that was provided across the border."""

    id: str
    recipient: str
    country: str
    purpose: str
    legal_basis: str
    collection: CollectionRef
    where: str
    sensitive: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A validated case. Holds are kept apart, because they name persons and come and go."""

    id: str
    company: Company
    profile: Profile
    people: tuple[Person, ...]
    approvers: tuple[str, ...]
    grace: Grace
    custodian: Custodian
    stores: tuple[StoreDeclaration, ...]
    timeline: Timeline
    accepted_dates: tuple[AcceptedDate, ...]
    subjects: Subjects
    register: tuple[RegisterEntry, ...]
    transfers: tuple[Transfer, ...]
    contact: str = ""  # where customers, guardians and creditors reach the company until it ends
    exclusions: tuple[tuple[str, bool], ...] = ()  # of the simplified route: fact and whether it is so

    def entry(self, ref: CollectionRef) -> RegisterEntry | None:
        """What the register says about a collection, or None."""
        return next((entry for entry in self.register if entry.collection == ref), None)

    def person(self, person_id: str) -> Person | None:
        """The person with this login, or None."""
        return next((person for person in self.people if person.id == person_id), None)
