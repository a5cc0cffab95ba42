"""What a recognised kind means in law and in the standards: looked up, never stored with a value.

A taxonomy is dated data. Detectors say what a field holds; what that makes of it follows from the taxonomy in force,
so that a new version judges stored findings anew without a cell being read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from winddown.domain.errors import Refused


class Nature(StrEnum):
    """Whose interest a kind of data touches."""

    PERSONAL = "personal"  # information about an identified or identifiable person (PIPL 4)
    TRADE_SECRET = "trade_secret"  # noqa: S105 - no password; business information that its holder keeps from the public
    NEITHER = "neither"  # public data of companies


@dataclass(frozen=True, slots=True)
class KindClass:
    """The classes of one kind.

    Attributes:
        nature: personal information, trade secret or neither.
        pipl_28: the limb of PIPL 28 that makes it sensitive, or None. Everything of a child under 14 is sensitive
            whatever its kind, which no kind can say.
        tells_age: values of the kind show whether their person is under 14.
        gb_t_43697: lowest level within general data (1 to 4). Important and core data are named by catalogues of
            sectors and regions, never by kind.
        jr_t_0197: security level of financial data (1 to 5), or None where the standard has no such data.
        gdpr_9: the special category, or None.
    """

    nature: Nature
    pipl_28: str | None
    tells_age: bool
    gb_t_43697: int
    jr_t_0197: int | None
    gdpr_9: str | None


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """One version of the taxonomy; ``digest`` depends on its content alone."""

    version: str
    digest: str
    kinds: Mapping[str, KindClass]

    def of(self, kind: str) -> KindClass:
        """Return the classes of a kind. Raises ``Refused`` for one that the taxonomy does not know."""
        if kind not in self.kinds:
            raise Refused(
                f"taxonomy {self.version} does not know the kind {kind!r}",
                rule="taxonomy.kind",
                next_step="answer with a kind of the taxonomy, or add the kind to it under a new version",
            )
        return self.kinds[kind]

    def any_sensitive(self, kinds: Iterable[str]) -> bool:
        """Return whether one of the kinds is sensitive personal information by PIPL 28."""
        return any(self.of(kind).pipl_28 is not None for kind in kinds)

    def any_of(self, nature: Nature, kinds: Iterable[str]) -> bool:
        """Return whether one of the kinds is of a nature."""
        return any(self.of(kind).nature is nature for kind in kinds)
