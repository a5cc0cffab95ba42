"""Which tables are emptied but for what stays, instead of row by row, and why others are not.

It is a choice of method only: which records go was decided before. An order's first batch is small and goes row by row,
so that keys, contents and both looks are tried on few records; the second one is all the rest, in one transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from winddown.domain.batch import CANARY_RECORDS
from winddown.domain.case import Case
from winddown.domain.inventory import CollectionRef, Medium
from winddown.ports import SupportsSurvivors, Survivors, WholeTables, ability
from winddown.stages.deployment import Deployment
from winddown.stages.whole import Erasure

GOING_MIN = 11 * CANARY_RECORDS
"""What the first two batches of any order hold: no more records are two effects whichever way they go."""
SHARE_MIN = 0.8
"""Share of a table's records from which on it is worth it that nobody can read for a while: by measure, half to seven
tenths cost as much either way, and nine tenths little more than half of what batches cost."""
GOING_MAX = 1_000_000
"""Records whose keys and contents a process may hold at once, as it must when they go in one transaction."""
LOCKED_SECONDS_MAX = 10.0
"""Nobody waits longer for our lock than we would wait for theirs."""


def survivors(
    deployment: Deployment,
    case: Case,
    erasures: Sequence[Erasure],
    moves: Mapping[CollectionRef, WholeTables],
) -> dict[CollectionRef, Survivors]:
    """What stands for or against emptying each table of which enough goes that there is a choice."""
    found = {}
    for erasure in erasures:
        collection, going = erasure.found.collection, erasure.count
        able = ability(deployment.systems(case).store(collection.ref.store), SupportsSurvivors)
        move = moves.get(collection.ref)
        goes_whole = move is not None and move.keys.num_rows > 0
        if able is None or collection.medium is not Medium.TABLE or going <= GOING_MIN or goes_whole:
            continue
        asked = able.survivors(collection, going=going)
        against = (*_against(going, erasure.found.records.height, asked.seconds), *asked.against)
        found[collection.ref] = Survivors(asked.seconds, against)
    return found


def in_two(keys: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Keys of batches as those of two: the first, and all others together."""
    for piece in keys:
        number = pc.min_element_wise(piece.column("batch"), pa.scalar(1, pa.int32()))
        yield piece.set_column(piece.column_names.index("batch"), "batch", number)


def _against(going: int, total: int, seconds: float) -> Iterator[str]:
    if going < SHARE_MIN * total:
        yield f"less than {SHARE_MIN:.0%} of its records go"
    if going > GOING_MAX:
        yield f"more than {GOING_MAX:,} records go, too many to be named at once"
    if seconds > LOCKED_SECONDS_MAX:
        yield f"nobody could read it for about {seconds:.0f} s, {LOCKED_SECONDS_MAX:.0f} s are the most"
