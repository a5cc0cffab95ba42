"""Rulebooks that differ from the shipped one in the rules that a test names."""

from dataclasses import replace
from types import MappingProxyType

from winddown.domain.pack import Rulebook
from winddown.domain.rule import Rule


def with_rules(rulebook: Rulebook, *rules: Rule) -> Rulebook:
    """The same book with these rules added, or in the place of those with their ids."""
    first = rulebook.packs[0]
    changed = {**first.rules, **{rule.id: rule for rule in rules}}
    return Rulebook((replace(first, rules=MappingProxyType(changed)), *rulebook.packs[1:]))


def without_rules(rulebook: Rulebook, *rule_ids: str) -> Rulebook:
    """The same book without these rules."""
    return Rulebook(
        tuple(
            replace(pack, rules=MappingProxyType({k: v for k, v in pack.rules.items() if k not in rule_ids}))
            for pack in rulebook.packs
        )
    )
