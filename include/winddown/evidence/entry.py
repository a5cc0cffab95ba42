"""One ledger entry: who did what in which case, as canonical JSON bytes that become one leaf of the log.

The bytes are RFC 8785 JSON of exactly six keys, at most 65,535 bytes (C2SP tlog-tiles bundles use 16-bit lengths):

    {"actor":…,"at":"2026-11-23T10:00:00.000000Z","body":{…},"case":…,"seq":0,"type":"case_opened"}

An append-only log cannot take an entry back, so bodies whose shape the verifier relies on are checked before they are
written. What is *not* checked: that a body is free of personal data. Callers log digests, counts and ids, never values.

>>> from datetime import UTC
>>> entry = LedgerEntry(0, datetime(2026, 11, 23, 10, tzinfo=UTC), case="c-1", type="case_opened", actor="p-1", body={})
>>> entry.raw.decode()
'{"actor":"p-1","at":"2026-11-23T10:00:00.000000Z","body":{},"case":"c-1","seq":0,"type":"case_opened"}'
>>> LedgerEntry.parse(entry.raw) == entry
True
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

from winddown.domain.errors import Refused
from winddown.evidence import strict
from winddown.evidence.merkle import leaf_hash

ENTRY_BYTES_MAX: Final = 65_535

ENTRY_TYPES: Final = frozenset(
    {
        "case_opened",
        "snapshot_taken",
        "classified",
        "decided",
        "hold_placed",
        "hold_released",
        "backup_proven",
        "transfer_checked",
        "frozen",
        "plan_made",
        "approval_given",
        "handover_acknowledged",
        "intent",
        "done",
        "unknown",
        "sanitised",
        "residual_checked",
        "certificate_issued",
        "report_issued",
        "restored",
        "halted",
        "resumed",
        "evidence_read",
        "scheduler_cleared",
    }
)

ACTS: Final = frozenset({"anonymise", "freeze", "seal", "quarantine", "purge", "sanitise", "restore"})

_CLOSE: Final[Mapping[str, type]] = {
    "effect": str,
    "plan_id": str,
    "order_id": str,
    "act": str,
    "batch": str,
    "records": int,
    "read_back": object,
}

BODY_FIELDS: Final[Mapping[str, Mapping[str, type]]] = {
    "hold_placed": {"hold": str, "scope_digest": str},
    "hold_released": {"hold": str},
    "backup_proven": {"store": str, "collection": str, "until": str},
    "plan_made": {"plan_id": str, "wave": object, "digest": str},
    "approval_given": {"plan_id": str, "plan_digest": str, "person": str, "role": str, "door": str},
    "handover_acknowledged": {"plan_id": str, "order_id": str, "archive_digest": str, "person": str},
    "intent": {
        "effect": str,
        "plan_id": str,
        "order_id": str,
        "act": str,
        "batch": str,
        "batch_digest": str,
        "records": int,
        "nonce": str,
    },
    "done": _CLOSE,
    "unknown": _CLOSE,
    "residual_checked": {"plan_id": str, "stores": list},
    "certificate_issued": {"certificate_id": str, "digest": str},
    "halted": {"reason": str, "door": str},
    "resumed": {"reason": str, "door": str},
    "evidence_read": {"name": str},
    "report_issued": {"entries": int},
    "scheduler_cleared": {"plan_id": str, "person": str, "bytes_searched": int},
}
"""What the verifier reads out of each body; further keys are free."""

# A freeze comes before any plan, so it names none.
_MAY_BE_BLANK: Final = frozenset({"plan_id", "order_id", "batch", "batch_digest", "nonce"})
_KEYS: Final = frozenset({"seq", "at", "case", "type", "actor", "body"})


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry. Its canonical bytes are fixed when it is built; two entries are equal when their bytes are.

    Args:
        seq: position in the ledger, from 0, without gaps.
        at: aware UTC time.
        case: id of the case.
        type: one of ``ENTRY_TYPES``.
        actor: id of the person or service; never a name or an address.
        body: JSON object without floats, with the fields of ``BODY_FIELDS`` for its type.

    Raises:
        Refused: for any of these broken, and for more than 65,535 bytes.
    """

    seq: int
    at: datetime = field(compare=False)
    case: str = field(kw_only=True, compare=False)
    type: str = field(kw_only=True, compare=False)
    actor: str = field(kw_only=True, compare=False)
    body: Mapping[str, Any] = field(kw_only=True, compare=False, repr=False)
    raw: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.seq, bool) or self.seq < 0:
            raise Refused("an entry's position is a number from 0", rule="ledger entry")
        if self.at.utcoffset() != timedelta(0):
            raise Refused(f"entry {self.seq}: its time is not in UTC", rule="ledger entry")
        if self.type not in ENTRY_TYPES:
            raise Refused(f"entry {self.seq}: there is no such entry type", rule="ledger entry")
        if not (self.case and self.actor):
            raise Refused(f"entry {self.seq}: case and actor are never blank", rule="ledger entry")
        _require_body(self.type, self.body)
        raw = strict.encode(
            {
                "seq": self.seq,
                "at": format_time(self.at),
                "case": self.case,
                "type": self.type,
                "actor": self.actor,
                "body": dict(self.body),
            }
        )
        if len(raw) > ENTRY_BYTES_MAX:
            raise Refused(
                f"entry {self.seq} has {len(raw)} bytes, at most {ENTRY_BYTES_MAX} fit",
                rule="C2SP tlog-tiles",
                next_step="log the digest of the document and keep the document elsewhere",
            )
        object.__setattr__(self, "raw", raw)

    @property
    def leaf(self) -> bytes:
        """The entry's Merkle leaf hash, 32 bytes."""
        return leaf_hash(self.raw)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return the entry whose canonical bytes are exactly ``raw``; anything else is refused."""
        if len(raw) > ENTRY_BYTES_MAX:
            raise Refused(f"more than {ENTRY_BYTES_MAX} bytes are no entry", rule="C2SP tlog-tiles")
        document = strict.decode(raw)
        if not isinstance(document, dict) or document.keys() != _KEYS:
            raise Refused("an entry has exactly the keys actor, at, body, case, seq, type", rule="ledger entry")
        texts = (document["at"], document["case"], document["type"], document["actor"])
        if not all(isinstance(text, str) for text in texts) or not isinstance(document["seq"], int):
            raise Refused("an entry's field has the wrong type", rule="ledger entry")
        return cls(
            document["seq"],
            parse_time(document["at"]),
            case=document["case"],
            type=document["type"],
            actor=document["actor"],
            body=document["body"],
        )


def format_time(at: datetime) -> str:
    """Return the one spelling of a UTC time: microseconds and Z, 27 characters."""
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """Return the aware UTC time that ``format_time`` spells exactly so; anything else is refused."""
    try:
        at = datetime.fromisoformat(text)  # of all that it reads, one spelling passes below
    except ValueError:
        raise Refused("not a UTC time with microseconds", rule="ledger entry") from None
    if format_time(at) != text:
        raise Refused("not a UTC time with microseconds", rule="ledger entry")
    return at


def _require_body(entry_type: str, body: Mapping[str, Any]) -> None:
    if not isinstance(body, Mapping):
        raise Refused(f"the body of {entry_type} is not an object", rule="ledger entry")
    fields = BODY_FIELDS.get(entry_type, {})
    for name, kind in fields.items():
        if name not in body or not _fits(name, body[name], kind):
            raise Refused(f"the body of {entry_type} needs {name} ({kind.__name__})", rule="ledger entry")
    if "act" in fields and body["act"] not in ACTS:
        raise Refused(f"the act of {entry_type} is none of {', '.join(sorted(ACTS))}", rule="ledger entry")


def _fits(name: str, value: object, kind: type) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return isinstance(value, kind) and (value != "" or name in _MAY_BE_BLANK)
