"""A bundle changed in every way that fits in a list, and signed anew where the forger has a key: all is detected.

``make mutations`` takes every byte and every edit and prints a line with the count of each kind; without it, bytes and
edits are sampled. What a reader has differs: only the log's key, a checkpoint of an earlier day, or a quorum of
witnesses.
"""

import json
import os
import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tallied import tally
from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.signing import Kind, Signer

ONE_OF = {"all": 1, "tenth": 10}.get(os.environ.get("WINDDOWN_TEST_MUTATIONS", ""))
# Bound by more than the manifest: by signatures of their own, or by an entry of the ledger.
SIGNED = (
    "ledger.jsonl", "checkpoint.txt", "plans/p1.json", "certificates/k1.json", "certificate.json", "orders/o1.json",
    "certificate.zh.pdf", "certificates/k1.zh.html", "registers.xlsx",
)  # fmt: skip
Lines = list[bytes]


def say(line: str) -> None:
    if ONE_OF:
        sys.stdout.write(f"{line}\n")


@pytest.fixture
def count() -> Any:
    """Assert that all were detected, and say how many there were."""

    def all_detected(kind: str, detected: int, total: int) -> None:
        met = "yes" if detected == total else "no"
        say(f"figure=evidence-mutations-{kind} value={detected} unit=detected target={total} met={met}")
        assert total > 0
        assert detected == total
        tally("evidence mutations", total)

    return all_detected


def some(items: range | list[Any], one_of: int) -> list[Any]:
    """About one of so many items, or of as many as are asked for; every one of one."""
    return random.Random(1).sample(list(items), max(1, len(items) // (ONE_OF or one_of)))  # noqa: S311


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]


def test_every_byte_of_a_bundle(case: Any, count: Any) -> None:
    data, policy = case.bundle(), case.policy
    places = some(range(len(data)), 60)
    found = sum(bool(verify.verify(flipped(data, place), policy).reasons) for place in places)
    count("bytes", found, len(places))


def test_every_byte_of_each_member_in_an_archive_made_anew(case: Any, count: Any) -> None:
    members, policy = verify.read_archive(case.bundle()), case.policy
    places = some([(name, place) for name, content in members.items() for place in range(len(content))], 60)
    found = sum(
        bool(verify.verify(verify.rebuild({**members, name: flipped(members[name], place)}), policy).reasons)
        for name, place in places
    )
    count("member-bytes", found, len(places))


def test_every_byte_of_what_is_signed_under_a_manifest_signed_anew(case: Any, count: Any) -> None:
    # One key: a signature of a further key that nobody knows any more would rightly be passed over.
    case.signers = case.signers[:1]
    files, policy = case.files(), case.policy
    places = some([(name, place) for name in SIGNED for place in range(len(files[name]))], 60)
    found = 0
    for name, place in places:
        forged = bundle_bytes({**files, name: flipped(files[name], place)}, signers=case.signers)
        found += bool(verify.verify(forged, policy).reasons)
    count("signed-member-bytes", found, len(places))


def renumbered(lines: Lines) -> Lines:
    """Entries as a forger with the key would log them: contiguous, and never going back in time."""
    result, last = [], ""
    for number, line in enumerate(lines):
        document = json.loads(line)
        last = max(last, document["at"])
        result.append(verify.canonical({**document, "seq": number, "at": last}))
    return result


def edited(line: bytes, **body: Any) -> bytes:
    document = json.loads(line)
    return verify.canonical({**document, "body": {**document["body"], **body}})


def edits(lines: Lines, other: Lines) -> Iterator[tuple[str, Lines]]:
    """Every edit of the entries, by kind, each contiguous again; ``other`` is the ledger of another case."""
    for n in range(len(lines) - 1):
        yield "reorder", [*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]]
    for n in range(1, len(lines)):
        yield "truncate", lines[:n]
        yield "drop", lines[:n] + lines[n + 1 :]
        yield "replay", [*lines[: n + 1], *lines[n - 1 :]]
        yield "splice", [*lines[:n], other[n], *lines[n:]]
        yield "fork", lines[:n] + other[n:]
    closes = [n for n, line in enumerate(lines) if json.loads(line)["type"] in {"done", "unknown"}]
    for n in closes:
        for of in closes:
            if n != of:
                receipt = json.loads(lines[of])["body"]
                yield "receipt of another order", [*lines[:n], edited(lines[n], **receipt), *lines[n + 1 :]]
    for n, line in enumerate(lines):
        for name, value in json.loads(line)["body"].items():
            changed = value + 1 if isinstance(value, int) else value + "x" if isinstance(value, str) else type(value)()
            yield "changed field", [*lines[:n], edited(line, **{name: changed}), *lines[n + 1 :]]
    for order in ("o1", "o2", "o3"):
        yield "missing order", [line for line in lines if json.loads(line)["body"].get("order_id") != order]


def test_every_edit_of_the_entries_signed_anew(case: Any, new_case: Any, count: Any) -> None:
    lines = case.entries()
    other_case = new_case(*case.signers)
    for step in other_case.steps.values():
        step["body"]["note"] = "another"
    other = other_case.entries()
    witness = Signer.of(Ed25519PrivateKey.generate(), name="w.example", kind=Kind.COSIGNATURE)
    honest = case.checkpoint(lines)
    text = honest.decode().partition("\n\n")[0] + "\n"
    cosigned = honest + witness.sign_note(text, at=1_796_000_000).encode()
    quorum = case.policy.replace("quorum none", f"witness w {witness.key.line}\nquorum w")
    true = bundle_bytes({**case.files(), "checkpoint.txt": cosigned}, signers=case.signers)
    assert verify.verify(true, quorum).reasons == []
    kinds: dict[str, list[tuple[bool, bool, bool]]] = {}
    for kind, bent in some(list(edits(lines, other)), 12):
        files = case.files(renumbered(bent))
        forged = bundle_bytes(files, signers=case.signers)
        with_old = bundle_bytes({**files, "checkpoint.txt": cosigned}, signers=case.signers)
        key_alone = verify.verify(forged, case.policy).reasons
        earlier = verify.verify(forged, case.policy, [honest]).reasons
        # Witnesses never sign the forged history: the forger shows none of theirs, or that of the true one.
        witnessed = verify.verify(forged, quorum).reasons and verify.verify(with_old, quorum).reasons
        kinds.setdefault(kind, []).append((bool(key_alone), bool(earlier), bool(witnessed)))
    for kind, found in sorted(kinds.items()):
        for reader, column in (("earlier-checkpoint", 1), ("witness-quorum", 2)):
            count(f"{kind.replace(' ', '-')}-by-{reader}", sum(row[column] for row in found), len(found))
    every = [row for found in kinds.values() for row in found]
    alone = sum(row[0] for row in every)
    say(f"context: of {len(every)} edits, {alone} contradict themselves even to a reader who has the log's key alone")


def test_every_edit_of_plan_and_certificate_signed_anew(case: Any, count: Any) -> None:
    total = found = 0
    for documents in (case.plans, case.certificates):
        for one in list(documents):
            for path in list(_paths(documents[one])):
                changed = case.copy()
                _change(getattr(changed, "plans" if documents is case.plans else "certificates")[one], path)
                files = changed.files(case.entries())
                found += bool(verify.verify(bundle_bytes(files, signers=case.signers), case.policy).reasons)
                total += 1
    count("documents", found, total)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))


def _change(document: Any, path: tuple[Any, ...]) -> None:
    for key in path[:-1]:
        document = document[key]
    old = document[path[-1]]
    document[path[-1]] = old + 1 if isinstance(old, int) else old + "x" if isinstance(old, str) else type(old)()
    if document[path[-1]] == old:
        document[path[-1]] = ["x"]


def test_every_part_signed_by_another_key_and_by_a_retired_one(case: Any, new_case: Any, count: Any) -> None:
    total = found = 0
    name = case.signers[0].key.name
    for _ in ("another", "retired"):  # To a reader whose policy does not name it, an old key is another key.
        stranger = Signer.of(Ed25519PrivateKey.generate(), name=name, kind=Kind.NOTE)
        forged = new_case(stranger)
        files, parts = case.files(), forged.files()
        bundles = [forged.bundle(), bundle_bytes(files, signers=[stranger])]
        bundles += [
            bundle_bytes({**files, member: parts[member]}, signers=case.signers)
            for member in ("checkpoint.txt", "certificates/k1.json")
        ]
        found += sum(bool(verify.verify(data, case.policy).reasons) for data in bundles)
        total += len(bundles)
    count("keys", found, total)
    both = new_case(*case.signers, Signer.of(Ed25519PrivateKey.generate(), name=name, kind=Kind.NOTE))
    for signer in both.signers:
        assert verify.verify(both.bundle(), f"log {signer.key.line}\nquorum none\n").reasons == []
