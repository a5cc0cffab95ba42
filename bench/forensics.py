"""Where the bytes of deleted rows remain: engine by engine, after each step, searched in the engine's own files.

Marker rows stand among others in a private database. Each has two unique texts, one in the primary key and one in an
indexed column; one row also has a wide value, and one a number of its own. After each step the engine writes everything
to its files, and every file is searched by ``inspection/raw_bytes.py``, which shares no code with what erases. On one
copy the rows go by a plain DELETE; on another one, filled alike, by the product: plan, approvals, authorizations,
quarantine, purge, sanitise, each with its own read-back.

``--write`` puts the table into ``docs/forensics.md``; without it, it is printed.

    python bench/forensics.py [--markers 200] [--fillers 4000] [--engines postgresql sqlite] [--write]
"""

import argparse
import base64
import os
import platform
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
from forensic_places import Engine, Place, Row, engines
from sql_product import CASE, STORE, Database, approve, deploy, method_of, order_of

from winddown.domain.authorization import Power
from winddown.domain.batch import BATCH_RECORDS
from winddown.domain.plan import Act
from winddown.inspection.raw_bytes import search_paths
from winddown.stages.effects import perform
from winddown.stages.manifests import batches, select
from winddown.stages.sanitise import sanitise

PAGE = Path(__file__).parents[1] / "docs" / "forensics.md"
WIDE = 12_000  # characters; every engine keeps such a value outside the row
KINDS = {
    "postgresql": "PostgreSQL, sample values not compressed",
    "mysql": "MariaDB with a binary log and histogram_type = JSON_HB; MySQL has not been measured",
    "sqlite": "SQLite in three journal modes",
    "duckdb": "DuckDB, columns not compressed",
    "sql": "not measured: of an engine that only SQLAlchemy knows, nobody knows the files, and it has no sanitise",
}
"""Every kind of store in which the product destroys records in a database, and what stands for it here."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was found after one step: how many of the planted values, and how many of them in which kind of file."""

    name: str
    found: int
    where: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Trail:
    """What was found of one engine after each step, and what its sanitise says that it did not do."""

    name: str
    title: str
    version: str
    planted: int
    steps: tuple[Step, ...]
    receipt: Mapping[str, str] = field(default_factory=dict)


# -- planting --------------------------------------------------------------------------------------------------------


def markers(count: int) -> list[Row]:
    """Rows of which no value occurs elsewhere; only the first one has a wide value."""
    return [
        (f"marker-{number * 7919:08}", f"address-{number * 7907:08}", 13_800_138_000 if number == 0 else 0,
         _wide(number, "wide-marker-") if number == 0 else "")
        for number in range(count)
    ]  # fmt: skip


def fillers(count: int) -> list[Row]:
    """Rows that stay."""
    return [(f"kept-{number:06}", f"place-{number:06}", 0, f"{number:06}" * 10) for number in range(count)]


def _wide(seed: int, mark: str) -> str:
    """A text that no engine can compress, with a mark in every thousand characters, so that no page border hides it."""
    noise = base64.b64encode(random.Random(seed).randbytes(WIDE)).decode()
    return "".join(mark + noise[start : start + 1000] for start in range(0, WIDE, 1000))


def values(rows: Sequence[Row]) -> list[bytes]:
    """What is searched for: texts of each row, and wide value and number of the one that has them."""
    texts = [text.encode() for name, address, _, _ in rows for text in (name, address)]
    return [*texts, *(str(mobile).encode() for _, _, mobile, _ in rows if mobile), b"wide-marker-"]


# -- searching -------------------------------------------------------------------------------------------------------


def look(place: Place, name: str, probes: Sequence[bytes]) -> Step:
    """Let everything be written to the files, then search them: all together, then those of each kind with hits."""
    place.settle()
    kinds = place.files()
    top = Path(os.path.commonpath([path.parent for path in kinds]))
    whole = search_paths(kinds, probes, medium="", folder=top)
    if not whole.reached:
        raise SystemExit(f"the files of {place.version} cannot be read")
    of_kind = defaultdict(list)
    for hit in whole.where:
        of_kind[kinds[top / hit]].append(top / hit)
    where = {kind: search_paths(paths, probes, medium="", folder=top).found for kind, paths in sorted(of_kind.items())}
    return Step(name, whole.found, where)


# -- the steps -------------------------------------------------------------------------------------------------------


def follow(name: str, engine: Engine, count: int, others: int) -> Trail:
    """Take one engine through all steps."""
    rows = markers(count)
    ids, probes = [row[0] for row in rows], values(rows)
    steps = []
    with engine.fresh() as (place, _):
        place.plant([*rows, *fillers(others)])
        place.delete(ids)
        steps.append(look(place, "plain DELETE, checkpoint", probes))
    with engine.fresh() as (place, workspace):
        place.plant([*rows, *fillers(others)])
        planted = look(place, "planted, checkpoint", probes)
        steps.insert(0, planted)
        if planted.found < len(probes):
            print(f"{name}: {len(probes) - planted.found} of {len(probes)} planted values cannot be seen", flush=True)
        receipt = destroy(place, workspace, ids, probes, steps)
        return Trail(name, engine.title, place.version, len(probes), tuple(steps), receipt)


def destroy(
    place: Place, workspace: Path, ids: Sequence[str], probes: Sequence[bytes], steps: list[Step]
) -> Mapping[str, str]:
    """Let the product destroy the marker rows, looking after each step; return the details of sanitise's receipt."""
    deployment = deploy(Database(place.kind, {"": place.url}), workspace)
    store = deployment.systems(deployment.case(CASE)).store(STORE)
    (collection,) = [one for one in store.discover().collections if one.ref.name == place.collection]
    wanted = pl.Series(ids).implode()
    kept = [
        batch.filter(pl.Series(batch.column("id")).is_in(wanted).to_arrow())
        for batch in store.read(collection, fields=[], bound=True)
    ]
    located = pa.Table.from_batches(kept).sort_by([(name, "ascending") for name in collection.key])
    keys = store.batch_keys(collection, [located], size=BATCH_RECORDS)
    chosen = select(deployment, CASE, place.collection, keys)
    plan_id = f"{CASE}-forensics"
    method = method_of(deployment, place.collection, Act.ERASE)
    erase = order_of(plan_id, place.collection, Act.ERASE, method, chosen, level=0)
    plan = approve(deployment, plan_id, [erase])
    (order,) = plan.orders
    for power in (Power.QUARANTINE, Power.PURGE):
        records = sum(
            perform(deployment, plan, order, batch, power).records for batch in batches(deployment, CASE, order)
        )
        if records != len(ids):
            raise SystemExit(f"{power} of {records} records where {len(ids)} were planted")
        steps.append(look(place, power.value, probes))
    (receipt,) = sanitise(deployment, plan.id)
    steps.append(look(place, "sanitise", probes))
    return dict(receipt.details)


# -- the page --------------------------------------------------------------------------------------------------------


def page(trails: Sequence[Trail], lacking: Mapping[str, str], command: str) -> str:
    """The document in Markdown."""
    how = (
        f"Measured by `{command}` on {datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}; not "
        "written by hand. How it is done, and what a marker is, stands in `bench/forensics.py`."
    )
    limits = (
        "After each step the engine writes everything to its files, and all of them are searched for the bytes of the "
        "planted values. Not searched: memory, blocks of the file system that no file holds any more, replicas, "
        "archives and backups. A value that an engine keeps in compressed form is not seen; the first "
        "line of each engine says how many were."
    )
    lines = [
        "# Where the bytes of deleted rows remain",
        "",
        how,
        "",
        limits,
        "",
        "| engine | step | found of planted | where, and how many of them |",
        "|---|---|---|---|",
    ]
    for trail in trails:
        for step in trail.steps:
            where = ", ".join(f"{kind} {count}" for kind, count in step.where.items()) or "nowhere"
            lines.append(f"| {_called(trail)} | {step.name} | {step.found} of {trail.planted} | {where} |")
    lines += [f"| {title} | not measured | | {why} |" for title, why in lacking.items()]
    lines += ["", "## What the receipt of sanitise says", ""]
    for trail in trails:
        lines += [f"{_called(trail)}:", ""]
        lines += [f"- not reached: {trail.receipt['not_reached']}"]
        lines += [f"- tasks for the administrator: {trail.receipt.get('tasks', 'none')}", ""]
    lines += ["## Kinds of stores", "", "| kind | measured as |", "|---|---|"]
    lines += [f"| `{kind}` | {what} |" for kind, what in KINDS.items()]
    lines += ["", "## Figures", "", "```", *(figure(trail) for trail in trails), "```", ""]
    return "\n".join(lines)


def _called(trail: Trail) -> str:
    return trail.title.replace(trail.version.partition(" ")[0], trail.version, 1)


def figure(trail: Trail) -> str:
    """One figure: how many values the last step left."""
    left = trail.steps[-1].found
    met = "yes" if left == 0 else "no"
    return f"figure=residue_{trail.name} value={left} unit=markers target=0 met={met}"


def main() -> None:
    """Measure each engine."""
    known = engines()
    families = sorted({name.partition("_")[0] for name in known})
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markers", type=int, default=200)
    parser.add_argument("--fillers", type=int, default=4000)
    parser.add_argument("--engines", nargs="+", choices=families, default=families)
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    options = parser.parse_args()
    trails, lacking = [], {}
    for name, engine in known.items():
        if name.partition("_")[0] not in options.engines:
            continue
        if engine.lacking:
            lacking[engine.title] = engine.lacking
            continue
        trails.append(follow(name, engine, options.markers, options.fillers))
        for step in trails[-1].steps:
            print(f"{name}: {step.name}: {step.found} of {trails[-1].planted} {dict(step.where)}", flush=True)
    command = "make forensics" if options.write else "bench/forensics.py"
    text = page(trails, lacking, command)
    if options.write:
        PAGE.write_text(text, "utf-8")
    else:
        print(text.partition("## Figures")[0])
    for title, why in lacking.items():
        print(f"not measured: {title}: {why}")
    for trail in trails:
        print(figure(trail), flush=True)
    if any(trail.steps[0].found == 0 for trail in trails):
        raise SystemExit("of an engine nothing was seen even before anything was deleted")


if __name__ == "__main__":
    main()
