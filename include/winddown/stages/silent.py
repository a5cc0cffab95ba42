"""Rules that speak of a collection's records and took no part in a decision, each with the reason why not."""

from winddown.domain.decision import Decision, Disposition, Reason
from winddown.domain.deletion import is_promise
from winddown.domain.disposition import Facts
from winddown.domain.duties import CHILD, is_child, start_event, start_of
from winddown.domain.label import Label
from winddown.domain.rule import Rule, RuleKind
from winddown.domain.verdict import reason_of

_DELETES = {RuleKind.MUST_DELETE, RuleKind.MUST_DELETE_OR_ANONYMISE}
_WEIGHED = {
    RuleKind.MIN_RETENTION,
    RuleKind.MIN_THEN_DELETE,
    RuleKind.MAX_RETENTION,
    RuleKind.MUST_HANDOVER,
    RuleKind.LEGAL_HOLD,
    RuleKind.ADVISORY_HOLD,
    *_DELETES,
}
"""Kinds that may decide whether a record goes or stays; clocks and transfers are shown where they are checked."""


def silent_rules(facts: Facts, decision: Decision) -> list[Reason]:
    """The matching rules that the decision does not name, by id."""
    named = {reason.rule for reason in decision.reasons}
    label = Label.parse(decision.label)
    found = []
    for rule in sorted(facts.rules, key=lambda one: one.id):
        if rule.kind not in _WEIGHED or rule.id in named:
            continue
        says, step = _why_not(rule, facts, label, decision)
        found.append(reason_of(rule, says, prevails=False, step=step))
    return found


def _why_not(rule: Rule, facts: Facts, label: Label, decision: Decision) -> tuple[str, str]:
    if decision.disposition is Disposition.HELD:
        return "a legal hold covers the record, so nothing else is weighed", "P1"
    if rule.kind is RuleKind.LEGAL_HOLD:
        return "no hold that is in force covers these records", ""
    if CHILD in rule.data_category and not is_child(label):
        return "these persons are not known to have been under 14 when the service stopped", ""
    if decision.disposition is Disposition.BLOCKED:
        return "it is weighed when what is missing has been supplied", ""
    if decision.disposition is Disposition.HAND_OVER:
        return "the recipient keeps it; here it is neither kept nor due", "P2"
    return _by_start(rule, facts, label)


def _by_start(rule: Rule, facts: Facts, label: Label) -> tuple[str, str]:
    if rule.kind is RuleKind.ADVISORY_HOLD:
        return "somebody may ask for the record in this time; that is no duty to keep it", ""
    event = start_event(rule, facts.case)
    start = None if event is None else start_of(rule, facts, label)
    if start is None:
        return f"{event or rule.start_event} is not dated for these records", ""
    if rule.kind is RuleKind.MAX_RETENTION and rule.period is not None:
        end = rule.period.add_to(start)
        if end >= facts.as_of:
            return f"it asks for nothing before its longest time ends on {end}", "P8" if is_promise(rule) else ""
        return f"its longest time ended on {end}", "P8" if is_promise(rule) else ""
    if rule.kind in _DELETES and rule.period is not None and rule.period.add_to(start) > facts.as_of:
        return f"it asks for deletion from {rule.period.add_to(start)}", ""
    return "its trigger has not come, or another duty of the same kind was enough", ""
