"""The first and last bytes of a file, by which formats are recognised."""

from dataclasses import dataclass
from functools import cached_property

from winddown.stores.objects.formats.encoding import decoded_head

HEAD, TAIL = 65_536, 8


@dataclass(frozen=True)
class Ends:
    """What recognising a format looks at.

    Attributes:
        head: the first ``HEAD`` bytes, or all.
        tail: the last ``TAIL`` bytes, or all.
    """

    head: bytes
    tail: bytes

    @cached_property
    def text(self) -> str | None:
        """The head as text, None when it is none. Raises Unreadable when the encoding cannot be told."""
        return decoded_head(self.head)
