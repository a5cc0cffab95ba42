"""Names the rows of a table in a manifest: by file, version and row number, with what brings each file back."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from winddown.domain.batch import batch_size
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.tables.registry import Table

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


def keys_of(table: Table, rows: Mapping[str, list[int]], latest: Mapping[str, str], *, size: int) -> pa.Table:
    """One key a file, of ``rows`` and the version ``latest`` of each by name.

    ``action`` is what the table says of the file, as JSON. The versions of the table's past are spread over ``history``
    of all keys: rows that were changed or deleted before live on in them, so they go with whatever is erased.

    Raises:
        Unreadable: a file no longer makes the table, or is another one.
    """
    seen = table.look()
    live = seen.live()
    # Older versions of a file that makes the table go with the file itself.
    past = [
        {"object": version.key, "version": version.state}
        for version in seen.past()
        if version.key.removeprefix(seen.prefix) not in live
    ]
    past += [{"object": version.key, "version": version.state} for version in table.old_history(seen)]
    keys: list[dict[str, Any]] = []
    batch = filled = 0
    for number, name in enumerate(sorted(rows)):
        if filled >= batch_size(batch, size=size):
            batch, filled = batch + 1, 0
        path = name.removeprefix(seen.prefix)
        version = live.get(path)
        if version is None or version.state != latest[name]:
            raise Unreadable(Problem.CHANGED, "a file of the table was replaced while the plan was made")
        keys.append(
            {
                "object": name,
                "version": latest[name],
                "versions": sorted(found.state for found in seen.histories[name]),
                "rows": sorted(rows[name]),
                "action": seen.action(path),
                "history": past[number :: len(rows)],
                "batch": batch,
            }
        )
        filled += len(rows[name])
    return pa.Table.from_pylist(keys, schema=_SCHEMA)
