"""Groups the labels of a collection that the same rules treat in the same way, so that each rule is explained once.

What differs within a group are dates: which year or month its records count from, and until when they are kept. Each
sentence that differs stays, with the labels that it is said of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from winddown.stages.explain import LabelExplained, Open, Spoken


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a rule says, and of which labels; ``labels`` is empty where it is said of all of them."""

    says: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alike:
    """Labels that are treated alike; ``first`` stands for all of them but for dates and numbers."""

    labels: tuple[LabelExplained, ...]

    @property
    def first(self) -> LabelExplained:
        """The first of them."""
        return self.labels[0]

    @property
    def count(self) -> int:
        """The number of records of all of them."""
        return sum(found.decision.count for found in self.labels)

    def sentences(self, group: str, index: int) -> tuple[Sentence, ...]:
        """What the rule at ``index`` of ``winners``, ``losers``, ``silent`` or ``questions`` says of each of them."""
        said: dict[str, list[str]] = {}
        for found in self.labels:
            says = _says(getattr(found, group)[index])
            said.setdefault(says, []).append(found.decision.label)
        if len(said) == 1:
            return tuple(Sentence(says, ()) for says in said)
        return tuple(Sentence(says, tuple(labels)) for says, labels in said.items())


def alike(labels: Sequence[LabelExplained]) -> tuple[Alike, ...]:
    """Put labels together that have the same outcome by the same rules; groups and labels stay in their order."""
    found: dict[tuple[object, ...], list[LabelExplained]] = {}
    for one in labels:
        found.setdefault(_treated(one), []).append(one)
    return tuple(Alike(tuple(members)) for members in found.values())


def _treated(found: LabelExplained) -> tuple[object, ...]:
    """Everything that is done to the records of a label and every rule that spoke, without dates."""
    decision = found.decision
    return (
        decision.disposition,
        decision.recipient,
        decision.is_open,
        decision.at_once,
        decision.in_place,
        tuple((term.fields, term.recipient, term.until is None) for term in decision.terms),
        found.now is None,
        tuple(change.partition(":")[0] for change in found.changes),
        tuple((one.reason.rule, one.reason.prevails, one.reason.step) for one in found.spoken),
        tuple((one.reason.rule, one.reason.step) for one in found.silent),
        tuple((one.code, one.answered_by) for one in found.questions),
        tuple((event, rules) for event, _, rules in found.starts),
    )


def _says(found: Spoken | Open) -> str:
    return found.says if isinstance(found, Open) else found.reason.says
