"""What names an order's records: all of them, once each, in the order of their keys."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from winddown.archive import sorting
from winddown.domain.batch import numbered
from winddown.domain.case import Case
from winddown.domain.decision import Disposition
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Method, OrderId
from winddown.domain.selection import Selection
from winddown.stages import labelled as labels
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import read_manifest
from winddown.stages.selecting import Chosen, selected

from .test_orders import case, labelled

__all__ = ["case"]
IDS = [f"{number * 7919 % 1000:03}" for number in range(1000)]


def chosen(shop: Any) -> Chosen:
    shop.put("customers", {"id": IDS}, key=("id",))
    found = labelled(shop.shelf["customers"], Disposition.ERASE)
    return Chosen(found, ("customer",), Act.ERASE, Method.MOVE_ROWS, is_referred_to=False)


def test_however_much_is_held_the_same_is_selected(
    deployment: Deployment, case: Case, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sized(_: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:  # noqa: ARG001
        return (piece.append_column("batch", piece.column("id").cast(pa.int32())) for piece in located)

    monkeypatch.setattr(shop, "batch_keys", sized)
    at_once = selected(deployment, case, OrderId("o-1"), chosen(shop))
    for module, name, count in (
        (labels, "PIECE_RECORDS", 70),
        (sorting, "_RUN_RECORDS", 150),
        (sorting, "_BLOCK_RECORDS", 16),
    ):
        monkeypatch.setattr(module, name, count)
    in_runs = selected(deployment, case, OrderId("o-2"), chosen(shop))
    assert isinstance(at_once, Selection)
    assert isinstance(in_runs, Selection)
    assert (in_runs.digest, in_runs.batch_digests) == (at_once.digest, at_once.batch_digests)
    assert read_manifest(deployment, case.id, "o-2").column("id").to_pylist() == sorted(IDS)
    left = {path.name for path in deployment.folder(case.id, "manifests").iterdir()}
    assert left - {"o-1.sealed", "o-2.sealed"} == {name for name in left if name.startswith("hold-")}


@pytest.mark.parametrize("lost", [slice(1, None), slice(0, -1)], ids=["the first", "the last"])
def test_a_store_that_names_fewer_records_than_were_chosen_is_refused(
    deployment: Deployment, case: Case, shop: Any, monkeypatch: pytest.MonkeyPatch, lost: slice
) -> None:
    def losing(_: Collection, located: Iterable[pa.Table], *, size: int) -> Iterator[pa.Table]:
        (rows,) = (piece.append_column("winddown_content", piece.column("id")) for piece in located)
        return numbered([rows.take(list(range(rows.num_rows))[lost])], ["id"], size=size)

    monkeypatch.setattr(shop, "batch_keys", losing)
    with pytest.raises(Refused, match=r"^1000 records of shop:customers were chosen, .* of order o-1 names 999 "):
        selected(deployment, case, OrderId("o-1"), chosen(shop))
