"""Why the records of a collection go or stay: what was decided, by which rules, against which, and what breaking costs.

Read from the control database alone, so that the pages, which open no store, say the same as the command line. What
was decided is shown beside what would be decided today on the same labels; where the two differ, a person looks again.
"""

from dataclasses import dataclass, replace
from datetime import date

from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import PRECEDENCE, Decision, Disposition, Reason
from winddown.domain.disposition import Facts, decide
from winddown.domain.duties import dated_by, start_event
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding
from winddown.domain.inventory import CollectionRef, Inventory
from winddown.domain.label import Label, RecordClass
from winddown.domain.pack import Article
from winddown.domain.plan import Plan
from winddown.domain.rule import Rule
from winddown.stages.deployment import Deployment, today
from winddown.stages.labelled import customers_counted, facts_of
from winddown.stages.silent import silent_rules

# Who answers what stands in the way; a blocker names its own resolver.
_ANSWERED_BY = {
    "no-recipient": "liquidation_group",
    "hand-over-not-due": "liquidation_group",
    "service-running": "liquidation_group",
    "expired-backup": "database administrator",
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """One rule's part in a decision.

    Attributes:
        reason: what it said, and whether it prevailed.
        step: the sentence of the precedence step by which it won or lost, "" where none was needed.
        rule: None for a reason that cites no law, or for a rule that the rulebook no longer has.
        article: the article's whole words, where they are stored.
    """

    reason: Reason
    step: str
    rule: Rule | None
    article: Article | None


@dataclass(frozen=True, slots=True)
class Open:
    """A question that keeps records where they are, and who answers it."""

    code: str
    says: str
    answered_by: str


@dataclass(frozen=True, slots=True)
class LabelExplained:
    """Everything that speaks of the records of one label.

    Attributes:
        decision: what was decided; ``count`` is the number of records then.
        now: what would be decided today; None when it cannot be said without reading the stores again.
        changes: what of the outcome would be another today, in words; empty when nothing.
        spoken: the rules that took part, winners first.
        silent: rules that speak of such records and took no part, with the reason why.
        starts: each start of the label, with the rules that count from it.
        is_new: the label did not occur when the case was decided, so ``decision`` is today's.
    """

    decision: Decision
    now: Decision | None
    changes: tuple[str, ...]
    spoken: tuple[Spoken, ...]
    silent: tuple[Spoken, ...]
    questions: tuple[Open, ...]
    starts: tuple[tuple[str, str, tuple[str, ...]], ...]
    is_new: bool = False

    @property
    def winners(self) -> tuple[Spoken, ...]:
        """What decided."""
        return tuple(found for found in self.spoken if found.reason.prevails)

    @property
    def losers(self) -> tuple[Spoken, ...]:
        """What was outweighed."""
        return tuple(found for found in self.spoken if not found.reason.prevails)

    @property
    def penalties(self) -> tuple[Rule, ...]:
        """The rules that took part and whose breach the law punishes: the liability of this decision."""
        found = {one.rule.id: one.rule for one in self.spoken if one.rule is not None and one.rule.penalty is not None}
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the records of a collection go or stay, label by label.

    Attributes:
        source: the plan that decided, or "first" for the first look.
        approvals: who approved that plan.
        rulebook: the packs by which it is explained and would be decided today.
        decided_by: the packs by which it was decided; "" for the first look.
    """

    case: str
    collection: str
    source: str
    approvals: tuple[str, ...]
    as_of: date
    rulebook: str
    decided_by: str
    labels: tuple[LabelExplained, ...]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What was decided last, and on what."""

    decisions: tuple[Decision, ...]
    inventory: Inventory
    findings: tuple[Finding, ...]
    plan: Plan | None


def decided_collections(deployment: Deployment, case_id: str) -> tuple[CollectionRef, ...]:
    """The collections that the last decisions speak of; none before the first look."""
    if not deployment.control.plans(case_id) and "first" not in deployment.control.names(case_id, "decisions"):
        return ()
    return tuple(dict.fromkeys(found.collection for found in _ground(deployment, case_id).decisions))


def explain(deployment: Deployment, case_id: str, collection: CollectionRef) -> Explanation:
    """Explain the decisions on a collection; raises Refused before anything is decided, and for an unknown one."""
    case, ground = deployment.case(case_id), _ground(deployment, case_id)
    decisions = [found for found in ground.decisions if found.collection == collection]
    if not decisions:
        raise Refused(
            f"nothing is decided on a collection {collection} of case {case_id}",
            next_step="name one of " + ", ".join(sorted({str(found.collection) for found in ground.decisions})),
        )
    facts = _facts(deployment, case, ground, collection)
    plan = ground.plan
    return Explanation(
        case=case_id,
        collection=str(collection),
        source="first" if plan is None else plan.id,
        approvals=() if plan is None else tuple(row["person"] for row in deployment.control.approvals(plan.id)),
        as_of=today(deployment),
        rulebook=deployment.rulebook.name,
        decided_by="" if plan is None else ", ".join(name for name, _ in plan.rule_packs),
        labels=tuple(explain_label(deployment, facts, found) for found in decisions),
    )


def explain_one(deployment: Deployment, case_id: str, collection: CollectionRef, label: str) -> LabelExplained:
    """Explain the records of one label; of a label that is new since the decision, as it would be decided today."""
    case, ground = deployment.case(case_id), _ground(deployment, case_id)
    facts = _facts(deployment, case, ground, collection)
    decided = (found for found in ground.decisions if (found.collection, found.label) == (collection, label))
    decision = next(decided, None)
    if decision is None:
        if facts is None:
            raise Refused(f"nothing is known of a collection {collection} of case {case_id}")
        return replace(explain_label(deployment, facts, decide(facts, Label.parse(label), 1)), is_new=True)
    return explain_label(deployment, facts, decision)


def explain_label(deployment: Deployment, facts: Facts | None, decision: Decision) -> LabelExplained:
    """Explain one decision; without facts (the collection is gone) only by what was recorded."""
    label = Label.parse(decision.label)
    now = None if facts is None or not _is_current(facts, label) else decide(facts, label, decision.count)
    silent = [] if facts is None else silent_rules(facts, decision)
    spoken = sorted(decision.reasons, key=lambda found: not found.prevails)
    return LabelExplained(
        decision=decision,
        now=now,
        changes=() if now is None else changes(decision, now),
        spoken=tuple(_spoken(deployment, found) for found in spoken),
        silent=tuple(_spoken(deployment, found) for found in silent),
        questions=tuple(_questions(facts, now or decision)),
        starts=() if facts is None else starts(facts, label),
    )


def _is_current(facts: Facts, label: Label) -> bool:
    """Whether the label names every date that today's duties to keep count from; else records are labelled anew.

    Which records refer to others, only a plan says that reads the stores.
    """
    if label.record_class is RecordClass.REFERENCED:
        return False
    if facts.entry is None or label.record_class not in {RecordClass.CUSTOMER, RecordClass.MINOR, RecordClass.OTHER}:
        return True
    required = {found.event for found in dated_by(facts.rules, facts.entry, facts.case) if found.is_required}
    return required <= dict(label.starts).keys()


def starts(facts: Facts, label: Label) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Each event and month (or fiscal year) of a label, and the ids of the rules whose period counts from it."""
    return tuple(
        (event, when, tuple(rule.id for rule in facts.rules if rule.period and start_event(rule, facts.case) == event))
        for event, when in label.starts
    )


def changes(before: Decision, after: Decision) -> tuple[str, ...]:
    """How two decisions on the same records differ in what is done, in words."""
    return tuple(
        f"{name}: {_said(old)} → {_said(new)}"
        for name, old, new in (
            ("outcome", before.disposition.value, after.disposition.value),
            ("until", before.until, after.until),
            ("kept fields", _terms(before), _terms(after)),
            ("recipient", before.recipient, after.recipient),
            ("open question", before.is_open, after.is_open),
            ("at once", before.at_once, after.at_once),
        )
        if old != new
    )


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value else "none"


def _terms(decision: Decision) -> str:
    """The kept fields; the last day only of those that are kept for another time than the whole."""
    return "; ".join(
        ", ".join(term.fields) + ("" if term.until == decision.until else f" until {term.until or 'no end'}")
        for term in decision.terms
    )


def _ground(deployment: Deployment, case_id: str) -> _Ground:
    control = deployment.control
    plans = control.plans(case_id)
    plan = control.plan(plans[-1]) if plans else None
    decisions = plan.decisions if plan else control.require(
        case_id, "decisions", "first", type_=tuple[Decision, ...]
    )  # fmt: skip
    inventory: Inventory | None = control.get(case_id, "inventory", plan.wave if plan else "first", type_=Inventory)
    findings: tuple[Finding, ...] | None = control.get(case_id, "findings", "findings", type_=tuple[Finding, ...])
    return _Ground(decisions, inventory or Inventory((), ()), findings or (), plan)


def _facts(deployment: Deployment, case: Case, ground: _Ground, ref: CollectionRef) -> Facts | None:
    """The facts as of today, as far as the control database knows them; None for a collection that is not there."""
    collection = ground.inventory.collection(ref)
    if collection is None:
        return None
    return facts_of(
        case,
        ground.inventory,
        ground.findings,
        deployment.rulebook,
        collection=collection,
        as_of=today(deployment),
        holds=deployment.control.holds(case.id),
        persons=customers_counted(case, ground.inventory),
    )


def _spoken(deployment: Deployment, reason: Reason) -> Spoken:
    rule = deployment.rulebook.rules.get(reason.rule)
    article = None if rule is None else deployment.rulebook.article(rule)
    return Spoken(reason, PRECEDENCE.get(reason.step, ""), rule, article)


def _questions(facts: Facts | None, decision: Decision) -> list[Open]:
    """What is open: of what is blocked each reason that cites no law, of what is stored meanwhile what counsel says."""
    blockers: tuple[Blocker, ...] = () if facts is None else facts.blockers
    resolvers = {found.code: found.resolver for found in blockers}
    if decision.disposition is Disposition.BLOCKED:
        return [
            Open(found.rule, found.says, _answered_by(found, resolvers)) for found in decision.reasons if found.prevails
        ]
    if decision.is_open:
        return [
            Open(found.rule, found.says, "counsel")
            for found in decision.reasons
            if found.prevails and found.step in {"P4", "P6"} and "counsel" in found.says
        ]
    return []


def _answered_by(reason: Reason, resolvers: dict[str, str]) -> str:
    if reason.rule in resolvers:
        return resolvers[reason.rule]
    if reason.step == "P7" and reason.rule != "no-date-field":
        return "a named officer"
    return _ANSWERED_BY.get(reason.rule, "steward")
