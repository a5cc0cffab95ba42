"""What leaves the log as files: tiles, bundles of entries, and proofs of single entries."""

import base64
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import leaf_hash, root
from winddown.evidence.policy import Policy
from winddown.evidence.proof import LogProof
from winddown.evidence.signing import Signer
from winddown.evidence.tiles import export, read_entries, tile_path, tiles

ORIGIN = "winddown/c1"


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() -> None:
    # The example in C2SP tlog-tiles: 273 full and one partial tile of 112; one full and one of 17; one of 1.
    files = dict(tiles([b""] * 70_000))
    widths: dict[str, list[int]] = {}
    for path, content in files.items():
        if not path.startswith("tile/entries/"):
            widths.setdefault(path.split("/")[1], []).append(len(content) // 32)
    assert {level: sorted(found) for level, found in widths.items()} == {
        "0": [112, *[256] * 273], "1": [17, 256], "2": [1],
    }  # fmt: skip
    assert {"tile/0/273.p/112", "tile/0/000", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"} <= {*files}
    whole = dict(tiles([b"x"] * 256))
    assert {path for path in whole if "entries" not in path} == {"tile/0/000", "tile/1/000.p/1"}
    assert whole["tile/1/000.p/1"] == root([leaf_hash(b"x")] * 256)
    assert list(tiles([])) == []


@pytest.mark.parametrize(
    ("number", "path"), [(0, "000"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")]
)  # fmt: skip
def test_a_tile_number_is_written_in_groups_of_three(number: int, path: str) -> None:
    assert tile_path("0", number, width=256) == f"tile/0/{path}"


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600])
def test_an_exported_log_is_read_again(tmp_path: Path, size: int) -> None:
    entries = [str(number).encode() * (number % 5) for number in range(size)]
    export(tmp_path, entries, checkpoint=b"note")
    assert (tmp_path / "checkpoint").read_bytes() == b"note"
    assert read_entries(tmp_path, size) == entries
    with pytest.raises(Refused):
        read_entries(tmp_path, size + 256)


def test_an_entry_bundle_that_is_cut_or_short_is_refused(tmp_path: Path) -> None:
    export(tmp_path, [b"one", b"two"], checkpoint=b"note")
    path = tmp_path / "tile/entries/000.p/2"
    assert path.read_bytes() == b"\0\3one\0\3two"
    for content in (b"\0\3one\0\3tw", b"\0\3one\0", b"\0\3one"):
        path.write_bytes(content)
        with pytest.raises(Refused):
            read_entries(tmp_path, 2)


def test_the_text_of_a_proof_is_that_of_the_specification() -> None:
    hashes = (bytes(32), bytes(range(32)))
    lines = [base64.b64encode(one).decode() for one in hashes]
    plain = f"c2sp.org/tlog-proof@v1\nindex 5\n{lines[0]}\n{lines[1]}\n\ntest checkpoint\n".encode()
    extra = f"c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 10\n{lines[0]}\n\ncheckpoint data\n".encode()
    assert LogProof(5, hashes, b"test checkpoint\n").text == plain
    assert LogProof(10, hashes[:1], b"checkpoint data\n", b"extra").text == extra
    for text in (plain, extra):
        assert LogProof.parse(text).text == text


def test_every_entry_is_proven_and_every_change_is_refused(signers: tuple[Signer, ...]) -> None:
    entries = [f"entry {number}".encode() for number in range(11)]
    leaves = [leaf_hash(entry) for entry in entries]
    note = Checkpoint(ORIGIN, 11, root(leaves)).sign(signers[:1], at=1)
    policy = f"log {signers[0].key.line}\nquorum none\n"
    for index, entry in enumerate(entries):
        text = LogProof.of(leaves, index, checkpoint=note).text
        assert LogProof.parse(text).verify(leaf_hash(entry), Policy.parse(policy)).size == 11
        report = verify.verify_proof(text, entry, policy)
        assert (report.reasons, len(report.checks)) == ([], 1)
        assert verify.verify_proof(text, entry + b" ", policy).reasons
        assert verify.verify_proof(text, entry, policy.replace("quorum none", "quorum w")).reasons
    for place in range(len(text)):
        changed = text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]
        assert verify.verify_proof(changed, entries[10], policy).reasons
        with pytest.raises(Refused):
            LogProof.parse(changed).verify(leaves[10], Policy.parse(policy))


@pytest.mark.parametrize(
    "change", [(b"index 3", b"index 03"), (b"index 3", b"index +3"), (b"index 3", b"index 3 "),
               (b"index 3", b"index 11"), (b"@v1", b"@v2"), (b"\nindex", b"\n\nindex"), (b"\n", b"\r\n"),
               (b"index 3\n", b"index 3\nAAAA\n")],
)  # fmt: skip
def test_another_spelling_of_a_proof_is_refused(signer: Signer, change: Any) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(11)]
    note = Checkpoint(ORIGIN, 11, root(leaves)).sign([signer], at=1)
    text = LogProof.of(leaves, 3, checkpoint=note).text
    policy = f"log {signer.key.line}\nquorum none\n"
    assert verify.verify_proof(text, bytes([3]), policy).reasons == []
    assert verify.verify_proof(text.replace(*change), bytes([3]), policy).reasons
    with pytest.raises(Refused):
        LogProof.parse(text.replace(*change)).verify(leaves[3], Policy.parse(policy))
