"""An order to preserve: what it covers, who gave it, and when somebody looks at it again. It outranks every rule.

A hold keeps and never destroys, so whatever is doubtful about its scope is decided for keeping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef


class Ground(StrEnum):
    """Why something is held; a closed list, because an unknown word would not say whether the law asks for it."""

    COURT = "court"
    POLICE = "police"
    SUPERVISION = "supervision"
    TAX_INSPECTION = "tax_inspection"
    CUSTOMS = "customs"
    REGULATOR = "regulator"
    PRIVATE_DISPUTE = "private_dispute"

    @property
    def is_statutory(self) -> bool:
        """Whether an authority ordered it; a dispute between private parties orders nothing."""
        return self is not Ground.PRIVATE_DISPUTE

    @property
    def zh(self) -> str:
        """What it means, in one sentence."""
        return _SENTENCES[self][0]

    @property
    def en(self) -> str:
        """The same in English."""
        return _SENTENCES[self][1]


_SENTENCES = {
    Ground.COURT: ("法院要求保全，解除前不得处分", "a court ordered it; nothing of it goes before the court lets go"),
    Ground.POLICE: ("公安机关要求保全证据", "the police ordered the evidence to be kept"),
    Ground.SUPERVISION: ("监察机关要求保全证据", "a supervision commission ordered the evidence to be kept"),
    Ground.TAX_INSPECTION: ("税务机关检查所需，检查结束前保留", "a tax inspection needs it and is not over"),
    Ground.CUSTOMS: ("海关稽查所需，稽查结束前保留", "a customs inspection needs it and is not over"),
    Ground.REGULATOR: ("行业主管部门要求保留", "the regulator of the sector ordered it to be kept"),
    Ground.PRIVATE_DISPUTE: (
        "并非法定保全：民法典第一百八十八条的诉讼时效不是保存义务；公司为自身利益保留，须由律师确认",
        (
            "it is no statutory hold: the limitation period of Civil Code 188 is no duty to keep; the company "
            "preserves in its own interest, and counsel must confirm that"
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a hold covers. Its parts intersect: these persons' records of these dates in these collections.

    Attributes:
        company: everything that the company has; then there is no other part.
        collections: these alone; a folder that holds several formats is meant with all of them.
        subjects_manifest: encrypted manifest with the persons' keys, or "" for everybody.
        subjects_digest: keyed digest of those keys.
        subject_count: number of persons.
        since, until: records whose own date lies between them, both days included, or that have no readable date.
    """

    company: bool = False
    collections: tuple[CollectionRef, ...] = ()
    subjects_manifest: str = ""
    subjects_digest: str = ""
    subject_count: int = 0
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        narrowed = bool(self.collections) or self.has_persons or self.has_dates
        if not self.company and not narrowed:
            raise Refused(
                "a hold that covers nothing protects nothing",
                rule="a hold says what it covers",
                next_step="name the company, collections, persons or a range of dates",
            )
        if self.company and narrowed:
            raise Refused(
                "a hold on the whole company cannot be narrowed at the same time",
                rule="a hold says what it covers",
                next_step="leave out `company`, or everything else",
            )
        if self.since is not None and self.until is not None and self.until < self.since:
            raise Refused(f"a hold's dates end on {self.until}, before they begin on {self.since}")
        if self.has_persons != (self.subject_count > 0):
            raise Refused("a hold on persons names at least one")

    @property
    def has_persons(self) -> bool:
        """Whether it is limited to persons."""
        return bool(self.subjects_manifest)

    @property
    def has_dates(self) -> bool:
        """Whether it is limited by date."""
        return self.since is not None or self.until is not None

    def names(self, ref: CollectionRef) -> bool:
        """Whether it names this collection, or the folder whose records of one format this collection is."""
        return any(ref == named or str(ref).startswith(f"{named}#") for named in self.collections)

    def touches(self, ref: CollectionRef) -> bool:
        """Whether it can cover records of this collection at all."""
        return not self.collections or self.names(ref)

    def touches_whole(self, ref: CollectionRef) -> bool:
        """Whether it covers a collection whose records are tied to nobody by nature: backups, the company's own."""
        return self.names(ref) or (not self.collections and not self.has_persons)

    def narrows(self, earlier: "Scope") -> bool:
        """Whether it leaves out what the earlier one covers; which persons, only their keys can tell."""
        if self.collections and not (earlier.collections and all(map(self.names, earlier.collections))):
            return True
        if self.has_persons and not earlier.has_persons:
            return True
        begins_later = self.since is not None and (earlier.since is None or earlier.since < self.since)
        ends_earlier = self.until is not None and (earlier.until is None or earlier.until > self.until)
        return begins_later or ends_earlier

    def __str__(self) -> str:
        if self.company:
            return "the whole company"
        parts = []
        if self.has_persons:
            parts.append(f"{self.subject_count} persons")
        if self.collections:
            parts.append(", ".join(map(str, self.collections)))
        if self.has_dates:
            parts.append(f"records dated {self.since or '…'} to {self.until or '…'} or without a date")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold with its matter, ground and review date.

    Attributes:
        authority: who ordered it; of a private dispute, the other party or "".
        document_number: of the order.
        review_on: a hold past this day still holds, and is reported until somebody reviews it.
    """

    id: str
    matter: str
    ground: Ground
    authority: str
    document_number: str
    steward: str
    placed_on: date
    review_on: date
    scope: Scope

    def __post_init__(self) -> None:
        if self.review_on <= self.placed_on:
            raise Refused(f"holds.{self.id}.review_on: {self.review_on} is not after placed_on {self.placed_on}")
        if self.ground.is_statutory and not (self.authority.strip() and self.document_number.strip()):
            raise Refused(
                f"the ground {self.ground} of hold {self.id} needs the authority and the number of its order",
                rule="a statutory hold names its order",
                next_step="name both, or state the ground private_dispute",
            )

    def is_overdue(self, as_of: date) -> bool:
        """Whether its review date has passed."""
        return as_of > self.review_on

    def says(self, as_of: date) -> str:
        """Why records stay under it, in one sentence with matter, ground, order and review date."""
        order = f" ({self.authority} {self.document_number})".replace(" )", ")") if self.authority else ""
        review = f"next review on {self.review_on}"
        if self.is_overdue(as_of):
            review = f"overdue for review since {self.review_on}, and holds until it is released"
        return f"hold {self.id}, matter {self.matter}{order}: {self.ground.zh}; {self.ground.en}; {review}"


def holds_digest(holds: Sequence[LegalHold]) -> str:
    """Digest over all holds in force; another digest means that a plan must be checked against the holds again."""
    return digest(sorted([hold.id, scope_digest(hold.scope)] for hold in holds))


def scope_digest(scope: Scope) -> str:
    """Two scopes with the same digest cover the same records."""
    return digest(
        {
            "company": scope.company,
            "collections": sorted(map(str, scope.collections)),
            "subjects": scope.subjects_digest,
            "since": scope.since.isoformat() if scope.since else "",
            "until": scope.until.isoformat() if scope.until else "",
        }
    )
