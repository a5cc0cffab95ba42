"""Plants markers in every place of a company's stores from which a value could slip into what the product writes."""

import csv
import gzip
import io
import json
import sqlite3
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
from sqlalchemy import make_url

from .markers import Markers

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

KINDS = ("resident_id", "mobile", "email", "bank_card", "name", "secret", "text", "foreign", "quoted")
MANY = 9  # of a kind that is judged by its column; names are no proof by themselves


def literal(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def named(value: str) -> str:
    """An identifier in SQL."""
    return '"' + value.replace('"', '""') + '"'


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


def plant_customer(company: "CompanyCase", mark: Markers) -> str:
    """A customer in every table of the shop; his records go the whole way. Returns his member number."""
    subject, member = mark("customers.customer_id", "customer"), mark("customers.member_no", "secret")
    order, payment = mark("orders.order_no", "customer"), mark("payments.payment_no", "customer")
    rows = {
        "shop.customers": [
            subject, member, *(mark(f"customers.{kind}", kind) for kind in ("name", "resident_id", "mobile", "email")),
            "1987-03-14", "CN", None, "active", "2024-02-03T08:00:00+08:00",
        ],
        "shop.addresses": [
            mark("addresses.address_id", "customer"), subject, mark("addresses.recipient", "name"),
            mark("addresses.mobile", "mobile"), mark("addresses.line", "text"), "上海市", "200000",
        ],
        "shop.consents": [
            mark("consents.consent_id", "customer"), subject, "marketing", "2024-02-03T08:00:00+08:00", None,
            "100.64.0.1", mark("consents.device_id", "secret"),
        ],
        "shop.orders": [
            order, subject, "2024-02-04T08:00:00+08:00", "99.90", "11.49", mark("orders.recipient_name", "name"),
            mark("orders.recipient_phone", "mobile"), mark("orders.ship_address", "text"), "SF0000000000001", "done",
        ],
        "shop.tickets": [
            mark("tickets.ticket_id", "customer"), subject, "2024-02-05T08:00:00+08:00",
            " ".join(mark("tickets.text", kind) for kind in ("mobile", "name", "text", "foreign", "quoted")),
        ],
        "finance.payments": [
            payment, order, "2024-02-04T08:10:00+08:00", "99.90", "unionpay", mark("payments.card_number", "bank_card"),
            mark("payments.payer_name", "name"), mark("payments.payer_phone", "mobile"),
        ],
    }  # fmt: skip
    with company.database() as connection:
        for table, values in rows.items():
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(values))})".encode(), values)
    return member


def plant_catalogue(company: "CompanyCase", mark: Markers) -> None:
    """Values in what a database says of its tables: defaults, labels, checks, comments, bounds, views, names."""
    statements = ["CREATE SCHEMA legacy"]
    add = statements.append
    add(f"CREATE TYPE legacy.caller AS ENUM ({literal(mark('pg enum label', 'mobile'))}, 'other')")
    columns = [f"c{index} text DEFAULT {literal(mark('pg default', kind))}" for index, kind in enumerate(KINDS)]
    check = literal(mark("pg check", "email"))
    add(f"CREATE TABLE legacy.notes (id bigint PRIMARY KEY, {', '.join(columns)}, who legacy.caller)")
    add(f"ALTER TABLE legacy.notes ADD CONSTRAINT plain CHECK (c0 <> {check} AND id > 0)")
    constraint = named(f"not_{mark('pg constraint name', 'mobile')}")
    add(f"ALTER TABLE legacy.notes ADD CONSTRAINT {constraint} CHECK (id > -1)")
    for row in range(MANY):
        values = ", ".join(literal(mark("pg cell", kind)) for kind in KINDS)
        add(f"INSERT INTO legacy.notes VALUES ({row + 1}, {values}, 'other')")
    add(f"COMMENT ON TABLE legacy.notes IS {literal('联系电话' + mark('pg table comment', 'mobile'))}")
    for index, kind in enumerate(KINDS):
        add(f"COMMENT ON COLUMN legacy.notes.c{index} IS {literal('例如 ' + mark('pg column comment', kind))}")
    add("CREATE TABLE legacy.parts (phone text NOT NULL, n bigint) PARTITION BY LIST (phone)")
    for index, kind in enumerate(("mobile", "resident_id", "email", "name")):
        bound = literal(mark("pg partition bound", kind))
        add(f"CREATE TABLE legacy.parts_{index} PARTITION OF legacy.parts FOR VALUES IN ({bound})")
        add(f"INSERT INTO legacy.parts VALUES ({bound}, 1)")
    for index, kind in enumerate(KINDS):
        condition = f"c{index} = {literal(mark('pg view', kind))}"
        add(f"CREATE VIEW legacy.one_{index} AS SELECT * FROM legacy.notes WHERE {condition}")
    add(f"CREATE INDEX ON legacy.notes (id) WHERE c1 = {literal(mark('pg partial index', 'mobile'))}")
    for kind in ("mobile", "resident_id", "email", "bank_card"):
        add(f"CREATE TABLE legacy.{named('t_' + mark('pg table name', kind))} (id bigint PRIMARY KEY, note text)")
        add(f"CREATE TABLE legacy.c_{kind} (id bigint PRIMARY KEY, {named(mark('pg column name', kind))} text)")
        inside = named("来自" + mark("pg column name+", kind))
        add(f"CREATE TABLE legacy.e_{kind} (id bigint PRIMARY KEY, {inside} text)")
        add(f"CREATE TABLE legacy.{named(mark('pg keyless table', kind))} (note text)")
        add(f"CREATE VIEW legacy.{named('v ' + mark('pg view name', kind))} AS SELECT id FROM legacy.notes")
        add(f"CREATE INDEX {named('i_' + mark('pg index name', kind))} ON legacy.notes (id)")
        part = named(mark("pg partition name", kind))
        add(f"CREATE TABLE legacy.{part} PARTITION OF legacy.parts FOR VALUES IN ({literal(kind)})")
        target = named(mark("pg table referred to", kind))
        add(f"CREATE TABLE legacy.{target} (id bigint PRIMARY KEY)")
        add(f"CREATE TABLE legacy.refers_{kind} (id bigint PRIMARY KEY, other bigint REFERENCES legacy.{target})")
        column = named(mark("pg column referred to", kind))
        add(f"CREATE TABLE legacy.has_{kind} (id bigint PRIMARY KEY, {column} bigint UNIQUE)")
        link = f"other bigint REFERENCES legacy.has_{kind} ({column})"
        add(f"CREATE TABLE legacy.links_{kind} (id bigint PRIMARY KEY, {link})")
    add("CREATE FUNCTION legacy.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    trigger = named("t_" + mark("pg trigger name", "mobile"))
    add(f"CREATE TRIGGER {trigger} BEFORE DELETE ON legacy.notes FOR EACH ROW EXECUTE FUNCTION legacy.keep()")
    with company.database() as connection:
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute(b"CREATE MATERIALIZED VIEW legacy.copy AS SELECT * FROM legacy.notes")
        connection.execute(b"GRANT USAGE ON SCHEMA legacy TO winddown_reader, winddown_marker")
        connection.execute(b"GRANT SELECT ON ALL TABLES IN SCHEMA legacy TO winddown_reader, winddown_marker")
        connection.execute(b"ANALYZE")


# -- files, in a bucket and in a folder --------------------------------------------------------------------------------


def files(mark: Markers, where: str) -> dict[str, bytes]:
    """Keys and contents: values in names of folders and files, of fields, members and sheets, and in torn records."""
    found: dict[str, bytes] = {}
    plain = b"a,b\n1,2\n"
    for kind in KINDS:
        safe = mark(f"{where} partition", kind).replace("/", "")
        found[f"sales/by/client={safe}/part.csv"] = plain
        found[f"sales/inside/year=2024/{mark(f'{where} file name', kind)}.csv"] = plain
        found[f"broken/{mark(f'{where} broken file name', kind)}.parquet"] = b"PAR1 no end"
    for kind in ("resident_id", "mobile", "email", "bank_card"):
        found[f"people/{mark(f'{where} folder', kind)}/a.csv"] = plain
        found[f"people/客户 {mark(f'{where} folder+', kind)} 资料/deep/a.csv"] = plain
        found[f"people/{mark(f'{where} folder of broken', kind)}/a.parquet"] = b"PAR1 no end"
        found[f"people/{mark(f'{where} folder of empty', kind)}/a.csv"] = b""
        found[f"people/{mark(f'{where} folder of unknown', kind)}/a.bin"] = b"\x00\x01\x02"
        found[f"people/{mark(f'{where} folder of two', kind)}/a.csv"] = plain
        found[f"people/{mark(f'{where} partition key', kind)}=1/part.csv"] = plain
        found[f"headerless/{kind}/a.csv"] = _csv(
            [[mark(f"{where} CSV without header", each) for each in (kind, "name", "text")] for _ in range(MANY)]
        )
    scores = {mark(f"{where} JSON key", kind): index for index, kind in enumerate(KINDS)}
    found["json/map/a.json"] = json.dumps(scores).encode()
    nested = {"scores": {mark(f"{where} nested JSON key", kind): 1 for kind in KINDS}, "id": 1}
    found["json/nested/a.jsonl"] = b"".join(json.dumps({**nested, "id": row}).encode() + b"\n" for row in range(MANY))
    deep = {"id": 1, "a": [{"b": {mark(f"{where} deep JSON key", kind): {"c": 1} for kind in KINDS}}]}
    found["json/deep/a.jsonl.gz"] = gzip.compress(json.dumps(deep).encode() + b"\n")
    found["excel/a.xlsx"] = _workbook(mark, where)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for kind in KINDS:
            name = mark(f"{where} zip member", kind).replace("/", "")
            archive.writestr(f"{name}/{name}.csv", _csv([["note"], [mark(f"{where} zip cell", kind)]]))
        archive.comment = mark(f"{where} zip comment", "mobile").encode()
    found["zip/a.zip"] = packed.getvalue()
    found["parquet/a.parquet"] = _parquet(mark, where)
    found["torn/csv/a.csv"] = _csv([["name", "mobile"], [mark(f"{where} ragged CSV", kind) for kind in KINDS]])
    found["torn/quotes/a.csv"] = f'a,b\n"x{mark(f"{where} quotes", "mobile")},1\ny"z,2\n'.encode()
    found["torn/jsonl/a.jsonl"] = f'{{"a": 1}}\n{{"a": "{mark(f"{where} torn JSON", "mobile")}"\n'.encode()
    found["torn/json/a.json"] = f'[{{"a": 1}}, {{"a": {mark(f"{where} torn JSON array", "mobile")}x}}]'.encode()
    twice = mark(f"{where} repeated member", "mobile")
    found["torn/twice/a.jsonl"] = f'{{"{twice}": 1, "{twice}": 2}}\n'.encode()
    columns = mark(f"{where} repeated column", "mobile")
    found["torn/columns/a.csv"] = f"{columns},{columns}\n1,2\n".encode()
    found["torn/encoding/a.csv"] = (
        "姓名,手机\n".encode() + mark(f"{where} encoding", "name").encode("gb18030") + b",1\n"
    )
    found["torn/bytes/a.csv"] = b"a,b\n" + mark(f"{where} bytes", "mobile").encode() + b"\xff\xfe\xff,1\n"
    return found


def _csv(rows: list[list[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode()


def _workbook(mark: Markers, where: str) -> bytes:
    book = openpyxl.Workbook()
    for kind in ("mobile", "resident_id", "email", "name", "secret"):
        sheet = book.create_sheet(mark(f"{where} sheet", kind)[:31])
        sheet.append(["编号", "备注"])
        sheet.append([1, mark(f"{where} Excel cell", kind)])
    book.properties.creator = mark(f"{where} Excel author", "name")
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _parquet(mark: Markers, where: str) -> bytes:
    fields = {f"f{index}": [mark(f"{where} Parquet cell", kind)] * MANY for index, kind in enumerate(KINDS)}
    inside = mark(f"{where} Parquet struct member", "mobile")
    table = pa.table({**fields, "who": [{inside: 1}] * MANY})
    notes = {mark(f"{where} Parquet metadata key", kind): mark(f"{where} Parquet metadata", kind) for kind in KINDS}
    written = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(notes), written)
    return written.getvalue()


def plant_bucket(company: "CompanyCase", mark: Markers) -> None:
    """Objects, deleted ones too."""
    for key, content in files(mark, "s3").items():
        company.put(key, content)
    gone = [f"people/{mark('s3 folder of deleted', kind)}/a.csv" for kind in ("mobile", "resident_id", "email")]
    for key in gone:
        company.put(key, b"a,b\n1,2\n")
    with company.bucket() as client:
        for key in gone:
            client.delete_object(Bucket="huadong-shop", Key=key)


def plant_share(root: Path, mark: Markers) -> None:
    """A folder of files, with links and closed folders of such names."""
    for key, content in files(mark, "share").items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for kind in ("mobile", "resident_id", "email"):
        (root / f"people/{mark('share link', kind)}").symlink_to("/etc/hostname")
        (root / f"links/{mark('share folder of link', kind)}").mkdir(parents=True)
        (root / f"links/{mark.planted[-1].value}/out").symlink_to("/etc/hostname")


# -- databases that are only read --------------------------------------------------------------------------------------


def _relational(mark: Markers, where: str) -> list[str]:
    """Tables that every SQL engine can have; identifiers in double quotes."""
    statements = []
    columns = [
        f"c{index} varchar(200) DEFAULT {literal(mark(f'{where} default', kind))}" for index, kind in enumerate(KINDS)
    ]
    check = f"CHECK (c0 <> {literal(mark(f'{where} check', 'mobile'))})"
    statements.append(f"CREATE TABLE notes (id integer PRIMARY KEY, {', '.join(columns)}, {check})")
    for row in range(MANY):
        values = ", ".join(literal(mark(f"{where} cell", kind)) for kind in KINDS)
        statements.append(f"INSERT INTO notes VALUES ({row + 1}, {values})")
    for kind in ("mobile", "resident_id", "email", "bank_card"):
        view = f"SELECT id FROM notes WHERE c0 = {literal(mark(f'{where} view', kind))}"
        statements += [
            f"CREATE TABLE {named('t_' + mark(f'{where} table name', kind))} (id integer PRIMARY KEY, note varchar(9))",
            f"CREATE TABLE {named(mark(f'{where} keyless table', kind))} (note varchar(9))",
            f"CREATE TABLE c_{kind} (id integer PRIMARY KEY, {named(mark(f'{where} column name', kind))} varchar(9))",
            f"CREATE VIEW v_{kind} AS {view}",
            f"CREATE VIEW {named('w ' + mark(f'{where} view name', kind))} AS SELECT id FROM notes",
        ]
        target = named(mark(f"{where} table referred to", kind))
        statements.append(f"CREATE TABLE {target} (id integer PRIMARY KEY)")
        link = f"FOREIGN KEY (other) REFERENCES {target} (id)"
        statements.append(f"CREATE TABLE refers_{kind} (id integer PRIMARY KEY, other integer, {link})")
    return statements


def plant_sqlite(path: Path, mark: Markers) -> str:
    """A SQLite file: declared types, triggers, and text that is no Unicode. Returns its URL."""
    connection = sqlite3.connect(path)
    for statement in _relational(mark, "sqlite"):
        connection.execute(statement)
    for kind in ("mobile", "resident_id", "email", "bank_card", "secret"):
        connection.execute(f"CREATE TABLE d_{kind} (id integer PRIMARY KEY, a {named(mark('sqlite type', kind))})")
    trigger = named("t_" + mark("sqlite trigger name", "mobile"))
    connection.execute(
        f"CREATE TRIGGER {trigger} DELETE ON notes BEGIN SELECT {literal(mark('sqlite trigger', 'text'))}; END"
    )
    connection.execute("CREATE TABLE odd (id integer PRIMARY KEY, a text)")
    connection.execute(
        "INSERT INTO odd VALUES (1, CAST(? AS TEXT))", (mark("sqlite no Unicode", "mobile").encode() + b"\xff",)
    )
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def plant_duckdb(path: Path, mark: Markers) -> str:
    """A DuckDB file: labels, members of structures, comments. Returns its URL."""
    with duckdb.connect(str(path)) as connection:
        for statement in _relational(mark, "duckdb"):
            connection.execute(statement)
        labels = ", ".join(literal(mark("duckdb enum label", kind)) for kind in KINDS)
        connection.execute(f"CREATE TYPE caller AS ENUM ({labels})")
        connection.execute("CREATE TABLE d_enum (id integer PRIMARY KEY, a caller)")
        member = named(mark("duckdb struct member", "mobile"))
        connection.execute(f"CREATE TABLE d_struct (id integer PRIMARY KEY, a STRUCT({member} integer))")
        connection.execute(f"INSERT INTO d_struct VALUES (1, {{{literal(mark.planted[-1].value)}: 1}})")
        for kind in KINDS:
            connection.execute(
                f"COMMENT ON COLUMN notes.c{KINDS.index(kind)} IS {literal(mark('duckdb comment', kind))}"
            )
        connection.execute(f"COMMENT ON TABLE notes IS {literal(mark('duckdb table comment', 'mobile'))}")
    return f"duckdb:///{path}"


def plant_mysql(admin_url: str, mark: Markers) -> str:
    """A MariaDB database: labels, comments, partitions. Returns the URL of its owner."""
    url = make_url(admin_url)
    connection: Any = pymysql.connect(
        host=url.host, port=url.port, user=url.username, ssl_disabled=True, autocommit=True
    )
    with connection.cursor() as cursor:
        for statement in ("CREATE DATABASE marked CHARACTER SET utf8mb4", "USE marked", "SET sql_mode = 'ANSI_QUOTES'"):
            cursor.execute(statement)
        for statement in _relational(mark, "mysql"):
            cursor.execute(statement)
        labels = ", ".join(literal(mark("mysql enum label", kind)) for kind in KINDS)
        comment = literal("例 " + mark("mysql column comment", "mobile"))
        table = literal(mark("mysql table comment", "email"))
        cursor.execute(
            f"CREATE TABLE d_enum (id integer PRIMARY KEY, a ENUM({labels}) COMMENT {comment}) COMMENT {table}"
        )
        bound = literal(mark("mysql partition bound", "mobile"))
        part = named(mark("mysql partition name", "mobile"))
        cursor.execute(
            "CREATE TABLE parts (a varchar(20) PRIMARY KEY) PARTITION BY LIST COLUMNS (a) "
            f"(PARTITION {part} VALUES IN ({bound}))"
        )
    connection.close()
    return url.set(database="marked", drivername="mysql").render_as_string(hide_password=False)
