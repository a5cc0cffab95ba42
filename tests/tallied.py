"""Counts what tests tried, over all processes of a run: a line each in the file that WINDDOWN_TALLY names."""

import os


def tally(what: str, count: int = 1) -> None:
    """Count; nothing without that file. ``what`` is a row of the scoreboard."""
    path = os.environ.get("WINDDOWN_TALLY")
    if path:
        # One write to the end of a file is not torn apart by another process's.
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(file, f"{what}\t{count}\n".encode())
        os.close(file)
