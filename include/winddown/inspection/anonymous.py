"""Judges an anonymous extract by its file alone, read by another library than the one that wrote it.

It proves that every combination of the columns occurs at least k times, and that given values of the source occur
neither in a column nor, in clear or in a page that is compressed, in the file's bytes. It makes no claim about what a
group has in common (no l-diversity), nor about two extracts that are laid side by side.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from winddown.domain.errors import Residual

if TYPE_CHECKING:
    import duckdb

_EXTRACT = "read_parquet(?)"


@dataclass(frozen=True, slots=True)
class ExtractCheck:
    """What was found in the file.

    Attributes:
        smallest: number of rows of the rarest combination; 0 when there are no rows.
        probes: values of the source that were looked for; found: how many were there.
        extras: key-value metadata and dictionary pages; there should be none.
    """

    sha256: str
    columns: tuple[str, ...]
    rows: int
    smallest: int
    probes: int
    found: int
    extras: int


def check_extract(path: Path, probes: Sequence[str]) -> ExtractCheck:
    """Read an extract and count; raises Residual when it cannot be read."""
    import duckdb  # noqa: PLC0415 - 30 MiB, which stages without an extract need not have

    try:
        content = path.read_bytes()
        with duckdb.connect(":memory:") as reader:
            described = reader.execute(f"DESCRIBE SELECT * FROM {_EXTRACT}", [str(path)])
            columns = [str(row[0]) for row in described.fetchall()]
            combinations = ", ".join(map(_quoted, columns))
            sizes = reader.execute(f"SELECT count(*) FROM {_EXTRACT} GROUP BY {combinations}", [str(path)]).fetchall()
            values = {
                str(row[0])
                for name in columns
                for row in reader.execute(
                    f"SELECT DISTINCT {_quoted(name)} FROM {_EXTRACT} WHERE {_quoted(name)} IS NOT NULL", [str(path)]
                ).fetchall()
            }
            extras = _count(reader, "SELECT count(*) FROM parquet_kv_metadata(?)", path)
            extras += _count(
                reader, "SELECT count(*) FROM parquet_metadata(?) WHERE dictionary_page_offset IS NOT NULL", path
            )
    except (OSError, duckdb.Error):
        # The cause is left out, because it may quote a value.
        raise Residual(f"extract {path.name} cannot be read", rule="independent read-back") from None
    words = "\n".join(values)
    found = sum(probe in words or probe.encode() in content for probe in set(probes))
    counts = [int(size) for (size,) in sizes]
    return ExtractCheck(
        sha256=hashlib.sha256(content).hexdigest(),
        columns=tuple(columns),
        rows=sum(counts),
        smallest=min(counts, default=0),
        probes=len(set(probes)),
        found=found,
        extras=extras,
    )


def _count(reader: "duckdb.DuckDBPyConnection", query: str, path: Path) -> int:
    row = reader.execute(query, [str(path)]).fetchone()
    return int(row[0]) if row else 0


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
