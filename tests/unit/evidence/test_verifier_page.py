"""The verifier's page in a real browser says of every bundle what ``verify.py`` says of it, word for word.

A sample is judged by default; WINDDOWN_TEST_MUTATIONS=tenth takes every tenth byte and edit, and =all takes two hours.
"""

import base64
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from test_evidence_verify import ADDED, FORGERIES, drop, seal
from test_mutations import SIGNED, edits, flipped, renumbered, say, some
from test_sm2 import KEY, MESSAGE, N, R, S, bad_points, bad_signatures
from test_sm2_evidence import evidence
from test_verify_approvals import FORGED, KEYS, sign, signer_of, text_of
from test_verify_limits import NAMES, NOT_NAMES, named_key
from test_verify_statements import SCHEDULER, forgeries
from test_verify_whole import HONEST, LAST, WHOLE, witnessed

from tallied import tally
from web.chromium import Browser, open_browser
from winddown.domain.canonical import canonical
from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.merkle import inclusion_proof, leaf_hash, root
from winddown.evidence.page import verifier_page
from winddown.evidence.proof import LogProof
from winddown.evidence.signing import Kind, Signer
from winddown.evidence.sm2 import SM2PrivateKey
from winddown.rules.paper_words import SENTENCES

pytestmark = pytest.mark.servers
AT_ONCE = 25
JUDGE = """
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
return (async () => {
  const found = [];
  for (const [data, policy, earlier, approvers] of arguments[0]) {
    found.push(await verifyBundle(bytes(data), policy, earlier.map(bytes), approvers));
  }
  return found;
})();
"""
PROVE = """
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
return verifyProof(bytes(arguments[0]), bytes(arguments[1]), arguments[2]);
"""
OPEN = """
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
return verifyBundle(bytes(arguments[0]), arguments[1], [], "", bytes(arguments[2]));
"""
SM2 = """
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
return arguments[0].map((row) => {
  const [raw, signature, message] = row.map(bytes);
  const point = readPoint(raw);
  return point !== null && signature.length === SIGNATURE_BYTES[SM2] && verifiesSm2(signature, message, point);
});
"""
Asked = tuple[bytes, str, Sequence[bytes]]  # bundle, policy, earlier checkpoints


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "verify.html"
    path.write_bytes(verifier_page())
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, page: Path) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("profile")) as found:
        found.open(page.as_uri())
        yield found


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def judged_alike(browser: Browser, asked: Iterable[Asked], approvers: str = "") -> list[list[str]]:
    """The reasons of each, after comparing both verifiers' whole reports; all bundles at once would fill the memory."""
    reasons = []
    coming = iter(asked)
    while part := list(islice(coming, AT_ONCE)):
        sent = [[text(data), policy, [*map(text, earlier)], approvers] for data, policy, earlier in part]
        for (data, policy, earlier), found in zip(part, browser.run(JUDGE, sent), strict=True):
            assert found == asdict(verify.verify(data, policy, earlier, approvers=approvers))
            reasons.append(found["reasons"])
    return reasons


def all_refused(browser: Browser, kind: str, asked: Iterable[Asked]) -> None:
    reasons = judged_alike(browser, asked)
    refused, total = sum(map(bool, reasons)), len(reasons)
    say(f"figure=page-mutations-{kind} value={refused} unit=refused target={total} met={refused == total}")
    assert refused == total > 0
    tally("evidence mutations in a browser", refused)


def test_a_reader_chooses_files_and_reads_the_verdict(browser: Browser, page: Path, case: Any, tmp_path: Path) -> None:
    bundle, policy, earlier = tmp_path / "b.zip", tmp_path / "policy.txt", tmp_path / "kept.txt"
    bundle.write_bytes(case.bundle())
    policy.write_bytes(b"# \xc0\xcf\n" + case.policy.encode())
    earlier.write_bytes(case.checkpoint(case.entries()[:9]))
    for language, good, bad in (("zh", "✓ 核验通过", "✗ 不予采信"), ("en", "✓ verified", "✗ refused")):
        browser.open(page.as_uri())
        if browser.run("return document.documentElement.lang") != language:
            browser.click("#language")
        browser.run("document.querySelector('details').open = true")
        for name, path in (("evidence", bundle), ("policy", policy), ("earlier", earlier)):
            browser.choose(f"#{name}", path)
        browser.click("#verify")
        wait(browser, f"document.getElementById('verdict').innerText === '{good}'")
        assert "the first 9 entries are those of the earlier checkpoint" in browser.text("#findings")
        assert browser.text("#findings").count("✓") == 12
        forged = tmp_path / f"{language}.zip"
        forged.write_bytes(bundle.read_bytes().replace(b"u-7", b"u-6"))
        browser.choose("#evidence", forged)
        browser.click("#verify")
        wait(browser, f"document.getElementById('verdict').innerText === '{bad}'")
        assert "archive: not the bytes that its members make" in browser.text("#findings")


def wait(browser: Browser, condition: str) -> None:
    """Wait, as long as the driver does, until a condition of the page holds."""
    browser.run(
        f"return new Promise((done) => {{ const ask = () => {condition} ? done() : setTimeout(ask, 20); ask(); }})"
    )


def test_the_page_reaches_nothing(browser: Browser, page: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        browser.open(page.as_uri())
        assert browser.run("return performance.getEntriesByType('resource').length") == 0
        said = browser.run("return fetch(arguments[0]).then(() => 'reached', (error) => error.name)", url)
        browser.run("document.body.append(Object.assign(new Image(), {src: arguments[0]}))", url)
        assert said == "TypeError"
        with pytest.raises(TimeoutError):
            server.accept()


def test_an_honest_bundle_passes_by_either_key(browser: Browser, case: Any) -> None:
    data = case.bundle()
    one_key = [f"log {signer.key.line}\nquorum none\n" for signer in case.signers]
    earlier = case.checkpoint(case.entries()[:9])
    asked: list[Asked] = [(data, policy, [earlier]) for policy in (case.policy, *one_key)]
    assert judged_alike(browser, asked) == [[]] * 3


def test_every_byte(browser: Browser, case: Any) -> None:
    data, policy = case.bundle(), case.policy
    all_refused(browser, "bytes", ((flipped(data, n), policy, ()) for n in some(range(len(data)), 1000)))


def test_every_byte_of_each_member_in_an_archive_made_anew(browser: Browser, case: Any) -> None:
    members, policy = verify.read_archive(case.bundle()), case.policy
    places = some([(name, place) for name, content in members.items() for place in range(len(content))], 1000)
    bent = (verify.rebuild({**members, name: flipped(members[name], place)}) for name, place in places)
    all_refused(browser, "member-bytes", ((data, policy, ()) for data in bent))


def test_every_byte_of_what_is_signed_under_a_manifest_signed_anew(browser: Browser, case: Any) -> None:
    case.signers = case.signers[:1]
    files, policy = case.files(), case.policy
    places = some([(name, place) for name in SIGNED for place in range(len(files[name]))], 250)
    bent = (bundle_bytes({**files, name: flipped(files[name], place)}, signers=case.signers) for name, place in places)
    all_refused(browser, "signed-member-bytes", ((data, policy, ()) for data in bent))


def test_every_edit_of_the_entries_signed_anew(browser: Browser, case: Any, new_case: Any) -> None:
    lines, honest = case.entries(), case.checkpoint(case.entries())
    other = new_case(*case.signers)
    for step in other.steps.values():
        step["body"]["note"] = "another"
    bent = [case.files(renumbered(entries)) for _, entries in some(list(edits(lines, other.entries())), 12)]
    bundles = [bundle_bytes(files, signers=case.signers) for files in bent]
    judged_alike(browser, [(data, case.policy, ()) for data in bundles])
    all_refused(browser, "edits-by-earlier-checkpoint", [(data, case.policy, [honest]) for data in bundles])


def test_every_named_forgery(browser: Browser, case: Any) -> None:
    bent: list[Asked] = []
    for bend, _ in (*FORGERIES.values(), *WHOLE.values()):
        forged = case.copy()
        bend(forged)
        bent.append((forged.bundle(), forged.policy, ()))
    all_refused(browser, "forgeries", bent)


def test_statements_of_the_case_and_its_orders(browser: Browser, case: Any) -> None:
    asked = [(data, case.policy, ()) for data, _ in forgeries(case).values()]
    all_refused(browser, "statements", asked)
    bent = []
    for bend, *_ in SCHEDULER.values():
        told = case.copy()
        bend(told)
        bent.append((told.bundle(), told.policy, ()))
    reasons = judged_alike(browser, bent)
    assert [bool(found) for found in reasons] == [bool(wanted) for _, wanted, _ in SCHEDULER.values()]


def test_what_is_honest(browser: Browser, case: Any) -> None:
    asked: list[Asked] = []
    for bend in HONEST.values():
        told = case.copy()
        bend(told)
        asked.append((told.bundle(), told.policy, ()))
    asked += [(*witnessed(case, at), ()) for at in (LAST - 300, LAST - 301, 0)]
    unfinished = case.copy()
    drop("p-o3b1", "P-o3b1", "s-shop", "S-shop", "residual", "certificate", "report")(unfinished)
    unfinished.certificates.clear()
    asked.append((unfinished.bundle(), case.policy, ()))
    reasons = judged_alike(browser, asked)
    assert [place for place, found in enumerate(reasons) if found] == [len(HONEST) + 1]


def test_signed_approvals(browser: Browser, case: Any) -> None:
    bent = []
    for make in (text_of, *(make for make, _ in FORGED.values())):
        signed = case.copy()
        sign(signed, text=make(signed))
        bent.append(signed.bundle())
    for note in (text_of(case), f"{text_of(case)}\n— u-8 AAAA\n", "", "winddown approval v1\n"):
        signed = case.copy()
        sign(signed)
        signed.steps["yes2"]["body"]["note"] = note
        bent.append(signed.bundle())
    other = signer_of("u-9")
    asked: list[Asked] = [(data, case.policy, ()) for data in [case.bundle(), *bent]]
    reasons = judged_alike(browser, asked, KEYS)
    assert [place for place, found in enumerate(reasons) if not found] == [1]
    assert [place for place, found in enumerate(judged_alike(browser, asked)) if not found][:2] == [0, 1]
    for keys in (f"{KEYS}{KEYS}", f"{other.key.line}\n", "# nobody\n\n", "rubbish\n", f"{KEYS}{other.key.line}\n"):
        judged_alike(browser, asked[:2], keys)


def test_approvals_that_are_too_old_or_of_the_wrong_people(browser: Browser, case: Any) -> None:
    asked: list[Asked] = []
    for days in (1, 366, 367):
        old = case.copy()
        old.plans["p1"]["approval_days"] = days
        asked.append((old.bundle(), case.policy, ()))
    for change in ({"person": "u-6"}, {"role": "liquidator"}, {"person": old.plans["p1"]["requested_by"]}):
        wrong = case.copy()
        wrong.steps["yes2"]["body"].update(change)
        asked.append((wrong.bundle(), case.policy, ()))
    reasons = judged_alike(browser, asked)
    assert [place for place, found in enumerate(reasons) if not found] in ([0, 1], [1])


def test_documents_of_any_shape(browser: Browser, case: Any) -> None:
    wrongs: list[Any] = [None, [], {}, -1, True, "", [1], [{}], [{"id": []}], [{"id": "o1", "requires": [{}]}]]
    selection = case.plans["p1"]["orders"][2]["selection"]
    asked: list[Asked] = []
    for key in (*case.plans["p1"], "approver_roles", "o3.selection", "o3.act", "o3.selection.count"):
        for wrong in some(wrongs, 2):
            bent = case.copy()
            *path, last = key.split(".")
            bent.plans["p1"]["orders"][2]["selection"] = dict(selection)
            document = bent.plans["p1"]["orders"][2] if path else bent.plans["p1"]
            for name in path[1:]:
                document = document[name]
            document[last] = wrong
            asked.append((bent.bundle(), case.policy, ()))
    strange = [b"\xff", b"[]", b'{"a":1.0}', b'{"a":01}', b'{"a":-0}', b'{"a":"\\u0041"}', b' {"a":1}', b'{"a":1} ']
    strange += [
        b'{"a":9007199254740993}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a":NaN}',
        b'{"a":"\x01"}',
        b'{"a":1,}',
    ]
    strange += [b'{"a":"\\ud800"}', b'{"\\ud800":1}', b'{"a": 9007199254740993}', b"9" * 16]
    strange += [b'{"a":' + b"[" * levels + b"]" * levels + b"}" for levels in (400, 401, 402)]
    strange += [b'{"a":1,}', '{"\U0001f600":1,"\uffee":1}'.encode(), b'{"__proto__":1}', b"7", b"", b"\xef\xbb\xbf{}"]
    asked += [
        (bundle_bytes({**case.files(), "plans/p2.json": content}, signers=case.signers), case.policy, ())
        for content in strange
    ]
    all_refused(browser, "shapes", [one for one in asked if verify.verify(*one).reasons])
    judged_alike(browser, asked)


def test_entries_and_members_that_nobody_writes(browser: Browser, case: Any) -> None:
    blank = [line.replace(b'"read_back":"0 rows"', b'"read_back":""') for line in case.entries()]
    asked: list[Asked] = [(bundle_bytes(case.files(blank), signers=case.signers), case.policy, ())]
    asked += [(seal(case, {**case.files(), name: b"destroyed"}), case.policy, ()) for name in ADDED]
    note = case.files()["checkpoint.txt"] + "— w\x01x AAAAAAA=\n".encode()
    asked.append((bundle_bytes({**case.files(), "checkpoint.txt": note}, signers=case.signers), case.policy, ()))
    all_refused(browser, "members", asked)


def test_a_long_base64_is_read(browser: Browser) -> None:
    assert browser.run("return unbase64('QUJD'.repeat(3 << 20), 'it').length") == 9 << 20


def policies(case: Any) -> Iterator[str]:
    """Policies, good and bad, that are read of a checkpoint with two witnesses."""
    log = f"log {case.signers[0].key.line}\n"
    line = case.signers[0].key.line
    yield from ("", log, "quorum none\n", f"{log}quorum none", f"{log}quorum none\nquorum none\n", f"{log}rubbish\n")
    yield from (f"{log}{log}quorum none\n", f"log {line[:-4]}AAA=\nquorum none\n", f"log x+{line}\nquorum none\n")
    yield from (f"log {line.replace('+', '+0', 1)}\nquorum none\n", f"witness w {line}\n{log}quorum w\n")
    yield from (f"log {line}=\nquorum none\n", f"log {line[:-1]}\nquorum none\n", f"log {line}\u00e9\nquorum none\n")
    yield from (f"{log}quorum none\r\n", f"# \r\n{log}quorum none\n", f"# \ufffd\n{log}witness \ufffd x\nquorum none\n")
    yield from (f"# said\n\n{log}\tquorum  none\n", f"{log}quorum none\x00\n", f"{log}quorum w\n")
    yield from (f"{log}witness w {named_key(name, 4)}\nquorum none\n" for name in (*NAMES, *NOT_NAMES))


def test_policies_and_witnesses(browser: Browser, case: Any) -> None:
    witnesses = [
        Signer.of(Ed25519PrivateKey.generate(), name="w.example", kind=Kind.COSIGNATURE),
        Signer.of(MLDSA44PrivateKey.generate(), name="见证.example", kind=Kind.POST_QUANTUM),
        Signer.of(Ed25519PrivateKey.generate(), name="absent.example", kind=Kind.COSIGNATURE),
    ]
    files = case.files()
    head = files["checkpoint.txt"].decode().partition("\n\n")[0] + "\n"
    signed = files["checkpoint.txt"] + "".join(one.sign_note(head, at=1_796_000_000) for one in witnesses[:2]).encode()
    data = bundle_bytes({**files, "checkpoint.txt": signed}, signers=case.signers)
    known = case.policy.replace("quorum none\n", "")
    known += "".join(f"witness w{n} {one.key.line}\n" for n, one in enumerate(witnesses))
    groups = ["group g all w0 w1 w2", "group g 2 w0 w1 w2", "group g any w2", "group g all w0 w1", "group g 4 w0"]
    groups += ["group g 1 w0 w0", "group g all", "group g 0 w0", "group h any w0\ngroup g all h w1", "group g any w9"]
    asked = [(data, f"{known}{group}\nquorum g\n", ()) for group in groups]
    asked += [(data, policy, ()) for policy in policies(case)]
    found = judged_alike(browser, asked)
    assert {groups[n] for n, reasons in enumerate(found[: len(groups)]) if not reasons} == {
        "group g 2 w0 w1 w2", "group g all w0 w1", "group h any w0\ngroup g all h w1",
    }  # fmt: skip
    assert [n for n, reasons in enumerate(found[len(groups) :]) if not reasons] == [17, *range(20, 20 + len(NAMES))]


def test_sm2_signatures_beside_the_others(browser: Browser, case: Any, new_case: Any) -> None:
    asked = [*evidence(case, new_case)]
    found = judged_alike(browser, [(bundle, policy, ()) for _, bundle, policy, _ in asked])
    assert found == [[reason] if reason else [] for *_, reason in asked]


def test_sm2_signatures_one_by_one(browser: Browser) -> None:
    public, good = KEY.public_key().public_bytes_raw(), bytes.fromhex(R + S)
    random = Random(1)  # noqa: S311 - a sample that comes again
    messages = [MESSAGE, *(random.randbytes(size) for size in (0, 1, 55, 56, 63, 64, 119, 120, 128, 1000))]
    asked = [(public, KEY.sign(one), one) for one in messages] + [(public, good, MESSAGE)]
    wrong = [(public, flipped(good, place), MESSAGE) for place in some(range(64), 8)]
    wrong += [(public, signature, MESSAGE) for signature in bad_signatures()]
    wrong += [(public, KEY.sign(one), one + b"\0") for one in messages]
    wrong += [(raw, good, MESSAGE) for raw in bad_points() if len(raw) == 65]
    for secret in (1, 2, N - 2):  # points that meet the generator on the way
        key = SM2PrivateKey(secret)
        asked.append((key.public_key().public_bytes_raw(), key.sign(MESSAGE), MESSAGE))
    rows = [[*map(text, row)] for row in (*asked, *wrong)]
    assert browser.run(SM2, rows) == [True] * len(asked) + [False] * len(wrong)


def test_the_proof_of_an_entry(browser: Browser, case: Any) -> None:
    lines = case.entries()
    proof = LogProof.of([leaf_hash(line) for line in lines], 4, checkpoint=case.checkpoint(lines))
    true = proof.text
    changed = [true, flipped(true, 3), true.replace(b"index 4", b"index 5"), true.replace(b"index 4", b"index 04")]
    changed += [flipped(true, place) for place in some(range(len(true)), 40)]
    changed += [b"", b"c2sp.org/tlog-proof@v1\n\n", true.replace(b"index", b"extra AAAA\nindex"), b"\xff" + true]
    for data in changed:
        for entry in (lines[4], lines[5]):
            found = browser.run(PROVE, text(data), text(entry), case.policy)
            assert found == asdict(verify.verify_proof(data, entry, case.policy))
    assert browser.run(PROVE, text(true), text(lines[4]), case.policy)["reasons"] == []


def test_the_proof_of_one_person(browser: Browser, case: Any) -> None:
    leaves = [
        {"plan_id": "p1", "order_id": "o2", "person": person, "records": records, "salt": f"{records}" * 64}
        for person, records in (("客户-1", 4), ("客户-2", 3), ("客户-3", 2))
    ]
    hashes = [leaf_hash(canonical(leaf)) for leaf in leaves]
    committed = case.copy()
    committed.plans["p1"]["orders"][1]["selection"] |= {"persons": 3, "persons_root": root(hashes).hex()}
    bundle = committed.bundle()
    row = {name: leaves[1][name] for name in ("plan_id", "order_id", "records", "salt")}
    row |= {"index": 1, "path": [base64.b64encode(one).decode() for one in inclusion_proof(hashes, 1)]}
    changes: list[dict[str, Any]] = [
        {}, {"records": 4}, {"records": True}, {"index": 0}, {"index": 7}, {"path": []}, {"path": [1]}, {"path": ["x"]},
        {"path": ["AA=="]}, {"order_id": "o3"}, {"order_id": "o9"}, {"plan_id": "p2"}, {"salt": ""}, {"salt": None},
    ]  # fmt: skip
    proofs = [{"case": "c1", "person": "客户-2", "orders": [row | change]} for change in changes]
    proofs += [
        proofs[0] | {"person": "客户-1"},
        proofs[0] | {"case": "c2"},
        proofs[0] | {"orders": [1]},
        {"case": "c1"},
    ]
    passed = 0
    for data in [*map(canonical, proofs), b"{}", b"no JSON"]:
        found = browser.run(OPEN, text(bundle), committed.policy, text(data))
        assert found == asdict(verify.verify(bundle, committed.policy, person=data))
        passed += not found["reasons"]
    assert passed == 1
    assert "3 records of this person" in verify.verify(bundle, committed.policy, person=canonical(proofs[0])).checks[-1]


def test_the_page_calls_things_as_papers_do() -> None:
    page = verifier_page().decode()
    assert SENTENCES["origin"].zh.startswith("账本")
    assert SENTENCES["grace"].zh.endswith("宽限期")
    assert [word for word in ("账本", "宽限期", "台账", "冷静期") if word in page] == ["账本", "宽限期"]


def test_the_page_has_no_part_from_elsewhere() -> None:
    page = verifier_page().decode()
    assert page.count("<script") == page.count("</script") == page.count("<style") == 1
    assert not [word for word in ("src=", "href=", "@import", "url(") if word in page.partition("<script>")[0]]
    assert "{{ " not in page.partition("<script>")[0]
