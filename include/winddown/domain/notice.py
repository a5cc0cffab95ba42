"""A notice that people send: words in both languages with places for facts of the case, and never a blank place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from winddown.domain.course import Said

_PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class NoticeTemplate:
    """One notice.

    Attributes:
        rule: id of the rule that asks for it; its deadline is when the notice must be out.
        applies_to: subjects of rules that send it.
        routes: routes on which it is sent; empty for all.
        basis: the article that asks for it.
        text: the words, with places like ``{company_zh}``.
    """

    id: str
    rule: str
    title: Said
    applies_to: tuple[str, ...]
    routes: tuple[str, ...]
    basis: str
    text: Said

    @property
    def places(self) -> tuple[str, ...]:
        """Names of all facts that the words need, in order."""
        return tuple(dict.fromkeys(_PLACE.findall(self.text.zh) + _PLACE.findall(self.text.en)))

    def missing(self, facts: Mapping[str, str]) -> tuple[str, ...]:
        """Facts that the words need and the case does not have."""
        return tuple(name for name in self.places if not facts.get(name, "").strip())

    def filled(self, facts: Mapping[str, str]) -> Said:
        """The words with their facts; ``missing`` must be empty.

        >>> said = Said("{company_zh}停止服务", "{company_en} stops")
        >>> NoticeTemplate("n", "DL-1", said, (), (), "", said).filled({"company_zh": "甲", "company_en": "A"}).en
        'A stops'
        """
        return Said(*(_PLACE.sub(lambda place: facts[place[1]], words) for words in (self.text.zh, self.text.en)))
