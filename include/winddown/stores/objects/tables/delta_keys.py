"""Names the rows of a Delta table in a manifest: by file, version and row number, with what brings each file back."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from winddown.domain.batch import batch_size
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.tables.delta import DeltaTable

_VERSION = pa.struct({"object": pa.string(), "version": pa.string()})
_SCHEMA = pa.schema(
    {
        "object": pa.string(),
        "version": pa.string(),
        "versions": pa.list_(pa.string()),
        "rows": pa.list_(pa.int64()),
        "action": pa.string(),
        "history": pa.list_(_VERSION),
        "batch": pa.int32(),
    }
)


def keys_of(table: DeltaTable, rows: Mapping[str, list[int]], latest: Mapping[str, str], *, size: int) -> pa.Table:
    """One key a file, of ``rows`` and the version ``latest`` of each by name.

    ``action`` is what the log says of the file, as JSON. The versions of the table's past are spread over ``history``
    of all keys: rows that were changed or deleted before live on in them, so they go with whatever is erased.

    Raises:
        Unreadable: a file no longer makes the table, or is another one.
    """
    seen = table.look()
    # Older versions of a file that makes the table go with the file itself.
    past = [
        {"object": version.key, "version": version.version_id}
        for version in seen.past()
        if version.key.removeprefix(seen.prefix) not in seen.snapshot.adds
    ]
    keys: list[dict[str, Any]] = []
    batch = filled = 0
    for number, name in enumerate(sorted(rows)):
        if filled >= batch_size(batch, size=size):
            batch, filled = batch + 1, 0
        path = name.removeprefix(seen.prefix)
        version = seen.file(path)
        if path not in seen.snapshot.adds or version is None or version.version_id != latest[name]:
            raise Unreadable(Problem.CHANGED, "a file of the table was replaced while the plan was made")
        keys.append(
            {
                "object": name,
                "version": latest[name],
                "versions": sorted(found.version_id for found in seen.histories[name]),
                "rows": sorted(rows[name]),
                "action": json.dumps(seen.snapshot.adds[path], ensure_ascii=False, sort_keys=True),
                "history": past[number :: len(rows)],
                "batch": batch,
            }
        )
        filled += len(rows[name])
    return pa.Table.from_pylist(keys, schema=_SCHEMA)
