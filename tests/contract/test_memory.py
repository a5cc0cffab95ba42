import copy
from collections.abc import Sequence

import pytest

from winddown.connections import ConnectionParameters
from winddown.domain.batch import CONTENT, Batch
from winddown.domain.canonical import digest
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Order
from winddown.ports import ByteSearch
from winddown.stores.memory import MemoryStore, MemoryTable, Row

from .ability_suites import FreezableSubject, FreezeSuite, MinimiseSuite, SanitiseSuite
from .desk import Desk
from .suite import FieldSuite, ReturnSuite, StoreSuite


def _row(number: int) -> Row:
    return {"区": "华北", "no": str(number), "name": f"客户{number}", "phone": "138" * number}


ROWS: list[Row] = [
    {"区": "华东", "no": "0", "name": "欧阳娜娜", "phone": None},
    {"区": "", "no": "0", "name": "O'Brien", "phone": ""},
    *[_row(number) for number in range(6)],
]

CREDENTIALS = {"memory__mark": ConnectionParameters(), "memory__purge": ConnectionParameters()}


class MemoryInspector:
    """Looks into the table itself."""

    def __init__(self, table: MemoryTable) -> None:
        self._table = table

    def identity(self) -> str:
        return "memory memory"

    def unchanged(self, order: Order, batch: Batch) -> int:  # noqa: ARG002
        planned = batch.keys.column(CONTENT).to_pylist()
        return sum(digest(row) in planned for row in self._table.rows)

    def set_aside(self, order: Order, batch: Batch) -> int:
        return self.leftovers(order, batch)

    def writers(self, collections: Sequence[CollectionRef]) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(sorted(self._table.writers))

    def remaining(self, order: Order, batch: Batch) -> int:
        keys = [(key["区"], key["no"]) for key in batch.keys.to_pylist()]
        rows = [row for row in self._table.rows if (row["区"], row["no"]) in keys]
        return sum(order.act is Act.ERASE or any(row[name] for name in order.fields) for row in rows)

    def leftovers(self, order: Order, batch: Batch) -> int:
        return len(self._table.aside.get((order.id, batch.index), ()))

    def search_bytes(self, probes: Sequence[bytes], **_: object) -> ByteSearch:
        return ByteSearch(reached=False, medium="none", bytes_read=0, probes=len(probes), found=0)


class MemorySubject(FreezableSubject):
    name_columns = ("区", "no")
    minimise_fields = ("name", "phone")

    def __init__(self, desk: Desk) -> None:
        self.table = MemoryTable(key=("区", "no"), rows=copy.deepcopy(ROWS), writers={"shop", "report"})
        self.desk, self.ref = desk, CollectionRef("memory", "客户")
        self.store = MemoryStore("memory", tables={"客户": self.table}, unlock=desk.unlock("memory", CREDENTIALS, repr))
        self.inspector = MemoryInspector(self.table)
        self.plan_systems()

    def content(self) -> dict[str, object]:
        return {f"{row['区']}|{row['no']}": dict(row) for row in self.table.rows}

    def marks(self) -> dict[str, object]:
        return {f"{row['区']}|{row['no']}": id(row) for row in self.table.rows}

    def located(self, batch: Batch) -> list[tuple[object, ...]]:
        return [(key["区"], key["no"]) for key in batch.keys.to_pylist()]

    def spoil(self, name: str) -> None:
        self.table.rows[:] = [row for row in self.table.rows if f"{row['区']}|{row['no']}" != name]

    def alter(self, name: str) -> None:
        for row in self.table.rows:
            if f"{row['区']}|{row['no']}" == name:
                row["phone"] = "anew"

    def bring_back(self, name: str) -> None:
        self.table.rows += [dict(row) for row in ROWS if f"{row['区']}|{row['no']}" == name]

    def grants(self) -> object:
        return set(self.table.writers)

    def can_write(self) -> bool:
        return "shop" in self.table.writers


@pytest.fixture
def subject(desk: Desk) -> MemorySubject:
    return MemorySubject(desk)


class TestMemory(StoreSuite, FieldSuite, ReturnSuite, FreezeSuite, SanitiseSuite, MinimiseSuite):
    pass
