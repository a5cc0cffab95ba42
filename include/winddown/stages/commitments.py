"""What a customer can be shown of their own records, without learning of others.

A plan commits to how many records of each person an order takes: a Merkle root over one salted leaf a person stands in
the approved plan. Opened for one person, a leaf and its path show what the plan says of that person, and nothing of
anybody else but how many there are, rounded up by the path's length. Salts are derived from the case's key: when it is
destroyed, nobody can try out who is committed to, and no further proof can be made.
"""

import base64
from dataclasses import replace
from typing import Any

import polars as pl

from winddown.archive.keys import CaseKeys
from winddown.domain.canonical import canonical
from winddown.domain.errors import Refused
from winddown.domain.plan import Order
from winddown.domain.selection import Selection
from winddown.evidence.merkle import inclusion_proof, leaf_hash, root
from winddown.stages.deployment import Deployment
from winddown.stages.manifests import read_manifest, write_manifest

_RULE = "one's own records"


def committed(
    deployment: Deployment, case_id: str, plan_id: str, *, selection: Selection, subjects: pl.Series | None
) -> Selection:
    """Return the selection of an order with the commitment to its persons: ``subjects`` are its records', if known.

    The persons are kept in an encrypted manifest beside the selection's. Records that are tied to nobody count for
    nobody.
    """
    if subjects is None:
        return selection
    counted = subjects.drop_nulls().cast(pl.String).value_counts(name="records")
    if counted.is_empty():
        return selection
    keys, order_id = deployment.keys(case_id), selection.manifest
    hashes = [_hash(_leaf(keys, plan_id, order_id, *row)) for row in counted.iter_rows()]
    by_hash = sorted(range(len(hashes)), key=hashes.__getitem__)  # a place says nothing of who stands beside
    write_manifest(deployment, case_id, _name(order_id), counted[by_hash].to_arrow())
    return replace(selection, persons=len(hashes), persons_root=root([hashes[place] for place in by_hash]).hex())


def prove_person(deployment: Deployment, case_id: str, person: str) -> bytes:
    """Write what certified plans did to one person's records, as a file that the person verifies with the bundle.

    It does not show that there were no other records of the person. Raises Refused when no certified plan has any.
    """
    control = deployment.control
    plans = [control.plan(plan_id) for plan_id in control.plans(case_id, state="certified")]
    rows = [
        row
        for plan in plans
        for order in plan.orders
        if order.selection.persons
        for row in _opened(deployment, case_id, plan.id, order, person)
    ]
    if not rows:
        raise Refused(
            f"no certified plan of case {case_id} has records of this person",
            rule=_RULE,
            next_step="check the key of the person; records that are blocked or held stand in no plan",
        )
    return canonical({"case": case_id, "person": person, "orders": rows})


def _opened(deployment: Deployment, case_id: str, plan_id: str, order: Order, person: str) -> list[dict[str, Any]]:
    persons = pl.DataFrame(read_manifest(deployment, case_id, _name(order.id)))
    found = persons.get_column("subject").index_of(person)
    if found is None:
        return []
    keys = deployment.keys(case_id)
    hashes = [_hash(_leaf(keys, plan_id, order.id, *row)) for row in persons.iter_rows()]
    if root(hashes).hex() != order.selection.persons_root:
        raise Refused(
            f"the persons of order {order.id} are not those that were approved",
            rule="approval binds the digest",
            next_step="restore the workspace's manifests from a copy",
        )
    own = _leaf(keys, plan_id, order.id, *persons.row(found))
    del own["person"]  # said once, for all rows
    path = [base64.b64encode(node).decode() for node in inclusion_proof(hashes, found)]
    return [own | {"index": found, "path": path}]


def _leaf(keys: CaseKeys, plan_id: str, order_id: str, person: str, records: int) -> dict[str, Any]:
    salt = keys.person_salt(order_id, person)
    return {"plan_id": plan_id, "order_id": str(order_id), "person": person, "records": records, "salt": salt}


def _hash(leaf: dict[str, Any]) -> bytes:
    return leaf_hash(canonical(leaf))


def _name(order_id: str) -> str:
    return f"persons-{order_id}"
