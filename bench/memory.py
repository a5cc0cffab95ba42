"""How much memory a process took at most."""

import gc
from collections.abc import Callable
from pathlib import Path

_SELF = Path("/proc/self")


def peak() -> int:
    """Peak memory of this process in MiB; not ``ru_maxrss``, which a process inherits from the one that started it."""
    return _status("VmHWM:")


def growth(of: Callable[[], object]) -> int:
    """How much more than before a call takes at most, in MiB; what lies free in this process already does not count."""
    gc.collect()
    (_SELF / "clear_refs").write_text("5", "ascii")  # forgets the peak so far
    before = _status("VmRSS:")
    of()
    return peak() - before


def _status(name: str) -> int:
    return int((_SELF / "status").read_text("ascii").partition(name)[2].split()[0]) // 1024
