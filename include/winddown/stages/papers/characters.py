"""Characters that show nothing or turn the direction of others: on paper they stand by their number."""

from collections.abc import Callable
from typing import Any, Final

INVISIBLE: Final = frozenset(
    {*range(0x20), *range(0x7F, 0xA0), 0xAD, *range(0x200B, 0x2010), *range(0x2028, 0x2030), *range(0x2060, 0x2070)}
    | {*range(0xFE00, 0xFE10), 0xFEFF}
)


def printable(value: Any, is_shown: Callable[[int], bool] = lambda code: code not in INVISIBLE) -> Any:
    """A paper in whose texts each code point that is not shown stands as ``[U+202E]``."""
    if isinstance(value, str):
        return "".join(one if is_shown(ord(one)) else f"[U+{ord(one):04X}]" for one in value)
    if isinstance(value, dict):
        return {name: printable(found, is_shown) for name, found in value.items()}
    return [printable(found, is_shown) for found in value] if isinstance(value, list) else value
