"""Evidence for one kind in one column, weighed against chance.

A match rate means nothing by itself: one in ten snowflake ids passes Luhn, two thirds of the serials of a device look
like mobile numbers. So the question is always how probable the count would be, had the values been impostors. The
bound is Chernoff's, ``exp(-n * KL(k/n || p))``, which never overstates the case; and as equal values are one piece of
evidence, ``n`` is at most the number of different values.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from winddown.detectors.kind import Kind, Proof
from winddown.detectors.lexicon import HeaderHint
from winddown.detectors.profile import ColumnProfile

IMPROBABLE = 1e-6
MOST, HALF, SOME = 0.7, 0.5, 0.2
AGREEING = 0.8  # of the values that have the shape of a number with a check digit, typing errors aside
NEARLY_ALL = 0.9
FEW_VALUES = 20
A_FEW_PLACES = 3
TOO_SHORT = 2  # letters of a header that abbreviate many things, of which no cell shows one
RARELY = 0.3  # the pass rate of look-alikes below which a single match in a column of other things is worth a question
HARDLY = 0.4  # of the typical share: a column with less of it is not of the kind, whatever a bare header says
VEILS = frozenset({"masked", "hashed"})  # forms that other kinds are stored in
COMPANY = 2  # siblings that name personal information
_PERSONS = frozenset({"person_name", "western_name", "pinyin_name"})
_LATIN = frozenset({"western_name", "pinyin_name"})
_WORDS = _PERSONS | {"address", "address_latin", "email"}
"""Kinds that no number is of, whatever the header says: it is a reference. Codes are of vocabularies, though."""
_SHAPES = frozenset({"birth_date", "email", "mobile", "resident_id", "bank_card", "uscc", "mac_address"})
"""Kinds that no other kind's column consists of, whatever its header says."""


class Status(StrEnum):
    """How sure a verdict is."""

    CONFIRMED = "confirmed"
    AMBIGUOUS = "ambiguous"
    HEADER_ONLY = "header_only"
    NONE = "none"


@dataclass(slots=True)
class Evidence:
    """What speaks for and against one kind. ``rate`` is the share of filled cells that are wholly of the kind."""

    kind: Kind
    status: Status
    rate: float
    hits: int
    named: bool
    direct: bool  # the header names this very kind, not only one of its family
    reasons: list[str] = field(default_factory=list)
    counter: list[str] = field(default_factory=list)


def chance_bound(hits: float, tries: float, chance: float) -> float:
    """Return an upper bound of the probability of at least so many hits, each having the given chance.

    >>> chance_bound(10, 100, 0.1), chance_bound(6, 6, 1 / 11) < 1e-6, chance_bound(5, 5, 1.0)
    (1.0, True, 1.0)
    """
    if not tries or chance >= 1 or hits / tries <= chance:
        return 1.0
    share = min(hits / tries, 1.0)
    divergence = share * math.log(share / chance)
    if share < 1:
        divergence += (1 - share) * math.log((1 - share) / (1 - chance))
    return math.exp(-tries * divergence)


def weigh(kind: Kind, profile: ColumnProfile, hint: HeaderHint, *, siblings_personal: int) -> Evidence:
    """Return the evidence for a kind.

    Args:
        kind: the kind in question.
        profile: the counts of the column, of which at least one cell is filled.
        hint: what the header says.
        siblings_personal: how many other columns of the collection name personal information.
    """
    hits = profile.hits(kind.id)
    rate = profile.matches.get(kind.id, 0) / profile.filled
    evidence = Evidence(kind, Status.NONE, rate, hits, kind.id in hint.family, kind.id in hint.kinds)
    if kind.id in hint.kinds and (kind.named_only or (kind.numbers and _is_numeric(profile.type))):
        _by_name_alone(evidence, profile, hint)
        return evidence
    if not hits:
        if kind.id in hint.kinds and _names_text(kind, profile, hint):
            _by_name_alone(evidence, profile, hint)
        elif kind.id in hint.kinds and _is_numeric(profile.type) and kind.id in _WORDS:
            evidence.counter.append(
                f"The header's word '{hint.word}' names {kind.title_en}, but the column holds numbers."
            )
        elif kind.id in hint.kinds and not hint.is_bare and len(hint.word) > TOO_SHORT:
            evidence.status = Status.HEADER_ONLY
            evidence.reasons.append(f"The header's word '{hint.word}' names {kind.title_en}.")
            evidence.counter.append(f"None of {profile.filled} filled cells holds a valid {kind.title_en}.")
        return evidence
    case = _Case(evidence, profile, hint, siblings_personal)
    {
        Proof.CHECKSUM: case.by_check_digit,
        Proof.PATTERN: case.by_pattern,
        Proof.COLUMN: case.by_column,
        Proof.VOCABULARY: case.by_vocabulary,
        Proof.HEADER: case.by_header,
    }[kind.proof]()
    return evidence


def _is_numeric(type_: str) -> bool:
    return type_.startswith(("int", "uint", "float", "double", "half", "decimal"))


def _explained_otherwise(kind: Kind, profile: ColumnProfile, hint: HeaderHint) -> bool:
    # Dates, flags and the like under a header that only mentions the word: last_login, password_expired.
    if profile.type.startswith(("timestamp", "date", "time", "duration", "bool")):
        return True
    related = hint.family | VEILS | {kind.id}
    return any(
        count >= HALF * profile.filled for kind_id, count in profile.matches.items() if kind_id in _SHAPES - related
    )


def _names_text(kind: Kind, profile: ColumnProfile, hint: HeaderHint) -> bool:
    is_text = "string" in profile.type and not hint.is_bare and hint.is_head
    if profile.matches.get("person_name", 0) >= HALF * profile.filled:
        return False
    return kind.named_text and is_text and not _explained_otherwise(kind, profile, hint)


def _by_name_alone(evidence: Evidence, profile: ColumnProfile, hint: HeaderHint) -> None:
    evidence.rate, evidence.hits = 1.0, profile.filled
    if _explained_otherwise(evidence.kind, profile, hint):
        evidence.status = Status.NONE
        evidence.counter.append(f"The header's word '{hint.word}' names it, but the cells are something else.")
        return
    evidence.status = Status.CONFIRMED if hint.is_head else Status.AMBIGUOUS
    evidence.reasons.append(
        f"The header's word '{hint.word}' names {evidence.kind.title_en}, of which any "
        f"{'number' if _is_numeric(profile.type) else 'text'} may be one: {profile.filled} filled cells."
    )
    if not hint.is_head:
        evidence.counter.append("The header goes on after that word and may be about something else.")


class _Case:
    def __init__(self, evidence: Evidence, profile: ColumnProfile, hint: HeaderHint, siblings_personal: int) -> None:
        kind = evidence.kind
        self.evidence, self.profile, self.hint, self.kind = evidence, profile, hint, kind
        self.company = siblings_personal >= COMPANY
        self.fitting = profile.fitting(kind.id)
        self.share = evidence.hits / self.fitting
        self.tries = min(self.fitting, profile.distinct)
        # Finders do not look at typical values, so that only whole cells count for those kinds.
        seen = evidence.hits if kind.finder is None else profile.matches.get(kind.id, 0)
        self.typical_share = profile.typical.get(kind.id, 0) / seen if seen else 0.0
        self.is_typical = not kind.typical_share or self.typical_share >= kind.typical_share
        if kind.named_suffices and not seen:
            self.is_typical = True  # the finders of these kinds take typical values only

    def bound(self, chance: float) -> float:
        return chance_bound(self.share * self.tries, self.tries, chance)

    def settle(self, status: Status, *, counter: str = "") -> None:
        evidence, kind, profile = self.evidence, self.kind, self.profile
        evidence.status = status
        inside = profile.embedded.get(kind.id, 0)
        where = f", {inside} of them inside longer text" if inside else ""
        facts = evidence.reasons if status in {Status.CONFIRMED, Status.AMBIGUOUS} else evidence.counter
        facts.append(f"{evidence.hits} of {profile.filled} filled cells hold a valid {kind.title_en}{where}.")
        if kind.checksummed:
            facts.append(
                f"{evidence.hits} of the {self.fitting} values of that form pass the check digits "
                f"({self.share:.1%}); by chance {kind.chance:.1%} would."
            )
        elif kind.proof is Proof.PATTERN and self.share < NEARLY_ALL:
            evidence.counter.append(
                f"Only {self.share:.1%} of the {self.fitting} values of that length and script fit."
            )
        if kind.typical_share and not self.is_typical:
            evidence.counter.append(
                f"Only {self.typical_share:.1%} of them {kind.typical_means}; "
                f"of genuine ones at least {kind.typical_share:.0%} do."
            )
        if evidence.named:
            facts.append(f"The header's word '{self.hint.word}' says so too.")
        if self.hint.other:
            evidence.counter.append(f"The header's word '{self.hint.other}' names something else.")
        if counter:
            evidence.counter.append(counter)

    def by_check_digit(self) -> None:
        agrees = self.share >= AGREEING and self.is_typical
        proven = self.bound(self.kind.chance) < IMPROBABLE
        if agrees and (proven or self.evidence.named):
            self.settle(Status.CONFIRMED)
            rest = 1 - self.evidence.rate
            if SOME < rest < NEARLY_ALL and not self.profile.embedded.get(self.kind.id):
                self.evidence.counter.append(f"{rest:.1%} of the filled cells are something else.")
        elif proven or self.evidence.named:
            self.settle(Status.AMBIGUOUS, counter="Too many values of that form fail the check for all to be genuine.")
        elif agrees and (self.kind.embeds or self.evidence.rate >= SOME):
            self.settle(Status.AMBIGUOUS, counter="There are too few different values to rule out chance.")
        else:
            self.settle(Status.NONE, counter=f"No more {self.kind.title_en}s pass than chance explains.")

    def by_pattern(self) -> None:
        kind, rate, named = self.kind, self.evidence.rate, self.evidence.named
        proven = self.bound(kind.worst) < IMPROBABLE and self.is_typical
        if kind.id in VEILS and self.hint.kinds and rate >= HALF:
            self.settle(Status.CONFIRMED)
            self.evidence.reasons.append(f"The header's word '{self.hint.word}' says what lies behind.")
        elif named:
            fair = self.is_typical or kind.named_suffices or self.tries < FEW_VALUES
            enough = self.explained() >= HALF and (self.share >= HALF or kind.named_suffices) and fair
            self.settle(Status.CONFIRMED if enough or (proven and rate < SOME) else Status.AMBIGUOUS)
        elif proven and not self.hint.other and (rate >= MOST or rate < SOME):
            self.settle(Status.CONFIRMED)
        elif proven:
            other = "" if self.hint.other else f"What the other {1 - rate:.0%} of the cells are is not explained."
            self.settle(Status.AMBIGUOUS, counter=other)
        elif kind.named_suffices and not self.is_typical:
            self.settle(Status.NONE, counter="Without a header that names it, that form says nothing.")
        elif self.hint.other and (rate >= SOME or kind.worst > RARELY or self.share < NEARLY_ALL):
            self.settle(Status.NONE, counter="Look-alikes explain the matches.")
        elif rate >= HALF or (self.share >= NEARLY_ALL and self.evidence.hits == self.profile.embedded.get(kind.id)):
            self.settle(Status.AMBIGUOUS, counter="Values alone cannot tell it from its look-alikes.")
        elif self.share >= NEARLY_ALL and kind.worst < 1:
            self.settle(Status.AMBIGUOUS, counter="There are too few different values to rule out chance.")
        else:
            self.settle(Status.NONE, counter="Look-alikes explain the matches.")

    def by_column(self) -> None:
        rate, named = self.evidence.rate, self.evidence.named
        differing = self.profile.distinct >= FEW_VALUES
        threshold = HALF if named or self.company else MOST
        fair = MOST if self.hint.other else SOME
        explained = self.explained() if named else rate
        typical = self.is_typical or (named and self.kind.named_suffices and not self.hint.is_bare)
        unlike = self.typical_share < HARDLY * self.kind.typical_share or rate < SOME
        if named and self.hint.is_bare and unlike:
            self.settle(
                Status.NONE, counter="A name or address may be a thing's, and almost none is typical of people's."
            )
        elif not named and self.kind.id in _PERSONS and self._share_of("company_name") >= SOME:
            self.settle(Status.NONE, counter="Companies are called after people, and many of these are companies.")
        elif not self.evidence.direct and self.kind.id in _LATIN and "company_name" in self.hint.kinds:
            self.settle(Status.AMBIGUOUS, counter="Companies are called after people, and the header says company.")
        elif named and not self.hint.is_bare and _names_text(self.kind, self.profile, self.hint):
            self.settle(Status.CONFIRMED)
        elif explained >= threshold and rate >= SOME and typical and (differing or named) and not self.hint.other:
            self.settle(Status.CONFIRMED)
            if self.company and not named:
                self.evidence.reasons.append("Columns beside it name personal information.")
        elif rate >= MOST and not differing and not named:
            self.settle(Status.NONE, counter=f"Only {self.profile.distinct} different values occur: a list of words.")
        elif named or (rate >= fair and self.is_typical and differing):
            self.settle(
                Status.AMBIGUOUS, counter=f"{rate:.0%} of the cells fit, which is not enough for a column of them."
            )
        elif self.profile.embedded.get(self.kind.id, 0) >= A_FEW_PLACES and not self.hint.other:
            self.settle(
                Status.AMBIGUOUS, counter="Inside text only some of these are seen, and some of those seen are none."
            )
        else:
            self.settle(Status.NONE, counter="So many fit by accident in columns of other words.")

    def by_vocabulary(self) -> None:
        rate, named = self.evidence.rate, self.evidence.named
        different = self.profile.distinct > 1 or self.profile.filled == 1
        if named and rate >= HALF:
            self.settle(Status.CONFIRMED)
        elif named:
            self.settle(Status.AMBIGUOUS, counter=f"Only {rate:.0%} of the cells are words of the list.")
        elif rate >= NEARLY_ALL and self.is_typical and different and not self.hint.other and not self.hint.kinds:
            self.settle(Status.CONFIRMED)
        else:
            self.settle(Status.NONE, counter="The same words stand for other things.")

    def by_header(self) -> None:
        rate = self.evidence.rate
        if self.kind.id in self.hint.kinds:
            fits = rate >= MOST and (self.is_typical or self.kind.named_suffices)
            self.settle(Status.CONFIRMED if fits else Status.AMBIGUOUS)
        elif (
            rate >= MOST and self.kind.typical_share and self.is_typical and not self.hint.other and not self.hint.kinds
        ):
            self.settle(Status.AMBIGUOUS, counter="Only a header can say what these values are of.")
        else:
            self.evidence.status = Status.NONE

    def _share_of(self, kind_id: str) -> float:
        return self.profile.matches.get(kind_id, 0) / self.profile.filled

    def explained(self) -> float:
        """Return the share of cells that are of the header's family, masked or hashed."""
        matches = self.profile.matches
        kinds = self.hint.family | VEILS
        return min(1.0, sum(matches.get(kind, 0) for kind in kinds) / self.profile.filled)
