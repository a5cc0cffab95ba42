"""Nothing that the product writes holds a value of a record, whatever place of a store the value stands in.

Markers are planted on purpose, the product is run to its end and into failures, and everything that it wrote is
searched: control database, workspace with evidence and bundle, pages and API, logs, output, exceptions as a log would
show them, and what objects of the domain say of themselves. Encrypted containers may hold values; whatever can be read
without a key may not.
"""

import gc
import json
import logging
import sqlite3
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import Header
from fastapi.testclient import TestClient

from contract.mariadb_server import mariadb
from winddown.domain.drift import Drift
from winddown.domain.errors import Refused, Residual, WinddownError
from winddown.stages.classify import Coverage
from winddown.stages.open import start_again
from winddown.stages.quarantine import restore
from winddown.stages.relations import Relation
from winddown.web.app import create_app

from .markers import Markers, in_files, unpacked
from .planting import (
    literal,
    named,
    plant_bucket,
    plant_catalogue,
    plant_customer,
    plant_duckdb,
    plant_mysql,
    plant_share,
    plant_sqlite,
)

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

Make = Callable[..., "CompanyCase"]
PERSON, LAST_WAVE = "chen.liquidator", "after-claims"
NOT_OURS = ("botocore", "boto3", "urllib3", "s3transfer", "httpx", "httpcore", "asyncio", "alembic")


@dataclass
class Recorder(logging.Handler):
    """Keeps everything that is said while a case is carried on."""

    company: "CompanyCase"
    markers: Markers
    said: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.DEBUG)

    __hash__ = logging.Handler.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        # What clients of servers say at DEBUG nobody switches on for a product; what they warn of is everybody's.
        if record.levelno >= logging.WARNING or not record.name.startswith(NOT_OURS):
            said = f"{record.getMessage()} {record.args!r} {record.exc_info!r}"
            self.said.append((f"log of {record.name}", said.encode()))

    def fails(self, act: Callable[[], Any], *errors: type[WinddownError]) -> WinddownError:
        """Do something that is refused; what is raised is kept as every log would show it."""
        with pytest.raises(errors) as raised:
            act()
        error = raised.value
        shown = "".join(traceback.format_exception(error))
        self.said += [("traceback", shown.encode()), ("exception", f"{error!r} {error} {error.args}".encode())]
        return error

    def look(self) -> None:
        """Read every page and every answer of the API, and ask the objects in memory what they are."""
        current = self.company.deploy()
        case_id = self.company.case_id

        def person(x_person: Annotated[str, Header()]) -> str:
            return x_person

        with TestClient(create_app(lambda: current, person), headers={"X-Person": PERSON}) as client:
            paths = ["/", f"/cases/{case_id}", *(f"/plans/{plan}" for plan in current.control.plans(case_id))]
            folder = current.folder(case_id, "evidence")
            evidence = [f"/cases/{case_id}/evidence/{path.name}" for path in folder.iterdir() if path.is_file()]
            for path in [*paths, *(f"/api{path}" for path in paths if path != "/"), "/api/cases", *evidence]:
                answer = client.get(path, headers={"Accept": "text/html"})
                assert answer.status_code == 200 or path in evidence, path
                self.said += unpacked(f"page {path}", answer.content)
        gc.collect()  # what nobody holds any more is not asked
        shown = {repr(each) for each in gc.get_objects() if _is_of_the_domain(each)}
        self.said.append(("repr", "\n".join(shown).encode()))

    def run(self) -> Any:
        halt = self.company.run()
        self.said.append(("halt", repr(halt).encode()))
        self.look()
        return halt

    def act_until(self, reason: str, *, wave: str = "") -> None:
        halt = self.company.run_until(reason, wave=wave)
        self.said.append(("halt", repr(halt).encode()))
        self.look()

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All that was said, all files of the workspace, and every row of the control database."""
        yield from self.said
        yield from in_files(self.company.workspace)
        with sqlite3.connect(self.company.workspace / "control.sqlite") as control:
            names = [row[0] for row in control.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                for row in control.execute(f'SELECT * FROM "{name}"'):
                    text = " ".join(str(value) for value in row).encode()
                    yield f"control.{name} {row[:3]}"[:120], text


def _is_of_the_domain(found: object) -> bool:
    kind = type(found)
    ours = ("winddown.domain", "winddown.stages", "winddown.ports")
    return is_dataclass(kind) and str(kind.__module__).startswith(ours)


@pytest.fixture
def recorded(company_case: Make) -> Iterator[Callable[[], Recorder]]:
    """A company whose case is recorded."""
    root, handlers = logging.getLogger(), []
    level = root.level

    def make() -> Recorder:
        handlers.append(Recorder(company_case(), Markers()))
        root.addHandler(handlers[-1])
        root.setLevel(logging.DEBUG)
        return handlers[-1]

    yield make
    root.setLevel(level)
    for handler in handlers:
        root.removeHandler(handler)


def superuser(company: "CompanyCase", *statements: str) -> None:
    """Write as somebody whom no freeze stops."""
    with company.database() as connection:
        for statement in statements:
            connection.execute(statement.encode())


def declare(company: "CompanyCase", name: str, kind: str, url: str) -> None:
    """Add a store that is only read."""
    path = company.directory / "connections.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {name: {"url": url}}))
    company.edit(
        lambda raw: raw["stores"].append({"name": name, "kind": kind, "connection": name, "region": "cn-east"})
    )


@pytest.mark.thorough
def test_what_a_company_holds_is_read_and_none_of_it_is_told(
    recorded: Callable[[], Recorder], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = recorded()
    company, mark = recorder.company, recorder.markers
    plant_customer(company, mark)
    plant_catalogue(company, mark)
    plant_bucket(company, mark)
    plant_share(tmp_path / "share", mark)
    declare(company, "share", "files", f"file://{tmp_path / 'share'}")
    declare(company, "till", "sqlite", plant_sqlite(tmp_path / "till.sqlite", mark))
    declare(company, "lake", "duckdb", plant_duckdb(tmp_path / "lake.duckdb", mark))
    company.back_up()
    assert recorder.run().reason == "approvals"
    # What changed since is told as well, by names and counts.
    company.execute("ALTER TABLE shop.tickets ADD COLUMN note text")
    with company.database() as connection:
        for kind in ("mobile", "email"):
            name = named(f"late {mark('pg late table', kind)}")
            connection.execute(f"CREATE TABLE legacy.{name} (id bigint PRIMARY KEY)".encode())
            value = literal(mark("pg late cell", kind))
            connection.execute(f"INSERT INTO legacy.notes (id, c0) VALUES ({len(mark.planted)}, {value})".encode())
    start_again(company.deploy(), company.case_id)
    recorder.run()
    control, case_id = company.deploy().control, company.case_id
    changed = control.require(case_id, "drift", "drift", type_=tuple[Drift, ...])
    assert {"shop_db:shop.tickets", "shop_db:legacy.notes"} <= {each.subject for each in changed}
    assert control.require(case_id, "relations", "relations", type_=tuple[Relation, ...])
    codes = Counter(code for code, _ in company.blockers())
    assert codes["personal-name"] >= 4 * len(("pg", "s3", "share", "sqlite", "duckdb"))
    assert {"unreadable-file", "duplicate-fields", "hidden-versions", "link-outside", "trigger"} <= codes.keys()
    read = {
        each.collection: each.cells
        for each in control.require(case_id, "coverage", "coverage", type_=tuple[Coverage, ...])
    }
    assert min(read[name] for name in ("shop_db:legacy.notes", "till:main.notes", "lake:main.notes")) > 0
    assert_nothing_told(recorder, capfd)


def test_a_mariadb_database_tells_nobody(recorded: Callable[[], Recorder], capfd: pytest.CaptureFixture[str]) -> None:
    recorder = recorded()
    with mariadb() as url:
        declare(recorder.company, "crm", "mysql", plant_mysql(url, recorder.markers))
        assert recorder.run().reason == "approvals"
    assert ("no-primary-key", "crm:marked.notes") not in recorder.company.blockers()
    assert any(subject.startswith("crm:") for _, subject in recorder.company.blockers())
    assert_nothing_told(recorder, capfd)


def test_effects_that_are_refused_and_undone_tell_nobody(
    recorded: Callable[[], Recorder], capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = recorded()
    company, mark = recorder.company, recorder.markers
    member = plant_customer(company, mark)
    subject = next(each.value for each in mark.planted if each.place.startswith("customers.customer_id"))
    company.back_up()
    recorder.act_until("receipts", wave=LAST_WAVE)
    company.act(company.run())

    # A row that refers to him, a table and a constraint that are called by a number: quarantine is refused.
    table, constraint = (named(f"t_{mark(f'{what} of a refusal', 'mobile')}") for what in ("table", "constraint"))
    superuser(
        company,
        f"CREATE TABLE shop.{table} (id bigint PRIMARY KEY, customer_id bigint, note text, "
        f"CONSTRAINT {constraint} FOREIGN KEY (customer_id) REFERENCES shop.customers)",
        f"INSERT INTO shop.{table} VALUES (1, {subject}, {literal(mark('refused row', 'text'))})",
    )
    assert "23503" in str(recorder.fails(company.run, Refused))
    recorder.look()
    superuser(company, f"DROP TABLE shop.{table}")

    # A trigger that speaks, which came after the plan.
    trigger = named(f"t_{mark('trigger of a refusal', 'mobile')}")
    superuser(
        company,
        "CREATE FUNCTION shop.speak() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''% %'', OLD, OLD.mobile; END'",
        f"CREATE TRIGGER {trigger} BEFORE DELETE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.speak()",
    )
    assert "after the plan" in str(recorder.fails(company.run, Refused))
    superuser(company, f"DROP TRIGGER {trigger} ON shop.customers")
    assert recorder.run().reason == "grace"

    # Somebody took his member number meanwhile, and a check that his row breaks: restoring him fails.
    superuser(
        company,
        "INSERT INTO shop.customers (customer_id, member_no, name, country) "
        f"VALUES (1, {literal(member)}, {literal(mark('row in the place', 'name'))}, 'CN')",
    )
    undo = lambda: restore(company.deploy(), company.case_id, requested_by=PERSON)  # noqa: E731
    recorder.fails(undo, Residual)
    recorder.look()
    superuser(
        company,
        "DELETE FROM shop.customers WHERE customer_id = 1",
        f"ALTER TABLE shop.tickets ADD CONSTRAINT {constraint} CHECK (length(text) < 1) NOT VALID",
    )
    recorder.fails(undo, Residual)
    superuser(company, f"ALTER TABLE shop.tickets DROP CONSTRAINT {constraint}")
    undo()
    recorder.look()
    assert company.number(f"SELECT count(*) FROM shop.customers WHERE customer_id = {subject}") == 1
    assert_nothing_told(recorder, capfd)


def test_a_case_carried_to_its_end_tells_nobody(
    recorded: Callable[[], Recorder], capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = recorded()
    company, mark = recorder.company, recorder.markers
    plant_customer(company, mark)
    company.back_up()
    recorder.act_until("grace", wave=LAST_WAVE)
    recorder.act_until("finished")
    subject = next(each.value for each in mark.planted if each.place.startswith("customers.customer_id"))
    assert company.number(f"SELECT count(*) FROM shop.customers WHERE customer_id = {subject}") == 0
    assert list(company.workspace.rglob("*.zip")), "there is a bundle"
    assert_nothing_told(recorder, capfd)


def assert_nothing_told(recorder: Recorder, capfd: pytest.CaptureFixture[str]) -> None:
    out, err = capfd.readouterr()
    found = recorder.markers.leaks([*recorder.everything(), ("stdout and stderr", (out + err).encode())])
    assert not found, f"{len(found)} of {len(recorder.markers.planted)} markers:\n" + "\n".join(sorted(found))
