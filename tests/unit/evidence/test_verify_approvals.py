"""Approvals by signature as an auditor sees them, who has the approvers' keys from themselves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.domain.canonical import digest
from winddown.evidence import verify
from winddown.evidence.entry import format_time
from winddown.evidence.signing import Kind, Signer

START = datetime(2026, 11, 23, 10, tzinfo=UTC)


def signer_of(person: str) -> Signer:
    return Signer.of(Ed25519PrivateKey.from_private_bytes(person.ljust(32).encode()), name=person, kind=Kind.NOTE)


WU = signer_of("u-8")
KEYS = f"{WU.key.line}\n"


def text_of(made: Any, **changes: str) -> str:
    """The text that u-8 signs, as the product writes it."""
    values = {
        "case": "c1", "plan": "p1", "digest": digest(made.plans["p1"]), "person": "u-8", "role": "pi_officer",
        "signed_at": format_time(START + timedelta(seconds=25)), "days": "30",
    } | changes  # fmt: skip
    lines = ["winddown approval v1", *(f"{name}: {value}" for name, value in values.items()), "I approve."]
    return "\n".join(lines) + "\n"


def sign(case: Any, *, signer: Signer = WU, text: str = "") -> None:
    """Make the second approval of the case one by signature."""
    text = text or text_of(case)
    case.steps["yes2"]["body"].update(door="signature", note=f"{text}\n{signer.sign_note(text, at=1)}")
    case.certificates["k1"]["approvals"][1]["door"] = "signature"


def judged(case: Any, keys: str = KEYS) -> verify.Report:
    return verify.verify(case.bundle(), case.policy, approvers=keys)


def test_a_signature_is_verified_with_the_readers_key(case: Any) -> None:
    sign(case)
    report = judged(case)
    assert report.reasons == []
    assert report.notes == ["approvals: counted without a verified signature: u-7"]
    assert "each effect; 1 signed with their own keys" in "\n".join(report.checks)


def test_without_its_key_it_is_not_looked_at_and_the_reader_is_told(case: Any) -> None:
    sign(case)
    report = judged(case, "")
    assert report.reasons == []
    assert report.notes == ["approvals: 1 signatures were not looked at: their keys are not in --approvers"]


def test_whose_key_the_reader_has_must_have_signed(case: Any) -> None:
    assert "u-8 did not sign the approval" in "\n".join(judged(case).reasons)


def test_who_holds_the_logs_keys_cannot_approve_for_somebody(case: Any) -> None:
    sign(case, signer=signer_of("u-7").named("u-8"))
    assert "not signed by the key of u-8" in "\n".join(judged(case).reasons)
    sign(case, signer=signer_of("u-7"))
    assert "not signed by the key of u-8" in "\n".join(judged(case).reasons)


FORGED: dict[str, tuple[Callable[[Any], str], str]] = {
    "of another plan": (lambda case: text_of(case, plan="p2"), "about another plan, person or role"),
    "of an edited plan": (lambda case: text_of(case, digest="0" * 64), "about another plan, person or role"),
    "of another case": (lambda case: text_of(case, case="c2"), "about another plan, person or role"),
    "of another person": (lambda case: text_of(case, person="u-7"), "about another plan, person or role"),
    "in another role": (lambda case: text_of(case, role="legal"), "about another plan, person or role"),
    "for more days": (lambda case: text_of(case, days="31"), "another number of days"),
    "expired": (
        lambda case: text_of(case, signed_at=format_time(START - timedelta(days=30))),
        "1 distinct persons approved before this intent",
    ),
    "from the future": (
        lambda case: text_of(case, signed_at=format_time(START + timedelta(days=1))),
        "signed for a time in the future",
    ),
    "at no time": (lambda case: text_of(case, signed_at="2026-13-23T10:00:00.000000Z"), "no such day or time"),
    "in words": (lambda case: text_of(case, signed_at="yesterday"), "no UTC time"),
    "of another text": (lambda _case: "I approve everything.\n", "the signed text is no approval"),
    "of another version": (
        lambda case: text_of(case).replace("approval v1", "approval v2"), "the signed text is no approval"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("keys", [KEYS, ""], ids=["with the key", "without it"])
def test_a_replayed_or_bent_signature_counts_for_nobody(case: Any, name: str, keys: str) -> None:
    make, reason = FORGED[name]
    sign(case, text=make(case))
    assert reason in "\n".join(judged(case, keys).reasons)


def test_every_byte_of_a_signed_approval_counts(case: Any) -> None:
    sign(case)
    note = case.steps["yes2"]["body"]["note"]
    passed = []
    for place in range(0, len(note), 7):
        other = "x" if note[place] != "x" else "y"
        case.steps["yes2"]["body"]["note"] = note[:place] + other + note[place + 1 :]
        if not judged(case).reasons:
            passed.append(place)
    assert passed == []


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ("nonsense\n", "key"),
        (KEYS + KEYS, "stands twice"),
        (KEYS + signer_of("u-8").named("u-7").key.line, "stands twice"),
        (Signer.of(Ed25519PrivateKey.generate(), name="w", kind=Kind.COSIGNATURE).key.line, "signs something else"),
    ],
    ids=["nonsense", "a name twice", "a key twice", "a witness"],
)
def test_a_file_of_keys_that_is_none_is_refused(case: Any, keys: str, word: str) -> None:
    assert word in "\n".join(judged(case, keys).reasons)
