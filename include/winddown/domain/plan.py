"""A plan proposes one wave: which acts on which keys, by which method, under which preconditions.

Approvers approve the plan's digest. An approved order may shrink, never grow.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NewType

from pydantic import TypeAdapter

from winddown.domain.approval import APPROVALS_MIN, PI_OFFICER, Approver
from winddown.domain.canonical import digest
from winddown.domain.decision import Decision
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef
from winddown.domain.selection import Selection

OrderId = NewType("OrderId", str)


class Act(StrEnum):
    """What an order does to its selection."""

    ANONYMISE = "anonymise"  # write a coarse extract in which nobody can be told; the record itself goes by an erase
    SEAL = "seal"  # copy the needed fields into an archive that only its receiver can open
    MINIMISE = "minimise"  # empty the fields that no duty needs, or leave what it needs of them; the record stays
    ERASE = "erase"  # the record goes


class Method(StrEnum):
    """How a store does it."""

    ANONYMOUS_EXTRACT = "anonymous_extract"  # generalised values, combinations of too few persons left out
    CUSTODIAN_ARCHIVE = "custodian_archive"  # encrypted to the public key of its receiver
    MOVE_ROWS = "move_rows"  # rows move to a quarantine table in the same database, in one transaction a batch
    ESCROW_ROWS = "escrow_rows"  # rows are deleted in batches, and kept in an encrypted file a batch until purge
    KEEP_SURVIVORS = "keep_survivors"  # most rows go into such files at once, and the table keeps what stays of it
    MOVE_TABLE = "move_table"  # the table moves to a quarantine schema as it is, and is dropped from there
    DETACH_PARTITION = "detach_partition"  # a partition is detached, moves as a table does, and is dropped
    MOVE_FIELDS = "move_fields"  # the values move to a quarantine table; the row keeps null, '', or a part of them
    REWRITE_OBJECT = "rewrite_object"  # a new version without the rows; the old versions stay until purge
    DELETE_MARKER = "delete_marker"  # a delete marker hides the object; its versions stay until purge
    COMMIT_TABLE = "commit_table"  # a version of the table without the rows; its old files and history go with purge
    ESCROW_OBJECT = "escrow_object"  # the object is copied into an encrypted file, which stays until purge, and deleted
    ESCROW_AND_REWRITE = "escrow_and_rewrite"  # the object is copied in the same way, and one without the rows written
    MOVE_FILE = "move_file"  # the file moves to a quarantine folder on its own file system, and is unlinked there
    REWRITE_FILE = "rewrite_file"  # a new file takes the place of the old one, which stays in quarantine until purge
    # In the memory store one method stands for both:
    SET_ASIDE = "set_aside"


ESCROWING = frozenset({Method.ESCROW_ROWS, Method.KEEP_SURVIVORS})
"""Methods whose rows are in escrow between quarantine and purge."""


_HIDING = {(Act.ERASE, Method.DELETE_MARKER), (Act.ERASE, Method.SET_ASIDE)}


class Wave(StrEnum):
    """What is due together."""

    AT_ONCE = "at_once"  # due when the service stops: children's profiles
    AFTER_CLAIMS = "after_claims"  # due when creditors' window is closed and taxes are settled
    OWN_TRACES = (
        "own_traces"  # what winddown itself holds of the customers; due when all else is certified and asked for
    )


WAVES_OF_RECORDS = (Wave.AT_ONCE, Wave.AFTER_CLAIMS)
"""The waves that destroy the company's records, and of which the law says when they begin."""


@dataclass(frozen=True, slots=True)
class Order:
    """One act on one selection.

    Attributes:
        label: the label of the decision that asks for it.
        fields: fields that a seal copies, a minimise empties or an extract holds; empty for an erase.
        level: orders of a store run by rising level: children before parents.
        record_count_max: declared maximum; the order stops before exceeding it.
        requires: seals whose receipt must be acknowledged first, and extracts that must be written and checked.
        until: for a seal, the day to which its receiver must keep it (ISO date); "" where no end is set, or no seal.
        recipient: for a seal, role of its receiver; "" for the custodian.
        generalised: for an extract, each of its fields and how its values are made coarser; for a minimise, those of
            its fields of which something stays, and what (``domain.minimise``).
        k: for an extract, number of persons that share every combination in it, at least.
        reason: why this method and no other, in words and counts; "" where there is no choice.
        bypasses_governance: whether versions under governance retention may be purged; approvers see it in ``reason``.
        deletes_bucket: when the bucket was made that is deleted once the plan has emptied it; "" where it stays.
            Approvers see it in ``reason``; one order of the store says it for all of them.
        destroys_key: fingerprint of the key under which the store lies, which is destroyed once the plan has purged
            everything else; "" where it stays. Said as ``deletes_bucket`` is.
        leaves_locked: whether versions that the service's retention keeps may stay behind the purge of hidden objects,
            because nobody can read them when that key is gone.
    """

    id: OrderId
    collection: CollectionRef
    label: str
    act: Act
    method: Method
    selection: Selection
    level: int
    record_count_max: int
    fields: tuple[str, ...] = ()
    requires: tuple[OrderId, ...] = ()
    until: str = ""
    recipient: str = ""
    generalised: tuple[tuple[str, str], ...] = ()
    k: int = 0
    reason: str = ""
    bypasses_governance: bool = False
    deletes_bucket: str = ""
    destroys_key: str = ""
    leaves_locked: bool = False

    def __post_init__(self) -> None:
        if self.selection.count > self.record_count_max:
            raise Refused(
                f"order {self.id} selects {self.selection.count} records, its maximum is {self.record_count_max}",
                rule="record_count_max",
            )
        if (self.act is Act.ERASE) == bool(self.fields):
            raise Refused(f"order {self.id}: an erase takes no fields, any other act needs some")
        names, told = self.fields if self.act is Act.ANONYMISE else (), tuple(name for name, _ in self.generalised)
        is_partly = self.act is Act.MINIMISE and set(told) <= set(self.fields)
        if (told != names and not is_partly) or (self.k > 1) != bool(names):
            raise Refused(f"order {self.id}: an extract, and nothing else, says how each field becomes coarser, and k")
        if self.leaves_locked and (self.act, self.method) not in _HIDING:
            raise Refused(f"order {self.id}: only objects that go whole and are hidden may leave locked versions")

    @property
    def changes_store(self) -> bool:
        """Whether it takes something from the store, by quarantine and purge; the other acts only read."""
        return self.act in {Act.MINIMISE, Act.ERASE}


@dataclass(frozen=True, slots=True)
class Trace:
    """A folder of the case that holds something of its customers, if only under the case's key.

    Attributes:
        name: of the folder.
        files_max: declared maximum; nothing is destroyed where more is found.
    """

    name: str
    files_max: int

    @property
    def digest(self) -> str:
        """What an effect on it is bound to."""
        return digest([self.name, self.files_max])


@dataclass(frozen=True, slots=True)
class Plan:
    """A wave's orders with everything that they rest on. Its digest is what people approve.

    Attributes:
        inventory_digest, decisions: what was found and decided when the plan was made.
        fingerprints: collection → fingerprint when the plan was made, for whoever compares later; effects are held to
            the content and versions in their keys instead.
        holds_digest: digest of all holds in force; a later hold is an objection until its records are taken out.
        preconditions: clocks of the timeline that were checked, as sentences with dates.
        rule_packs: pack id and version → digest.
        code_version: version and digest of the program's own source, and versions of the libraries that read content.
        grace_seconds: time between quarantine and purge.
        approvals_needed: number of distinct approvers.
        approver_roles: roles of which each must be among the approvers.
        approvers: who may approve, each with the own key, if there is one; nobody else's approval counts.
        requested_by: login of who requested the case; may not approve.
        approval_days: for how many days an approval counts; 0 makes none count.
        traces: in the wave of these alone, and in order: the case's key is last.
        scheduler_by: in that wave, login of who removes afterwards what the scheduler keeps of the case; else "".
        identities: store → what tells its system from any other; a store without one cannot be acted on.
    """

    id: str
    case: str
    wave: Wave
    orders: tuple[Order, ...]
    inventory_digest: str
    decisions: tuple[Decision, ...]
    fingerprints: tuple[tuple[str, str], ...]
    holds_digest: str
    preconditions: tuple[str, ...]
    rule_packs: tuple[tuple[str, str], ...]
    code_version: str
    grace_seconds: int
    grace_reason: str
    approvals_needed: int
    approver_roles: tuple[str, ...]
    identities: tuple[tuple[str, str], ...] = ()
    approvers: tuple[Approver, ...] = ()
    requested_by: str = ""
    approval_days: int = 0
    traces: tuple[Trace, ...] = ()
    scheduler_by: str = ""

    def __post_init__(self) -> None:
        if (self.wave is Wave.OWN_TRACES) is not bool(self.traces) or (self.traces and self.orders):
            raise Refused(f"plan {self.id}: a plan is about records, or about own traces")
        # Whoever may write a plan may not thereby say that nobody need approve it.
        if self.approvals_needed < APPROVALS_MIN or PI_OFFICER not in self.approver_roles:
            raise Refused(
                f"plan {self.id} asks for fewer approvals than every plan needs: {APPROVALS_MIN} people, a "
                f"{PI_OFFICER} among them",
                rule="approvals of distinct people",
            )

    def order(self, order_id: str) -> Order:
        """Return the order with this id; raises Refused when the plan has none."""
        for order in self.orders:
            if order.id == order_id:
                return order
        raise Refused(f"plan {self.id} has no order {order_id!r}", rule="approval binds the plan")

    def document(self) -> dict[str, Any]:
        """The plan as a JSON document; the same for the same plan."""
        document: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return document

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical document."""
        return digest(self.document())


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)
