"""Decides what becomes of the records of one label, from facts and rules, and says why. Pure: no I/O, no clock.

The order is that of ``PRECEDENCE``: a hold; what is not decidable; what must be handed over; what must be kept, by law
or by a rule that a law provides for; what is only arguably kept, which is stored while counsel is asked; and the duty
to delete, which is a cited rule for confirmed personal information of customers, never a default.
"""

from collections.abc import Sequence

from winddown.domain.case import RegisterEntry
from winddown.domain.decision import Decision, Disposition, Reason, Term, stop
from winddown.domain.deletion import deletion, personal_fields
from winddown.domain.duties import Authority, Facts, duties, start_of, terms
from winddown.domain.inventory import Medium
from winddown.domain.keeping import (
    CUSTODIAN,
    STORAGE_ONLY,
    ask,
    hand_overs,
    heeded,
    incomplete,
    keep,
    kept_because,
    lapsed_reason,
    notice,
    of_others,
    passed_promises,
    tokens,
    weigh,
)
from winddown.domain.label import Label, RecordClass
from winddown.domain.rule import Rule
from winddown.domain.undecided import BACKUP, undecided
from winddown.domain.verdict import WHOLE_OBJECT, Verdict, blocked, reason_of

__all__ = ["WHOLE_OBJECT", "Facts", "decide", "personal_fields"]

_HOLD = "HOLD-PRECEDENCE"
_HELD = {
    RecordClass.HELD: "the record, or one that refers to it, is under a legal hold; it stays with every field",
    RecordClass.HELD_WHOLE: "no record of it can be tied to a person, so a legal hold covers all of these",
}


def decide(facts: Facts, label: Label, count: int) -> Decision:
    """Return the decision for the records of one label of one collection."""
    found = _verdict(facts, label)
    return Decision(
        collection=facts.collection.ref,
        label=str(label),
        count=count,
        disposition=found.disposition,
        reasons=tuple(found.reasons),
        needed_fields=found.needed,
        until=found.until,
        in_place=found.in_place,
        at_once=found.at_once,
        terms=found.terms,
        recipient=found.recipient,
        is_open=found.is_open,
        in_part=found.in_part,
    )


def _verdict(facts: Facts, label: Label) -> Verdict:
    held = _held(facts, label)
    if held:
        return Verdict(Disposition.HELD, held)
    missing = undecided(facts, label)
    if missing:
        return blocked(*missing)
    entry = facts.entry
    assert entry is not None  # noqa: S101 - an unregistered collection is undecidable
    if entry.category == BACKUP:
        return _backup(facts, entry)
    receiving = [
        rule for rule in hand_overs(facts, entry) if rule.recipient != CUSTODIAN or not _has_minimum(rule, facts)
    ]
    if receiving:
        return _hand_over(facts, label, receiving)
    return _keep_or_erase(facts, label, entry)


def _keep_or_erase(facts: Facts, label: Label, entry: RegisterEntry) -> Verdict:
    found, set_aside = heeded(facts, duties(facts, label))
    running = [duty for duty in found if not duty.is_over(facts.as_of)]
    lapsed = [lapsed_reason(duty) for duty in found if duty.is_over(facts.as_of)]
    questions = [duty.question for duty in running if duty.question]
    if questions:
        return blocked(*questions)
    if label.record_class is RecordClass.OTHER:
        return of_others(running, (*lapsed, *set_aside))
    if not running:
        return _erase(facts, label, entry, (*lapsed, *set_aside))
    standing = [duty for duty in running if duty.authority is not Authority.ARGUABLE]
    arguable = [duty for duty in running if duty.authority is Authority.ARGUABLE]
    if not standing:
        return ask(facts, arguable, (*lapsed, *set_aside, *passed_promises(facts, label)))
    verdict = keep(facts, label, entry, standing)
    if verdict.disposition is not Disposition.BLOCKED:
        verdict.reasons += [*lapsed, *set_aside]
        weigh(facts, label, verdict, standing, arguable)
    return verdict


# -- holds, backups, and what is missing -----------------------------------------------------------------------------


def _held(facts: Facts, label: Label) -> list[Reason]:
    """One reason for each hold that covers records of the label; a private dispute is no rule and cites none."""
    says = _HELD.get(label.record_class)
    if says is None:
        return []
    rule = facts.rulebook.rule(_HOLD)
    return [
        reason_of(rule, f"{says}; {hold.says(facts.as_of)}", step="P1")
        if hold.ground.is_statutory
        else Reason("private-dispute", "", f"{says}; {hold.says(facts.as_of)}", prevails=True, step="P1")
        for hold in facts.holds
    ] or [reason_of(rule, says, step="P1")]


def _backup(facts: Facts, entry: RegisterEntry) -> Verdict:
    assert entry.backup is not None  # noqa: S101 - an undeclared backup is undecidable
    expires_on = entry.backup.expires_on
    if expires_on < facts.as_of:
        return blocked(stop("expired-backup", f"it expired on {expires_on} and is still there; remove it"))
    says = (
        f"single records cannot be removed from a backup of {entry.backup.of}; it is only stored "
        f"until it expires on {expires_on}"
    )
    reasons = [reason_of(facts.rulebook.rule(STORAGE_ONLY), says)]
    whole = (Term(expires_on, (WHOLE_OBJECT,)),)
    return Verdict(
        Disposition.STORE_ONLY, reasons, terms=whole, until=expires_on, needed=(WHOLE_OBJECT,), in_place=True
    )


# -- what must be handed over ----------------------------------------------------------------------------------------


def _hand_over(facts: Facts, label: Label, rules: Sequence[Rule]) -> Verdict:
    """The recipient that the law names keeps it; the company's own copy goes after the receipt (P2)."""
    cited = [reason_of(rule, f"deleting it is the breach: {rule.recipient} receives it", step="P2") for rule in rules]
    obstacle = _hand_over_obstacle(facts, label, rules)
    if obstacle:
        return blocked(obstacle, *cited)
    (role,) = {rule.recipient for rule in rules}
    duty = deletion(facts, label)
    if duty.obstacles:
        return blocked(*duty.obstacles, *cited)
    receiver = facts.case.receiver(role)
    is_scan = facts.collection.medium is Medium.OBJECTS
    needed = (WHOLE_OBJECT,) if is_scan else tuple(facts.collection.field_names())
    # Other duties on the same records, e.g. a voucher's, are not the recipient's: the custodian gets what they need.
    passed = {word for rule in rules for word in rule.data_category}
    running = [found for found in duties(facts, label) if not found.is_over(facts.as_of)]
    own, set_aside = heeded(facts, [found for found in running if not passed.intersection(found.rule.data_category)])
    standing = [found for found in own if found.authority is not Authority.ARGUABLE]
    missing = [found.question for found in own if found.question] or incomplete(facts, standing)
    if missing:
        return blocked(*missing, *cited)
    verdict = Verdict(
        Disposition.HAND_OVER,
        [*cited, *notice(facts, receiver.organisation)],
        terms=(Term(None, needed, role), *(() if is_scan else terms(facts, standing))),
        needed=needed,
        recipient=role,
        in_place=is_scan,
    )
    verdict.reasons += [
        reason_of(found.rule, "the recipient goes on keeping it", prevails=False, step="P2")
        for found in running
        if passed.intersection(found.rule.data_category)
    ]
    verdict.reasons += [*kept_because(standing, None), *set_aside]
    verdict.reasons += duty.reasons[:1]
    if own:
        arguable = [found for found in own if found.authority is Authority.ARGUABLE]
        weigh(facts, label, verdict, standing, arguable)
    return verdict


def _hand_over_obstacle(facts: Facts, label: Label, rules: Sequence[Rule]) -> Reason | None:
    """Why records cannot be handed over now, or None."""
    roles = sorted({rule.recipient for rule in rules})
    if len(roles) > 1:
        says = f"{' and '.join(roles)} must receive the same records; counsel says which of them, and in which order"
        return stop("several-recipients", says, step="P2")
    (role,) = roles
    if role != CUSTODIAN and facts.case.recipient(role) is None:
        says = f"the case names no recipient of the kind {role}; the liquidation group names it"
        return stop("no-recipient", says, step="P2")
    if label.record_class is RecordClass.OTHER:
        says = "they are handed over, but nothing says that the company's own copy goes; a steward decides"
        return stop("not-customers", says)
    waiting = [rule for rule in rules if not _has_begun(rule, facts, label)]
    if waiting:
        return stop("hand-over-not-due", f"it is due with {waiting[0].start_event}", step="P2")
    return None


def _has_minimum(rule: Rule, facts: Facts) -> bool:
    """Whether a duty to keep speaks of the same records: then the custodian gets what it needs, while it runs."""
    return any(found.keeps and set(found.data_category).intersection(rule.data_category) for found in facts.rules)


def _has_begun(rule: Rule, facts: Facts, label: Label) -> bool:
    start = start_of(rule, facts, label)
    return start is not None and start <= facts.as_of


# -- what must go ----------------------------------------------------------------------------------------------------


def _erase(facts: Facts, label: Label, entry: RegisterEntry, others: Sequence[Reason]) -> Verdict:
    duty = deletion(facts, label)
    if duty.obstacles:
        return blocked(*duty.obstacles)
    outcome = Disposition.ERASE
    reasons = [*duty.reasons, *others]
    if entry.anonymise is not None and duty.may_anonymise:
        outcome = Disposition.ANONYMISE
    elif entry.anonymise is not None:
        says = "the register asks to anonymise, but no rule that names it as the alternative speaks of these records"
        reasons.append(Reason("no-anonymising", "", says, prevails=False))
    at_once = duty.is_childs and outcome is Disposition.ERASE
    return Verdict(outcome, reasons, at_once=at_once, in_part=tokens(facts) if at_once else ())
