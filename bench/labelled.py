"""Labelled tables: columns of other authors, and the kind that their documentation says each column is of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LEARNT, HELD_OUT = "learnt", "held out"
FEWEST_ROWS = 20  # a table below this says nothing of a recogniser


@dataclass(frozen=True)
class Source:
    """Where tables come from. ``half`` says whether recognisers were improved by looking at its misses."""

    name: str
    origin: str
    licence: str
    half: str


@dataclass(frozen=True)
class Table:
    """One table. A label is the kinds of which any is right, empty for what is neither personal nor secret."""

    source: Source
    name: str
    columns: Mapping[str, Sequence[object]]
    labels: Mapping[str, frozenset[str]]

    def __post_init__(self) -> None:
        if set(self.labels) != set(self.columns):
            raise ValueError(f"{self.source.name} {self.name}: labels and columns differ")


def labels(text: str) -> dict[str, frozenset[str]]:
    """Return the labels that ``column=kind|kind column …`` spells; a bare column is of no kind.

    >>> labels("phone=mobile|landline city")
    {'phone': frozenset({'mobile', 'landline'}), 'city': frozenset()}
    """
    return {
        column: frozenset(kind for kind in kinds.split("|") if kind)
        for column, _, kinds in (word.partition("=") for word in text.split())
    }


def from_rows(
    source: Source, name: str, rows: Sequence[Sequence[object]], spelt: str, *, kept: Sequence[str] | None = None
) -> Iterator[Table]:
    """Yield the table of some rows whose columns stand in the order of the labels, if it has rows enough.

    ``kept`` names the columns in the rows when the labels leave some out, which then are not judged.
    """
    wanted = labels(spelt)
    order = list(kept) if kept is not None else list(wanted)
    if len(rows) >= FEWEST_ROWS:
        columns = {column: [row[order.index(column)] for row in rows] for column in wanted}
        yield Table(source, name, columns, wanted)
