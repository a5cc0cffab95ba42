"""What records that stay cannot lose: fields that a store would not empty, and values of which no part can stay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Collection
from winddown.domain.minimise import TOKEN, Form, kind_of, unfit
from winddown.domain.plan import Method
from winddown.ports import Store

_TEXT_TYPES = ("text", "character", "varchar")


@dataclass(frozen=True, slots=True)
class Losing:
    """What is to become of fields of a collection.

    Attributes:
        fields: all that lose their values.
        forms: those of them of which something stays, and what.
        stuck: what is wrong with it already, in words.
    """

    collection: Collection
    fields: tuple[str, ...]
    forms: tuple[tuple[str, str], ...] = ()
    stuck: tuple[str, ...] = ()


def cannot_lose(store: Store, losing: Losing, due: pl.DataFrame, *, method: Method) -> Blocker | None:
    """Why it cannot be done to the records that are due, or None.

    Where a part of values stays, every one of them is read, one batch of the store at a time.
    """
    stuck = list(_cannot_be_emptied(losing))
    if stuck:
        who, next_step = "database administrator", "change these columns for the case so that each can be emptied"
        return _blocker(losing, stuck, who, next_step + ", or let the register leave a token in them")
    stuck = list(losing.stuck)
    if losing.forms and method is not Method.MOVE_FIELDS:
        stuck.append("only fields of database tables keep a part of their values")
    elif not stuck and losing.forms:
        stuck = list(unfit(losing.collection, losing.fields, losing.forms)) or list(_whole(store, losing, due))
    if stuck:
        return _blocker(losing, stuck, "steward", "correct what the register asks under minimise, or the values")
    return None


def _blocker(losing: Losing, stuck: Sequence[str], who: str, next_step: str) -> Blocker:
    return Blocker("cannot-minimise", str(losing.collection.ref), "; ".join(stuck), who, next_step)


def _cannot_be_emptied(losing: Losing) -> Iterator[str]:
    """Say of each field that is to be emptied why the store would not let it be; what is empty twice is not unique."""
    for field in losing.collection.fields:
        if field.name not in losing.fields or field.name in dict(losing.forms):
            continue
        kept = [name for name in field.computed_from if name not in losing.fields]
        if field.tied:
            yield f"{field.name} is bound by {field.tied}"
        elif kept:
            yield f"{field.name} is computed from {', '.join(kept)}, which stays"
        elif not field.computed_from and not field.nullable and not field.type.lower().startswith(_TEXT_TYPES):
            yield f"{field.name} may be neither null nor an empty text"


def _whole(store: Store, losing: Losing, due: pl.DataFrame) -> Iterator[str]:
    """Count values that the form of their field cannot make coarser."""
    collection = losing.collection
    kinds = {field.name: kind_of(field.type) for field in collection.fields}
    forms = {name: Form.parse(asked) for name, asked in losing.forms if asked != TOKEN}
    if not forms:
        return
    locators = list(store.locators(collection))
    counts = dict.fromkeys(forms, 0)
    for batch in store.read(collection, fields=tuple(forms)):
        rows = pl.DataFrame(batch)
        rows = rows.join(due.join(rows, on=locators, how="semi"), on=locators, how="semi")
        for name, form in forms.items():
            kind = kinds[name]
            values = rows.get_column(name).cast(pl.String).drop_nulls().to_list()
            counts[name] += sum(bool(value) and kind is not None and form.left(kind, value) is None for value in values)
    asked = dict(losing.forms)
    yield from (
        f"{count:,} values of {name} cannot be read as {asked[name]} expects, or would stay whole"
        for name, count in counts.items()
        if count
    )
