"""A company of a few rows in one SQLite file and a few rows in files of a folder, and what its case leaves of them.

Nothing of it needs a server: what kills processes, fills disks and lets workers race runs it from the beginning to the
end again and again.
"""

import contextlib
import csv
import json
import sqlite3
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from conftest import DrivenCase
from winddown.demo.case_file import HOLD_LIST, STEWARD, write_case, write_private
from winddown.demo.people import draw_cast
from winddown.demo.rows import draw_drafts
from winddown.demo.schema import CUSTOMERS, ORDERS
from winddown.evidence.verify import main as verify
from winddown.runner import Halt
from winddown.stages.standing import standing

PERSONS = 20
DATABASE, SHARE = "shop_db", "shop_files"
ROLES = ("", "__mark", "__purge", "__inspect")
TABLES = {table.name.partition(".")[2]: table for table in (CUSTOMERS, ORDERS)}
FOLDER = "exports/orders"
COLUMNS = ("order_no", "customer_id", "recipient_phone", "amount")


Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class End:
    """What is left when the case is over.

    Attributes:
        orders: wave, collection, act, records, and how many of them were purged, of every order in the certificates.
        effects: of each power, how many the ledger closed as done.
        left: hidden and unfinished files of the workspace and of the share, and files in escrow and in quarantine.
    """

    rows: Rows
    orders: Counter[tuple[str, str, str, int, int]]
    effects: Counter[str]
    left: tuple[str, ...]


class SmallCompany(DrivenCase):
    """The company in a folder of its own, which may be copied to another place as long as nothing runs."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, grace_seconds=1)
        self.database, self.share = directory / "shop.sqlite", directory / "share"

    def make(self) -> None:
        """Write database, share and case; no child is among the customers, so there is one wave."""
        cast = draw_cast(PERSONS, seed=7)
        cast = replace(cast, held=cast.held - cast.children)
        write_case(self.directory, cast)
        rows: Rows = {name: [] for name in TABLES}
        grown = (one for one in draw_drafts(cast) if one.person is None or one.person.customer_id not in cast.children)
        for draft in grown:
            for name, table in TABLES.items():
                rows[name] += [tuple(row) for row in draft.of(table)]
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            for name, table in TABLES.items():
                columns = ", ".join(f"{column} text" for column in table.columns)
                connection.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({table.key}))")
                places = ", ".join("?" * len(table.columns))
                connection.executemany(f"INSERT INTO {name} VALUES ({places})", rows[name])
        held = {str(customer) for customer in cast.held} | {""}
        lines = [(row[0], str(row[1] or ""), row[6], row[3]) for row in rows["orders"]]
        self._write("mixed.csv", lines[:12] + [line for line in lines if line[1] in held])
        self._write("alone.csv", [line for line in lines[12:] if line[1] not in held][:4])
        self.staying = self.rows(held)
        self.edit(_describe)
        urls = {DATABASE: "sqlite:///" + quote(str(self.database)), SHARE: self.share.as_uri()}
        found = {store + role: {"url": url} for store, url in urls.items() for role in ROLES}
        write_private(self.directory / "connections.json", json.dumps(found).encode())

    def _write(self, name: str, lines: list[tuple[str, ...]]) -> None:
        path = self.share / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *lines])

    def act_as_asked(self) -> None:
        """Do what the case waits for, whoever carried it so far."""
        current = self.deploy()
        found = standing(current, self.case_id)
        current.control.engine.dispose()
        if found.waits_for != "nothing":  # grace may have ended since it was waited for
            self.act(Halt(found.waits_for, found.plan_id, found.message))

    def rows(self, customers: Collection[str] = ()) -> Rows:
        """All rows of each table and each line of the files, or those of these customers."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            found: Rows = {
                name: connection.execute(f"SELECT * FROM {name} ORDER BY {table.key}").fetchall()
                for name, table in TABLES.items()
            }
        for path in sorted((self.share / FOLDER).glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as stream:
                found[path.name] = [tuple(line) for line in csv.reader(stream)][1:]
        places = dict.fromkeys(found, 1) | {"customers": 0}
        kept = {
            name: [row for row in rows if not customers or str(row[places[name]] or "") in customers]
            for name, rows in found.items()
        }
        return {name: rows for name, rows in kept.items() if rows}

    def end(self) -> End:
        """What is left: of the rows those that have to stay, and each effect was closed as done once.

        Only a freeze is done anew by a stage that was broken off before its end: it freezes what was thawed meanwhile.
        The ledger and the bundle are verified on the way.
        """
        evidence = self.workspace / self.case_id / "evidence"
        bundle = str(evidence / f"{self.case_id}-bundle.zip")
        assert verify([bundle, "--policy", str(evidence / "winddown.pub")]) == 0
        current = self.deploy()
        done: Counter[tuple[str, str]] = Counter()
        for entry in map(json.loads, current.ledger.entries(self.case_id)):
            if entry["type"] == "done" and entry["body"]["act"] != "freeze":
                done[entry["body"]["effect"], entry["body"]["act"]] += 1
        current.control.engine.dispose()
        rows = self.rows()
        assert rows == self.staying
        assert set(done.values()) == {1}, done
        return End(
            rows,
            Counter(
                (document["wave"], order["collection"], order["act"], order["records"], order["purged"])
                for document in self.certificates()
                for order in document["orders"]
            ),
            Counter(act for _, act in done),
            tuple(sorted(str(path.relative_to(self.directory)) for path in self._left())),
        )

    def _left(self) -> list[Path]:
        case = self.workspace / self.case_id
        found = [path for path in case.rglob("*") if path.name.startswith(".") or path.suffix == ".part"]
        found += list((case / "escrow").rglob("*.escrow"))
        found += [path for path in self.share.rglob("*") if path.is_file() and _is_ours(path)]
        return [*found, *self.directory.glob(f"{self.database.name}-*")]


def made(directory: Path) -> SmallCompany:
    """The company and its case in a new folder, before anything was run."""
    directory.mkdir()
    company = SmallCompany(directory)
    company.make()
    return company


def _is_ours(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _describe(raw: dict[str, Any]) -> None:
    raw["profile"]["processes_minors"] = False
    raw["grace"]["duration"] = "PT1S"
    raw["transfers"] = raw["opinions"] = []
    raw["subjects"]["collection"] = f"{DATABASE}:main.customers"
    raw["stores"] = [
        {"name": DATABASE, "kind": "sqlite", "connection": DATABASE, "region": "cn-east"},
        {"name": SHARE, "kind": "files", "connection": SHARE, "region": "cn-east"},
    ]
    wanted = {f"{DATABASE}:main.{name}" for name in TABLES} | {f"{SHARE}:{FOLDER}"}
    for entry in raw["register"]:
        entry["collection"] = entry["collection"].replace("shop.", "main.")
    raw["register"] = [entry for entry in raw["register"] if entry["collection"] in wanted]
    (raw["holds"][0]["subjects"], raw["register"][0]["steward"]) = (HOLD_LIST, STEWARD)
