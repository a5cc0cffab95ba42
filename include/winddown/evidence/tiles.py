"""A log as static files, to be copied or served as they are: checkpoint, tiles of hashes, bundles of entries.

    checkpoint                         the signed note
    tile/<level>/<n>[.p/<width>]       up to 256 hashes of 32 bytes; above level 0, roots of full tiles below
    tile/entries/<n>[.p/<width>]       up to 256 entries, each after its length in two bytes

``n`` is written in groups of three digits, all but the last after an ``x``: 1234067 is ``x001/x234/067``. Partial
tiles, of 1 to 255, carry their width. Source: C2SP tlog-tiles.

>>> tile_path("0", 1234067, width=256), tile_path("entries", 0, width=3)
('tile/0/x001/x234/067', 'tile/entries/000.p/3')
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from winddown.domain.errors import Refused
from winddown.evidence import durable
from winddown.evidence.merkle import leaf_hash, root

WIDTH: Final = 256
_RULE: Final = "C2SP tlog-tiles"
_LENGTH_BYTES: Final = 2


def tile_path(level: str, number: int, *, width: int) -> str:
    """Return the path of a tile of ``level`` (a number, or ``entries``) below the log's folder."""
    text = str(number)
    text = "0" * (-len(text) % 3) + text
    groups = [text[at : at + 3] for at in range(0, len(text), 3)]
    whole = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{whole}" + (f".p/{width}" if width < WIDTH else "")


def tiles(entries: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file but the checkpoint, of the tree over all entries."""
    hashes, level = [leaf_hash(entry) for entry in entries], 0
    for number, chunk in _chunks(entries):
        content = b"".join(struct.pack(">H", len(entry)) + entry for entry in chunk)
        yield tile_path("entries", number, width=len(chunk)), content
    while hashes:
        for number, chunk in _chunks(hashes):
            yield tile_path(str(level), number, width=len(chunk)), b"".join(chunk)
        # A partial tile has no hash in the level above.
        hashes = [root(chunk) for _, chunk in _chunks(hashes) if len(chunk) == WIDTH]
        level += 1


def export(folder: Path, entries: Sequence[bytes], *, checkpoint: bytes) -> None:
    """Write a log's files below ``folder``; the checkpoint last, so that what it needs is there when it appears."""
    for path, content in tiles(entries):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        durable.replace(place, content)
    durable.replace(folder / "checkpoint", checkpoint)


def read_entries(folder: Path, size: int) -> list[bytes]:
    """Return the first ``size`` entries of an exported log.

    Raises:
        Refused: if one is missing, or an entry bundle is cut off or has another number of entries.
    """
    entries: list[bytes] = []
    for number in range(-(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        # A log may drop a partial bundle when the full one is there.
        found = [folder / tile_path("entries", number, width=wide) for wide in (width, WIDTH)]
        path = next((path for path in found if path.is_file()), None)
        if path is None:
            raise Refused(f"the log has no {tile_path('entries', number, width=width)}", rule=_RULE)
        entries += _split(path.read_bytes())[:width]
    if len(entries) != size:
        raise Refused(f"the log has {len(entries)} of {size} entries", rule=_RULE)
    return entries


def _split(content: bytes) -> list[bytes]:
    entries, at = [], 0
    while at < len(content):
        start = at + _LENGTH_BYTES
        end = start + int.from_bytes(content[at:start])
        if end > len(content) or start > len(content):
            raise Refused("an entry bundle is cut off", rule=_RULE)
        entries.append(content[start:end])
        at = end
    return entries


def _chunks(items: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    for number in range(-(-len(items) // WIDTH)):
        yield number, items[number * WIDTH : (number + 1) * WIDTH]
