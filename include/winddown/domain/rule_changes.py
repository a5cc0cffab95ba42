"""What differs between two rulebooks, rule by rule and field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from winddown.domain.canonical import digest
from winddown.domain.pack import Rulebook
from winddown.domain.rule import Rule

_WORDS_ABOUT_IT = {"title_zh", "title_en", "notes", "reviewed_on"}


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that only one of two books has, or that they have with other fields.

    Attributes:
        change: ``added``, ``removed`` or ``changed``.
        fields: (field, before, after), written as text; empty for a rule that was added or removed.
    """

    rule: str
    change: str
    fields: tuple[tuple[str, str, str], ...] = ()


def rule_changes(before: Rulebook, after: Rulebook) -> tuple[RuleChange, ...]:
    """Every rule that differs, by id."""
    found = []
    for rule_id in sorted(before.rules.keys() | after.rules.keys()):
        old, new = before.rules.get(rule_id), after.rules.get(rule_id)
        if old is None or new is None:
            found.append(RuleChange(rule_id, "added" if old is None else "removed"))
        elif old != new:
            was, now = dict(_flat(old)), dict(_flat(new))
            names = [name for name in dict.fromkeys([*was, *now]) if was.get(name, "") != now.get(name, "")]
            found.append(
                RuleChange(rule_id, "changed", tuple((name, was.get(name, ""), now.get(name, "")) for name in names))
            )
    return tuple(found)


def rule_digest(rule: Rule) -> str:
    """Digest of what a rule asks and on whose authority; titles, notes and the day of its review are left out."""
    return digest({name: value for name, value in _flat(rule) if name not in _WORDS_ABOUT_IT})


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Fields as text, those of inner values behind a dot."""
    for field in fields(value):
        name, inner = prefix + field.name, getattr(value, field.name)
        # A period is one word to people; everything else that has fields is shown by them.
        if is_dataclass(inner) and not field.name.startswith("period"):
            yield from _flat(inner, f"{name}.")
        else:
            yield name, _text(inner)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_text(inner)}" for key, inner in value.items())
    return str(value)
