"""What must be kept, by which authority and until when; what would keep more or less is weighed against it."""

from collections.abc import Iterable, Sequence
from datetime import date

from winddown.domain.case import RegisterEntry
from winddown.domain.decision import Disposition, Reason, Term, stop
from winddown.domain.deletion import Deletion, deletion, is_promise, maxima, personal_fields
from winddown.domain.duties import CHILD, EVERY_RECORD, Authority, Duty, Facts, terms
from winddown.domain.inventory import Medium
from winddown.domain.label import Label
from winddown.domain.minimise import TOKEN
from winddown.domain.rule import WHOLE_RECORD, Rule, RuleKind
from winddown.domain.verdict import WHOLE_OBJECT, Verdict, blocked, reason_of

CUSTODIAN = "custodian"  # recipient of hand-over duties for which the law names nobody
STORAGE_ONLY = "DEL-PIPL-47-HOLD"
_SHORTEST = "RET-PIPL-19"


def heeded(facts: Facts, found: Iterable[Duty]) -> tuple[list[Duty], list[Reason]]:
    """The duties without those that counsel says do not stand, and a line for each that was set aside or could not."""
    left, said = [], []
    for duty in found:
        opinion = facts.case.opinion(duty.rule.id, facts.collection.ref)
        if opinion is None or opinion.keeps:
            left.append(duty)
        elif duty.authority is Authority.STATUTE:
            left.append(duty)
            said.append(reason_of(duty.rule, "counsel's opinion cannot set a law aside", prevails=False, step="P3"))
        else:
            says = f"counsel's opinion of {opinion.given_on}: it does not stand against deletion"
            said.append(reason_of(duty.rule, says, prevails=False, step="P4"))
    return left, said


def lapsed_reason(duty: Duty) -> Reason:
    """Say of a duty whose period has ended that it has."""
    return reason_of(duty.rule, f"its period ended on {duty.end}", prevails=False)


def keep(facts: Facts, label: Label, entry: RegisterEntry, standing: Sequence[Duty]) -> Verdict:
    """Storage-only: the needed fields for the custodian, each for its longest duty; the rest goes."""
    kept = terms(facts, standing)
    missing = incomplete(facts, standing)
    if missing:
        return blocked(*missing)
    duty = deletion(facts, label)
    if duty.obstacles:
        return blocked(*duty.obstacles)
    needed = tuple(name for term in kept for name in term.fields)
    is_whole = any(WHOLE_RECORD in found.needs for found in standing)
    if facts.collection.medium is Medium.OBJECTS and is_whole:
        needed, kept = (WHOLE_OBJECT,), (Term(kept[0].until if kept else _longest(standing), (WHOLE_OBJECT,)),)
    in_place = entry.custody == "in_place" or needed == (WHOLE_OBJECT,)
    verdict = Verdict(Disposition.STORE_ONLY, terms=kept, until=kept[0].until, needed=needed, in_place=in_place)
    verdict.reasons += kept_because(standing, kept[0].until)
    verdict.reasons.append(
        reason_of(facts.rulebook.rule(STORAGE_ONLY), "until then only storage and protection are allowed")
    )
    verdict.reasons += [
        reason_of(rule, "it is no longer collected or used")
        for rule in facts.rules
        if rule.kind is RuleKind.STOP_PROCESSING and entry.categories.intersection(rule.data_category)
    ]
    if not is_whole:
        minimise = f"every personal field but {', '.join(needed)} is not needed for it"
        verdict.reasons.append(reason_of(facts.rulebook.rule(_SHORTEST), minimise, step="P5"))
    verdict.reasons += duty.reasons[:1]
    _keep_in_part(facts, verdict, is_whole=is_whole)
    if not in_place:
        archives = [rule for rule in hand_overs(facts, entry) if rule.recipient == CUSTODIAN]
        verdict.reasons += [reason_of(rule, "on termination it goes to the custodian") for rule in archives]
        verdict.reasons += notice(facts, facts.case.custodian.organisation)
    if duty.is_childs and not is_whole:
        verdict.at_once = True
        verdict.reasons += [_child_reason(reason) for reason in _childs(duty, facts)]
    return verdict


def _keep_in_part(facts: Facts, verdict: Verdict, *, is_whole: bool) -> None:
    """Note what stays of fields that the register speaks of, and why.

    A duty that needs the whole record needs every field as it is. What is sealed is sealed as it is, too: until it
    goes, only a token may stand in a field that is not needed.
    """
    asked = _asked_in_part(facts)
    rule = facts.rulebook.rule(_SHORTEST)
    if is_whole:
        if asked:
            says = f"the register asks to keep less of {_named(asked)}, but the duty needs the whole record"
            verdict.reasons.append(reason_of(rule, says, prevails=False, step="P5"))
        return
    verdict.in_part = (
        asked
        if verdict.in_place
        else tuple((field, form) for field, form in tokens(facts) if field not in verdict.needed)
    )
    if verdict.in_part:
        says = f"the register says what stays of {_named(verdict.in_part)}"
        verdict.reasons.append(reason_of(rule, says, step="P5"))


def tokens(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Personal fields in which a token is to stand: what stays where no duty needs anything of a value."""
    return tuple((field, form) for field, form in _asked_in_part(facts) if form == TOKEN)


def _asked_in_part(facts: Facts) -> tuple[tuple[str, str], ...]:
    personal = set(personal_fields(facts.findings))
    return () if facts.entry is None else tuple(pair for pair in facts.entry.minimise if pair[0] in personal)


def _named(forms: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{field} ({form})" for field, form in forms)


def _longest(standing: Sequence[Duty]) -> date | None:
    ends = [duty.end for duty in standing]
    return None if None in ends else max(end for end in ends if end)


def incomplete(facts: Facts, standing: Sequence[Duty]) -> list[Reason]:
    """An archive that lacks what proves the transaction must not take the source's place."""
    present = set(facts.collection.field_names())
    elements = () if facts.entry is None else facts.entry.elements
    mapped = {element for field, element in elements if field in present}
    for duty in standing:
        if WHOLE_RECORD in duty.needs:
            continue
        missing = sorted(set(duty.rule.core) - mapped)
        if not missing and not mapped.intersection(duty.needs):
            missing = sorted(duty.needs)
        if missing:
            says = f"no field is registered for {', '.join(missing)}, which {duty.rule.id} needs; the steward maps them"
            return [stop("no-elements", says, step="P5")]
    return []


def kept_because(standing: Sequence[Duty], until: date | None) -> list[Reason]:
    """One reason for each duty, the longest first; those that end on ``until`` prevail."""
    return [
        reason_of(
            duty.rule,
            f"must be kept {_until(duty)}; stands against deletion: {duty.authority}",
            prevails=duty.end == until,
            step="P3" if duty.authority is Authority.STATUTE else "P4",
        )
        for duty in sorted(standing, key=lambda found: (found.end is None, found.end or date.max), reverse=True)
    ]


def _until(duty: Duty) -> str:
    if duty.end is not None:
        return f"until {duty.end} ({duty.rule.period} from {duty.start})"
    if duty.rule.period is not None:
        return f"for {duty.rule.period} from {duty.rule.start_event}, whose date nobody knows"
    return f"until {duty.rule.until_event}" if duty.rule.until_event else "for ever"


def weigh(facts: Facts, label: Label, verdict: Verdict, standing: Sequence[Duty], arguable: Sequence[Duty]) -> None:
    """Set what is kept against what would keep more, and what would keep less; ask where the law does not say."""
    for duty in arguable:
        if any(_covers(found, duty) for found in standing):
            verdict.reasons.append(reason_of(duty.rule, f"{_until(duty)}: a longer duty covers it", prevails=False))
            continue
        verdict.is_open = True
        verdict.at_once = False  # what it may need is not emptied before counsel has answered
        verdict.reasons.append(_question(duty.rule, "keeping more or longer for it is only arguable"))
    is_statutory = any(duty.authority is Authority.STATUTE for duty in standing)
    for rule, end in maxima(facts, label):
        if is_promise(rule) and is_statutory:
            says = f"the company promised to delete by {end}; a law's minimum goes before a promise"
            verdict.reasons.append(reason_of(rule, says, prevails=False, step="P8"))
        else:
            _against(facts, verdict, rule, f"its longest time ended on {end}, and a minimum still runs")
    for reason in deletion(facts, label).reasons:
        rule = facts.rulebook.rule(reason.rule)
        if CHILD in rule.data_category:
            _against(facts, verdict, rule, "children's information must go, and a minimum still runs")


def _covers(standing: Duty, duty: Duty) -> bool:
    """Whether a standing duty keeps at least as long everything that the other one needs."""
    is_longer = standing.end is None or (duty.end is not None and duty.end <= standing.end)
    return is_longer and (WHOLE_RECORD in standing.needs or duty.needs <= standing.needs)


def _against(facts: Facts, verdict: Verdict, rule: Rule, says: str) -> None:
    """A duty to delete against a duty to keep: counsel's answer decides, and without one the records wait (P6)."""
    opinion = facts.case.opinion(rule.id, facts.collection.ref)
    if opinion is not None and opinion.keeps:
        answer = f"{says}; counsel's opinion of {opinion.given_on}: what the minimum needs is kept"
        verdict.reasons.append(reason_of(rule, answer, prevails=False, step="P6"))
        return
    verdict.is_open = True
    verdict.reasons.append(_question(rule, says, step="P6"))


def _question(rule: Rule, says: str, *, step: str = "P4") -> Reason:
    ask = f"{says}; it is only stored until counsel says and the case file shows it under opinions"
    return reason_of(rule, ask, step=step)


def passed_promises(facts: Facts, label: Label) -> list[Reason]:
    """The company's promises that have passed: they shorten what is only arguably kept, which counsel should know."""
    return [
        reason_of(rule, f"the company promised to delete by {end}", prevails=False, step="P8")
        for rule, end in maxima(facts, label)
        if is_promise(rule)
    ]


def ask(facts: Facts, arguable: Sequence[Duty], others: Sequence[Reason]) -> Verdict:
    """What is only arguably kept is stored undivided while counsel is asked, and never erased (P4)."""
    reasons = [_question(duty.rule, f"keeping it {_until(duty)} is only arguable here") for duty in arguable]
    reasons.append(reason_of(facts.rulebook.rule(STORAGE_ONLY), "meanwhile only storage and protection are allowed"))
    whole = (WHOLE_OBJECT,)
    return Verdict(
        Disposition.STORE_ONLY,
        [*reasons, *others],
        terms=(Term(None, whole),),
        needed=whole,
        in_place=True,
        is_open=True,
    )


def of_others(running: Sequence[Duty], others: Sequence[Reason]) -> Verdict:
    """Records about others than customers stay where they are: what duties ask is shown, a steward decides the rest."""
    if not running:
        says = "its records are not about customers; what becomes of them, a steward decides"
        return blocked(stop("not-customers", says), *others)
    until = _longest(running)
    whole = (WHOLE_OBJECT,)
    return Verdict(
        Disposition.STORE_ONLY,
        [*kept_because(running, until), *others],
        terms=(Term(until, whole),),
        until=until,
        needed=whole,
        in_place=True,
        is_open=any(duty.authority is Authority.ARGUABLE for duty in running),
    )


def hand_overs(facts: Facts, entry: RegisterEntry) -> list[Rule]:
    """The duties to hand the records of an entry over."""
    return [
        rule
        for rule in facts.rules
        if rule.kind is RuleKind.MUST_HANDOVER and (entry.categories | {EVERY_RECORD}).intersection(rule.data_category)
    ]


def notice(facts: Facts, receiver: str) -> list[Reason]:
    """What is owed when a receiver gets personal information because the company ends."""
    return [
        reason_of(facts.rulebook.rule("HO-PIPL-22"), f"handed to {receiver} after notice"),
        reason_of(facts.rulebook.rule("HO-NDSR-14"), "the recipient goes on protecting it"),
    ]


def _childs(duty: Deletion, facts: Facts) -> list[Reason]:
    return [reason for reason in duty.reasons if CHILD in facts.rulebook.rule(reason.rule).data_category]


def _child_reason(reason: Reason) -> Reason:
    return Reason(
        reason.rule, reason.citation, "a child's fields that the voucher does not need go at once", prevails=True
    )
