"""The Merkle tree of RFC 6962: one hash for a whole list, and short proofs about it.

A leaf is hashed as SHA-256(0x00 || data), an inner node as SHA-256(0x01 || left || right), so a node can never pass
for a leaf. A list of n > 1 leaves is split at the largest power of two below n. Hashes are 32 raw bytes; every function
here takes *leaf hashes*, in order, never leaf data. Source: RFC 6962 section 2.1; the verifying side follows RFC 9162
sections 2.1.3.2 and 2.1.4.2. Nothing here stores anything.

>>> hashes = [leaf_hash(text) for text in (b"opened", b"frozen", b"closed")]
>>> frontier = Frontier()
>>> for one in hashes:
...     frontier = frontier.append(one)
>>> frontier.root() == root(hashes)
True
>>> verify_inclusion(hashes[2], index=2, size=3, proof=inclusion_proof(hashes, 2), root=root(hashes))
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from winddown.domain.errors import Refused

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
_RULE = "RFC 6962"
_HEX_DIGITS = frozenset("0123456789abcdef")


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf's data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node over its two children's hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: enough to append and to name the root, in at most 64 hashes.

    Args:
        size: number of leaves so far.
        nodes: roots of the complete subtrees, largest first; one for every set bit of ``size``.

    Raises:
        Refused: if the number of nodes does not fit the size, or one of them is not 32 bytes.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.nodes) != self.size.bit_count():
            raise Refused(f"{len(self.nodes)} hashes are no frontier of {self.size} leaves", rule=_RULE)
        _require_hashes(self.nodes)

    def append(self, leaf: bytes) -> "Frontier":
        """Return the frontier with one more leaf hash. Costs O(log size) at worst and O(1) on average."""
        return self.extend((leaf,))

    def extend(self, leaves: Sequence[bytes]) -> "Frontier":
        """Return the frontier with more leaf hashes, in order."""
        _require_hashes(leaves)
        nodes = list(self.nodes)
        for before, leaf in enumerate(leaves, self.size):
            right, size = leaf, before
            # Every trailing one bit of the size is a complete subtree as large as what is being carried: they merge.
            while size & 1:
                right = node_hash(nodes.pop(), right)
                size >>= 1
            nodes.append(right)
        return Frontier(self.size + len(leaves), tuple(nodes))

    def root(self) -> bytes:
        """Return the tree's root; of the empty tree SHA-256 of nothing."""
        if not self.nodes:
            return EMPTY_ROOT
        result = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            result = node_hash(node, result)
        return result

    def to_hex(self) -> list[str]:
        """Return the nodes as lower-case hex, largest first, for the head row; the size is stored beside it."""
        return [node.hex() for node in self.nodes]

    @classmethod
    def from_hex(cls, size: int, nodes: Sequence[str]) -> Self:
        """Rebuild a frontier from ``to_hex``; anything but 64 lower-case hex digits per node is refused."""
        if any(len(node) != 2 * HASH_BYTES or not _HEX_DIGITS.issuperset(node) for node in nodes):
            raise Refused("a frontier node is not 64 lower-case hex digits", rule=_RULE)
        return cls(size, tuple(bytes.fromhex(node) for node in nodes))


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes in order; of no leaves SHA-256 of nothing."""
    return Frontier().extend(leaves).root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the audit path of leaf ``index``, lowest sibling first. Reads all leaves: O(n) hashes.

    Raises:
        Refused: if there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise Refused(f"there is no leaf {index} among {len(leaves)}", rule=_RULE)
    if len(leaves) == 1:
        return ()
    half = _split(len(leaves))
    if index < half:
        return (*inclusion_proof(leaves[:half], index), root(leaves[half:]))
    return (*inclusion_proof(leaves[half:], index - half), root(leaves[:half]))


def verify_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Accept that ``leaf`` is leaf number ``index`` of the tree of ``size`` leaves with this root, or raise.

    Raises:
        Refused: if the proof is of the wrong length or leads to another root.
    """
    if not 0 <= index < size:
        raise Refused(f"there is no leaf {index} among {size}", rule=_RULE)
    _require_hashes((leaf, root, *proof))
    position, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Refused("the inclusion proof is too long", rule=_RULE)
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                # A right-edge node without a sibling is promoted until it becomes a right child.
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise Refused("the inclusion proof is too short", rule=_RULE)
    if result != root:
        raise Refused("the inclusion proof leads to another root", rule=_RULE)


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """Return the proof that the first ``old_size`` leaves are a prefix of these leaves. O(n) hashes.

    Raises:
        Refused: for size 0, of which every tree is an extension and nothing is proven, and for more than there is.
    """
    if not 0 < old_size <= len(leaves):
        raise Refused(f"no consistency proof from {old_size} to {len(leaves)} leaves", rule=_RULE)
    return _subproof(leaves, old_size, complete=True)


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Accept that the tree of ``old_size`` leaves is a prefix of the tree of ``new_size`` leaves, or raise.

    Raises:
        Refused: for size 0, for a shrunken tree, and for a proof of the wrong length or leading to other roots.
    """
    if not 0 < old_size <= new_size:
        raise Refused(f"no consistency proof from {old_size} to {new_size} leaves", rule=_RULE)
    _require_hashes((old_root, new_root, *proof))
    if old_size == new_size:
        if proof or old_root != new_root:
            raise Refused("two trees of the same size differ, or a proof was given where none belongs", rule=_RULE)
        return
    # An old tree that is one complete subtree is itself the first node of the path, and is not sent.
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    # Subtrees that both trees share completely need no sibling: the path starts above them.
    shared = ((old_size - 1) ^ old_size).bit_length() - 1
    old, new = _climb(path, position=(old_size - 1) >> shared, last=(new_size - 1) >> shared)
    if old != old_root or new != new_root:
        raise Refused("the consistency proof leads to other roots", rule=_RULE)


def _climb(path: Sequence[bytes], *, position: int, last: int) -> tuple[bytes, bytes]:
    """Fold a proof upwards, at once for a tree that ends at ``position`` and for one that ends at ``last``."""
    if not path:
        raise Refused("the consistency proof is too short", rule=_RULE)
    old, new = path[0], path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Refused("the consistency proof is too long", rule=_RULE)
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise Refused("the consistency proof is too short", rule=_RULE)
    return old, new


def _split(count: int) -> int:
    """Return the largest power of two strictly below ``count`` (count ≥ 2)."""
    return 1 << (count - 1).bit_length() - 1


def _subproof(leaves: Sequence[bytes], old_size: int, *, complete: bool) -> tuple[bytes, ...]:
    """SUBPROOF of RFC 6962; ``complete`` says that the verifier already knows this subtree's root."""
    if old_size == len(leaves):
        return () if complete else (root(leaves),)
    half = _split(len(leaves))
    if old_size <= half:
        return (*_subproof(leaves[:half], old_size, complete=complete), root(leaves[half:]))
    return (*_subproof(leaves[half:], old_size - half, complete=False), root(leaves[:half]))


def _require_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise Refused(f"a hash is not {HASH_BYTES} bytes long", rule=_RULE)
