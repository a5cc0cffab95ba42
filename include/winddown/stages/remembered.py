"""Who was a customer before a plan was carried out, so that a record that outlives its customer's row is still theirs.

A hold, or a blocker, can keep a person's record while that person's row in the list of customers goes. When it is
released or resolved, the record must be due again, and not somebody's of whom nobody knows anything. Kept are keys, and
whether the person was a child or abroad, in an encrypted manifest; it goes with the case's key.
"""

import polars as pl

from winddown.stages.deployment import Deployment
from winddown.stages.manifests import read_manifest, write_manifest

_NAME = "customers"
_COLUMNS = ("subject", "minor", "overseas")


def remember_customers(deployment: Deployment, case_id: str, table: pl.DataFrame) -> None:
    """Keep everybody in the table, which has the columns ``subject``, ``minor`` and ``overseas``."""
    write_manifest(deployment, case_id, _NAME, table.select(_COLUMNS).drop_nulls("subject").to_arrow())


def with_remembered(deployment: Deployment, case_id: str, listed: pl.DataFrame) -> pl.DataFrame:
    """The customers that are listed now, and below them those of earlier plans; column ``listed`` tells them apart."""
    now = listed.with_columns(pl.lit(value=True).alias("listed"))
    if not (deployment.folder(case_id, "manifests") / f"{_NAME}.sealed").exists():
        return now
    earlier = pl.DataFrame(read_manifest(deployment, case_id, _NAME))
    gone = earlier.join(listed, on="subject", how="anti").with_columns(pl.lit(value=False).alias("listed"))
    return pl.concat([now, gone.select(now.columns)])
