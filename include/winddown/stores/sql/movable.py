"""Which tables and partitions of a collection could go whole when some of its records are to go; reads only."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from winddown.domain.batch import CONTENT, content_sum
from winddown.domain.inventory import Collection, CollectionRef
from winddown.domain.plan import Method
from winddown.ports import WholeTables
from winddown.stores.sql.catalogue import quoted, quoted_name
from winddown.stores.sql.copying import copies
from winddown.stores.sql.faults import told
from winddown.stores.sql.relation import described, keys_of, referrers, stands_against

_PLACE = "winddown_place"


def whole_tables(engine: Engine, collection: Collection, located: pa.Table, *, whole: bool) -> WholeTables:
    """See ``SupportsWholeTables``."""
    if collection.format == "partitioned-table":
        return _partitions(engine, collection, located)
    nothing = WholeTables(Method.MOVE_TABLE, keys_of([]), located, 1)
    if collection.format != "table":
        return nothing
    if not whole:
        return replace(nothing, against=("some of its records stay",))
    with engine.connect() as connection:
        oid = _oid(connection, collection)
        relation = described(connection, oid) if oid is not None else None
        if relation is None:
            return replace(nothing, against=("it is there no more",))
        against = stands_against(connection, relation.oid)
        names = referrers(connection, relation.oid)
    if against:
        return replace(nothing, against=against)
    contents = located.column(CONTENT)
    planned = replace(relation, records=located.num_rows, content=content_sum(contents), together=names)
    referred_by = tuple(CollectionRef(collection.ref.store, name) for name in names)
    return WholeTables(Method.MOVE_TABLE, keys_of([planned]), located.schema.empty_table(), 1, referred_by=referred_by)


def _partitions(engine: Engine, collection: Collection, located: pa.Table) -> WholeTables:
    """The partitions that only hold located records; each record's partition is read with its key."""
    nothing = WholeTables(Method.DETACH_PARTITION, keys_of([]), located, 0)
    if not collection.key:
        return replace(nothing, against=("it has no key",))
    key = list(collection.key)
    places = _places(engine, collection)
    there = places.group_by(_PLACE).len("all")
    due = pl.DataFrame(located).join(places, on=key, how="left", maintain_order="left")
    counted = due.group_by(_PLACE).len("due").join(there, on=_PLACE).filter(pl.col("due") == pl.col("all"))
    relations, against = [], set[str]()
    with engine.connect() as connection:
        for place in sorted(counted.get_column(_PLACE).to_list(), key=int):
            found = described(connection, int(place))
            reasons = [*stands_against(connection, int(place))] if found is not None else ["it is there no more"]
            reasons += [f"foreign key of {told(name)}" for name in referrers(connection, int(place))]
            against |= set(reasons)
            if found is not None and not reasons:
                contents = due.filter(pl.col(_PLACE) == place).get_column(CONTENT).to_arrow()
                content = content_sum(pa.chunked_array([contents.cast(located.schema.field(CONTENT).type)]))
                relations.append((place, replace(found, records=len(contents), content=content)))
    gone = [place for place, _ in relations]
    rest = located.filter((~due.get_column(_PLACE).is_in(gone)).fill_null(value=True).to_arrow())
    keys = keys_of([relation for _, relation in relations])
    return WholeTables(Method.DETACH_PARTITION, keys, rest, there.height, tuple(sorted(against)))


def _places(engine: Engine, collection: Collection) -> pl.DataFrame:
    """The key of every record, as text, and the object id of the partition that it is in."""
    names: Sequence[str] = (*collection.key, _PLACE)
    expressions = [*(f"{quoted_name(name)}::text" for name in collection.key), "tableoid::text"]
    frames = [pl.DataFrame(batch) for batch in copies(engine, collection, names, expressions=expressions)]
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(names, pl.String))


def _oid(connection: Connection, collection: Collection) -> int | None:
    query = text("SELECT to_regclass(:t)::oid::bigint")
    found = connection.execute(query, {"t": quoted(collection.ref.name)}).scalar()
    return int(found) if found is not None else None
