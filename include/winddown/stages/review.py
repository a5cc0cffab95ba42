"""What the law's changes and the passing of time ask somebody to look at again. Reads; changes and decides nothing.

Rules that nobody has read again for longer than their pack asks, announced changes of rules that a case uses, duties
whose start nobody has dated, answers that were given to another text, and holds past their review.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from winddown.domain.case import Case, RegisterEntry
from winddown.domain.decision import Decision
from winddown.domain.duties import matching, start_event, subjects_of
from winddown.domain.errors import Refused
from winddown.domain.event import EVENTS, NOT_STATED, Scope
from winddown.domain.inventory import Inventory
from winddown.domain.pack import Rulebook, RulePack
from winddown.domain.rule import Rule, RuleKind
from winddown.stages.answers import outdated_answers
from winddown.stages.deployment import Deployment, today
from winddown.stages.labelled import customers_counted

# What a rule says is written where it is used; a clock's start is checked by `check`.
_COUNTED = {
    RuleKind.MIN_RETENTION,
    RuleKind.MIN_THEN_DELETE,
    RuleKind.MAX_RETENTION,
    RuleKind.MUST_HANDOVER,
    RuleKind.MUST_DELETE,
    RuleKind.MUST_DELETE_OR_ANONYMISE,
}


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to look at.

    Attributes:
        what: ``rule-not-reviewed``, ``pending-change``, ``start-not-accepted``, ``start-not-dated``,
            ``answer-to-another-text`` or ``hold-not-reviewed``.
        case: "" for what concerns a pack.
        subject: rule id, or hold id.
        says: one sentence, without personal data.
        who: who looks at it.
    """

    what: str
    case: str
    subject: str
    says: str
    who: str


def review(deployment: Deployment, case_ids: Iterable[str]) -> tuple[Due, ...]:
    """Everything that is due for the packs and for these cases."""
    as_of, book = today(deployment), deployment.rulebook
    found = [due for pack in book.packs for due in _unread(pack, as_of)]
    for case_id in case_ids:
        try:
            found += review_case(deployment, case_id)
        except Refused as refusal:
            found.append(Due("words-unknown", case_id, case_id, refusal.message, "liquidation group"))
    return tuple(found)


def review_case(deployment: Deployment, case_id: str) -> tuple[Due, ...]:
    """What is due in one case."""
    case, as_of, book = deployment.case(case_id), today(deployment), deployment.rulebook
    inventory: Inventory | None = deployment.control.get(case_id, "inventory", "first", type_=Inventory)
    subjects = subjects_of(case, book, customers_counted(case, inventory))
    used = _used(deployment, case, subjects, as_of)
    return (
        *_pending(case_id, book, used),
        *_undated(case, book, subjects, as_of),
        *_answered(deployment, case, book),
        *_held(deployment, case_id, as_of),
    )


def review_lines(found: tuple[Due, ...]) -> Iterator[str]:
    """The same in words, one line each; one line when nothing is due."""
    if not found:
        yield "nothing is due for review"
    for due in found:
        where = f"{due.case}: " if due.case else ""
        yield f"{where}{due.what} {due.subject}: {due.says}; {due.who}"


def _unread(pack: RulePack, as_of: date) -> Iterator[Due]:
    if pack.review_every is None:
        says = "its pack.yaml does not say how often its rules are read again (review_every)"
        yield Due("rule-not-reviewed", "", pack.id, says, "who keeps the pack")
        return
    for rule in sorted(pack.rules.values(), key=lambda one: (one.reviewed_on, one.id)):
        due_on = pack.review_every.add_to(rule.reviewed_on)
        is_history = rule.basis.effective_to is not None and rule.basis.effective_to < as_of
        if due_on < as_of and not is_history:
            says = f"read on {rule.reviewed_on}, due again on {due_on}"
            yield Due("rule-not-reviewed", "", rule.id, says, "who keeps the pack")


def _pending(case_id: str, book: Rulebook, used: frozenset[str]) -> Iterator[Due]:
    for pack in book.packs:
        for change in pack.pending:
            touched = sorted(used.intersection(change.affects))
            if touched:
                says = f"{change.title} ({change.status}) would change {', '.join(touched)}: {change.effect}"
                yield Due("pending-change", case_id, change.id, says, "counsel")


def _undated(case: Case, book: Rulebook, subjects: frozenset[str], as_of: date) -> Iterator[Due]:
    """Rules that speak of a registered collection and count from a day that nothing gives."""
    missing: dict[tuple[str, str], list[str]] = {}
    rules: dict[str, Rule] = {}
    for entry in case.register:
        for rule in matching(book, entry, subjects, as_of):
            if rule.kind in _COUNTED and entry.categories.intersection(rule.data_category):
                event = start_event(rule, case)
                if event is None or not _is_dated(event, entry, case):
                    rules[rule.id] = rule
                    missing.setdefault((rule.id, event or NOT_STATED), []).append(str(entry.collection))
    for (rule_id, event), collections in sorted(missing.items()):
        where = ", ".join(sorted(collections))
        if event == NOT_STATED:
            offered = rules[rule_id].default_start_event or "a start"
            says = f"its text names no start; {offered} is not accepted ({where})"
            yield Due("start-not-accepted", case.id, rule_id, says, "a named officer")
        elif EVENTS[event] in {Scope.CASE, Scope.DECISION}:
            says = f"it counts from {event}, which is not in the timeline ({where})"
            yield Due("start-not-dated", case.id, rule_id, says, "liquidation group")
        else:
            says = f"it counts from {event}, which no field of the register and no event dates ({where})"
            yield Due("start-not-dated", case.id, rule_id, says, "steward")


def _is_dated(event: str, entry: RegisterEntry, case: Case) -> bool:
    scope = EVENTS[event]
    if scope is Scope.FISCAL_YEAR:
        return bool(entry.dated_by)
    if scope is Scope.DECISION:
        return True  # the rule speaks when something is decided; it counts from no day
    return bool(entry.date_field(event)) or case.timeline.on(event) is not None


def _answered(deployment: Deployment, case: Case, book: Rulebook) -> Iterator[Due]:
    for answer in outdated_answers(deployment, case, book):
        is_there = answer.rule in book.rules
        why = "the rule's text is not the one that was answered" if is_there else "no pack has the rule any more"
        yield Due("answer-to-another-text", case.id, answer.rule, f"{answer.what}: {why}", answer.by)


def _held(deployment: Deployment, case_id: str, as_of: date) -> Iterator[Due]:
    for hold in deployment.control.holds(case_id):
        if hold.review_on < as_of:
            says = f"it was to be reviewed on {hold.review_on}; it holds until it is released"
            yield Due("hold-not-reviewed", case_id, hold.id, says, hold.steward)


def _used(deployment: Deployment, case: Case, subjects: frozenset[str], as_of: date) -> frozenset[str]:
    """Rules that the last decisions name, and those that speak of a registered collection."""
    control, book = deployment.control, deployment.rulebook
    plans = control.plans(case.id)
    first: tuple[Decision, ...] | None = control.get(case.id, "decisions", "first", type_=tuple[Decision, ...])
    decisions = control.plan(plans[-1]).decisions if plans else first or ()
    named = {reason.rule for decision in decisions for reason in decision.reasons}
    return frozenset(named | {rule.id for entry in case.register for rule in matching(book, entry, subjects, as_of)})
