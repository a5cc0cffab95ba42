"""What is known of a column once every cell was read: counts, never a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """Exact counts over every cell of one field.

    ``cells`` = ``nulls`` + ``blanks`` + ``unread`` + ``filled``. For a list or map they count the elements, and a null
    or empty list counts as one null, so that nothing disappears. A struct has a profile per member (``owner.phone``, in
    ``members``), and its own profile then counts rows only.

    The mappings are keyed by kind id and hold no zeros. ``matches``: the whole cell is a valid value; ``embedded``: a
    longer cell contains one; ``shaped`` and ``embedded_shaped``: the cells that fitted in everything but the check
    digits, or on which the pattern was tried, the base that chance applies to; ``typical``: the matching cells that
    are also typical of genuine values.
    """

    field: str
    type: str
    cells: int = 0
    nulls: int = 0
    blanks: int = 0
    unread: int = 0
    unread_because: tuple[str, ...] = ()
    distinct: int = 0
    distinct_is_exact: bool = True
    sequential: int = 0  # integers that exceed the one before them by one
    matches: Mapping[str, int] = default(default_factory=dict)
    embedded: Mapping[str, int] = default(default_factory=dict)
    shaped: Mapping[str, int] = default(default_factory=dict)
    embedded_shaped: Mapping[str, int] = default(default_factory=dict)
    typical: Mapping[str, int] = default(default_factory=dict)
    members: tuple[str, ...] = ()

    @property
    def filled(self) -> int:
        """Return the cells that were read and hold something."""
        return self.cells - self.nulls - self.blanks - self.unread

    def hits(self, kind_id: str) -> int:
        """Return the cells that are or contain a valid value of a kind."""
        return self.matches.get(kind_id, 0) + self.embedded.get(kind_id, 0)

    def fitting(self, kind_id: str) -> int:
        """Return the cells on which a kind's check digits or pattern were tried."""
        return self.shaped.get(kind_id, 0) + self.embedded_shaped.get(kind_id, 0)
