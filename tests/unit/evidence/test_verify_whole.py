"""Bundles that contradict themselves, signed with the log's keys: of each thing that is said, something is missing."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from test_evidence_verify import both, certificate, drop, move_before, order, plan, set_body
from test_verify_approvals import KEYS, sign

from winddown.domain.canonical import digest
from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import leaf_hash, root
from winddown.evidence.signing import Kind, Signer

GRACE = 3600
LAST = 1_795_428_000 + 90 + GRACE  # when the report is issued
Bend = Callable[[Any], None]
CLEAN = {"store": "shop", "remaining": 0, "leftovers": 0, "probes": 7, "found": 0}
NO_LOOK = "certificate k1: no residual check found all stores clean after the last purge"
NOT_PROVEN = "its read-back does not say that another path found nothing against it"


def reasons(case: Any) -> str:
    return "\n".join(verify.verify(case.bundle(), case.policy).reasons)


def read_back(label: str, found: Any) -> Bend:
    return set_body(label, read_back=found)


def said(name: str, value: Any) -> Bend:
    return lambda case: case.certificates["k1"].update({name: value})


def looked(**changes: Any) -> Bend:
    return set_body("residual", stores=[CLEAN | changes])


def again(label: str, *, before: str) -> Bend:
    """A step that is done once more, by another authorisation."""

    def bend(case: Any) -> None:
        step = case.steps[label]
        case.steps["more"] = {**step, "body": {**step["body"], "nonce": "n-more"}}
        move_before("more", before)(case)

    return bend


def effect(label: str, kind: str, name: str, *, before: str, digest: str = "", records: int = 1) -> Bend:
    """Something that is sanitised, at the time of the step that it precedes."""

    def bend(case: Any) -> None:
        case.effect(label, 0, kind, "sanitise", name, "0", records)
        if kind == "intent":
            case.steps[label]["body"]["batch_digest"] = digest
        move_before(label, before)(case)

    return bend


def hold(name: str, scope: str, *, before: str) -> Bend:
    def bend(case: Any) -> None:
        label = f"hold {name} {scope} {before}"
        case.step(label, 0, "hold_placed", hold=name, scope_digest=scope)
        move_before(label, before)(case)

    return bend


def release(name: str, *, before: str) -> Bend:
    def bend(case: Any) -> None:
        case.step(f"release {name}", 0, "hold_released", hold=name)
        move_before(f"release {name}", before)(case)

    return bend


def held(*holds: tuple[str, str]) -> Bend:
    return plan(holds_digest=digest([list(one) for one in holds]))


# Honest cases that are told in another way, of which the forgeries leave something out.
TWO_HOLDS = both(hold("b", "2", before="plan"), hold("a", "1", before="plan"), held(("a", "1"), ("b", "2")))
KEY_GOES = both(
    order(2, destroys_key="f" * 16, deletes_bucket="2025-01-01"),
    effect("k", "intent", "destroy key of shop", before="certificate", digest="f" * 16),
    effect("K", "done", "destroy key of shop", before="certificate"),
    effect("b", "intent", "delete bucket of shop", before="certificate"),
    effect("B", "done", "delete bucket of shop", before="certificate"),
)


def own_traces(case: Any) -> None:
    """Another plan, of what winddown itself holds, after everything else."""
    case.plans["p2"] = {
        **case.plans["p1"], "id": "p2", "orders": [], "decisions": [],
        "traces": [{"name": "manifests", "files_max": 3}, {"name": "keys", "files_max": 2}],
    }  # fmt: skip
    look = {"store": "winddown", "records_live": 0, "leftovers": 0, "values_searched": 7, "values_found": 0}
    case.certificates["k2"] = {
        **case.certificates["k1"], "id": "k2", "plan_id": "p2", "plan_digest": "plan:p2", "orders": [],
        "inspection": [look], "own_traces": [{"name": "manifests", "files": 3}, {"name": "keys", "files": 1}],
    }  # fmt: skip
    after = 100 + GRACE
    case.step("plan2", after, "plan_made", plan_id="p2", wave=1, digest="plan:p2")
    for person, role in (("u-7", "liquidator"), ("u-8", "pi_officer")):
        given = {"plan_id": "p2", "plan_digest": "plan:p2", "door": "api", "person": person, "role": role}
        case.step(f"2 {person}", after, "approval_given", **given)
    for name, most, files in (("manifests", 3, 3), ("keys", 2, 1)):
        body = {"effect": name, "plan_id": "p2", "order_id": f"sanitise {name}", "act": "sanitise", "batch": "0"}
        more = {"batch_digest": digest([name, most]), "nonce": f"n-{name}"}
        case.step(f"t-{name}", after, "intent", **body, records=files, **more)
        case.step(f"T-{name}", after, "done", **body, records=files, read_back="no file")
    case.step("residual2", after, "residual_checked", plan_id="p2", stores=[CLEAN | {"store": "winddown"}])
    case.step("certificate2", after, "certificate_issued", certificate_id="k2", digest="certificate:k2")
    case.steps["report"] = {**case.steps.pop("report"), "after": after}


def second(name: str, value: Any) -> Bend:
    return both(own_traces, lambda case: case.certificates["k2"].update({name: value}))


def other_log(case: Any) -> None:
    case.origin = "winddown/c2"
    case.signers = tuple(signer.named(case.origin) for signer in case.signers)


HONEST: dict[str, Bend] = {
    "what was due and was stopped": lambda case: (
        both(order(1, label="new"), certificate(1, label="new"))(case),
        case.certificates["k1"]["remaining"].append(
            {"collection": "shop:o2", "label": "o2", "records": 9, "disposition": "blocked"}
        ),
    ),
    "holds that are as they were": TWO_HOLDS,
    "a hold whose review is later": both(TWO_HOLDS, hold("a", "1", before="p-o3b1")),
    "a hold after everything": hold("a", "1", before="certificate"),
    "a hold that was released before the plan": both(hold("a", "1", before="plan"), release("a", before="plan")),
    "a key and a bucket that go last": KEY_GOES,
    "own traces": own_traces,
    "a store whose leftovers nobody can clear": drop("s-shop", "S-shop"),
    "a check that found something, and one that did not": both(
        looked(remaining=1),
        lambda case: case.step("look", 0, "residual_checked", plan_id="p1", stores=[CLEAN]),
        move_before("look", "certificate"),
    ),
    "a quarantine of which nobody knew, done again": both(
        again("q-o3b1", before="q-o3b1"),
        lambda case: case.effect("U", 0, "unknown", "quarantine", "o3", "0", 4),
        move_before("U", "q-o3b1"),
    ),
}

WHOLE: dict[str, tuple[Bend, str]] = {
    # what was read back
    "a purge that another path contradicts": (
        read_back("P-o3b1", {"by": "inspector", "contradictions": 4}), f"purge of order o3 batch 0: {NOT_PROVEN}",
    ),
    "a quarantine that nobody looked at": (
        read_back("Q-o3b1", "unknown"), f"quarantine of order o3 batch 0: {NOT_PROVEN}",
    ),
    "a count of contradictions that is none": (
        read_back("P-o3b1", {"by": "inspector", "contradictions": False}), NOT_PROVEN,
    ),
    "a look by nobody": (read_back("P-o3b1", {"by": "", "contradictions": 0}), NOT_PROVEN),
    "a look without a count": (read_back("P-o3b1", {"by": "inspector"}), NOT_PROVEN),
    "a seal that nobody looked at": (read_back("sealed", {}), f"seal of order o1 batch 0: {NOT_PROVEN}"),
    "a freeze that nobody looked at": (read_back("frozen", None), f"freeze of order  batch all: {NOT_PROVEN}"),
    "a purge after a quarantine that ended as unknown": (
        both(
            lambda case: case.effect("U", 0, "unknown", "quarantine", "o3", "0", 4),
            move_before("U", "p-o2b1"),
        ),
        "purge of order o3 batch 0 without an earlier quarantine",
    ),
    "a purge while its quarantine is under way again": (
        again("q-o3b1", before="p-o2b1"), "purge of order o3 batch 0 without an earlier quarantine",
    ),
    "a purge that was at work when somebody restored": (
        both(lambda case: case.effect("r", 0, "intent", "restore", "o3", "0", 4), move_before("r", "P-o3b1")),
        "restore of order o3 batch 0 is open (intent)",
    ),
    "a purge that ends after a restore did": (
        both(
            lambda case: case.effect("r", 0, "intent", "restore", "o3", "0", 4), move_before("r", "P-o3b1"),
            lambda case: case.effect("R", 0, "done", "restore", "o3", "0", 4), move_before("R", "P-o3b1"),
        ),
        "purge of order o3 batch 0 without an earlier quarantine",
    ),
    "a purge that ends after its batch was quarantined anew": (
        both(
            lambda case: case.effect("r", 0, "intent", "restore", "o3", "0", 4), move_before("r", "P-o3b1"),
            again("q-o3b1", before="P-o3b1"),
        ),
        "purge of order o3 batch 0 without an earlier quarantine",
    ),
    "a purge that is intended anew after a restore was": (
        both(
            lambda case: case.effect("r", 0, "intent", "restore", "o3", "0", 4), move_before("r", "P-o3b1"),
            again("p-o3b1", before="P-o3b1"),
        ),
        "purge of order o3 batch 0 without an earlier quarantine",
    ),
    "a quarantine after its purge": (
        again("q-o3b1", before="s-shop"), "quarantine of order o3 batch 0 after its purge",
    ),
    "an act that its order does not ask for": (
        set_body("q-o3b1", act="seal"), "seal of order o3 batch 0: the order is to erase",
    ),
    # the residual check
    "no residual check": (drop("residual"), NO_LOOK),
    "a residual check that found records": (looked(remaining=1), NO_LOOK),
    "a residual check that found leftovers": (looked(leftovers=1), NO_LOOK),
    "a residual check that found values": (looked(found=1), NO_LOOK),
    "a residual check without a count": (looked(found=None), NO_LOOK),
    "a residual check of another store": (looked(store="files"), NO_LOOK),
    "a residual check of no store": (set_body("residual", stores=[]), NO_LOOK),
    "a residual check of one store twice": (set_body("residual", stores=[CLEAN, CLEAN]), NO_LOOK),
    "a residual check of a plan that is none": (set_body("residual", plan_id="p9"), "plan p9 was not made before"),
    "a residual check before the last purge": (move_before("residual", "p-o3b1"), NO_LOOK),
    "a residual check before the last purge was done": (move_before("residual", "P-o3b1"), NO_LOOK),
    "a residual check before leftovers were cleared": (move_before("residual", "s-shop"), NO_LOOK),
    "a residual check while leftovers were cleared": (move_before("residual", "S-shop"), NO_LOOK),
    "a later residual check that found something": (
        both(
            lambda case: case.step("look", 0, "residual_checked", plan_id="p1", stores=[CLEAN | {"found": 1}]),
            move_before("look", "certificate"),
        ),
        NO_LOOK,
    ),
    "an inspection of more values": (
        lambda case: case.certificates["k1"]["inspection"][0].update(values_searched=70),
        "certificate k1: its inspection is not the last residual check",
    ),
    "an inspection of nothing": (said("inspection", []), "its inspection is not the last residual check"),
    # what ends a store
    "leftovers that are open": (drop("S-shop"), "sanitise of order sanitise shop batch 0 is open (intent)"),
    "an extract that is open": (drop("sealed"), "seal of order o1 batch 0 is open (intent)"),
    "another store is cleared": (
        both(set_body("s-shop", order_id="sanitise files"), set_body("S-shop", order_id="sanitise files")),
        "sanitise files is not in plan p1",
    ),
    "leftovers are cleared before the last purge": (
        both(move_before("s-shop", "p-o3b1"), move_before("S-shop", "p-o3b1")),
        "sanitise shop before all of order o3 was purged",
    ),
    "a key that nobody approved": (
        effect("k", "intent", "destroy key of shop", before="certificate", digest="f" * 16),
        "destroy key of shop is not in plan p1",
    ),
    "another key": (
        both(KEY_GOES, set_body("k", batch_digest="0" * 16)), "destroy key of shop: it is about something else",
    ),
    "a key under the name of leftovers": (
        set_body("s-shop", batch_digest="f" * 16), "sanitise shop: it is about something else than plan p1 says",
    ),
    "a key that stays": (both(KEY_GOES, drop("k", "K")), "certificate k1: destroy key of shop is not done"),
    "a bucket that stays": (both(KEY_GOES, drop("b", "B")), "certificate k1: delete bucket of shop is not done"),
    "a key that is open": (
        both(KEY_GOES, drop("K")), "sanitise of order destroy key of shop batch 0 is open (intent)",
    ),
    "a key before the residual check": (
        both(KEY_GOES, move_before("k", "residual"), move_before("K", "residual")),
        "destroy key of shop before a residual check of plan p1 found nothing",
    ),
    "something is cleared after the certificate": (
        both(again("s-shop", before="report")), "sanitise after the certificate of plan p1",
    ),
    "a trace that stays": (both(own_traces, drop("t-keys", "T-keys")), "certificate k2: sanitise keys is not done"),
    "a trace that nobody approved": (
        both(own_traces, *(set_body(label, order_id="sanitise evidence") for label in ("t-keys", "T-keys"))),
        "sanitise evidence is not in plan p2",
    ),
    "more files than approved": (
        both(own_traces, set_body("t-keys", records=3)), "sanitise keys: 3 files, files_max is 2",
    ),
    "another maximum of files": (
        both(own_traces, set_body("t-keys", batch_digest=digest(["keys", 9]))),
        "sanitise keys: it is about something else",
    ),
    "own traces that nobody looked for": (both(own_traces, drop("residual2")), "certificate k2: no residual check"),
    "own traces that were looked for in the shop": (
        both(own_traces, set_body("residual2", stores=[CLEAN])), "certificate k2: no residual check",
    ),
    "own traces of which a certificate is silent": (second("own_traces", []), "its own traces are not those"),
    "own traces of which a certificate says another number": (
        second("own_traces", [{"name": "manifests", "files": 3}, {"name": "keys", "files": 2}]),
        "its own traces are not those of the ledger",
    ),
    "own traces that no plan has": (said("own_traces", [{"name": "keys", "files": 1}]), "its own traces are not those"),
    "records and own traces at once": (
        plan(traces=[{"name": "keys", "files_max": 1}]), "plan p1 is about records and own traces at once",
    ),
    # holds
    "a purge under a hold that came later": (
        hold("a", "1", before="p-o3b1"), "the holds in force are not those with which plan p1 was made",
    ),
    "a seal under a hold that came later": (hold("a", "1", before="seal"), "entry 7 (intent): the holds"),
    "leftovers cleared under a hold": (hold("a", "1", before="s-shop"), "the holds in force are not those"),
    "a purge under a hold that grew": (
        both(TWO_HOLDS, hold("a", "wider", before="p-o3b1")), "the holds in force are not those",
    ),
    "a purge after a release that its plan did not know": (
        both(TWO_HOLDS, release("a", before="p-o3b1")), "the holds in force are not those",
    ),
    "a plan that does not know of a hold": (hold("a", "1", before="plan"), "the holds in force are not those"),
    "a hold that the ledger does not have": (held(("a", "1")), "the holds in force are not those"),
    "a release of what was not in force": (release("a", before="plan"), "hold a was not in force"),
    # hand-overs
    "a receipt of what was not sealed": (move_before("received", "sealed"), "order o1 was not sealed before"),
    "a receipt of what is erased": (set_body("received", order_id="o2"), "order o2 was not sealed before"),
    "a hand-over without a receipt": (
        both(order(1, requires=[]), drop("received")), "certificate k1: the hand-over of order o1 is not acknowledged",
    ),
    # the certificate's rows
    "a certificate silent on a hand-over": (
        lambda case: case.certificates["k1"]["orders"].pop(0), "certificate k1: it has no order o1",
    ),
    "a certificate of another act": (certificate(2, act="minimise"), "certificate k1: order o3: another act"),
    "a certificate of another method": (certificate(2, method="drop"), "order o3: another method"),
    "a certificate of another label": (certificate(2, label="all"), "order o3: another label"),
    "a certificate of another collection": (certificate(2, collection="shop:o2"), "order o3: another collection"),
    "a certificate of other fields": (certificate(2, fields=["name"]), "order o3: another fields"),
    "a certificate of more records": (certificate(2, records=40), "order o3: another records"),
    "a certificate of other keys": (certificate(2, manifest_digest="0"), "order o3: another manifest_digest"),
    "a certificate of another archive": (certificate(0, archive={"sha256": "0" * 64}), "order o1: another archive"),
    "a certificate without an archive": (certificate(0, archive=None), "not a JSON object"),
    "a certificate of another wave": (said("wave", 2), "certificate k1: another wave"),
    "a certificate of another grace": (said("grace", {"seconds": 0, "reason": "none"}), "another grace"),
    "a certificate of another program": (said("code_version", "2"), "another code_version"),
    "a certificate of another plan's digest": (said("plan_digest", "0" * 64), "another plan_digest"),
    "a certificate with preconditions": (said("preconditions", ["all is well"]), "another preconditions"),
    "a certificate with one approval": (
        lambda case: case.certificates["k1"]["approvals"].pop(), "its approvals are not those of the ledger",
    ),
    "a certificate with an approval by another door": (
        lambda case: case.certificates["k1"]["approvals"][0].update(door="signature"),
        "its approvals are not those of the ledger",
    ),
    "a certificate with an approval twice": (
        lambda case: case.certificates["k1"]["approvals"].append(case.certificates["k1"]["approvals"][0]),
        "its approvals are not those of the ledger",
    ),
    "a certificate silent on what stays": (
        said("remaining", []), "certificate k1: it does not say that 7 records of shop:kept (kept) stay",
    ),
    "a certificate by which less stays": (
        lambda case: case.certificates["k1"]["remaining"][0].update(records=6), "7 records of shop:kept (kept) stay",
    ),
    "a certificate by which it stays longer": (
        lambda case: case.certificates["k1"]["remaining"][0].update(until="2056-11-23"),
        "7 records of shop:kept (kept) stay until 2031-11-23 (store_only)",
    ),
    "a certificate by which it stays for ever": (
        lambda case: case.certificates["k1"]["remaining"][0].pop("until"),
        "7 records of shop:kept (kept) stay until 2031-11-23 (store_only)",
    ),
    "a certificate by which what is only kept is blocked": (
        lambda case: case.certificates["k1"]["remaining"][0].update(disposition="blocked"),
        "7 records of shop:kept (kept) stay until 2031-11-23 (store_only)",
    ),
    "a certificate that says of what stays two things": (
        lambda case: case.certificates["k1"]["remaining"].append(
            case.certificates["k1"]["remaining"][0] | {"until": "2030-01-01"}
        ),
        "7 records of shop:kept (kept) stay until 2031-11-23 (store_only)",
    ),
    "what was due and no order takes": (
        both(order(1, label="new"), certificate(1, label="new")),
        "it does not say that 9 records of shop:o2 (o2) stay (erase)",
    ),
    "a certificate silent on a backup": (
        said("residual_until", []), "it does not say that backup backups:shop stays until 2027-05-01",
    ),
    "a certificate of a backup that goes sooner": (
        lambda case: case.certificates["k1"]["residual_until"][0].update(until="2027-01-01"),
        "it does not say that backup backups:shop stays until 2027-05-01",
    ),
    "a log of another case": (other_log, "checkpoint.txt: winddown/c2 is not the log of case c1"),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_what_is_honest_verifies(case: Any, name: str) -> None:
    HONEST[name](case)
    assert reasons(case) == ""


@pytest.mark.parametrize("name", WHOLE)
def test_what_contradicts_itself_is_refused_by_its_name(case: Any, name: str) -> None:
    bend, reason = WHOLE[name]
    bend(case)
    assert reason in reasons(case)


def test_labels_of_one_order_are_told_apart(case: Any) -> None:
    case.plans["p1"]["decisions"] += [
        {"collection": {"store": "shop", "name": "o3"}, "label": label, "count": 2, "disposition": "erase"}
        for label in ("young", "old")
    ]
    both(order(2, label="old, young"), certificate(2, label="old, young"))(case)
    assert reasons(case) == ""
    both(order(2, act="minimise"), certificate(2, act="minimise"))(case)
    found = reasons(case)
    assert "2 records of shop:o3 (young) stay (erase); it does not say that 2 records of shop:o3 (old) stay" in found


# -- who saw it, and when --------------------------------------------------------------------------------------------


def witnessed(case: Any, at: int) -> tuple[bytes, str]:
    """The bundle with a witness's cosignature of that time, and the policy that names the witness."""
    witness = Signer.of(Ed25519PrivateKey.from_private_bytes(b"w" * 32), name="w.example", kind=Kind.COSIGNATURE)
    lines = case.entries()
    head = Checkpoint(case.origin, len(lines), root([leaf_hash(line) for line in lines]))
    note = case.checkpoint(lines) + witness.sign_note(head.text, at=at).encode()
    policy = case.policy.replace("quorum none", f"witness w {witness.key.line}\nquorum none")
    return bundle_bytes({**case.files(), "checkpoint.txt": note}, signers=case.signers), policy


@pytest.mark.parametrize(("at", "is_taken"), [(LAST - 300, True), (LAST - 301, False), (1, False), (0, True)])
def test_nobody_saw_what_was_not_there_yet(case: Any, at: int, is_taken: bool) -> None:
    data, policy = witnessed(case, at)
    found = [] if is_taken else ["checkpoint.txt: w saw it before its last entry was made"]
    assert verify.verify(data, policy).reasons == found


# -- what a reader is told -------------------------------------------------------------------------------------------


def test_what_was_begun_and_not_certified_is_named(case: Any) -> None:
    drop("p-o3b1", "P-o3b1", "s-shop", "S-shop", "residual", "certificate", "report")(case)
    case.certificates.clear()
    report = verify.verify(case.bundle(), case.policy)
    told = "plan p1 was begun and is not certified; 1 of its batches are in quarantine"
    assert (report.reasons, report.notes) == ([], [told])
    steps = list(case.steps)
    drop(*steps[steps.index("seal") :])(case)
    assert verify.verify(case.bundle(), case.policy).notes == []


def test_whose_approval_rests_on_a_login_is_named_to_whoever_has_keys(case: Any) -> None:
    assert verify.verify(case.bundle(), case.policy).notes == []
    sign(case)
    told = ["approvals: counted without a verified signature: u-7"]
    assert verify.verify(case.bundle(), case.policy, approvers=KEYS).notes == told


def test_json_is_nested_in_four_hundred_levels_at_most() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' + b"[" * levels + b"]" * levels + b"}"

    assert verify.parse(nested(400), "x")["a"]
    for levels in (401, 402, 900):
        with pytest.raises(verify.Rejected, match="x: not strict JSON"):
            verify.parse(nested(levels), "x")
    assert verify.parse(b'{"a":"' + b"[" * 5_000 + b'"}', "x")
