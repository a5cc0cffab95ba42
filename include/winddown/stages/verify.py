"""Looks for what should be gone, by other paths: queries, listings, raw bytes. States how far each claim reaches."""

from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from winddown.control.authority import OWN
from winddown.detectors.names import names_a_person, words_of
from winddown.domain.batch import Batch
from winddown.domain.errors import Residual
from winddown.domain.plan import ESCROWING, Method, Order, Plan
from winddown.ports import ByteSearch
from winddown.stages import own_traces
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.effects import require_same_system
from winddown.stages.manifests import batches, read_manifest
from winddown.stages.safeguards import require_sentinels
from winddown.stages.staying import left_alone

_LOOK_BATCHES, _LOOK_RECORDS = 10, 100_000
_PLACES = 5  # files or folders that a message names


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What the inspection of one store found.

    Attributes:
        remaining: records that are still live.
        leftovers: traces in quarantine, old versions, markers.
        probes: values searched for in raw bytes; found: how many were; reached: whether the bytes could be reached.
        claim: the strongest thing that may be said of this store.
        probed: collections of which at least one value was searched for.
    """

    store: str
    batches: int
    remaining: int
    leftovers: int
    probes: int
    found: int
    reached: bool
    bytes_read: int
    medium: str
    claim: str
    probed: tuple[str, ...] = ()


def verify(deployment: Deployment, plan_id: str) -> tuple[StoreCheck, ...]:
    """Inspect every store that the plan touched; raises Residual when anything is still there."""
    plan = deployment.control.plan(plan_id)
    if plan.traces:
        return _verify_traces(deployment, plan)
    case = deployment.case(plan.case)
    inspectors = deployment.systems(case).inspectors
    wanted = read_manifest(deployment, case.id, f"probes-{plan.id}")
    probes = [value.encode() for value in sorted(set(wanted.column("value").to_pylist()))]
    probed = sorted(set(wanted.column("collection").to_pylist()))
    stopped = left_alone(deployment, plan)
    checks = []
    places: dict[str, list[str]] = {}
    for declaration in case.stores:
        orders = [o for o in plan.orders if o.collection.store == declaration.name and o.changes_store]
        if not orders:
            continue
        inspector = inspectors[declaration.name]
        require_same_system(inspector, plan, declaration.name)
        require_sentinels(deployment, plan, declaration.name)
        remaining = leftovers = count = 0
        for order in orders:
            found = batches(deployment, case.id, order)
            while several := list(islice(found, _LOOK_BATCHES)):
                leftovers += sum(inspector.leftovers(order, batch) for batch in several)
                remaining += sum(inspector.remaining(order, batch) for batch in _looked_through(order, several))
                count += len(several)
        # What is locked is still readable, until its key goes at the very end.
        locked = {str(order.collection) for order in orders if order.leaves_locked}
        apart = [name.partition(":")[2] for name in (*stopped, *sorted(locked)) if _is_in(declaration.name, name)]
        search = inspector.search_bytes(probes, left_alone=apart)
        places[declaration.name] = [name for name in search.where if not names_a_person(words_of(name))]
        checks.append(
            StoreCheck(
                store=declaration.name,
                batches=count,
                remaining=remaining,
                leftovers=leftovers,
                probes=search.probes,
                found=search.found,
                reached=search.reached,
                bytes_read=search.bytes_read,
                medium=search.medium + _closed(search),
                claim=_claim(reached=search.reached, probes=search.probes),
                probed=tuple(name for name in probed if _is_in(declaration.name, name) and name not in locked),
            )
        )
    body = {
        "plan_id": plan.id,
        "stores": [
            {"store": c.store, "remaining": c.remaining, "leftovers": c.leftovers, "probes": c.probes, "found": c.found}
            for c in checks
        ],
    }
    deployment.ledger.append(case.id, "residual_checked", body, actor=ACTOR)
    bad = [check for check in checks if check.remaining or check.leftovers or check.found]
    if bad:
        raise Residual(
            "; ".join(
                f"{c.store}: {c.remaining} live, {c.leftovers} leftovers, {c.found} of {c.probes} probes in bytes"
                + (f" ({', '.join(places[c.store][:_PLACES])})" if places[c.store] else "")
                for c in bad
            ),
            rule="residual check",
            next_step="sanitise again, or find the copy; no certificate is issued until it is clean",
        )
    # Only a clean inspection is kept: what is not there cannot be certified by skipping this task.
    deployment.control.put(case.id, "checks", plan.id, tuple(checks), type_=tuple[StoreCheck, ...])
    return tuple(checks)


def _verify_traces(deployment: Deployment, plan: Plan) -> tuple[StoreCheck, ...]:
    """List what should be gone of the case's own traces, and repeat what the search found before they went."""
    left, search = own_traces.left(deployment, plan), own_traces.search(deployment, plan)
    check = StoreCheck(
        store=OWN,
        batches=len(plan.traces),
        remaining=left,
        leftovers=0,
        probes=search.probes,
        found=search.found,
        reached=search.reached,
        bytes_read=search.bytes_read,
        medium=search.medium + _closed(search),
        claim="files unlinked, their key overwritten and unlinked; NIST outcome: clear",
    )
    told = {"store": OWN, "remaining": left, "leftovers": 0, "probes": search.probes, "found": search.found}
    body = {"plan_id": plan.id, "stores": [told]}
    deployment.ledger.append(plan.case, "residual_checked", body, actor=ACTOR)
    if left:
        raise Residual(
            f"{left} files of the case's own traces are still there",
            rule="residual check",
            next_step="find out who writes there, remove them and run again; there is no certificate until then",
        )
    deployment.control.put(plan.case, "checks", plan.id, (check,), type_=tuple[StoreCheck, ...])
    return (check,)


def _is_in(store: str, name: str) -> bool:
    return name.startswith(f"{store}:")


def _looked_through(order: Order, several: list[Batch]) -> list[Batch]:
    """Batches of rows as first batches, which an inspector looks at most thoroughly, e.g. without an index."""
    if order.method not in {Method.MOVE_ROWS, *ESCROWING, Method.MOVE_FIELDS}:
        return several
    rows = Batch(index=0, digest="", keys=pa.concat_tables(batch.keys for batch in several))
    return list(rows.pieces(_LOOK_RECORDS))


def _closed(search: ByteSearch) -> str:
    """What of the medium was not looked into, by name as far as names may be told."""
    told = [said for said in search.unread if not names_a_person(words_of(said))]
    if not search.unread:
        return ""
    return f"; {len(search.unread)} packed and not unpacked" + (f": {', '.join(told[:_PLACES])}" if told else "")


def _claim(*, reached: bool, probes: int) -> str:
    """From weak to strong: logically deleted, absent from live files and logs; media are never claimed here."""
    if reached and not probes:
        return "logically deleted; no value was fit for a search in raw bytes, so nothing is claimed about them"
    if reached:
        return "logically deleted; sampled values absent from live files, logs and statistics; NIST outcome: clear"
    return "logically deleted; raw bytes could not be reached, so nothing is claimed about them"
