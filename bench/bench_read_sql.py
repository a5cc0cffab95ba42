"""Classification through PostgreSQL against its own floor: draining the same COPY, and profiling the same batches.

Two tables: the demonstration's customers, and a wide one of mixed types. CPU time of the whole process is what counts,
the server's is not in it. All three are measured in turns in one run, the smallest of three turns each.
``WINDDOWN_TEST_POSTGRES_URL`` (a superuser's) names another server than the embedded one.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pyarrow as pa
from customer_values import GIVEN, SURNAMES, mobile, remark, resident_id  # also limits the libraries to one thread
from sqlalchemy import create_engine

from winddown.archive.escrow import Escrow
from winddown.archive.keys import CaseKeys
from winddown.archive.tokens import Tokens
from winddown.demo.schema import CUSTOMERS
from winddown.demo.servers import EmbeddedPostgres
from winddown.detectors import Profiler
from winddown.domain.inventory import Collection
from winddown.stores.sql.catalogue import quoted
from winddown.stores.sql.copying import typed
from winddown.stores.sql.postgresql import PostgresStore

TARGET = 1.2
TURNS = 3
SCHEMA = "bench_read"
WIDE = {
    "id": "bigint",
    **{f"number_{i}": "integer" for i in range(6)},
    **{f"amount_{i}": "numeric(12, 2)" for i in range(6)},
    **{f"at_{i}": "timestamptz" for i in range(6)},
    **{f"on_{i}": "date" for i in range(3)},
    **{f"is_{i}": "boolean" for i in range(4)},
    **{f"ratio_{i}": "double precision" for i in range(4)},
    **{f"code_{i}": "varchar(20)" for i in range(6)},
    **{f"phone_{i}": "text" for i in range(3)},
    **{f"note_{i}": "text" for i in range(3)},
    "payload": "jsonb",
    "tags": "text[]",
}


def customer(rng: random.Random, row: int) -> tuple[object, ...]:
    """Return one row of the demonstration's shape."""
    name = rng.choice(SURNAMES) + "".join(rng.choices(GIVEN, k=rng.randint(1, 2)))
    born = f"{rng.randint(1950, 2015)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    seen = f"2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} 10:{rng.randint(0, 59):02}+08"
    number = resident_id(rng) if row % 20 else None
    email = f"user{row}@example.com"
    return (row, f"M{row:08}", name, number, mobile(rng), email, born, "CN", number, "active", seen)


def wide(rng: random.Random, row: int) -> tuple[object, ...]:
    """Return one row of the wide table."""
    made: dict[str, Callable[[], object]] = {
        "bigint": lambda: row,
        "integer": lambda: rng.randint(0, 10**6),
        "numeric(12, 2)": lambda: f"{rng.random() * 10**5:.2f}",
        "timestamptz": lambda: f"20{rng.randint(10, 24)}-03-0{rng.randint(1, 9)} 10:{rng.randint(10, 59)}:00+08",
        "date": lambda: f"{rng.randint(1950, 2024)}-0{rng.randint(1, 9)}-11",
        "boolean": lambda: rng.random() < 0.5,  # noqa: PLR2004 - a coin
        "double precision": rng.random,
        "varchar(20)": lambda: f"SKU-{rng.randint(0, 9999):04}-{rng.choice('ABC')}",
        "text": lambda: None,
        "jsonb": lambda: f'{{"step": {rng.randint(1, 9)}}}',
        "text[]": lambda: f"{{a,{rng.randint(1, 9)}}}",
    }
    values = {name: made[kind]() for name, kind in WIDE.items()}
    values |= {f"phone_{i}": mobile(rng) for i in range(3)} | {f"note_{i}": remark(rng, row) for i in range(3)}
    return tuple(values.values())


def fill(url: str, rows: int) -> None:
    """Create both tables anew."""
    shapes = (("customers", CUSTOMERS.columns, customer), ("wide", WIDE, wide))
    rng = random.Random(20260101)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE".encode())
        connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
        for name, columns, make in shapes:
            fields = ", ".join(f"{field} {kind}" for field, kind in columns.items())
            connection.execute(f"CREATE TABLE {SCHEMA}.{name} ({fields})".encode())
            with connection.cursor() as cursor, cursor.copy(f"COPY {SCHEMA}.{name} FROM STDIN".encode()) as copy:
                for row in range(rows):
                    copy.write_row(make(rng, row))


def drain(url: str, collection: Collection) -> int:
    """Take the bytes of the same COPY and do nothing with them."""
    query = f"SELECT {', '.join(typed(field)[0] for field in collection.fields)} FROM {quoted(collection.ref.name)}"
    copied = f"COPY ({query}) TO STDOUT (FORMAT binary)".encode()
    with psycopg.connect(url) as connection, connection.cursor() as cursor, cursor.copy(copied) as copy:
        return sum(len(piece) for piece in copy)


def profile(collection: Collection, batches: "list[pa.RecordBatch]") -> int:
    """Classify batches that lie in memory."""
    profiler = Profiler(collection.field_names())
    for batch in batches:
        profiler.feed(batch)
    return sum(found.cells for found in profiler.profiles().values())


def through(store: PostgresStore, collection: Collection) -> int:
    """Classify straight from the store."""
    profiler = Profiler(collection.field_names())
    for batch in store.cells(collection):
        profiler.feed(batch)
    return sum(found.cells for found in profiler.profiles().values())


def seconds(work: Callable[[], int], expected: int | None = None) -> float:
    """CPU seconds of the process for one piece of work; SystemExit when it did not do all of it."""
    started = time.process_time()
    done = work()
    spent = time.process_time() - started
    if expected is not None and done != expected:
        raise SystemExit(f"{done} of {expected} cells were classified")
    return spent


def measure(url: str, store: PostgresStore, collection: Collection) -> None:
    """Print the parts and the figure of one table."""
    name = collection.ref.name.rpartition(".")[2]
    cells = collection.record_count * len(collection.fields)
    batches = list(store.cells(collection))
    turns = [
        (
            seconds(lambda: drain(url, collection)),
            seconds(lambda: profile(collection, batches), cells),
            seconds(lambda: through(store, collection), cells),
            seconds(lambda: sum(batch.num_rows for batch in store.read(collection))),
        )
        for _ in range(TURNS)
    ]
    drained, profiled, whole, text = (min(times) for times in zip(*turns, strict=True))
    ratio = whole / (drained + profiled)
    print(
        f"{name}: {cells} cells; CPU s: COPY drained {drained:.2f}, in memory {profiled:.2f}, "
        f"through the store {whole:.2f}; read as text with the key {text:.2f}"
    )
    met = "yes" if ratio <= TARGET else "no"
    print(f"figure=read_sql_{name}_over_floor value={ratio:.3f} unit=ratio target=<={TARGET} met={met}")


def main() -> None:
    """Fill the tables, read them, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    url = os.environ.get("WINDDOWN_TEST_POSTGRES_URL", "")
    with tempfile.TemporaryDirectory(prefix="winddown-bench-") as folder:
        server = None if url else EmbeddedPostgres(Path(folder) / "data")
        try:
            url = url or (server.start() if server else "")
            fill(url, rows)
            engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
            keys = CaseKeys(Path(folder) / "keys")
            escrow = Escrow(Path(folder) / "escrow", scope="bench", key=keys.container_key)
            store = PostgresStore(
                "bench", reader=engine, unlock=lambda _: engine, escrow=escrow, tokens=Tokens(keys.tokens)
            )
            for collection in store.discover().collections:
                if collection.ref.name.startswith(f"{SCHEMA}."):
                    measure(url, store, collection)
            engine.dispose()
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE".encode())
        finally:
            if server is not None:
                server.stop()


if __name__ == "__main__":
    main()
