"""Values that cannot be there by chance, each planted in one place, and the search for all of them in what was written.

A marker knows the place that it was planted in, so that a leak says where it came from.
"""

import base64
import gzip
import hashlib
import html
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus

import numpy as np

from winddown.demo.numbers import card_number, mobile, resident_id

_START, _BITS = 8, 24  # no form is shorter
_RARE = "龘靐齉爨麤鱻骉飍犇猋羴毳淼焱垚晶磊鑫森"  # no text of the product has them


@dataclass(frozen=True, slots=True)
class Marker:
    """One planted value."""

    place: str
    value: str


@dataclass(slots=True)
class Markers:
    """Hands out values, a new one each time, and remembers what was planted where."""

    planted: list[Marker] = field(default_factory=list)
    _count: int = 0

    def __call__(self, place: str, kind: str) -> str:
        """A new value of a kind, planted in a place."""
        self._count += 1
        value = _KINDS[kind](self._count)
        self.planted.append(Marker(f"{place} ({kind})", value))
        return value

    def leaks(self, written: Iterable[tuple[str, bytes]]) -> set[str]:
        """Every ``marker's place → place where it was found as what``."""
        forms: dict[bytes, list[tuple[Marker, str, bytes]]] = {}
        for marker in self.planted:
            for form, needle in _forms(marker.value):
                forms.setdefault(needle[:_START], []).append((marker, form, needle))
        starts = np.zeros(1 << _BITS, dtype=bool)
        starts[_hashed(np.frombuffer(b"".join(forms), dtype=np.uint64))] = True
        seen, found = set(), set()
        for where, content in written:
            lowered = content.lower()
            if lowered in seen:
                continue
            seen.add(lowered)
            for start in _occurring(lowered, starts) & forms.keys():
                found |= {
                    f"{marker.place} → {where} as {form}: {_around(lowered, needle)}"
                    for marker, form, needle in forms[start]
                    if needle in lowered
                }
        return found


def _hashed(words: "np.ndarray[Any, np.dtype[np.uint64]]") -> Any:
    return (words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BITS)


def _occurring(content: bytes, starts: Any) -> set[bytes]:
    """The runs of eight bytes that may begin a needle: all are looked up at once, which no search for each could do."""
    found: set[bytes] = set()
    for shift in range(_START):
        words = np.frombuffer(content[shift : len(content) - (len(content) - shift) % _START], dtype=np.uint64)
        found.update(words[np.flatnonzero(starts[_hashed(words)])].view("S8").tolist() if len(words) else ())
    return {each.ljust(_START, b"\0") for each in found}


def _around(content: bytes, needle: bytes) -> str:
    at = content.index(needle)
    return content[max(0, at - 60) : at + len(needle) + 30].decode("utf-8", "replace")


def _name(number: int) -> str:
    first, second = divmod(number, len(_RARE))
    return f"欧阳{_RARE[first % len(_RARE)]}{_RARE[second]}"


def _secret(number: int) -> str:
    return "sk_live_" + hashlib.sha256(f"secret {number}".encode()).hexdigest()[:32]


_KINDS: dict[str, Callable[[int], str]] = {
    "resident_id": lambda number: resident_id("310104", date(1987, 3, 14), number),
    "mobile": lambda number: mobile(770_000_019 + 7 * number),
    "email": lambda number: f"hua.marker{number:03d}@mail{number:03d}.example.cn",
    "bank_card": lambda number: card_number(Random(number)),  # noqa: S311 - no secret
    "name": _name,
    "secret": _secret,
    "text": lambda number: f"热水器漏水找{_name(number)}第{number}次",
    "foreign": lambda number: f"Željko Đurić-Šimić {_RARE[number % len(_RARE)]}{number}",
    "quoted": lambda number: f'O\'Neil <"{_RARE[number % len(_RARE)]}"> & Søn {number}',
    "customer": lambda number: str(880_077_001_100 + number),
}


def _forms(value: str) -> Iterator[tuple[str, bytes]]:
    """A value as it is and as it may be written, in lower case."""
    raw = value.encode()
    forms: dict[str, bytes] = {
        "raw": raw,
        "JSON": json.dumps(value)[1:-1].encode(),
        "JSON within JSON": json.dumps(json.dumps(value)[1:-1])[1:-1].encode(),
        "JSON in UTF-8": json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        "URL": quote(value, safe="").encode(),
        "URL path": quote(value).encode(),
        "URL form": quote_plus(value).encode(),
        "HTML": html.escape(value).encode(),
        "HTML numbers": "".join(f"&#{ord(sign)};" for sign in value).encode(),
        "markup of Jinja": html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;").encode(),
        "repr": repr(value)[1:-1].encode(),
        "ascii": ascii(value)[1:-1].encode(),
        "hex": raw.hex().encode(),
        "UTF-16": value.encode("utf-16-le"),
        "GB18030": value.encode("gb18030"),
    }
    # Inside longer content base64 has three alignments; of each, the signs that no neighbour changes.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        forms[f"base64 {shift}"] = encoded[(0, 2, 3)[shift] : len(encoded) - 4]
    # A plain digest of a number can be tried out.
    for name in ("md5", "sha1", "sha256"):
        forms[name] = hashlib.new(name, raw).hexdigest().encode()
    seen = set()
    for form, needle in forms.items():
        lowered = needle.lower()
        if lowered not in seen:
            assert len(lowered) >= _START, form
            seen.add(lowered)
            yield form, lowered


def in_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder by its name, as bytes and unpacked, and the names themselves."""
    for path in sorted(folder.rglob("*")):
        yield "a file's name", str(path.relative_to(folder)).encode()
        if path.is_file():
            yield from unpacked(path.name, path.read_bytes())


def unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A content, and what is packed in it, however deep."""
    yield name, content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield f"{name}/names", member.encode()
                yield from unpacked(f"{name}/{member}", archive.read(member))
    elif content.startswith(b"\x1f\x8b"):
        yield from unpacked(f"{name}/unpacked", gzip.decompress(content))
