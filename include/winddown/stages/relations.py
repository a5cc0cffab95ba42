"""Which fields hold the same things across stores, where no catalogue says so: proposals for the register.

Compared are fields that may name somebody or something: keys, fields of identifying kinds, and fields whose names end
like those of keys. Nothing is decided here: the steward writes the link into the register, which wins. Numbers counted
up from one overlap whatever they count, so of these the names must agree as well.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from winddown.detectors.overlap import ValueSketch, overlap
from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding
from winddown.domain.inventory import Collection, Inventory, Medium
from winddown.stages.deployment import Deployment

IDENTIFYING = frozenset({"resident_id", "mobile", "email", "passport", "bank_card", "uscc", "wechat", "qq", "username"})
LEAST_SHARE = 0.5
_LEAST_VALUES = 8
_KEY_NAME = re.compile(r"(?:id|no|nr|num|number|code|key|uid|号|编号|编码|号码)$", re.IGNORECASE)
_COUNTED = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """Most values of ``field`` occur in ``target_field``, a field that names each of its records once.

    Attributes:
        share: estimated share of the field's different values, in percent.
        compared: different values of the field that the estimate rests on.
        is_declared: the catalogue or the register says so already.
    """

    collection: str
    field: str
    target: str
    target_field: str
    share: int
    compared: int
    is_declared: bool


@dataclass(slots=True)
class _Field:
    collection: Collection
    name: str
    values: ValueSketch
    records: int = 0
    counted: int = 0

    @property
    def is_counted(self) -> bool:
        """Whether the values are numbers that somebody counts up."""
        return self.records > 0 and self.counted == self.records

    @property
    def names_records(self) -> bool:
        """Whether each record has a value of its own, as far as a sketch can tell."""
        return self.values.distinct >= 0.95 * self.records


def relate(
    deployment: Deployment, case: Case, inventory: Inventory, findings: Sequence[Finding]
) -> tuple[Relation, ...]:
    """Compare the fields of all collections and return the relations found, sorted."""
    seed = int.from_bytes(deployment.keys(case.id).salt()[:8])
    fields = [
        found
        for collection in inventory.collections
        for found in _sketched(deployment, case, collection, findings, seed)
    ]
    declared = {*_by_catalogue(inventory), *_by_register(case)}
    pairs = ((source, target) for target in fields if target.names_records for source in fields)
    return tuple(sorted(_related(pairs, declared)))


def _related(pairs: Iterable[tuple[_Field, _Field]], declared: set[tuple[str, str, str, str]]) -> Iterator[Relation]:
    for source, target in pairs:
        by_chance = source.is_counted and target.is_counted and not _names_agree(source, target)
        if source.collection.ref == target.collection.ref or by_chance:
            continue
        found = overlap(source.values, target.values)
        if found.shared >= _LEAST_VALUES and found.share >= LEAST_SHARE:
            names = (str(source.collection.ref), source.name, str(target.collection.ref), target.name)
            yield Relation(*names, round(100 * found.share), found.compared, names in declared)


def _sketched(
    deployment: Deployment, case: Case, collection: Collection, findings: Sequence[Finding], seed: int
) -> list[_Field]:
    kinds = {found.field: found.kind for found in findings if found.collection == collection.ref and found.is_personal}
    links = {name for key in collection.foreign_keys for name in key.fields}
    wanted = [
        name
        for name in collection.field_names()
        if name in {*collection.key, *links} or kinds.get(name) in IDENTIFYING or _KEY_NAME.search(name)
    ]
    if not wanted or collection.medium is Medium.OBJECTS:
        return []
    fields = {name: _Field(collection, name, ValueSketch(seed)) for name in wanted}
    store = deployment.systems(case).store(collection.ref.store)
    try:
        for batch in store.read(collection, fields=wanted):
            for name, found in fields.items():
                _add(found, pl.from_arrow(batch.column(name)))
    except Refused:
        return []  # classification has named it as unread already
    return list(fields.values())


def _add(found: _Field, values: pl.Series) -> None:
    filled = values.drop_nulls()
    found.records += filled.len()
    found.counted += int(filled.str.contains(f"^{_COUNTED.pattern}$").sum())
    found.values.add(filled)


def _names_agree(source: _Field, target: _Field) -> bool:
    """``customer_id`` agrees with ``customers.id`` and ``x.customer_id``, and not with ``orders.order_id``."""
    table = re.split(r"[./]", target.collection.ref.name)[-1].lower().rstrip("s")
    plain = source.name.lower()
    return (plain == target.name.lower() and plain != "id") or (bool(table) and plain.startswith(table))


def _by_catalogue(inventory: Inventory) -> Iterator[tuple[str, str, str, str]]:
    for found in inventory.collections:
        for key in found.foreign_keys:
            for name, target in zip(key.fields, key.target_fields, strict=True):
                yield (str(found.ref), name, str(key.target), target)


def _by_register(case: Case) -> Iterator[tuple[str, str, str, str]]:
    anchor = (str(case.subjects.collection), case.subjects.key)
    for entry in case.register:
        if entry.subject is not None and entry.subject.field:
            via = entry.subject.via
            target = (str(via), entry.subject.target) if via is not None else anchor
            yield (str(entry.collection), entry.subject.field, *target)
