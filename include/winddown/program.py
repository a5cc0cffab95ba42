"""Which program this is: plans and readings say which one made them."""

import hashlib
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from winddown import __version__

_READERS = ("duckdb", "fastavro", "numba", "numpy", "openpyxl", "orjson", "polars", "pyarrow", "pypdfium2")
_SOURCES = {".py", ".yaml", ".html", ".typ", ".js", ".css"}


def code_version() -> str:
    """The package's version, a digest over its own sources, and versions of what reads files or recognises values.

    Another version of these may find something else in the same content.
    """
    installed = []
    for name in _READERS:
        with suppress(PackageNotFoundError):
            installed.append(f"{name}-{version(name)}")
    return " ".join([f"{__version__}+{_sources()[:16]}", *installed])


@cache
def _sources() -> str:
    package = Path(__file__).parent
    hasher = hashlib.sha256()
    for path in sorted(found for found in package.rglob("*") if found.suffix in _SOURCES):
        hasher.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()
