"""The company's files in a mounted share instead of a bucket: the same truth, through the whole case."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from winddown.demo.bucket import BUCKET
from winddown.domain.plan import Method

MakeCase = Callable[..., Any]


def moved_to_share(case: Any) -> Path:
    """Write the bucket's current objects into a folder, and let the case's store be that."""
    share: Path = case.directory / "share"
    for key in case.keys(""):
        (share / key).parent.mkdir(parents=True, exist_ok=True)
        (share / key).write_bytes(case.get(key))

    def change(raw: dict[str, Any]) -> None:
        (store,) = [one for one in raw["stores"] if one["name"] == "shop_files"]
        store["kind"] = "files"
        store.pop("bucket")

    case.edit(change)
    path = case.directory / "connections.json"
    found = json.loads(path.read_text())
    found |= {name: {"url": share.as_uri()} for name in found if name.startswith("shop_files")}
    path.write_text(json.dumps(found))
    return share


def back_to_bucket(case: Any, share: Path) -> None:
    """Let the bucket go where the folder went, so that the demonstration's own comparison can look at it.

    What is as it was keeps its older versions, of which a folder has none.
    """
    after = {
        str(path.relative_to(share)): path.read_bytes()
        for path in share.rglob("*")
        if path.is_file() and ".winddown-quarantine" not in path.parts
    }
    changed = {key for key in case.keys("") if after.get(key) != case.get(key)}
    with case.bucket() as client:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
            for entry in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                if entry["Key"] in changed:
                    client.delete_object(Bucket=BUCKET, Key=entry["Key"], VersionId=entry["VersionId"])
    for key in changed & after.keys():
        case.put(key, after[key])


def test_a_share_is_destroyed_in_as_a_bucket_is(company_case: MakeCase) -> None:
    case = company_case()
    connections = (case.directory / "connections.json").read_text()
    share = moved_to_share(case)
    before = {path: path.stat().st_ino for path in share.rglob("*") if path.is_file()}
    plans = set()
    while (halt := case.run()).reason != "finished":
        plans.add(halt.plan_id)
        case.act(halt)
    control = case.deploy().control
    orders = [order for plan in plans if plan for order in control.plan(plan).orders]
    methods = {order.method for order in orders if order.collection.store == "shop_files"}
    assert methods >= {Method.MOVE_FILE, Method.REWRITE_FILE}
    assert any(path.exists() and path.stat().st_ino != inode for path, inode in before.items())
    assert not [path for path in (share / ".winddown-quarantine").rglob("*") if path.is_file() and not path.suffix]
    back_to_bucket(case, share)
    (case.directory / "connections.json").write_text(connections)
    found = case.compare()
    assert found.is_clean, found.examples
