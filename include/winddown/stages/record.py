"""The label of one record that somebody asks about: its class, and from when which duties count.

The record is named by the caller and shown to nobody else: its key goes into no log, no ledger and no page, and no
other value of it is returned. The collection is read as it is now, which may be later than what was decided.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef, Inventory, Medium
from winddown.domain.label import Label, RecordClass
from winddown.stages.deployment import Deployment
from winddown.stages.references import noted_referenced, referenced
from winddown.stages.subjects import build_index, label_records

OBJECT, ROW = "winddown_object", "winddown_row"
_OBJECT_ROW = re.compile(r"(.+)#([0-9]{1,12})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """What may be told of a record: how many are named by the key (several versions of an object are), and labels."""

    count: int
    labels: tuple[str, ...]


def find_record(
    deployment: Deployment, case_id: str, ref: CollectionRef, key: Sequence[str]
) -> FoundRecord:  # fmt: skip
    """Return the labels of the record that a key names: ``field=value`` for each field of it, or ``object#row``.

    Raises Refused when the key is not the collection's, or no record has it.
    """
    case = deployment.case(case_id)
    inventory: Inventory = deployment.control.require(case_id, "inventory", "first", type_=Inventory)
    collection = inventory.collection(ref)
    if collection is None:
        raise Refused(f"collection {ref} was not found when the case was read")
    wanted = _wanted(collection, key)
    index = build_index(deployment, case, inventory)
    records = label_records(deployment, case, inventory, index, collection)
    if not set(wanted) <= set(records.columns):
        return FoundRecord(records.height, tuple(sorted(set(records.get_column("label").to_list()))))
    found = records.filter(*(pl.col(name).cast(pl.String) == value for name, value in wanted.items()))
    if found.is_empty():
        raise Refused(
            f"no record of {ref} has this key", next_step="write values as the store does; the key is case-sensitive"
        )
    labels = set(found.get_column("label").to_list())
    if _is_referenced(deployment, case_id, collection, found):
        labels = {_unless_stopped(label) for label in labels}
    return FoundRecord(found.height, tuple(sorted(labels)))


def _is_referenced(deployment: Deployment, case_id: str, collection: Collection, found: pl.DataFrame) -> bool:
    """Whether the last plan leaves the record because records that stay refer to it."""
    plans = deployment.control.plans(case_id)
    kept = noted_referenced(deployment, deployment.control.plan(plans[-1]), collection.ref) if plans else None
    return kept is not None and not found.join(kept, on=list(collection.key), how="semi").is_empty()


def _unless_stopped(label: str) -> str:
    """The label of a record to which others refer, unless it stays for a reason of its own by now."""
    is_due = Label.parse(label).record_class in {RecordClass.CUSTOMER, RecordClass.MINOR, RecordClass.OTHER}
    return str(referenced(label)) if is_due else label


def _wanted(collection: Collection, key: Sequence[str]) -> Mapping[str, str]:
    """Locator → value; the message of a refusal repeats no value."""
    if collection.medium is not Medium.TABLE:
        return _object(collection, key)
    pairs = dict(part.partition("=")[::2] for part in key if "=" in part)
    if not collection.key or len(pairs) != len(key) or set(pairs) != set(collection.key):
        form = " ".join(f"{name}=VALUE" for name in collection.key) or "a key, which it does not have"
        raise Refused(f"a record of {collection.ref} is named by its key", next_step=f"write --record {form}")
    return pairs


def _object(collection: Collection, key: Sequence[str]) -> Mapping[str, str]:
    if len(key) == 1 and collection.medium is Medium.OBJECTS:
        return {OBJECT: key[0]}
    parts = _OBJECT_ROW.fullmatch(key[0]) if len(key) == 1 else None
    if parts is None:
        form = "OBJECT" if collection.medium is Medium.OBJECTS else "OBJECT#ROW"
        raise Refused(
            f"a record of {collection.ref} is named by where it stands", next_step=f"write --record {form}, rows from 0"
        )
    return {OBJECT: parts[1], ROW: str(int(parts[2]))}
