"""The verdict on a column: what it holds, how sure that is, and why.

``judge`` is a pure function of counts, header, comment and neighbours. Reasons and counter-evidence are sentences
with counts and rates; they never hold a value. A verdict is no decision: what becomes of a column follows from rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from winddown.detectors.kind import Proof
from winddown.detectors.kinds import ALL
from winddown.detectors.lexicon import FAMILIES, count_personal, read_header
from winddown.detectors.profile import ColumnProfile
from winddown.detectors.weigh import HALF, MOST, Evidence, Status, weigh

_RANK = {Status.CONFIRMED: 0, Status.AMBIGUOUS: 1, Status.HEADER_ONLY: 2, Status.NONE: 3}
_WORTH_SAYING = 0.01  # of the cells; below it, matches that chance explains are not worth a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnVerdict:
    """What one column holds.

    ``kind`` is the kind that the column is of, or the best proven that it contains, and None when nothing is known.
    ``contains`` lists every kind that is confirmed or ambiguous, so that a remark with a phone and an identity number
    loses neither.
    """

    field: str
    kind: str | None
    status: Status
    reasons: tuple[str, ...]
    counter_evidence: tuple[str, ...]
    contains: tuple[str, ...] = ()


def judge(
    profile: ColumnProfile, *, header: str | None = None, comment: str = "", siblings: Sequence[str] = ()
) -> ColumnVerdict:
    """Judge a column.

    Args:
        profile: the counts over every cell.
        header: the name to read; the field's own name if None.
        comment: the column's comment in the catalogue; read when the header says nothing.
        siblings: the headers of the other columns of the collection.

    Returns:
        The verdict. A column with unread cells is never ``none``.
    """
    hint = read_header(profile.field if header is None else header, comment)
    if not profile.filled:
        return _unseen(profile, tuple(sorted(hint.kinds)), hint.word)
    personal = count_personal(siblings)
    weighed = [weigh(kind, profile, hint, siblings_personal=personal) for kind in ALL]
    found = sorted((each for each in weighed if each.status is not Status.NONE), key=_precedence)
    counter = [
        sentence
        for each in weighed
        if each.status is Status.NONE and each.hits >= _WORTH_SAYING * profile.filled
        for sentence in each.counter
    ]
    if not found:
        status = Status.AMBIGUOUS if profile.unread else Status.NONE
        silent = f"{profile.filled} filled cells were read and none speaks for a known kind."
        return _verdict(profile, None, status, (silent,), counter)
    first, others = found[0], found[1:]
    status, because = first.status, list(first.reasons)
    counter = first.counter + counter
    for other in others:
        if other.status is Status.HEADER_ONLY and first.status is Status.CONFIRMED:
            counter.append(f"The header names {other.kind.title_en}, of which there is none.")
        elif other.status is not Status.HEADER_ONLY:
            because.append(f"Also {other.status}: {other.kind.title_en}, in {other.hits} cells.")
    rival = next((each for each in others if _rivals(first, each)), None)
    if rival is not None:
        status = Status.AMBIGUOUS
        counter.append(f"The same cells fit {rival.kind.title_en} as well, and no header tells which.")
    if status is Status.CONFIRMED and hint.kinds and first.kind.id not in hint.family and first.rate >= HALF:
        counter.append(f"The header's word '{hint.word}' names another kind.")
    contains = tuple(each.kind.id for each in found if each.status is not Status.HEADER_ONLY)
    return _verdict(profile, first.kind.id, status, because, counter, contains=contains)


def _precedence(each: Evidence) -> tuple[int, bool, bool, bool, bool, bool, float, int]:
    # Of several kinds, the one that the column is of comes before those it contains; among equals the better proof.
    return (
        _RANK[each.status],
        each.rate < HALF,
        not each.named,
        not each.kind.checksummed,
        not each.direct,
        each.kind.named_only,
        -each.rate,
        -each.hits,
    )


def _rivals(first: Evidence, other: Evidence) -> bool:
    both = first.status is Status.CONFIRMED and other.status is Status.CONFIRMED and first.rate + other.rate > 2 * MOST
    equal = first.kind.checksummed == other.kind.checksummed and first.named == other.named
    related = any({first.kind.id, other.kind.id} <= family for family in FAMILIES)
    return both and equal and first.kind.proof is not Proof.HEADER and not (related and first.named)


def _unseen(profile: ColumnProfile, named: tuple[str, ...], word: str) -> ColumnVerdict:
    if named:
        reasons = (f"The header's word '{word}' names it; no filled cell was read.",)
        return _verdict(profile, named[0], Status.AMBIGUOUS if profile.unread else Status.HEADER_ONLY, reasons, [])
    if profile.unread:
        return _verdict(profile, None, Status.AMBIGUOUS, (), [])
    if profile.members:
        return _verdict(profile, None, Status.NONE, ("The members of the struct are judged one by one.",), [])
    return _verdict(profile, None, Status.NONE, (f"None of {profile.cells} cells is filled.",), [])


def _verdict(
    profile: ColumnProfile,
    kind: str | None,
    status: Status,
    reasons: Sequence[str],
    counter: Sequence[str],
    *,
    contains: tuple[str, ...] = (),
) -> ColumnVerdict:
    unread: tuple[str, ...] = ()
    if profile.unread:
        why = "; ".join(profile.unread_because)
        unread = (f"{profile.unread} of {profile.cells} cells could not be read ({why}).",)
    return ColumnVerdict(
        field=profile.field,
        kind=kind,
        status=status,
        reasons=tuple(reasons),
        counter_evidence=(*counter, *unread),
        contains=contains,
    )
