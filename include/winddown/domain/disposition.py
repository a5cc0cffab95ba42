"""Decides what becomes of the records of one label, from facts and rules, and says why. Pure: no I/O, no clock.

Precedence: hold, then what is not decidable, then a statutory minimum (storage-only), then the duty to delete. Erasing
is the outcome of a cited rule for confirmed personal information of customers, never a default.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case, RegisterEntry
from winddown.domain.decision import Decision, Disposition, Reason
from winddown.domain.event import NOT_STATED
from winddown.domain.finding import Finding, Status
from winddown.domain.hold import LegalHold
from winddown.domain.inventory import Collection, Medium
from winddown.domain.label import Label, RecordClass
from winddown.domain.pack import Rulebook
from winddown.domain.rule import Override, Rule, RuleKind

WHOLE_OBJECT = "*"  # needed_fields of a record that is kept as it is, undivided
# Without these a voucher proves nothing; an archive that lacks one must not take the source's place.
_VOUCHER_CORE = frozenset({"voucher_number", "voucher_date", "amount"})
_COMPANY_OWN = "company_own"
_BACKUP = "backup"
_CHILD_RULE = "DEL-CHILD-23"
_HELD = {
    RecordClass.HELD: "the record, or one that refers to it, is under a legal hold; it stays with every field",
    RecordClass.HELD_WHOLE: "no record of it can be tied to a person, so a legal hold covers all of these",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one collection when it is decided."""

    case: Case
    collection: Collection
    entry: RegisterEntry | None
    findings: tuple[Finding, ...]
    blockers: tuple[Blocker, ...]
    rulebook: Rulebook
    as_of: date
    holds: tuple[LegalHold, ...] = ()


def decide(facts: Facts, label: Label, count: int) -> Decision:
    """Return the decision for the records of one label of one collection."""
    held = _held(facts, label)
    if held is not None:
        return _decision(facts, label, count, Disposition.HELD, held)
    blocked = _undecidable(facts, label)
    if blocked is not None:
        return _decision(facts, label, count, Disposition.BLOCKED, blocked)
    entry = facts.entry
    assert entry is not None  # noqa: S101 - an unregistered collection is undecidable
    if entry.category == _BACKUP:
        return _backup(facts, label, count, entry)
    keeping = _keeping_rules(facts, entry)
    if keeping:
        return _keep(facts, label, count, entry, keeping)
    return _erase(facts, label, count)


def personal_fields(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Fields that are known to hold personal information, embedded in text included."""
    return tuple(finding.field for finding in findings if finding.is_personal)


def _held(facts: Facts, label: Label) -> tuple[Reason, ...] | None:
    says = _HELD.get(label.record_class)
    if says is None:
        return None
    rule = facts.rulebook.rule("HOLD-PRECEDENCE")
    statutory = [hold for hold in facts.holds if hold.ground.is_statutory]
    private = [hold for hold in facts.holds if not hold.ground.is_statutory]
    reasons = [_reason(rule, f"{says}; {hold.says(facts.as_of)}") for hold in statutory]
    reasons += [Reason("private-dispute", "", f"{says}; {hold.says(facts.as_of)}", prevails=True) for hold in private]
    return tuple(reasons) or (_reason(rule, says),)


def _undecidable(facts: Facts, label: Label) -> tuple[Reason, ...] | None:
    reasons = [
        Reason(found.code, "", f"{found.explanation}; {found.resolver}: {found.next_step}", prevails=True)
        for found in facts.blockers
    ]
    if facts.entry is None:
        reasons.append(
            _stop("unregistered-collection", "nobody declared what it is for; a steward registers its purpose")
        )
    elif facts.entry.category == _COMPANY_OWN:
        reasons.append(_stop("company-own", "not customers' information; what becomes of it, a steward decides"))
    elif facts.entry.category == _BACKUP and facts.entry.backup is None:
        reasons.append(
            _stop("undeclared-backup", "nobody said of what it is a backup and when it expires; a steward does")
        )
    by_class = {
        RecordClass.UNTIED: ("untied-record", "no person can be named for it; a steward ties it or decides"),
        RecordClass.UNKNOWN: ("unknown-subject", "its subject is missing or is no known customer; a steward decides"),
        RecordClass.UNDATED: (
            "undated-record",
            "it has no date from which its duty could count; a steward supplies one",
        ),
    }
    is_whole = label.record_class is RecordClass.WHOLE
    if is_whole and facts.entry is not None and facts.entry.category not in {_COMPANY_OWN, _BACKUP}:
        reasons.append(_stop("untied-record", "it was not tied to persons; a steward ties it or decides"))
    if label.record_class in by_class:
        reasons.append(_stop(*by_class[label.record_class]))
    reasons += [
        _stop(
            "ambiguous-field",
            f"field {found.field}: {'; '.join(found.reasons + found.counter_evidence)}; a steward answers",
        )
        for found in facts.findings
        if found.status in {Status.AMBIGUOUS, Status.HEADER_ONLY} and label.record_class is not RecordClass.WHOLE
    ]
    return tuple(reasons) or None


def _backup(facts: Facts, label: Label, count: int, entry: RegisterEntry) -> Decision:
    assert entry.backup is not None  # noqa: S101 - the caller asked
    if entry.backup.expires_on < facts.as_of:
        expired = _stop("expired-backup", f"it expired on {entry.backup.expires_on} and is still there; remove it")
        return _decision(facts, label, count, Disposition.BLOCKED, (expired,))
    rule = facts.rulebook.rule("DEL-PIPL-47-HOLD")
    says = (
        f"single records cannot be removed from a backup of {entry.backup.of}; it is only stored "
        f"until it expires on {entry.backup.expires_on}"
    )
    return _decision(
        facts,
        label,
        count,
        Disposition.STORE_ONLY,
        (_reason(rule, says),),
        needed=(WHOLE_OBJECT,),
        until=entry.backup.expires_on,
        in_place=True,
    )


def _keeping_rules(facts: Facts, entry: RegisterEntry) -> tuple[Rule, ...]:
    return tuple(
        rule
        for rule in facts.rulebook.in_force(facts.as_of)
        if rule.kind is RuleKind.MIN_RETENTION and entry.category in rule.data_category
    )


def _keep(facts: Facts, label: Label, count: int, entry: RegisterEntry, rules: tuple[Rule, ...]) -> Decision:
    questions = _open_questions(facts, label, rules)
    if questions:
        return _decision(facts, label, count, Disposition.BLOCKED, questions)
    ends = [
        (rule.period.add_to(start) - timedelta(days=1), rule)
        for rule in rules
        if rule.period is not None and (start := _start(facts, rule, label)) is not None
    ]
    until = max(end for end, _ in ends)
    if until < facts.as_of:
        lapsed = tuple(_reason(rule, f"its period ended on {end}", prevails=False) for end, rule in ends)
        return _erase(facts, label, count, lapsed)
    needs = {element for _, rule in ends for element in rule.needs}
    needed = tuple(field for field, element in entry.elements if element in needs)
    mapped = {element for _, element in entry.elements}
    if not mapped >= _VOUCHER_CORE:
        missing = _stop(
            "no-elements",
            f"no field is registered for {', '.join(sorted(_VOUCHER_CORE - mapped))}, which the duty needs; "
            "the steward maps them",
        )
        return _decision(facts, label, count, Disposition.BLOCKED, (missing,))
    reasons = [
        _reason(
            rule,
            f"must be kept until {end} ({rule.period} from {_start(facts, rule, label)}; "
            f"stands against deletion: {rule.overrides_deletion})",
            prevails=end == until,
        )
        for end, rule in sorted(ends, key=lambda pair: pair[0], reverse=True)
    ]
    duty = _deletion_duty(facts)
    if not duty.citation:
        return _decision(facts, label, count, Disposition.BLOCKED, (duty,))
    minimise = f"every personal field but {', '.join(needed)} is not needed for it"
    reasons.append(
        _reason(facts.rulebook.rule("DEL-PIPL-47-HOLD"), "until then only storage and protection are allowed")
    )
    reasons.append(_reason(facts.rulebook.rule("RET-PIPL-19"), minimise))
    reasons.append(duty)
    if entry.custody != "in_place":
        reasons.append(
            _reason(facts.rulebook.rule("HO-PIPL-22"), f"handed to {facts.case.custodian.organisation} after notice")
        )
        reasons.append(_reason(facts.rulebook.rule("HO-NDSR-14"), "the recipient goes on protecting it"))
    at_once = _goes_at_once(facts, label)
    if at_once:
        reasons.append(_child(facts, "a child's fields that the voucher does not need go at once"))
    return _decision(
        facts,
        label,
        count,
        Disposition.STORE_ONLY,
        tuple(reasons),
        needed=needed,
        until=until,
        in_place=entry.custody == "in_place",
        at_once=at_once,
    )


def _open_questions(facts: Facts, label: Label, rules: tuple[Rule, ...]) -> tuple[Reason, ...]:
    """What a person has to answer before a keeping rule can be applied."""
    questions = []
    for rule in rules:
        if not rule.may_keep or rule.overrides_deletion is Override.NO:
            questions.append(
                _stop(rule.id, "keeping is only arguable here; counsel must say, and the register must show it")
            )
        elif _start(facts, rule, label) is not None:
            continue
        elif rule.start_event == NOT_STATED and all(found.rule != rule.id for found in facts.case.accepted_dates):
            questions.append(_stop(rule.id, "the text names no start; a named officer accepts a date in the case file"))
        else:
            questions.append(_stop("no-date-field", f"{rule.id} counts from a date that no registered field gives"))
    return tuple(questions)


def _start(facts: Facts, rule: Rule, label: Label) -> date | None:
    event = rule.start_event
    if event == NOT_STATED:
        accepted = next((found for found in facts.case.accepted_dates if found.rule == rule.id), None)
        if accepted is None:
            return None
        event = accepted.start_event
    if event == "day_after_fiscal_year_end" and label.fiscal_year is not None:
        month, day = facts.case.profile.fiscal_year_end
        return date(label.fiscal_year, month, day) + timedelta(days=1)
    return facts.case.timeline.on(event)


def _erase(facts: Facts, label: Label, count: int, lapsed: tuple[Reason, ...] = ()) -> Decision:
    duty = _deletion_duty(facts)
    if not duty.citation:
        return _decision(facts, label, count, Disposition.BLOCKED, (duty,))
    reasons = [duty, *lapsed]
    at_once = _goes_at_once(facts, label)
    if at_once:
        reasons.append(_child(facts, "the person was under 14 when the service stopped, so it goes at once"))
    return _decision(facts, label, count, Disposition.ERASE, tuple(reasons), at_once=at_once)


def _deletion_duty(facts: Facts) -> Reason:
    """The cited duty to delete confirmed personal information; without a citation, why there is none yet."""
    rule = facts.rulebook.rule("DEL-PIPL-47-2")
    stopped = facts.case.timeline.on(rule.start_event)
    if stopped is None or stopped > facts.as_of:
        return _stop("service-running", f"the duty to delete starts with {rule.start_event}, which has not happened")
    is_scan = facts.collection.medium is Medium.OBJECTS and facts.entry is not None
    if not is_scan and not personal_fields(facts.findings):
        return _stop("no-personal-information", "no field is confirmed as personal information; a steward answers")
    if not _destroys(rule, facts):
        return _stop(rule.id, "the rule is not verified or not in force, so nothing may be destroyed by it")
    fields = ", ".join(personal_fields(facts.findings))
    found = f"confirmed in {fields}" if fields else ""
    declared = "as a steward declared for these objects" if is_scan else ""
    what = ", and ".join(filter(None, (declared, found)))
    return _reason(rule, f"the service stopped on {stopped}; personal information {what}")


def _destroys(rule: Rule, facts: Facts) -> bool:
    return rule.may_destroy and rule.in_force(facts.as_of)


def _goes_at_once(facts: Facts, label: Label) -> bool:
    """Whether a child's record does not wait for the creditors: the rule that says so may destroy and is in force."""
    return label.record_class is RecordClass.MINOR and _destroys(facts.rulebook.rule(_CHILD_RULE), facts)


def _child(facts: Facts, says: str) -> Reason:
    return _reason(facts.rulebook.rule(_CHILD_RULE), says)


def _reason(rule: Rule, says: str, *, prevails: bool = True) -> Reason:
    return Reason(rule.id, rule.basis.citation, says, prevails=prevails)


def _stop(code: str, says: str) -> Reason:
    return Reason(code, "", says, prevails=True)


def _decision(
    facts: Facts,
    label: Label,
    count: int,
    disposition: Disposition,
    reasons: tuple[Reason, ...],
    *,
    needed: tuple[str, ...] = (),
    until: date | None = None,
    in_place: bool = False,
    at_once: bool = False,
) -> Decision:
    return Decision(
        collection=facts.collection.ref,
        label=str(label),
        count=count,
        disposition=disposition,
        reasons=reasons,
        needed_fields=needed,
        until=until,
        in_place=in_place,
        at_once=at_once,
    )
