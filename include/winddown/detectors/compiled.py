"""Python that is compiled to machine code, and where the code is kept.

Numba tells kept code from changed code by the one file of the function, although code of other files goes into it. So
the folder that it is kept in bears a digest of all files of the recognisers: code of another version is never found.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])
_SOURCES = Path(__file__).parent


def compiled(function: _F) -> _F:
    """Compile a function to machine code when it is first called, and keep the code where that can be.

    ``python -m winddown.detectors`` does it for all of them beforehand.
    """
    return cast("_F", numba.njit(cache=_folder() is not None)(function))


def drop_other_versions() -> None:
    """Remove the code of other versions of the recognisers."""
    if (folder := _folder()) is not None:
        for other in folder.parent.glob("recognisers-*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)


@cache
def _folder() -> Path | None:
    # Where Numba was told to keep code, else beside the sources, else with the user; None where nothing can be written.
    told = [Path(numba.config.CACHE_DIR)] if numba.config.CACHE_DIR else []
    for parent in (*told, _SOURCES / "__pycache__", Path("~/.cache/winddown")):
        try:
            folder = parent.expanduser() / f"recognisers-{_digest()}"
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except (OSError, RuntimeError):  # the second one where the user has no home
            continue
        numba.config.CACHE_DIR = str(folder)
        return folder
    return None


def _digest() -> str:
    found = hashlib.sha256(numba.__version__.encode())
    for path in sorted(_SOURCES.rglob("*.py")):
        content = path.read_bytes()
        found.update(f"{path.relative_to(_SOURCES)} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]
