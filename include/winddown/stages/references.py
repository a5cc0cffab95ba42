"""Looks ahead at foreign keys: a parent row may only go when every row that refers to it goes as well, or went before.

Without this the database itself would refuse, but in the middle of a wave. A row that is due and to which a row that
stays refers keeps its place, and so do the rows that it refers to in turn; the rest of its table goes. What is not
seen: references that no catalogue declares, unless the register names them, and those of a column that takes values
that are written differently for the same (numbers apart), which the database refuses then.
"""

import hashlib
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from winddown.domain.batch import RANK
from winddown.domain.blocker import Blocker
from winddown.domain.case import Case
from winddown.domain.decision import Decision, Disposition, stop
from winddown.domain.inventory import Collection, CollectionRef, ForeignKey
from winddown.domain.label import Label, RecordClass
from winddown.domain.plan import Act, Order, Plan
from winddown.stages.deployment import Deployment
from winddown.stages.labelled import Labelled
from winddown.stages.manifests import plain, read_manifest, write_manifest
from winddown.stages.pieces import in_pieces

# Names that no field of a table that is planned has: such a table is blocked.
_ROW, _PARENT, _PLACE = "winddown_number", "winddown_parent", "winddown_place"
# Types whose values are written in several ways for the same; ``any`` is that of a field without a type in SQLite.
_FRACTIONS = re.compile("num|dec|real|doub|floa|any", re.IGNORECASE)
_Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
_Marks = np.ndarray[tuple[int], np.dtype[np.bool]]


@dataclass(frozen=True, slots=True)
class _Links:
    """Rows of one table that refer by one foreign key to rows that go.

    Attributes:
        child_rows: for each reference the number of the referring row, -1 where that row stays; in ascending order.
        parent_rows: the number of the row that it refers to.
    """

    child: CollectionRef
    parent: CollectionRef
    child_rows: _Numbers
    parent_rows: _Numbers

    def of_staying(self) -> _Numbers:
        """The rows to which rows refer that were never to go."""
        return self.parent_rows[: np.searchsorted(self.child_rows, 0)]

    def of(self, rows: _Numbers) -> _Numbers:
        """The rows to which the rows with these numbers refer."""
        begins = np.searchsorted(self.child_rows, rows)
        return self.parent_rows[_stretches(begins, np.searchsorted(self.child_rows, rows, side="right"))]


class _References:
    """References between collections of which rows go, each collection's read when it is asked for, and once."""

    def __init__(
        self, deployment: Deployment, case: Case, labelled: Sequence[Labelled], going: Mapping[CollectionRef, set[str]]
    ) -> None:
        self._deployment, self._case = deployment, case
        self._found = {found.collection.ref: found for found in labelled}
        self._rows = {ref: _numbered(self._found[ref], labels) for ref, labels in going.items() if labels}
        self._links: dict[CollectionRef, list[_Links]] = {}

    def with_staying_rows(self) -> list[CollectionRef]:
        """The collections that keep a row anyway."""
        return [ref for ref in self._found if ref not in self._rows or (self._rows[ref].get_column(_ROW) < 0).any()]

    def of(self, child: CollectionRef) -> list[_Links]:
        """The references of a collection's rows to rows that go."""
        if child not in self._links:
            collection = self._found[child].collection
            keys = [key for key in collection.foreign_keys if key.target in self._rows]
            self._links[child] = [self._read(collection, key) for key in keys]
        return self._links[child]

    def marks(self, ref: CollectionRef) -> _Marks:
        """A mark for every row of a collection, none of them set."""
        return np.zeros(self._found[ref].records.height, dtype=np.bool)

    def _read(self, child: Collection, key: ForeignKey) -> _Links:
        parent = self._found[key.target].collection
        targets = self._rows[key.target].filter(pl.col(_ROW) >= 0)
        if not set(key.target_fields) <= set(targets.columns):
            pieces = _values(self._deployment, self._case, parent, key.target_fields)
            targets = pl.concat(piece.join(targets, on=list(parent.key)) for piece in pieces)
        compared = _compared(parent, key.target_fields)
        targets = targets.select(pl.col(_ROW).alias(_PARENT), **compared)
        numbers, parents = [], []
        for piece in _values(self._deployment, self._case, child, key.fields):
            referring = piece.select(**{_ROW: self._numbers(child, piece)}, **_compared(child, key.fields))
            links = referring.join(targets, on=list(compared))
            numbers.append(links.get_column(_ROW).to_numpy())
            parents.append(links.get_column(_PARENT).to_numpy())
        child_rows = np.concatenate(numbers)
        ascending = np.argsort(child_rows, kind="stable")
        return _Links(child.ref, parent.ref, child_rows[ascending], np.concatenate(parents)[ascending])

    def _numbers(self, child: Collection, piece: pl.DataFrame) -> pl.Series:
        """The numbers of rows of a collection by their keys, -1 for one that stays."""
        key = list(child.key)
        if child.ref not in self._rows or piece.is_empty():
            return pl.Series(np.full(piece.height, -1, dtype=np.int64))
        keys, all_rows = piece.select(key), self._rows[child.ref]
        # As a rule they are read in the order in which they were labelled; then nothing has to be looked up.
        begins = pl.all_horizontal(pl.col(name) == keys.item(0, name) for name in key).arg_max()
        alike = all_rows.slice(all_rows.select(begins).item(), piece.height)
        if alike.select(key).equals(keys):
            return alike.get_column(_ROW)
        # Of an inner join the smaller side is held, here these rows and not all of the table.
        places = all_rows.join(keys.with_row_index(_PLACE), on=key)
        numbers = np.full(piece.height, -1, dtype=np.int64)
        numbers[places.get_column(_PLACE).to_numpy()] = places.get_column(_ROW).to_numpy()
        return pl.Series(numbers)


def _numbered(found: Labelled, labels: set[str]) -> pl.DataFrame:
    """The key of each row, and its number among all of them; -1 where it stays."""
    number = pl.when(pl.col("label").is_in(list(labels))).then(pl.int_range(pl.len(), dtype=pl.Int64)).otherwise(-1)
    return found.records.select(*found.collection.key, number.alias(_ROW))


def keep_referenced(
    deployment: Deployment, case: Case, labelled: Sequence[Labelled], going: Mapping[CollectionRef, set[str]]
) -> list[Labelled]:
    """Give rows that would go, and to which rows refer that stay, the label ``referenced`` and a decision of its own.

    ``going`` are the labels of each collection whose records a wave erases. A row that stays for this reason keeps
    those that it refers to in its turn.
    """
    references = _References(deployment, case, labelled, going)
    kept: dict[CollectionRef, _Marks] = {}
    by: dict[CollectionRef, set[str]] = {}
    # A table with the rows of it that stay and were not looked at yet; None for those that were never to go. Each row
    # is looked at once: where every row refers to the one before it, there are as many rounds as rows.
    waiting: deque[tuple[CollectionRef, _Numbers | None]] = deque((ref, None) for ref in references.with_staying_rows())
    while waiting:
        child, rows = waiting.popleft()
        for link in references.of(child):
            found = link.of_staying() if rows is None else link.of(rows)
            if not len(found):
                continue
            by.setdefault(link.parent, set()).add(str(child))
            if link.parent not in kept:
                kept[link.parent] = references.marks(link.parent)
            fresh = np.unique(found[~kept[link.parent][found]])
            kept[link.parent][fresh] = True
            waiting.append((link.parent, fresh))
    return [
        _with_referenced(found, kept[found.collection.ref], by[found.collection.ref])
        if found.collection.ref in by
        else found
        for found in labelled
    ]


def _with_referenced(found: Labelled, kept: _Marks, by: set[str]) -> Labelled:
    """The collection with rows labelled ``referenced``, and its decisions counted anew.

    What their duties count from stays in the label, and the day until which a law has them kept in the decision.
    """
    marked = pl.Series(kept)
    renamed = {label: str(referenced(label)) for label in found.records.filter(marked).get_column("label").unique()}
    label = pl.when(marked).then(pl.col("label").replace(renamed)).otherwise(pl.col("label"))
    records = found.records.with_columns(label.alias("label"))
    counts = dict(records.group_by("label").len().iter_rows())
    says = (
        f"rows of {', '.join(sorted(by))} that stay refer to them; resolve what keeps or blocks these, then plan again"
    )
    staying = [
        Decision(
            found.collection.ref,
            label,
            counts[label],
            Disposition.BLOCKED,
            (stop("referenced-record", says),),
            until=max(
                (one.until for one in found.decisions if renamed.get(one.label) == label and one.until), default=None
            ),
        )
        for label in sorted(set(renamed.values()))
    ]
    decisions = [
        replace(decision, count=counts[decision.label]) for decision in found.decisions if decision.label in counts
    ]
    return replace(found, records=records, decisions=(*decisions, *staying))


def referenced(label: str) -> Label:
    """The label of a record that would go and to which others refer."""
    return Label(RecordClass.REFERENCED, Label.parse(label).starts)


def _is_referenced(label: str) -> bool:
    return Label.parse(label).record_class is RecordClass.REFERENCED


def note_referenced(deployment: Deployment, case_id: str, plan_id: str, labelled: Sequence[Labelled]) -> None:
    """Keep the keys of a plan's ``referenced`` records, encrypted, for whoever asks about one of them."""
    for found in labelled:
        labels = [decision.label for decision in found.decisions if _is_referenced(decision.label)]
        if labels:
            keys = plain(found.of(labels, found.collection.key))
            write_manifest(deployment, case_id, _manifest(plan_id, found.collection.ref), keys)


def noted_referenced(deployment: Deployment, plan: Plan, ref: CollectionRef) -> pl.DataFrame | None:
    """The keys that a plan keeps of a collection because other records refer to them; None when there are none."""
    if not any(found.collection == ref and _is_referenced(found.label) for found in plan.decisions):
        return None
    return pl.DataFrame(read_manifest(deployment, plan.case, _manifest(plan.id, ref)))


def _manifest(plan_id: str, ref: CollectionRef) -> str:
    return f"referenced-{plan_id}-{hashlib.sha256(str(ref).encode()).hexdigest()[:16]}"


def kept_references(
    deployment: Deployment, case: Case, labelled: Sequence[Labelled], orders: Sequence[Order]
) -> tuple[Blocker, ...]:
    """A blocker for each collection whose erasure would leave a row that refers to nothing.

    Single rows were seen to by ``keep_referenced``; this is about orders that were stopped as a whole since. What is
    blocked keeps its rows, and these refer to others: so the rest is looked at again until nothing is found.
    """
    erased = {order.collection: set(order.label.split(", ")) for order in orders if order.act is Act.ERASE}
    references = _References(deployment, case, labelled, erased)
    stopped: dict[CollectionRef, Blocker] = {}
    waiting = references.with_staying_rows()
    while waiting:
        child = waiting.pop()
        for link in references.of(child):
            left = len(link.child_rows) if child in stopped else int((link.child_rows < 0).sum())
            if left and link.parent not in stopped:
                stopped[link.parent] = Blocker(
                    "referenced-by-kept",
                    str(link.parent),
                    f"{left} rows of {child} that stay refer to rows that would go",
                    "steward",
                    f"resolve what keeps or blocks {child}, then plan again",
                )
                waiting.append(link.parent)
    return tuple(stopped.values())


def refers_to_itself(collection: Collection) -> bool:
    """Whether rows of a table refer to other rows of it."""
    return any(key.target == collection.ref for key in collection.foreign_keys)


def ranked(deployment: Deployment, case: Case, found: Labelled, records: pl.DataFrame) -> pl.DataFrame | Blocker:
    """Give records of a table that refers to itself a column ``RANK``: every row's is above those that refer to it.

    So children go in no later batch than their parents, and come back in no earlier one. Rows that refer to each other
    in a circle are a blocker.
    """
    collection = found.collection
    keys = [key for key in collection.foreign_keys if key.target == collection.ref]
    locators, number = list(collection.key), pl.int_range(pl.len(), dtype=pl.Int64)
    wanted = [name for key in keys for name in (*key.fields, *key.target_fields)]
    values = pl.concat(_values(deployment, case, collection, wanted))
    rows = records.select(locators).with_columns(number.alias(_ROW)).join(values, on=locators, how="left")
    links = [_own_links(collection, key, rows) for key in keys]
    ranks = _heights(pl.concat(links).unique(), records.height)
    if ranks is None:
        return Blocker(
            "circular-references",
            str(collection.ref),
            "rows of the table refer to each other in a circle, so that none of them can go first",
            "database administrator",
            "break the circle, or make the constraint deferrable and erase these rows by hand",
        )
    return records.with_columns(pl.Series(RANK, ranks))


def _own_links(collection: Collection, key: ForeignKey, rows: pl.DataFrame) -> pl.DataFrame:
    """Pairs of a row and another one of the same table to which it refers."""
    targets = _compared(collection, key.target_fields)
    referring = rows.select(_ROW, **_compared(collection, key.fields))
    pairs = referring.join(rows.select(pl.col(_ROW).alias(_PARENT), **targets), on=list(targets))
    return pairs.filter(pl.col(_ROW) != pl.col(_PARENT)).select(_ROW, _PARENT)


def _heights(links: pl.DataFrame, count: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]] | None":
    """For each of ``count`` rows, the length of the longest chain that ends in it; None when there is a circle.

    ``links`` are pairs of a row and the one that it refers to.
    """
    ordered = links.sort(_ROW)
    targets = ordered.get_column(_PARENT).to_numpy()
    first = np.searchsorted(ordered.get_column(_ROW).to_numpy(), np.arange(count + 1))
    waiting = np.bincount(targets, minlength=count)
    heights = np.zeros(count, dtype=np.int64)
    ready, done, height = np.flatnonzero(waiting == 0), 0, 0
    while len(ready):
        heights[ready] = height
        done += len(ready)
        height += 1
        above, times = np.unique(targets[_stretches(first[ready], first[ready + 1])], return_counts=True)
        waiting[above] -= times
        ready = above[waiting[above] == 0]
    return heights if done == count else None


def _compared(collection: Collection, fields: Sequence[str]) -> dict[str, pl.Expr]:
    """Values of fields as those that refer to each other are compared, under names that no field has.

    Numbers that need not be whole are the same without the zeros at their end: 1.50 is 1.5, and 1.0 is 1.
    """
    types = {field.name: field.type for field in collection.fields}
    return {
        f"winddown_value_{place}": _without_zeros(name) if _FRACTIONS.search(types.get(name, "")) else pl.col(name)
        for place, name in enumerate(fields)
    }


def _without_zeros(name: str) -> pl.Expr:
    value = pl.col(name)
    shorter = value.str.strip_chars_end("0").str.strip_chars_end(".")
    return pl.when(value.str.contains(r"^-?[0-9]+\.[0-9]+$")).then(shorter).otherwise(value)


def _stretches(begins: _Numbers, ends: _Numbers) -> _Numbers:
    """The numbers of several stretches one after the other, each from its begin up to before its end."""
    sizes = ends - begins
    return np.repeat(begins - np.concatenate(([0], np.cumsum(sizes)[:-1])), sizes) + np.arange(sizes.sum())


def _values(
    deployment: Deployment, case: Case, collection: Collection, fields: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """Key and given fields of all rows, as text, many rows at a time; at least one piece, which may be empty."""
    store = deployment.systems(case).store(collection.ref.store)
    names = list(dict.fromkeys([*collection.key, *fields]))
    return (piece.select(names) for piece in in_pieces(store, collection, fields=list(fields)))
