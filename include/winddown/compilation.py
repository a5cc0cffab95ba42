"""Compile what is compiled, so that no run has to wait for it: ``python -m winddown.compilation``."""

import sys
import time

import pyarrow as pa

from winddown.compiled import drop_other_versions
from winddown.detectors import ALL, Profiler
from winddown.stores.sql.binary import ONE_ROW, TEXT
from winddown.stores.sql.copy_cells import CopyReader

# Digits and letters of every length that some kind has, so that every check is called.
_LENGTHS = sorted({length for kind in ALL for length in kind.lengths})


def main() -> int:
    """Read rows of a database, a column that asks for every check and every expression, and a number."""
    started = time.monotonic()
    cells = [character * length for length in _LENGTHS for character in "1aA"]
    cells += [
        "王小明",
        "欧阳娜娜",
        "4111111111111111",
        "+86 138-1234-5678",
        "电话１３８１２３４５６７８，A123456(3) 0571-87654321",
        " x ",
    ]
    drop_other_versions()
    CopyReader([TEXT]).read(ONE_ROW)
    profiler = Profiler(["cell"])
    profiler.feed(pa.record_batch({"cell": pa.array(cells)}))
    profiler.feed(pa.record_batch({"cell": pa.array([13_812_345_678])}))
    sys.stdout.write(f"compiled the recognisers and readers in {time.monotonic() - started:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
