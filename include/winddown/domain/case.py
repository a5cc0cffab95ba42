"""One company's wind-down: who, what, when, and who answers for what."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from winddown.domain.approval import USUAL_APPROVAL, ApprovalRules, Approver
from winddown.domain.border import (
    MAINLAND_COUNTRY,
    ConfirmedCount,
    DeletionConfirmation,
    ExportedEarlier,
    Filing,
    Means,
    MetCondition,
)
from winddown.domain.company import Company
from winddown.domain.errors import Refused
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
        """The subjects of rules that the company says it is."""
        return frozenset(self.sectors)

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
    """Somebody who acts in the case; ``id`` is the login, ``key`` the own verifier key of an approver, if any."""

    id: str
    name: str
    role: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Grace:
    """How long quarantined records stay restorable, and who accepted it."""

    duration: timedelta
    reason: str
    accepted_by: str


@dataclass(frozen=True, slots=True)
class Custodian:
    """Who keeps after the end what the law says must be kept; ``country`` is where."""

    person: str
    organisation: str
    contact: str
    public_key_pem: str
    agreement_on: date
    country: str = MAINLAND_COUNTRY


@dataclass(frozen=True, slots=True)
class StoreDeclaration:
    """A system that holds data; ``connection`` names its credentials.

    Attributes:
        bucket: of an s3 store.
        inventory: ``s3://…`` address of an S3 Inventory report that serves for the first look; "" for none.
        accessed_from: countries from which somebody can reach the data, beside where they lie.
        delete_bucket: why the bucket itself is deleted once a plan has emptied it; "" where it stays.
        catalogue: connection of the catalogue of an s3 store's Iceberg tables; "" for none.
        customer_key: connection of the file with the key under which an s3 store's objects lie (SSE-C); "" for none.
        destroy_key: why that key is destroyed once everything else of the store is gone; "" where it stays.
        key_copies: what became of every other copy of it.
    """

    name: str
    kind: str
    connection: str
    region: str
    bucket: str = ""
    inventory: str = ""
    accessed_from: tuple[str, ...] = ()
    delete_bucket: str = ""
    catalogue: str = ""
    customer_key: str = ""
    destroy_key: str = ""
    key_copies: str = ""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Where the company keeps the list of its customers.

    Attributes:
        key: the field that tells customers apart.
        born_on: the field with their date of birth; "" where the list has none, then nobody is known to be a child.
        country: the field with their country; "" where the list has none, then everybody is at home.
    """

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
class Anonymisation:
    """How a collection's records may be turned into statistics that name nobody and cannot be turned back.

    Attributes:
        fields: field → how it is generalised (``domain.generalise``); a field that is not named is dropped.
        k: least number of persons that must share every combination of what is left.
    """

    fields: tuple[tuple[str, str], ...]
    k: int


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """What a steward declares about a collection: purpose, category, and how records are tied to persons.

    Attributes:
        category: data category that rules apply to, e.g. ``accounting_vouchers``.
        also: further categories of the same records: an order may be a voucher and a platform's transaction.
        about: whom the records are about: ``customers``, ``employees``, ``merchants`` or ``nobody``.
        dated_by: field with the record's own date, from which its fiscal year follows.
        dates: event → field, for rules that count from another event of the record.
        custody: ``sealed`` (archived for the custodian, then erased) or ``in_place`` (the custodian takes the store).
        elements: (field, element that a duty may need), e.g. ``order_no``, ``voucher_number``; a field may be several.
        answers: field → (kind or None, why): the steward's corrections of the classification.
        record_count_max: most records that one order may erase or empty here; None where the steward set no limit.
        sentinels: records that must never be touched, each by fields that name it among those that ``read`` yields.
        minimise: (field, what of its values stays in a record that stays, e.g. ``first:4`` or ``token``).
        bypass_governance: why versions under governance retention may be purged; "" where they may not.
    """

    collection: CollectionRef
    category: str
    purpose: str
    steward: str
    subject: SubjectLink | None = None
    dated_by: str = ""
    dates: tuple[tuple[str, str], ...] = ()
    also: tuple[str, ...] = ()
    about: str = "customers"
    custody: str = ""
    elements: tuple[tuple[str, str], ...] = ()
    answers: tuple[tuple[str, str | None, str], ...] = ()
    backup: BackupDeclaration | None = None
    anonymise: Anonymisation | None = None
    record_count_max: int | None = None
    sentinels: tuple[tuple[tuple[str, str], ...], ...] = field(default=(), repr=False)
    minimise: tuple[tuple[str, str], ...] = ()
    bypass_governance: str = ""

    @property
    def categories(self) -> frozenset[str]:
        """All categories of the records."""
        return frozenset((self.category, *self.also))

    def date_field(self, event: str) -> str:
        """The field that dates an event of the record, or ``""``."""
        return dict(self.dates).get(event, "")


@dataclass(frozen=True, slots=True)
class AcceptedDate:
    """A start event for a rule that states none, accepted by a named officer."""

    rule: str
    start_event: str
    accepted_by: str
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What counsel answered where the law can be read both ways.

    Attributes:
        rule: the rule in question: one whose authority to keep is arguable, or a deletion that meets a duty to keep.
        collection: the only collection that it speaks about; None for all.
        keeps: True when the records are to be kept for the rule in question, or in spite of the deletion.
    """

    rule: str
    collection: CollectionRef | None
    keeps: bool
    given_by: str
    given_on: date
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who receives records that must be handed over, and how archives are sealed for them.

    Attributes:
        role: the word by which rules name it, e.g. ``designated_body``.
        person: login of who acknowledges its archives.
        country: where it is, by two letters; "" while nobody has said so.
    """

    role: str
    person: str
    organisation: str
    contact: str
    public_key_pem: str
    agreement_on: date
    country: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Data of one collection that were, are or will be provided across the border.

    Attributes:
        where: ``overseas`` (records of customers abroad) or ``all``.
        origin: where the data were collected: ``domestic`` or ``abroad``.
        circumstances: those of ``FACTS_DECLARED`` that are so.
        started_on, ended_on: None where it began before anybody wrote it down, or still goes on.
    """

    id: str
    recipient: str
    country: str
    purpose: str
    legal_basis: str
    collection: CollectionRef
    where: str
    sensitive: bool
    means: Means = Means.PROVIDED
    origin: str = "domestic"
    circumstances: tuple[str, ...] = ()
    started_on: date | None = None
    ended_on: date | None = None
    met: tuple[MetCondition, ...] = ()
    confirmation: DeletionConfirmation | None = None

    def is_ahead(self, today: date) -> bool:
        """Whether it has not happened yet."""
        return self.means is Means.CUSTODY or (self.started_on is not None and self.started_on > today)

    def judged_on(self, today: date) -> date:
        """The day whose rules decide: today, or the day on which the transfer ended, or will begin."""
        return max(today if self.ended_on is None else min(self.ended_on, today), self.started_on or date.min)

    def reaches(self, first: date, last: date) -> bool:
        """Whether some of it lies between two days, both included."""
        return (self.started_on or first) <= last and (self.ended_on or last) >= first


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
    filings: tuple[Filing, ...] = ()
    export_log: tuple[ExportedEarlier, ...] = ()
    confirmed_counts: tuple[ConfirmedCount, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    approval: ApprovalRules = USUAL_APPROVAL

    def opinion(self, rule: str, ref: CollectionRef) -> Opinion | None:
        """What counsel answered about a rule for a collection: the answer for it alone before the one for all."""
        found = [one for one in self.opinions if one.rule == rule and one.collection in {None, ref}]
        return max(found, key=lambda one: one.collection is not None, default=None)

    def recipient(self, role: str) -> Recipient | None:
        """Who has this role, or None."""
        return next((found for found in self.recipients if found.role == role), None)

    def receiver(self, role: str) -> Recipient:
        """Who receives archives for this role, "" for the custodian; raises Refused when the case names nobody."""
        if role in {"", "custodian"}:
            who = self.custodian
            return Recipient(
                "custodian",
                who.person,
                who.organisation,
                who.contact,
                who.public_key_pem,
                who.agreement_on,
                who.country,
            )
        found = self.recipient(role)
        if found is None:
            raise Refused(f"case {self.id} names no recipient {role!r}", next_step="add it under recipients")
        return found

    def entry(self, ref: CollectionRef) -> RegisterEntry | None:
        """What the register says about a collection, or None."""
        return next((entry for entry in self.register if entry.collection == ref), None)

    def named_approvers(self) -> tuple[Approver, ...]:
        """The approvers with role and key, as a plan names them."""
        found = (self.person(person_id) for person_id in self.approvers)
        return tuple(Approver(person.id, person.role, person.key) for person in found if person is not None)

    def person(self, person_id: str) -> Person | None:
        """The person with this login, or None."""
        return next((person for person in self.people if person.id == person_id), None)
