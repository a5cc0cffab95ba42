"""Builds the whole demonstration company: database, bucket, case folder, and the truth about every record."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import psycopg
from psycopg import conninfo

from winddown.demo.bucket import REGION, Upload, Uploader, connect, create_bucket
from winddown.demo.case_file import BACKUP_TAKEN_ON, write_case, write_private
from winddown.demo.documents import put_documents
from winddown.demo.exports import Exports
from winddown.demo.people import Cast, draw_cast
from winddown.demo.roles import create_roles, grant
from winddown.demo.rows import Draft, Row, draw_drafts
from winddown.demo.schema import CONSTRAINTS, OWN_SCHEMAS, TABLES, Table
from winddown.demo.servers import S3Address, postgres_bin_dir
from winddown.demo.truth import BACKUP_DIGESTS, FILE_NAME, Owner, TruthWriter, digest_of_bytes
from winddown.domain.errors import Refused, Transient

DATABASE = "shop"
BACKUPS_PREFIX = "backups"
CUSTOMERS_A_LOAD = 5_000


@dataclass(frozen=True, slots=True)
class Premises:
    """A company that owns nothing yet: its people, an empty database, an empty bucket, its case and its connections."""

    directory: Path
    cast: Cast
    database_url: str = field(repr=False)
    s3: S3Address


@dataclass(frozen=True, slots=True)
class Company:
    """What was generated: where it is, who plays a part, and how many records each collection has by fate."""

    directory: Path
    cast: Cast
    counts: Mapping[tuple[str, str], int]

    @property
    def records(self) -> int:
        """The number of records, older versions of file rows included."""
        return sum(self.counts.values())


def generate(*, customers: int, seed: int, postgres_admin_url: str, s3: S3Address, directory: Path) -> Company:
    """Create database ``shop``, bucket ``huadong-shop`` and the case folder of a company of any size.

    It is ``found`` and ``fill`` one after the other, with their errors. Rows, truth, files and case follow the seed;
    passwords, the custodian's keys and the database dump's bytes do not. It does not start servers and does not clean
    up after a failure.
    """
    return fill(
        found(customers=customers, seed=seed, postgres_admin_url=postgres_admin_url, s3=s3, directory=directory)
    )


def found(*, customers: int, seed: int, postgres_admin_url: str, s3: S3Address, directory: Path) -> Premises:
    """Create database, bucket, roles and the case folder, all of them still empty; takes a second.

    Args:
        customers: how many customers, 20 at least.
        seed: the same seed and size give the same company.
        postgres_admin_url: a superuser's URL of PostgreSQL 16 or later on this machine.
        s3: an S3-compatible service with an account that may create buckets.
        directory: the case folder; created when missing.

    Raises:
        Refused: too few customers, or a company is there already (database, bucket or case).
    """
    cast = draw_cast(customers, seed=seed)
    if (directory / "case.yaml").exists():
        raise Refused("the folder holds a case already", next_step="name another folder")
    with psycopg.connect(postgres_admin_url, autocommit=True) as server:
        if server.execute("SELECT FROM pg_database WHERE datname = 'shop'").fetchone():
            raise Refused("the database shop exists already", next_step="use another server, or drop it")
        with contextlib.closing(connect(s3)) as client:
            create_bucket(client)
        directory.mkdir(parents=True, exist_ok=True)
        passwords = create_roles(server)
        server.execute("CREATE DATABASE shop OWNER shop_owner TEMPLATE template0")
    database_url = conninfo.make_conninfo(postgres_admin_url, dbname=DATABASE)
    write_case(directory, cast)
    _write_connections(directory, database_url, passwords=passwords, s3=s3)
    return Premises(directory, cast, database_url, s3)


def fill(premises: Premises) -> Company:
    """Fill database and bucket, back the database up, and write the truth.

    Memory grows with the orders' export only. Raises Transient when the dump of the database failed.
    """
    directory, cast, database_url, s3 = premises.directory, premises.cast, premises.database_url, premises.s3
    with (
        TruthWriter(directory / FILE_NAME) as truth,
        contextlib.closing(connect(s3)) as client,
        Uploader(client) as uploader,
    ):
        with psycopg.connect(database_url) as database:
            _load(database, cast, truth=truth, uploader=uploader)
        put_documents(cast, truth, uploader.put)
        _back_up(database_url, directory, truth=truth, uploader=uploader)
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("ANALYZE")
    return Company(directory, cast, dict(truth.counts))


def _load(database: psycopg.Connection, cast: Cast, *, truth: TruthWriter, uploader: Uploader) -> None:
    """Fill the tables and the exports in one pass over the customers, in one transaction."""
    for schema in OWN_SCHEMAS:
        database.execute(f"CREATE SCHEMA {schema} AUTHORIZATION shop_owner".encode())
    database.execute("SET ROLE shop_owner")
    for table in TABLES:
        database.execute(table.create().encode())
    exports = Exports(cast, truth, uploader.put)
    exports.start()
    stream = draw_drafts(cast)
    while drafts := list(islice(stream, CUSTOMERS_A_LOAD)):
        for draft in drafts:
            exports.add(draft)
        for table in TABLES:
            _copy(database, table, drafts, truth=truth)
    exports.finish()
    for statement in CONSTRAINTS:
        database.execute(statement.encode())
    database.execute("RESET ROLE")
    grant(database)


def _copy(database: psycopg.Connection, table: Table, drafts: Iterable[Draft], *, truth: TruthWriter) -> None:
    columns = ", ".join(table.columns)
    with database.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN".encode()) as copy:
        lines: list[str] = []
        for draft in drafts:
            for row in draft.of(table):
                truth.table_row(table, row, draft.owner)
                lines.append(_copy_line(row))
        copy.write("".join(lines))


def _copy_line(row: Row) -> str:
    r"""Return a row in COPY's text format, in which a tab separates and \N is null."""
    return (
        "\t".join(
            r"\N" if value is None else str(value).replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n")
            for value in row
        )
        + "\n"
    )


def _back_up(database_url: str, directory: Path, *, truth: TruthWriter, uploader: Uploader) -> None:
    """Upload a dump of the database; its digest is kept beside the truth, because a dump holds the time of day."""
    parameters = {name: str(value) for name, value in conninfo.conninfo_to_dict(database_url).items()}
    variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    environment = {variables[name]: value for name, value in parameters.items() if name in variables}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "shop.dump"
        done = subprocess.run(
            [postgres_bin_dir() / "pg_dump", "--format=custom", "--file", path],
            check=False,
            capture_output=True,
            env={"PATH": os.environ.get("PATH", os.defpath), **environment},
        )
        if done.returncode != 0:
            raise Transient("pg_dump failed", next_step="generate the company again on fresh servers")
        content = path.read_bytes()
    key = f"{BACKUPS_PREFIX}/shop-{BACKUP_TAKEN_ON.isoformat()}.dump"
    truth.opaque(BACKUPS_PREFIX, key, before=None, owner=Owner.COMPANY)
    uploader.put(Upload(key, (content,), "application/octet-stream"))
    (directory / BACKUP_DIGESTS).write_text(json.dumps({key: digest_of_bytes(content)}) + "\n")


def _write_connections(directory: Path, database_url: str, *, passwords: Mapping[str, str], s3: S3Address) -> None:
    """Write one connection per store and act; ``applications.json`` has the shop's own logins."""
    place = conninfo.conninfo_to_dict(database_url)

    def url(role: str, database: str = DATABASE) -> dict[str, str]:
        return {"url": f"postgresql://{role}:{passwords[role]}@{place['host']}:{place['port']}/{database}"}

    files = {
        "endpoint_url": s3.endpoint_url,
        "access_key": s3.access_key,
        "secret_key": s3.secret_key,
        "region": REGION,
    }
    connections = {
        "shop_db": url("winddown_reader"),
        "shop_db__mark": url("winddown_marker"),
        "shop_db__purge": url("winddown_purger"),
        "shop_db__inspect": url("winddown_inspector"),
        "shop_db__scratch": url("winddown_scratch", "postgres"),
        "shop_files": files,
        "shop_files__mark": files,
        "shop_files__purge": files,
        "shop_files__inspect": files,
    }
    write_private(directory / "connections.json", json.dumps(connections, indent=2).encode())
    applications = {role: url(role) for role in ("shop_app", "shop_report")}
    write_private(directory / "applications.json", json.dumps(applications, indent=2).encode())
