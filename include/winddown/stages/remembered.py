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


def remembered(deployment: Deployment, case_id: str) -> pl.DataFrame:
    """The customers of earlier plans, with the columns that were kept; empty before the first plan."""
    if not (deployment.folder(case_id, "manifests") / f"{_NAME}.sealed").exists():
        return pl.DataFrame(schema={"subject": pl.String, "minor": pl.Boolean, "overseas": pl.Boolean})
    return pl.DataFrame(read_manifest(deployment, case_id, _NAME))


def with_remembered(deployment: Deployment, case_id: str, listed: pl.DataFrame) -> pl.DataFrame:
    """The customers that are listed now, and below them those of earlier plans; column ``listed`` tells them apart.

    The date of birth, ``born_on``, went with the row.
    """
    now = listed.with_columns(pl.lit(value=True).alias("listed"))
    earlier = remembered(deployment, case_id)
    # A row that was emptied no longer says who is a child or abroad; who was known to be so, stays so.
    marks = earlier.select("subject", pl.col("minor").alias("was_minor"), pl.col("overseas").alias("was_overseas"))
    now = (
        now.join(marks, on="subject", how="left", maintain_order="left")
        .with_columns(
            pl.col("minor") | pl.col("was_minor").fill_null(value=False),
            pl.col("overseas") | pl.col("was_overseas").fill_null(value=False),
        )
        .drop("was_minor", "was_overseas")
    )
    gone = earlier.join(listed, on="subject", how="anti").with_columns(
        pl.lit(value=False).alias("listed"), pl.lit(None, pl.Date).alias("born_on")
    )
    return pl.concat([now, gone.select(now.columns)])
