import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.errors import Refused
from winddown.evidence.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# The inputs and roots of the certificate-transparency reference implementation (merkle_tree_test).
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(bytes.fromhex(text)) for text in INPUTS]
sizes = st.integers(min_value=1, max_value=70)


def tree(size: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(2, "big")) for number in range(size)]


def recursive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + recursive_root(leaves[:half]) + recursive_root(leaves[half:])).digest()


def test_known_roots() -> None:
    assert [root(LEAVES[: size + 1]).hex() for size in range(8)] == ROOTS
    assert root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_known_proofs() -> None:
    assert [one.hex() for one in inclusion_proof(LEAVES, 0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [one.hex() for one in consistency_proof(LEAVES, 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@given(sizes)
def test_a_frontier_grows_to_the_root_of_the_whole_list_and_survives_its_text(size: int) -> None:
    leaves = tree(size)
    frontier = Frontier()
    for leaf in leaves:
        frontier = Frontier.from_hex(frontier.size, frontier.to_hex()).append(leaf)
    assert frontier.root() == recursive_root(leaves)
    assert len(frontier.to_hex()) == size.bit_count()


@given(sizes, st.data())
def test_inclusion_holds_for_its_leaf_and_place_only(size: int, data: st.DataObject) -> None:
    leaves = tree(size)
    index = data.draw(st.integers(0, size - 1))
    proof, head = inclusion_proof(leaves, index), root(leaves)
    verify_inclusion(leaves[index], index=index, size=size, proof=proof, root=head)
    other = data.draw(st.integers(0, size))
    if other != index:
        with pytest.raises(Refused):
            verify_inclusion(leaves[index], index=other, size=size, proof=proof, root=head)
    for wrong in (proof[:-1] if proof else (head,), (*proof, head), tuple(leaf_hash(one) for one in proof) or (head,)):
        with pytest.raises(Refused):
            verify_inclusion(leaves[index], index=index, size=size, proof=wrong, root=head)


@given(sizes, st.data())
def test_consistency_holds_for_a_prefix_only(size: int, data: st.DataObject) -> None:
    leaves = tree(size)
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(leaves, old)
    old_root, new_root = root(leaves[:old]), root(leaves)
    verify_consistency(old_size=old, old_root=old_root, new_size=size, new_root=new_root, proof=proof)
    rewritten = root([leaf_hash(b"another"), *leaves[1:old]])
    for wrong_root, wrong_proof in ((rewritten, proof), (old_root, (*proof, new_root)), (old_root, proof[:-1])):
        if (wrong_root, wrong_proof) != (old_root, proof):
            with pytest.raises(Refused):
                verify_consistency(
                    old_size=old, old_root=wrong_root, new_size=size, new_root=new_root, proof=wrong_proof
                )


def test_nothing_is_proven_from_size_zero() -> None:
    with pytest.raises(Refused):
        consistency_proof(LEAVES, 0)
    with pytest.raises(Refused):
        verify_consistency(old_size=0, old_root=root([]), new_size=8, new_root=root(LEAVES), proof=())


@pytest.mark.parametrize(
    ("size", "nodes"), [(1, []), (2, ["00" * 32] * 2), (1, ["0G" * 32]), (1, ["AA" * 32]), (-1, [])]
)
def test_a_damaged_head_row_is_refused(size: int, nodes: list[str]) -> None:
    with pytest.raises(Refused):
        Frontier.from_hex(size, nodes)
