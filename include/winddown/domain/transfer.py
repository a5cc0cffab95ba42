"""Which path the law asks for when personal information goes abroad, from counts of natural persons.

Counts include the number itself, are per calendar year from 1 January, and count each person once (CAC Q&A of
2026-04-29). Deleting later does not lower what was provided before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from winddown.domain.pack import Rulebook
from winddown.domain.rule import Rule, RuleKind


@dataclass(frozen=True, slots=True)
class TransferPath:
    """The path of one transfer and the rule that gives it.

    Attributes:
        rule: id of the exemption or path; "" when none applies.
        needs_filing: an assessment, a standard contract or a certificate is needed; without its evidence it blocks.
    """

    transfer: str
    rule: str
    citation: str
    needs_filing: bool
    sentence: str


def find_path(
    transfer_id: str, facts: Mapping[str, bool | int | str], *, rulebook: Rulebook, as_of: date
) -> TransferPath:
    """Try the exemptions in force first (they prevail), then the paths in force, by priority."""
    rules = sorted(rulebook.in_force(as_of), key=lambda rule: (rule.priority, rule.id))
    for kind, needs_filing in ((RuleKind.TRANSFER_EXEMPTION, False), (RuleKind.TRANSFER_PATH, True)):
        for rule in rules:
            if rule.kind is kind and rule.conditions_hold(facts):
                return _path(transfer_id, rule, facts, needs_filing=needs_filing)
    return TransferPath(transfer_id, "", "", needs_filing=True, sentence="no exemption and no path of the pack applies")


def _path(transfer_id: str, rule: Rule, facts: Mapping[str, bool | int | str], *, needs_filing: bool) -> TransferPath:
    counts = f"{facts['persons_other']} persons this year, {facts['persons_sensitive']} with sensitive information"
    return TransferPath(transfer_id, rule.id, rule.basis.citation, needs_filing, f"{rule.title_en}: {counts}")
