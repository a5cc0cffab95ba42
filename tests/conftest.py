"""A case, what its people do, a generated company on servers of its own, and what is left out; for several folders.

``company_case`` makes one company after the other on one pair of servers: the one before is dropped first.
"""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml
from hypothesis import HealthCheck, settings
from psycopg import conninfo

from winddown.archive.content import content_digest
from winddown.archive.custody import open_as_custodian
from winddown.bootstrap import deploy
from winddown.connections import FileConnections
from winddown.control.door import Door
from winddown.demo.bucket import BUCKET, connect
from winddown.demo.company import DATABASE, generate
from winddown.demo.compare import Comparison, compare, read_connections
from winddown.demo.roles import grant
from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3, postgres_bin_dir
from winddown.demo.truth import BACKUP_DIGESTS
from winddown.domain.blocker import Blocker
from winddown.domain.decision import Decision
from winddown.domain.inventory import Inventory
from winddown.runner import Halt, run
from winddown.settings import Settings
from winddown.stages import report as reporting
from winddown.stages.case_file import read_case_file
from winddown.stages.check import Checks
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case
from winddown.stages.seal import SealedArchive

# The first of many calls loads compiled code, and a busy machine draws slowly.
settings.register_profile("winddown", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("winddown")


OWN_TABLES = """
    SELECT schemaname || '.' || tablename FROM pg_tables
    WHERE schemaname NOT LIKE 'pg\\_%' AND schemaname NOT IN ('information_schema', 'winddown_quarantine')
"""


def predicate_of(envelope: bytes) -> dict[str, Any]:
    """What a signed certificate states."""
    statement = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    predicate: dict[str, Any] = statement["predicate"]
    return predicate


@dataclass(frozen=True, slots=True)
class Servers:
    """The company's database server and its object service."""

    postgres: EmbeddedPostgres
    files: EmbeddedS3

    def empty(self) -> None:
        """Drop what the last company left, also in the server's log: refused statements quote rows there."""
        (self.postgres.data_dir / "server.log").write_text("")
        with psycopg.connect(self.postgres.admin_url(), autocommit=True) as server:
            named = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
            for (name,) in server.execute(named).fetchall():
                server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
        address = urlsplit(self.files.address().endpoint_url)
        with contextlib.closing(http.client.HTTPConnection(address.netloc, timeout=10)) as service:
            service.request("POST", "/moto-api/reset")
            assert service.getresponse().status == http.HTTPStatus.OK


class DrivenCase:
    """One case, driven by the plain runner; every step begins with a deployment of its own."""

    def __init__(self, directory: Path, *, grace_seconds: int) -> None:
        self.directory = directory
        self.grace_seconds = grace_seconds
        self.workspace = directory / "winddown"
        self.case_id = "huadong-2026"
        self.control_url = f"sqlite:///{self.workspace / 'control.sqlite'}"

    # -- the case --------------------------------------------------------------------------------------------------

    def deploy(self) -> Deployment:
        settings = Settings(self.control_url, self.workspace, None, "")
        return deploy(FileConnections(self.directory / "connections.json"), settings=settings)

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Rewrite the case file."""
        path = self.directory / "case.yaml"
        raw = yaml.safe_load(path.read_text("utf-8"))
        change(raw)
        path.write_text(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False), "utf-8")

    def edit_connection(self, name: str, change: Callable[[dict[str, str]], None]) -> None:
        """Rewrite one connection."""
        path = self.directory / "connections.json"
        found = json.loads(path.read_text())
        change(found[name])
        path.write_text(json.dumps(found))

    def copy_connections(self, store: str, name: str) -> None:
        """Give another store the connections of this one."""
        path = self.directory / "connections.json"
        found = json.loads(path.read_text())
        copies = {key.replace(store, name): value for key, value in found.items() if key.startswith(store)}
        path.write_text(json.dumps(found | copies))

    def open(self) -> str:
        return open_case(self.deploy(), read_case_file(self.directory / "case.yaml"), requested_by="operator")

    def run(self) -> Halt:
        """Open or continue the case, and carry it on as far as it may go."""
        current = self.deploy()
        opened = open_case(current, read_case_file(self.directory / "case.yaml"), requested_by="operator")
        return run(current, opened)

    def act(self, halt: Halt) -> None:
        """Do what the case waits for: approve, acknowledge, or wait for the end of grace."""
        current = self.deploy()
        case = current.case(self.case_id)
        door = Door(current.control.engine, ledger=current.ledger, clock=current.clock)
        if halt.reason == "approvals":
            for person in case.approvers:
                digest = current.control.plan(halt.plan_id).digest
                door.approve(case, halt.plan_id, plan_digest=digest, person_id=person)
        elif halt.reason == "receipts":
            key = (self.directory / "custodian" / "custodian.key").read_bytes()
            for name in current.control.names(self.case_id, "archive"):
                if not name.startswith(f"{halt.plan_id}/"):
                    continue
                sealed = current.control.require(self.case_id, "archive", name, type_=SealedArchive)
                path = current.folder(self.case_id, "archives") / sealed.file
                _, table = open_as_custodian(path, private_key_pem=key)
                door.acknowledge(
                    case,
                    halt.plan_id,
                    sealed.order_id,
                    archive_digest=sealed.archive_sha256,
                    content_digest=content_digest(table.to_batches()),
                    person_id=case.custodian.person,
                )
        elif halt.reason == "grace":
            time.sleep(self.grace_seconds + 0.1)
        else:
            raise AssertionError(f"nobody can do anything about {halt.reason}: {halt.message}")
        current.control.engine.dispose()

    def run_until(self, reason: str, *, wave: str = "") -> Halt:
        """Run and act until the case halts for this reason, under a plan of this wave if one is named."""
        while True:
            halt = self.run()
            if halt.reason == reason and wave in halt.plan_id:
                return halt
            self.act(halt)

    # -- what the product says -------------------------------------------------------------------------------------

    def blockers(self) -> dict[tuple[str, str], Blocker]:
        """All blockers of inventory, checks and planned waves, by code and subject."""
        control = self.deploy().control
        first: Inventory = control.require(self.case_id, "inventory", "first", type_=Inventory)
        found = list(first.blockers)
        checks = control.get(self.case_id, "checks", "before", type_=Checks)
        found += checks.blockers if checks is not None else ()
        for name in control.names(self.case_id, "blockers"):
            found += control.require(self.case_id, "blockers", name, type_=tuple[Blocker, ...])
        return {(blocker.code, blocker.subject): blocker for blocker in found}

    def decisions(self, collection: str) -> list[Decision]:
        """The first decisions about one collection."""
        found: tuple[Decision, ...] = self.deploy().control.require(
            self.case_id, "decisions", "first", type_=tuple[Decision, ...]
        )
        return [decision for decision in found if str(decision.collection) == collection]

    def planned(self, halt: Halt) -> set[str]:
        """Collections of which a plan destroys or empties anything."""
        plan = self.deploy().control.plan(halt.plan_id)
        return {str(order.collection) for order in plan.orders if order.act != "seal"}

    def certificates(self) -> list[dict[str, Any]]:
        """The certificates that were written for people, in the order of their issue."""
        folder = self.workspace / self.case_id / "evidence"
        found = [predicate_of(path.read_bytes()) for path in folder.glob("certificate-*.json")]
        return sorted(found, key=lambda document: int(document["ledger_size"]))


class CompanyCase(DrivenCase):
    """The generated company and its case."""

    def __init__(self, directory: Path, servers: Servers, *, grace_seconds: int) -> None:
        super().__init__(directory, grace_seconds=grace_seconds)
        self.servers = servers

    # -- the stores, by plain drivers ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def database(self, name: str = DATABASE) -> Iterator[psycopg.Connection]:
        """The superuser's session in the company's database."""
        url = conninfo.make_conninfo(self.servers.postgres.admin_url(), dbname=name)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    def execute(self, *statements: str) -> None:
        """Run statements as the shop's owner; new tables become readable as the old ones are."""
        with self.database() as connection:
            connection.execute(b"SET ROLE shop_owner")
            for statement in statements:
                connection.execute(statement.encode())
            connection.execute(b"RESET ROLE")
            grant(connection)

    def number(self, query: str) -> int:
        """The one number that a query returns."""
        with self.database() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    @contextlib.contextmanager
    def bucket(self) -> Iterator[Any]:
        """A client of the object service."""
        with contextlib.closing(connect(self.servers.files.address())) as client:
            yield client

    def put(self, key: str, content: bytes) -> None:
        """Write one object."""
        with self.bucket() as client:
            client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        """Read one object's current version."""
        with self.bucket() as client:
            return bytes(client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        """Keys of the live objects under a prefix."""
        with self.bucket() as client:
            found = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [entry["Key"] for entry in found]

    def versions(self, key: str) -> list[tuple[str, bool]]:
        """Version ids of one object, markers included, and whether each is the latest."""
        with self.bucket() as client:
            found = client.list_object_versions(Bucket=BUCKET, Prefix=key)
        entries = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
        return sorted((entry["VersionId"], entry["IsLatest"]) for entry in entries)

    def state(self) -> dict[str, str]:
        """A digest of every table and of every folder with all its versions: equal means untouched."""
        found = {}
        with self.database() as connection:
            for (name,) in connection.execute(OWN_TABLES.encode()).fetchall():
                query = f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"
                row = connection.execute(query.encode()).fetchone()
                found[f"shop_db:{name}"] = str(row[0]) if row else ""
        folders: dict[str, list[str]] = {}
        with self.bucket() as client:
            for page in client.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
                for entry in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    line = f"{entry['Key']} {entry['VersionId']} {entry.get('ETag')} {entry['IsLatest']}"
                    folders.setdefault(entry["Key"].rpartition("/")[0], []).append(line)
        for folder, lines in folders.items():
            found[f"shop_files:{folder}"] = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
        return found

    def compare(self, *, after: str = "all") -> Comparison:
        """Compare both stores with the truth."""
        return compare(self.directory, read_connections(self.directory), after=after)

    def copy_database(self, name: str, *, owner: str = "postgres") -> None:
        """Copy the company's database under another name; the server asks that nobody else is connected to it."""
        with self.database("postgres") as server:
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (DATABASE,))
            server.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE} OWNER {owner}".encode())

    def back_up(self, database: str = DATABASE) -> None:
        """Replace the backup by a dump of a database as it is now; the truth learns its digest."""
        parameters = conninfo.conninfo_to_dict(self.servers.postgres.admin_url())
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
        environment = {**os.environ, **{names[key]: str(parameters[key]) for key in names}}
        command = [str(postgres_bin_dir() / "pg_dump"), "--format=custom", database]
        self.replace_backup(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)

    def replace_backup(self, content: bytes) -> None:
        """Put other bytes in the backup's place, as its only version."""
        path = self.directory / BACKUP_DIGESTS
        (key,) = json.loads(path.read_text())
        with self.bucket() as client:
            versions = client.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]
            for version in versions:
                client.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])
            client.put_object(Bucket=BUCKET, Key=key, Body=content)
        path.write_text(json.dumps({key: hashlib.sha256(content).hexdigest()}))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `make thorough` and `make traces` run, and count it as left out."""
    if os.environ.get("WINDDOWN_TEST_THOROUGH") == "all":
        return
    left_out = [item for item in items if _is_thorough(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _is_thorough(item)]


def _is_thorough(item: pytest.Item) -> bool:
    """Says nothing new, as a rule: of its kind, another is run; or it is run with the first kind of key."""
    parameters = getattr(item, "callspec", None)
    is_repeated = parameters is not None and parameters.indices.get("subject", 0) > 0
    return item.get_closest_marker("thorough") is not None or (
        is_repeated and item.get_closest_marker("any_key") is not None
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: a killed process leaves to the disk what the system has anyway."""
    memory = Path("/dev/shm")  # noqa: S108 - the name is not guessable
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as found:
        yield Path(found)


@pytest.fixture(scope="session")
def company_servers() -> Iterator[Servers]:
    # Another test run that starts meanwhile closes pytest's own folder to the user that the database server runs as.
    with tempfile.TemporaryDirectory(prefix="winddown-servers-") as folder:
        found = Servers(EmbeddedPostgres(Path(folder) / "postgres"), EmbeddedS3(Path(folder) / "s3"))
        try:
            found.postgres.start()
            found.files.start()
            yield found
        finally:
            found.files.stop()
            found.postgres.stop()


@pytest.fixture
def company_case(
    company_servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CompanyCase]:  # fmt: skip
    """Make a company with a case in a folder of this test; only the last one made has its stores.

    Grace is a second instead of the demonstration's five, so that tests do not wait. Papers and registers, a third of a
    run's time, are left out of reports unless ``papers`` asks for them; certificates and bundle are written.
    """

    def make(
        *, customers: int = 60, seed: int = 7, name: str = "case", grace_seconds: int = 1, papers: bool = False
    ) -> CompanyCase:
        if not papers:
            monkeypatch.setattr(reporting, "_for_people", lambda *_: {})
        company_servers.empty()
        directory = tmp_path / name
        generate(
            customers=customers,
            seed=seed,
            postgres_admin_url=company_servers.postgres.admin_url(),
            s3=company_servers.files.address(),
            directory=directory,
        )
        made = CompanyCase(directory, company_servers, grace_seconds=grace_seconds)
        made.edit(lambda raw: raw["grace"].update(duration=f"PT{grace_seconds}S"))
        return made

    return make
