"""A selection is a set of keys, materialised once, in an encrypted manifest. Documents carry its digest and count."""

from dataclasses import dataclass

from winddown.domain.errors import Refused


@dataclass(frozen=True, slots=True)
class Selection:
    """Keys of one collection, frozen when the plan is made.

    The keys themselves never leave the encrypted manifest; ``digest`` is the SHA-256 over their canonical form.

    Attributes:
        manifest: name of the manifest in the case's workspace.
        digest: hex SHA-256 of the canonical keys in order.
        count: number of records.
        batch_digests: digest of each batch; a batch is a contiguous slice of the manifest.
        persons: number of persons whose records these are, as far as that is known; 0 for none.
        persons_root: Merkle root over a salted commitment for each of them, hex; "" for none.
    """

    manifest: str
    digest: str
    count: int
    batch_digests: tuple[str, ...]
    persons: int = 0
    persons_root: str = ""

    def __post_init__(self) -> None:
        if self.count < 1 or not self.batch_digests:
            raise Refused(f"selection {self.manifest!r} is empty; zero records where some were expected is suspicious")
