"""What cannot be decided yet: each reason says what is missing and who can supply it."""

from winddown.domain.case import RegisterEntry
from winddown.domain.decision import Reason, stop
from winddown.domain.duties import Facts
from winddown.domain.finding import Status
from winddown.domain.label import Label, RecordClass
from winddown.domain.rule import RuleKind

COMPANY_OWN = "company_own"
BACKUP = "backup"
WHOLE_CATEGORIES = (COMPANY_OWN, BACKUP)
GENERAL_CATEGORIES = frozenset(
    (
        "customer_profile",
        "customer_contact",
        "customer_service",
        "analytics_copy",
        "identity_scan",
        COMPANY_OWN,
        BACKUP,
    )
)
"""Categories of the register that no special rule speaks of: what customers gave, and what is not theirs."""
_UNDECIDED_CLASSES = {
    RecordClass.UNTIED: ("untied-record", "no person can be named for it; a steward ties it or decides"),
    RecordClass.UNKNOWN: ("unknown-subject", "its subject is missing or is no known customer; a steward decides"),
    RecordClass.PLACEHOLDER: (
        "placeholder-date",
        "its duty would count from a placeholder (1900-01-01 or the like), nobody's date; a steward supplies one",
    ),
    RecordClass.UNDATED: ("undated-record", "it has no date from which its duty could count; a steward supplies one"),
    RecordClass.REFERENCED: (
        "referenced-record",
        "a record that stays refers to it; a steward resolves what keeps that one",
    ),
}


def undecided(facts: Facts, label: Label) -> tuple[Reason, ...]:
    """Every reason why the records of a label cannot be decided; empty when they can."""
    blocked = [
        stop(found.code, f"{found.explanation}; {found.resolver}: {found.next_step}") for found in facts.blockers
    ]
    return (*blocked, *_unregistered(facts), *_unclassed(facts, label), *_ambiguous(facts, label))


def _unregistered(facts: Facts) -> list[Reason]:
    entry = facts.entry
    if entry is None:
        return [stop("unregistered-collection", "nobody declared what it is for; a steward registers its purpose")]
    if entry.category == COMPANY_OWN:
        return [stop("company-own", "not customers' information; what becomes of it, a steward decides")]
    if entry.category == BACKUP and entry.backup is None:
        return [stop("undeclared-backup", "nobody said of what it is a backup and when it expires; a steward does")]
    unknown = sorted(entry.categories - GENERAL_CATEGORIES - facts.rulebook.categories)
    if unknown:
        # A mistyped category would match no duty to keep, and the records would go.
        return [stop("unknown-category", f"no rule knows the category {', '.join(unknown)}; a steward corrects it")]
    unbound = _without_sector(facts, entry)
    if unbound and entry.about == "customers":
        # A sector that was forgotten in the case file would cancel every duty that binds it.
        bound = f"duties to keep {', '.join(unbound)} bind other sectors than the case names"
        says = f"{bound}; the liquidation group adds the sector, or the steward registers a general category"
        return [stop("no-duty-for-sector", says)]
    return []


def _without_sector(facts: Facts, entry: RegisterEntry) -> list[str]:
    """The entry's categories that duties to keep in force speak of, and none of those binds the company."""
    keeping = [rule for rule in facts.rulebook.in_force(facts.as_of) if rule.keeps]
    named = {word for rule in keeping for word in rule.data_category}
    bound = {
        word for rule in facts.rules if rule.keeps or rule.kind is RuleKind.MUST_HANDOVER for word in rule.data_category
    }
    return sorted((entry.categories & named) - bound)


def _unclassed(facts: Facts, label: Label) -> list[Reason]:
    reasons = []
    is_whole = label.record_class is RecordClass.WHOLE
    if is_whole and facts.entry is not None and facts.entry.category not in WHOLE_CATEGORIES:
        reasons.append(stop("untied-record", "it was not tied to persons; a steward ties it or decides"))
    if label.record_class in _UNDECIDED_CLASSES:
        reasons.append(stop(*_UNDECIDED_CLASSES[label.record_class]))
    return reasons


def _ambiguous(facts: Facts, label: Label) -> list[Reason]:
    if label.record_class in {RecordClass.WHOLE, RecordClass.OTHER}:
        return []
    return [
        stop(
            "ambiguous-field",
            f"field {found.field}: {'; '.join(found.reasons + found.counter_evidence)}; a steward answers",
        )
        for found in facts.findings
        if found.status in {Status.AMBIGUOUS, Status.HEADER_ONLY}
    ]
