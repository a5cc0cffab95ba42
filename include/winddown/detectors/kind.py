r"""What a recogniser declares about itself, so that the engine asks it only about cells that can match.

A kind is recognised in one of two ways, or both:

* ``check`` gets a block, an ``(n, L)`` array of upper-cased UTF-8 bytes, one row per value of one byte length ``L``
  out of ``lengths``, and returns two boolean vectors: *shaped* (everything but the check digit fits) and *valid*;
* ``pattern`` is a regular expression for the whole cell, ``finder`` one for a place inside longer text. Both are
  written in the dialect that Python's ``re`` and Rust's ``regex`` share: no ``\b``, no ``\d``, explicit edges.

``chance`` is the share of *shaped* values that pass although they are something else: 1/11 for a MOD 11-2 digit.
``lookalike`` is the same for the worst known family of impostors. It is 1.0 where values alone can never decide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from winddown.domain.errors import Refused

Block = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Check = Callable[[Block], tuple[Bools, Bools]]

DIGIT, UPPER, LOWER, AT, STAR, DOT, OTHER, HIGH = (1 << bit for bit in range(8))
"""Classes of a UTF-8 byte: ``0-9``, ``A-Z``, ``a-z``, ``@``, ``*``, ``.`` and ``:``, other ASCII, the rest."""
LETTER = UPPER | LOWER
ALNUM = DIGIT | LETTER
LONGEST, UNBOUNDED = 4096, 1 << 62
"""The highest bound that a kind's lengths may have, and what stands for none."""


class Proof(StrEnum):
    """What it takes to confirm a kind."""

    CHECKSUM = "checksum"  # check digits: presence is provable against chance, however rare
    PATTERN = "pattern"  # a format: presence is provable where look-alikes are rarer than matches
    COLUMN = "column"  # words: only the column as a whole can be judged
    VOCABULARY = "vocabulary"  # a closed list of words: the column as a whole, where the words are unmistakable
    HEADER = "header"  # a format that half the world fits: nothing without a header that says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of data and how to see it.

    Lengths are bytes of the folded, trimmed and, with ``joins``, compacted value.
    Raises ``Refused`` for a declaration that contradicts itself.
    """

    id: str
    title_zh: str
    title_en: str
    proof: Proof
    headers: tuple[str, ...]
    min_length: int
    max_length: int
    classes: int  # a value may contain these classes only
    needs: int = 0  # and must contain all of these
    needs_any: int = 0  # and, unless 0, at least one of these
    chance: float
    lookalike: float | None = None
    joins: bool = False  # spaces, dashes, parentheses and a leading plus are dropped before the check
    embeds: bool = False  # also looked for inside longer text
    lengths: frozenset[int] = frozenset()
    check: Check | None = None
    pattern: str | None = None
    pattern_needs: int = 0  # the classes without which the pattern cannot match
    finder: str | None = None
    typical: Callable[[Block], Bools] | None = None
    typical_pattern: str | None = None
    typical_share: float = 0.0  # genuine columns have at least this share of typical values among the valid ones
    typical_means: str = ""
    named_suffices: bool = False  # under a header that names the kind, typical values are not asked for
    named_only: bool = False  # any text will do, so that no cell is looked at and the header alone speaks
    named_text: bool = False  # so is any text under a header that is about nothing else
    numbers: bool = False  # also kept in numeric columns, where a header that names the kind speaks for every cell

    def __post_init__(self) -> None:
        if self.named_only is not (self.check is None and self.pattern is None):
            raise Refused(f"kind {self.id} declares neither a check nor a pattern", rule="detectors.kind")
        if self.named_only and self.proof is not Proof.HEADER:
            raise Refused(f"kind {self.id}: only a header can prove a kind without a form", rule="detectors.kind")
        if (self.check is None) is bool(self.lengths):
            raise Refused(f"kind {self.id} needs lengths exactly when it has a check", rule="detectors.kind")
        if self.embeds and self.finder is None and not self.joins:
            raise Refused(
                f"kind {self.id}: words inside text are read with and without separators", rule="detectors.kind"
            )
        if self.max_length > LONGEST and self.max_length != UNBOUNDED:
            raise Refused(f"kind {self.id}: lengths are bounded by {LONGEST} or not at all", rule="detectors.kind")
        if not 0 < self.chance <= self.worst <= 1:
            raise Refused(f"kind {self.id}: 0 < chance <= lookalike <= 1", rule="detectors.kind")

    def admits(self, classes: int) -> bool:
        """Return whether a value that consists of exactly these classes can be of this kind."""
        if classes & ~self.classes or classes & self.needs != self.needs:
            return False
        return not self.needs_any or bool(classes & self.needs_any)

    @property
    def checksummed(self) -> bool:
        """Return whether check digits stand behind a match."""
        return self.proof is Proof.CHECKSUM

    @property
    def worst(self) -> float:
        """Return the pass rate of the worst impostors."""
        return self.chance if self.lookalike is None else self.lookalike
