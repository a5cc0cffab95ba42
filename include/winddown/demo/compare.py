"""Compares a company's stores, after the case or after its first wave, with the truth written when it was made.

It reads the stores with plain drivers and shares no code with the product, so that neither can repeat the other's
mistake.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from winddown.demo.bucket import connect
from winddown.demo.compare_objects import compare_objects
from winddown.demo.compare_tables import compare_tables
from winddown.demo.servers import S3Address
from winddown.demo.tally import Tally, Wrong

Connections = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome: records of the truth, mistakes of each kind, and where they are, without any value of a record."""

    records: int
    wrongly_destroyed: int
    wrongly_kept: int
    wrongly_changed: int
    examples: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Say whether no mistake was found."""
        return not (self.wrongly_destroyed or self.wrongly_kept or self.wrongly_changed)


def read_connections(directory: Path) -> Connections:
    """Return the content of a case folder's ``connections.json``."""
    connections: dict[str, dict[str, str]] = json.loads((directory / "connections.json").read_text())
    return connections


def compare(directory: Path, connections: Connections, *, after: str = "all") -> Comparison:
    """Read every store and count what came out wrong.

    Wrongly destroyed: a record that must be there is not. Wrongly kept: a record, a version, a marker or a field that
    must be gone is there, or something that the truth does not know. Wrongly changed: a record is there with other
    values. Archives for the custodian are not read.

    Args:
        directory: the case folder with ``truth.jsonl.gz``.
        connections: as in ``connections.json``; only the ``__inspect`` ones are used.
        after: ``all`` for the end of the case, ``children`` for the time between the waves, when every record that is
            not a child's must be exactly as it was.

    Raises:
        Refused: ``after`` is something else.
    """
    tally = Tally(after)
    compare_tables(directory, connections["shop_db__inspect"]["url"], tally)
    files = connections["shop_files__inspect"]
    address = S3Address(files["endpoint_url"], files["access_key"], files["secret_key"])
    with contextlib.closing(connect(address)) as client:
        compare_objects(directory, client, tally)
    return Comparison(
        records=tally.records,
        wrongly_destroyed=tally.total(Wrong.DESTROYED),
        wrongly_kept=tally.total(Wrong.KEPT),
        wrongly_changed=tally.total(Wrong.CHANGED),
        examples=tally.examples(),
    )
