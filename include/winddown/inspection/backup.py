"""Compares a restored backup with what the inventory saw, by a Great Expectations suite on the scratch database.

Checked for each table: the same columns in the same order, the same number of rows, a key without gaps and duplicates.
Not checked: that every value is the same; a backup is older than the store. Great Expectations takes seconds to
import, so it is imported only here and only when a backup is compared.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import create_engine, text

from winddown.domain.inventory import Collection


@dataclass(frozen=True, slots=True)
class BackupComparison:
    """Result of one comparison; ``failed`` names table and expectation, never a value."""

    store: str
    backup_sha256: str
    tables: int
    rows: int
    expectations: int
    success: bool
    failed: tuple[str, ...]


def compare_backup(
    store: str, tables: Sequence[Collection], scratch_url: str, *, backup_sha256: str
) -> BackupComparison:
    """Validate every table of the store in the scratch database; a table that is missing there fails."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx  # noqa: PLC0415 - takes seconds, see above

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(
        globally=False, metric_calculations=False
    )
    source = context.data_sources.add_pandas(f"scratch-{store}")
    # The backup may hold functions and operators of the server's names; they are not looked for.
    path = {"options": "-c search_path=pg_catalog,pg_temp"}
    engine = create_engine(scratch_url, hide_parameters=True, connect_args=path)
    checked = rows = 0
    failed: list[str] = []
    try:
        for table in tables:
            frame = _key_frame(engine, table)
            if frame is None:
                failed.append(f"{table.ref.name}: missing")
                continue
            rows += len(frame)
            suite = gx.ExpectationSuite(name=f"{table.ref.name}")
            for expectation in _expectations(gx, table):
                suite.add_expectation(expectation)
            asset = source.add_dataframe_asset(table.ref.name)
            batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
            result = batch.validate(suite)
            checked += len(result.results)
            failed += [
                f"{table.ref.name}: {found.expectation_config.type}" for found in result.results if not found.success
            ]
    finally:
        engine.dispose()
    return BackupComparison(store, backup_sha256, len(tables), rows, checked, not failed and checked > 0, tuple(failed))


def _key_frame(engine: object, table: Collection) -> pd.DataFrame | None:
    """All columns of the restored table, with values only where the key is: names, count and key are compared."""
    schema, _, name = table.ref.name.partition(".")
    with engine.connect() as connection:  # type: ignore[attr-defined]
        columns = list(
            connection.execute(
                text(
                    "SELECT column_name FROM information_schema.columns "
                    "WHERE table_schema = :s AND table_name = :t ORDER BY ordinal_position"
                ),
                {"s": schema, "t": name},
            ).scalars()
        )
        if not columns:
            return None
        key = [column for column in columns if column in table.key]
        quoted = ", ".join('"' + column.replace('"', '""') + '"::text' for column in key) or "NULL"
        found = connection.execute(text(f'SELECT {quoted} FROM "{schema}"."{name}"')).all()
    frame = pd.DataFrame([tuple(row) for row in found], columns=key or ["no key"], dtype=object)
    return frame.reindex(columns=columns)


def _expectations(gx: object, table: Collection) -> list[object]:
    expect = gx.expectations  # type: ignore[attr-defined]
    wanted: list[object] = [
        expect.ExpectTableColumnsToMatchOrderedList(column_list=list(table.field_names())),
        expect.ExpectTableRowCountToEqual(value=table.record_count),
    ]
    wanted += [expect.ExpectColumnValuesToNotBeNull(column=name) for name in table.key]
    if len(table.key) == 1:
        wanted.append(expect.ExpectColumnValuesToBeUnique(column=table.key[0]))
    elif table.key:
        wanted.append(expect.ExpectCompoundColumnsToBeUnique(column_list=list(table.key)))
    return wanted
