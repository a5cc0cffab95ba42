"""One language of a paper: its sentences, its words, and how it writes numbers, times and lists."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from winddown.rules import words
from winddown.rules.paper_words import SENTENCES
from winddown.rules.sentences import said
from winddown.rules.words import Word


class Language(StrEnum):
    """Languages that papers are written in."""

    ZH = "zh"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says everything in one language."""

    language: Language

    def pick(self, found: Word) -> str:
        """The word in this language; in English where there is no Chinese."""
        return found.zh or found.en if self.language is Language.ZH else found.en

    def say(self, key: str, /, **places: Any) -> str:
        """A sentence of the catalogue with its places filled."""
        return self.pick(SENTENCES[key]).format(**places)

    def word(self, kind: str, key: str) -> str:
        """A word of the vocabulary."""
        return self.pick(words.word(kind, key))

    def label(self, label: str) -> str:
        """Which records a decision or an order is about."""
        return self.join(self.pick(words.label_word(one)) for one in label.split(", "))

    def forms(self, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """Fields with what stays of their values."""
        return [f"{name} → {self.pick(words.form_word(form))}" for name, form in pairs]

    def recorded(self, text: str) -> str:
        """A sentence that was recorded in English; parts of it stay so where the catalogue has no Chinese for them."""
        if self.language is Language.EN or said(text).zh:
            return self.pick(said(text))
        return "；".join(self.pick(said(part)) for part in text.split("; "))

    def duration(self, seconds: int) -> str:
        """A number of seconds in its largest whole unit."""
        return self.pick(words.duration(seconds))

    def join(self, parts: Iterable[str]) -> str:
        """Several words as a list."""
        return ("、" if self.language is Language.ZH else ", ").join(parts)

    def heading(self, number: int, sentence: str) -> str:
        """A numbered heading, as documents of this language number them: up to twenty in Chinese."""
        if self.language is Language.EN:
            return f"{number}. {self.say(sentence)}"
        digits = "一二三四五六七八九十"
        tens, ones = divmod(number - 1, 10)
        return f"{'十' * tens}{digits[ones]}、{self.say(sentence)}"
