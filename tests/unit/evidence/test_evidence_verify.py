import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.keyring import add_pair, log_signers, retire_pair
from winddown.evidence.signing import Kind, Signer
from winddown.evidence.statement import BUNDLE_TYPE, sign_statement

GRACE = 3600
DAY = 86_400


def reasons(case: Any, data: bytes | None = None) -> str:
    report = verify.verify(case.bundle() if data is None else data, case.policy)
    return "\n".join(report.reasons)


def test_the_honest_bundle_verifies(case: Any) -> None:
    report = verify.verify(case.bundle(), case.policy)
    assert report.reasons == []
    assert report.notes == []
    assert len(report.checks) == 11


def test_more_or_less_than_the_archive_is_refused(case: Any) -> None:
    data = case.bundle()
    members = verify.read_archive(data)
    for forged in (b"", data[:-1], data + b"\0", b"\0" + data, data + data, data[: len(data) // 2], data[:30]):
        assert "archive" in reasons(case, forged)
    assert "added or left out" in reasons(case, verify.rebuild({**members, "zzz.txt": b""}))
    for name in members:
        rest = {one: content for one, content in members.items() if one != name}
        word = "checkpoint.txt: not a signed note" if name == "checkpoint.txt" else "manifest.json"
        assert word in reasons(case, verify.rebuild(rest))


def test_the_wrong_key_is_refused(case: Any, new_case: Callable[..., Any]) -> None:
    name = case.signers[0].key.name
    impostor = new_case(Signer.of(Ed25519PrivateKey.generate(), name=name, kind=Kind.NOTE))
    assert "not signed by a log of the policy" in reasons(case, impostor.bundle())
    files, parts = case.files(), impostor.files()
    for member, word in (("checkpoint.txt", "not signed by a log"), ("certificates/k1.json", "not signed by a key")):
        mixed = bundle_bytes({**files, member: parts[member]}, signers=case.signers)
        assert word in reasons(case, mixed)
    assert "manifest.json: not signed by a key" in reasons(case, bundle_bytes(files, signers=impostor.signers))


def test_either_key_of_the_log_is_enough_for_a_reader(case: Any) -> None:
    data = case.bundle()
    for signer in case.signers:
        assert verify.verify(data, f"log {signer.key.line}\nquorum none\n").reasons == []


def set_body(label: str, **changes: Any) -> Callable[[Any], None]:
    return lambda case: case.steps[label]["body"].update(changes)


def set_time(label: str, after: int) -> Callable[[Any], None]:
    return lambda case: case.steps[label].update(after=after)


def drop(*labels: str) -> Callable[[Any], None]:
    def bend(case: Any) -> None:
        for label in labels:
            del case.steps[label]

    return bend


def move_before(label: str, other: str) -> Callable[[Any], None]:
    """Move a step, taking the time of the one that it now precedes."""

    def bend(case: Any) -> None:
        step = case.steps.pop(label)
        step["after"] = case.steps[other]["after"]
        case.steps = {
            key: item
            for one, kept in case.steps.items()
            for key, item in ([(label, step), (one, kept)] if one == other else [(one, kept)])
        }

    return bend


def intend(label: str, act: str, batch: str) -> Callable[[Any], None]:
    return lambda case: case.effect(label, 9 * GRACE, "intent", act, "o3", batch, 1)


def halt_before(label: str) -> Callable[[Any], None]:
    def bend(case: Any) -> None:
        case.step("halted", 9 * GRACE, "halted", reason="wrong customers", door="command")
        move_before("halted", label)(case)

    return bend


def both(*bends: Callable[[Any], None]) -> Callable[[Any], None]:
    def bend_all(case: Any) -> None:
        for bend in bends:
            bend(case)

    return bend_all


def certificate(row: int, **changes: Any) -> Callable[[Any], None]:
    return lambda case: case.certificates["k1"]["orders"][row].update(changes)


def plan(**changes: Any) -> Callable[[Any], None]:
    return lambda case: case.plans["p1"].update(changes)


def order(place: int, **changes: Any) -> Callable[[Any], None]:
    return lambda case: case.plans["p1"]["orders"][place].update(changes)


def second_certificate(case: Any) -> None:
    case.certificates["k2"] = {**case.certificates["k1"], "id": "k2"}


FORGERIES: dict[str, tuple[Callable[[Any], None], str]] = {
    "one approver twice": (set_body("yes2", person="u-7"), "1 distinct persons approved before this intent, 2 needed"),
    "approval of another digest": (set_body("yes2", plan_digest="0" * 64), "approval of another digest than plan p1"),
    "approval by whom the plan does not name": (set_body("yes2", person="u-9"), "u-9 is no approver of plan p1"),
    "approval in another role": (set_body("yes2", role="liquidator"), "u-8 is no approver of plan p1 as liquidator"),
    "approval by who requested": (plan(requested_by="u-8"), "u-8 requested plan p1 and approved it"),
    "an effect after the approvals expired": (
        both(intend("late", "quarantine", "9"), set_time("late", 31 * DAY)),
        "0 distinct persons approved before this intent",
    ),
    "approvals for ever": (plan(approval_days=36_500), "approvals count for no days, or too many"),
    "approvals for no time": (plan(approval_days=0), "approvals count for no days, or too many"),
    "an effect while the case was halted": (
        halt_before("q-o3b1"),
        "something else than restoring while the case was halted",
    ),
    "a plan that names no approvers": (plan(approvers=[]), "u-7 is no approver of plan p1"),
    "approval after the first effect": (move_before("yes2", "sealed"), "1 distinct persons approved"),
    "approval before the plan": (move_before("yes1", "plan"), "plan p1 was not made before"),
    "an approval left out": (drop("yes1"), "1 distinct persons approved"),
    "no approvals asked for": (plan(approvals_needed=0), "asks for no approvals"),
    "approvals asked for as text": (plan(approvals_needed="0"), "approvals_needed is missing or not int"),
    "purge without quarantine": (drop("q-o3b1", "Q-o3b1"), "purge of order o3 batch 0 without an earlier quarantine"),
    "quarantine never done": (drop("Q-o3b1"), "purge of order o3 batch 0 without an earlier quarantine"),
    "quarantine of another batch": (
        both(set_body("q-o3b1", batch="9"), set_body("Q-o3b1", batch="9")),
        "purge of order o3 batch 0 without an earlier quarantine",
    ),
    "another count quarantined": (
        both(set_body("Q-o3b1", records=3)),
        "purge of order o3 batch 0: another record count than was quarantined",
    ),
    "another batch digest": (set_body("p-o3b1", batch_digest="x"), "order o3 batch 0: its keys are not the approved"),
    "purge before grace": (set_time("p-o2b1", 50 + GRACE), "purge of order o2 batch 0 before the grace period"),
    "purge before a longer grace": (plan(grace_seconds=GRACE + 60), "before the grace period of 3660 s"),
    "restored before purge": (
        both(intend("r", "restore", "0"), move_before("r", "p-o2b1")),
        "purge of order o3 batch 0 without an earlier quarantine",
    ),
    "restored after purge": (intend("r", "restore", "0"), "o3 batch 0 after its purge"),
    "more intended than approved": (
        both(set_body("q-o3b1", records=5), set_body("Q-o3b1", records=5)),
        "quarantine of order o3 batch 0: 5 records, record_count_max is 4",
    ),
    "more in sum than approved": (order(1, record_count_max=8), "9 records purged, record_count_max is 8"),
    "more done than intended": (set_body("sealed", records=6), "6 records, 5 were intended"),
    "a purge left out": (drop("p-o3b1", "P-o3b1"), "certificate k1: batch 0 of order o3 is not done"),
    "a purge left open": (drop("P-o3b1"), "purge of order o3 batch 0 is open (intent)"),
    "a purge left unknown": (drop("p-o2b2-again", "P-o2b2"), "purge of order o2 batch 1 is open (unknown)"),
    "done without intent": (drop("p-o3b1"), "effect purge-o3-0 was never intended"),
    "done of another order": (set_body("P-o3b1", order_id="o2"), "effect purge-o3-0 was intended differently"),
    "retry of another batch": (set_body("p-o2b2-again", batch="0"), "effect purge-o2-1 was another one before"),
    "an authorisation used twice": (set_body("p-o3b1", nonce="n-p-o2b1"), "the nonce of its authorisation was used"),
    "purge of what is only sealed": (order(2, act="seal"), "quarantine of order o3 batch 0: the order is to seal"),
    "purge under an unknown order": (set_body("p-o3b1", order_id="o9"), "order o9 is not in plan p1"),
    "purge after the certificate": (
        intend("q", "quarantine", "7"),
        "after the certificate of plan",
    ),
    "certificate count up": (certificate(2, purged=5), "order o3 says 5 purged, the ledger says 4"),
    "certificate count down": (certificate(1, purged=8), "order o2 says 8 purged, the ledger says 9"),
    "certificate silent on an order": (
        lambda case: case.certificates["k1"]["orders"].pop(),
        "certificate k1: it has no order o3",
    ),
    "certificate of an unknown order": (certificate(2, id="o9"), "an order appears twice or is not in its plan"),
    "certificate of one order twice": (certificate(2, id="o2"), "an order appears twice or is not in its plan"),
    "certificate count as a boolean": (certificate(2, purged=True), "purged is not a count"),
    "certificate of another digest": (
        set_body("certificate", digest="0" * 64),
        "certificate k1 in the bundle has another",
    ),
    "certificate never recorded": (second_certificate, "certificate k2: no certificate_issued entry"),
    "certificate left out": (lambda case: case.certificates.clear(), "certificate k1 is not in the bundle"),
    "certificate under another name": (
        lambda case: case.certificates["k1"].update(id="k9"),
        "certificate k1 states another id or case",
    ),
    "grace for ever": (plan(grace_seconds=2**53 - 1), "before the grace period of 9007199254740991 s"),
    "requires without acknowledgement": (drop("received"), "order o2 requires order o1, whose hand-over is not"),
    "acknowledgement of another order": (set_body("received", order_id="o3"), "order o2 requires order o1"),
    "acknowledgement too late": (move_before("received", "p-o2b1"), "order o2 requires order o1"),
    "requires what is not there": (order(1, requires=["o9"]), "requires an order that is not in the plan"),
    "plan swapped": (set_body("plan", digest="0" * 64), "plan p1 in the bundle has another digest"),
    "plan of another wave": (plan(wave=2), "plan p1 states another id, case or wave"),
    "plan of another case": (plan(case="c2"), "plan p1 states another id, case or wave"),
    "plan left out": (lambda case: case.plans.clear(), "plan p1 is not in the bundle"),
    "plan never recorded": (
        lambda case: case.plans.update(p2={**case.plans["p1"], "id": "p2"}),
        "plan p2: no plan_made entry",
    ),
    "an order twice": (order(2, id="o2"), "plan p1: an order appears twice"),
    "back in time": (set_time("residual", 1), "earlier than the entry before it"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_signed_with_the_right_key_is_refused_by_its_name(case: Any, name: str) -> None:
    bend, reason = FORGERIES[name]
    bend(case)
    assert reason in reasons(case)


def test_undoing_waits_for_no_approval_and_no_resumption(case: Any) -> None:
    drop("p-o3b1", *UNFINISHED)(case)
    case.certificates.clear()
    case.step("halted", 2 * GRACE, "halted", reason="wrong customers", door="command")
    intend("late", "restore", "0")(case)
    set_time("late", 31 * DAY)(case)
    assert reasons(case) == ""


def test_a_case_that_was_resumed_goes_on(case: Any) -> None:
    halt_before("q-o3b1")(case)
    case.step("resumed", 9 * GRACE, "resumed", reason="they were right", door="command")
    move_before("resumed", "q-o3b1")(case)
    assert reasons(case) == ""


def test_a_purge_at_the_very_end_of_grace_is_in_time(case: Any) -> None:
    set_time("p-o2b1", 51 + GRACE)(case)
    assert reasons(case) == ""


def test_a_swapped_plan_file_is_refused(case: Any) -> None:
    files = case.files()
    order(1, record_count_max=1000)(case)
    swapped = case.files()["plans/p1.json"]
    assert "plan p1 in the bundle has another digest" in reasons(
        case, bundle_bytes({**files, "plans/p1.json": swapped}, signers=case.signers)
    )


def test_missing_reordered_and_doubled_entries_are_refused(case: Any) -> None:
    lines = case.entries()
    for bent in (
        lines[:4] + lines[5:],
        [*lines[:4], lines[5], lines[4], *lines[6:]],
        [*lines[:4], *lines[3:]],
        lines[1:],
    ):
        assert "missing or reordered" in reasons(case, bundle_bytes(case.files(bent), signers=case.signers))


@pytest.mark.parametrize(
    ("number", "old", "new", "word"),
    [
        (4, b'"person":"u-7"', b'"person":""', "person is blank"),
        (4, b'"case":"c1"', b'"case":"c2"', "of another case than the entries before it"),
        (6, b'"act":"seal"', b'"act":"drop"', "there is no such act"),
        (7, b'"read_back":"0 rows"', b'"read_back":""', "read_back is blank"),
        (0, b'"type":"case_opened"', b'"type":"case_opened_"', "there is no such entry type"),
        (0, b'"company":"u-1"', b'"company":"' + b"u" * 65_500 + b'"', "more than 65535 bytes"),
    ],
)
def test_entries_that_our_writer_would_refuse_are_refused(
    case: Any, number: int, old: bytes, new: bytes, word: str
) -> None:
    lines = case.entries()
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new)
    assert word in reasons(case, bundle_bytes(case.files(lines), signers=case.signers))


def seal(case: Any, members: dict[str, bytes], predicate_type: str = BUNDLE_TYPE) -> bytes:
    """Make an archive with any members and a signed manifest of them."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    manifest = sign_statement(digests, {}, predicate_type=predicate_type, signers=case.signers)
    return verify.rebuild({**members, "manifest.json": manifest})


def test_a_manifest_is_nothing_else_and_plans_are_documents(case: Any) -> None:
    assert reasons(case, seal(case, case.files())) == ""
    assert "a statement of something else" in reasons(case, seal(case, case.files(), "another"))
    assert "plans/p1.html: not a plan" in reasons(case, seal(case, {**case.files(), "plans/p1.html": b""}))


ADDED = ("certificate.PDF", "certificate.zh.htm", "certificates/k1.zh.docx", "rules/pipl.html", "timestamps/a.pdf")


@pytest.mark.parametrize("name", ADDED)
def test_whoever_signs_the_manifest_anew_adds_no_paper_of_any_kind(case: Any, name: str) -> None:
    reason = f"{name}: not what the ledger's last report_issued entry names"
    assert reasons(case, seal(case, {**case.files(), name: b"destroyed"})) == reason


@pytest.mark.parametrize("label", ["plan", "certificate"])
def test_nothing_is_made_or_issued_twice(case: Any, label: str) -> None:
    case.steps["again"] = {**case.steps[label], "after": 9 * GRACE}
    assert "was made before" in reasons(case) or "was issued before" in reasons(case)


def test_an_earlier_checkpoint_of_another_or_a_longer_log_is_refused(case: Any) -> None:
    lines, other = case.entries(), case.checkpoint(case.entries(), origin="other")
    for note in (case.checkpoint([*lines, b"x"]), case.checkpoint([])):
        assert verify.verify(case.bundle(), case.policy, [note]).reasons == [
            "earlier checkpoint: of another log, empty or longer"
        ]
    reason = "earlier checkpoint: not signed by a log of the policy"
    assert verify.verify(case.bundle(), case.policy, [other]).reasons == [reason]


def test_a_checkpoint_over_other_entries_is_refused(case: Any) -> None:
    files = case.files()
    files["checkpoint.txt"] = case.checkpoint(case.entries()[:-1])
    assert "not over exactly these entries" in reasons(case, bundle_bytes(files, signers=case.signers))


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("ledger.jsonl", b"", "missing, empty or cut off"),
        ("ledger.jsonl", b"\n", "not over exactly these entries"),
        ("checkpoint.txt", b"", "not a signed note"),
        ("plans/p1.json", b'{"id":"p1","id":"p1"}', "not in canonical form"),
        ("plans/p1.json", b"[]", "not a JSON object"),
        ("certificates/k1.json", b"{}", "not a DSSE envelope"),
        ("certificates/k9.zh.html", b"", "no signed document beside it"),
    ],
)
def test_signed_rubbish_is_refused_and_never_crashes(case: Any, name: str, content: bytes, word: str) -> None:
    assert word in reasons(case, bundle_bytes({**case.files(), name: content}, signers=case.signers))


def test_wrong_types_anywhere_are_refused_and_never_crash(case: Any) -> None:
    wrongs: list[Any] = [None, [], {}, -1, True, [1], [None], [{}], [{"id": []}], [{"id": "o1", "requires": [{}]}]]
    for document in (case.plans["p1"], case.certificates["k1"]):
        for key in [*document]:
            kept = document[key]
            for wrong in wrongs:
                document[key] = wrong
                found = reasons(case)
                is_same = verify.canonical(wrong) == verify.canonical(kept)
                is_none = wrong == [] and key in {"decisions", "not_claimed"}
                assert found or is_same or is_none or key in {"remains", "rule_pack"}
            document[key] = kept


def test_what_was_restored_is_quarantined_again_and_waits_anew(case: Any) -> None:
    case.effect("r", 100, "intent", "restore", "o3", "0", 4)
    case.effect("R", 101, "done", "restore", "o3", "0", 4)
    case.effect("q", 102, "intent", "quarantine", "o3", "0", 4)
    case.effect("Q", 103, "done", "quarantine", "o3", "0", 4)
    for label in ("r", "R", "q", "Q"):
        after = case.steps[label]["after"]
        move_before(label, "p-o2b1")(case)
        case.steps[label]["after"] = after
    assert "o3 batch 0 before the grace period" in reasons(case)
    for label in ("p-o3b1", "P-o3b1", "s-shop", "S-shop", "backup", "residual", "certificate", "report"):
        case.steps[label]["after"] += 100
    assert reasons(case) == ""


UNFINISHED = ("P-o3b1", "s-shop", "S-shop", "residual", "certificate", "report")


def test_an_open_effect_without_a_certificate_is_named_and_passes(case: Any) -> None:
    drop(*UNFINISHED)(case)
    case.certificates.clear()
    report = verify.verify(case.bundle(), case.policy)
    assert report.reasons == []
    assert report.notes == [
        "purge of order o3 batch 0 is open (intent)",
        "plan p1 was begun and is not certified; 1 of its batches are in quarantine",
    ]


def test_history_rewritten_by_the_holder_of_the_key_is_refused_with_an_earlier_checkpoint(case: Any) -> None:
    earlier = case.checkpoint(case.entries()[:9])
    assert any("first 9 entries" in check for check in verify.verify(case.bundle(), case.policy, [earlier]).checks)
    set_body("opened", company="u-99")(case)
    assert verify.verify(case.bundle(), case.policy).reasons == []
    assert "rewritten" in verify.verify(case.bundle(), case.policy, [earlier]).reasons[0]


def test_keys_are_changed_and_lost_without_losing_the_history(tmp_path: Path, new_case: Callable[..., Any]) -> None:
    origin = "winddown/c1"
    old = log_signers(tmp_path / "keys", origin)
    add_pair(tmp_path / "keys")
    both = log_signers(tmp_path / "keys", origin)
    retire_pair(tmp_path / "keys", "1")
    new = log_signers(tmp_path / "keys", origin)
    policies = {name: new_case(*signers).policy for name, signers in (("old", old), ("new", new), ("both", both))}
    signed = {name: new_case(*signers).bundle() for name, signers in (("old", old), ("new", new), ("both", both))}
    verified = {
        (bundle, reader): not verify.verify(data, policy).reasons
        for bundle, data in signed.items()
        for reader, policy in policies.items()
    }
    assert [pair for pair, is_good in verified.items() if not is_good] == [("old", "new"), ("new", "old")]
    # After a loss the history rests on what the old key signed: its line stays in the policy for that.
    case = new_case(*old)
    kept = case.checkpoint(case.entries()[:9])
    assert verify.verify(signed["new"], policies["both"], [kept]).reasons == []
    rewritten = new_case(*new)
    set_body("yes1", person="u-99")(rewritten)
    assert "rewritten" in verify.verify(rewritten.bundle(), policies["both"], [kept]).reasons[0]


def test_many_entries_are_judged_by_all_processors_alike(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MANY_LINES", 5)
    monkeypatch.setattr(verify, "LINES_AT_ONCE", 4)
    assert reasons(case) == ""
    lines = case.entries()
    for number in (0, 3, 4, 24):
        bent = [*lines[:number], lines[number].replace(b'"type"', b' "type"'), *lines[number + 1 :]]
        found = reasons(case, bundle_bytes(case.files(bent), signers=case.signers))
        assert found == f"ledger entry {number}: not in canonical form"
    bent = [*lines[:9], *lines[10:]]
    assert "entry 9: carries number 10" in reasons(case, bundle_bytes(case.files(bent), signers=case.signers))
