"""Python that is compiled to machine code, and where the code is kept.

Numba tells kept code from changed code by the one file of the function, although code of other files goes into it. So
the folder that it is kept in bears a digest of all files that compiled code is made of: code of another version is
never found.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_F = TypeVar("_F", bound=Callable[..., Any])
_PACKAGE = Path(__file__).parent
SOURCES = ("compiled.py", "detectors/**/*.py", "stores/sql/copy_cells.py")  # patterns, in the package


def compiled(function: _F) -> _F:
    """Compile a function to machine code when it is first called, and keep the code where that can be.

    ``python -m winddown.compilation`` does it for all of them beforehand.
    """
    return cast("_F", numba.njit(cache=_folder() is not None)(function))


def drop_other_versions() -> None:
    """Remove the code of other versions of the product."""
    if (folder := _folder()) is not None:
        for other in folder.parent.glob("machine-code-*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)


@cache
def _folder() -> Path | None:
    # Where Numba was told to keep code, else beside the sources, else with the user; None where nothing can be written.
    told = [Path(numba.config.CACHE_DIR)] if numba.config.CACHE_DIR else []
    for parent in (*told, _PACKAGE / "__pycache__", Path("~/.cache/winddown")):
        try:
            folder = parent.expanduser() / f"machine-code-{_digest()}"
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
    for path in sorted({path for pattern in SOURCES for path in _PACKAGE.glob(pattern)}):
        content = path.read_bytes()
        found.update(f"{path.relative_to(_PACKAGE)} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(64).as_pointer())


@intrinsic
def load(typing: Any, array: Any, place: Any) -> Any:  # noqa: ARG001 - Numba's way of writing an instruction
    """Eight bytes of an array, from a place on."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, arguments), align=1)

    return types.uint64(array, place), build


@intrinsic
def store(typing: Any, array: Any, place: Any, value: Any) -> Any:  # noqa: ARG001
    """Put eight bytes into an array, from a place on."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _pointer(context, builder, signature, arguments), align=1)
        return context.get_dummy_value()

    return types.void(array, place, value), build
