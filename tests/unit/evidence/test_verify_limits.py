"""The verifier's limits, each to the last byte, number or moment that it takes, and the first that it refuses."""

import base64
import hashlib
import json
import marshal
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from winddown.domain.errors import Refused
from winddown.evidence import verify
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import Frontier, inclusion_proof, leaf_hash, root
from winddown.evidence.proof import LogProof
from winddown.evidence.signing import Kind, Signer, VerifyingKey
from winddown.evidence.sm2 import SM2PrivateKey
from winddown.evidence.statement import pae

ORIGIN = "winddown/c1"
START = datetime(2026, 11, 23, 10, tzinfo=UTC)


def refused(function: Callable[..., object], *given: Any) -> str:
    with pytest.raises(verify.Rejected) as reason:
        function(*given)
    return str(reason.value)


# -- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0", "1", "10", "9223372036854775807"])
def test_a_number_has_one_spelling(text: str) -> None:
    assert verify.number_of(text, "size") == int(text)


@pytest.mark.parametrize("text", ["", "00", "01", "-1", "+1", "1 ", "1_0", "１", "1.0", "92233720368547758070"])
def test_a_number_in_another_spelling_is_none(text: str) -> None:
    assert refused(verify.number_of, text, "size") == "size: not a plain number"


def test_a_number_ends_below_two_to_the_sixty_third() -> None:
    assert refused(verify.number_of, str(2**63), "size") == "size: a number beyond 2^63-1"


@pytest.mark.parametrize("text", ["A", "AA", "AAA", "A=A=", "AA=A", "AB==", "AAB=", "AAAA====", "AA_-", "AAA A"])
def test_base64_has_one_spelling(text: str) -> None:
    assert refused(verify.unbase64, text, "root").startswith("root: ")


def test_base64_of_every_length_is_read() -> None:
    for size in range(7):
        data = bytes(range(250, 250 + size)) if size < 6 else b"\xff" * size
        assert verify.unbase64(base64.b64encode(data).decode(), "root") == data


@pytest.mark.parametrize("number", [2**53 - 1, -(2**53) + 1, 10**15, 0])
def test_numbers_within_two_to_the_fifty_third_are_read_and_written(number: int) -> None:
    raw = json.dumps({"n": number}, separators=(",", ":")).encode()
    assert verify.canonical({"n": number}) == raw
    assert verify.parse(raw, "x") == {"n": number}
    assert verify.parse(b'{"n":["%d"]}' % number, "x") == {"n": [str(number)]}


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**16])
def test_numbers_beyond_are_not_read(number: int) -> None:
    raw = json.dumps({"n": [number]}, separators=(",", ":")).encode()
    assert refused(verify.parse, raw, "x") == "x: not strict JSON"


@pytest.mark.parametrize(
    "raw",
    [b'{"n":1.0}', b'{"n":1e3}', b'{"n":NaN}', b'{"n":-Infinity}', b'{"n":', b"\xff", b'{"n":"\\ud800"}', b"[" * 10**5],
)
def test_what_json_here_may_not_hold_is_not_strict(raw: bytes) -> None:
    assert refused(verify.parse, raw, "x") == "x: not strict JSON"


@pytest.mark.parametrize(
    "raw", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1}\n', b'{"a":1,"a":1}', b'{"a":"\\u0041"}', b'{"a":"\\u5ba2"}']
)
def test_a_second_spelling_is_not_canonical(raw: bytes) -> None:
    assert refused(verify.parse, raw, "x") == "x: not in canonical form"


def test_what_is_no_object_is_no_document() -> None:
    for raw in (b"[]", b"1", b'"x"', b"null"):
        assert refused(verify.parse, raw, "x") == "x: not a JSON object"


def test_keys_stand_in_the_order_of_utf_16() -> None:
    ordered = '{"a":1,"😀":2,"ﬁ":3}'.encode()  # by code points the last two would change places
    assert verify.parse(ordered, "x") == {"a": 1, "😀": 2, "ﬁ": 3}
    assert verify.canonical({"ﬁ": 3, "😀": 2, "a": 1}) == ordered


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"records": 0, "act": "a"}, ""),
        ({"records": -1, "act": "a"}, "records is not a count"),
        ({"records": True, "act": "a"}, "records is not a count"),
        ({"records": False, "act": "a"}, "records is not a count"),
        ({"records": "1", "act": "a"}, "records is missing or not int"),
        ({"records": None, "act": "a"}, "records is missing or not int"),
        ({"act": "a"}, "records is missing or not int"),
        ({"records": 1, "act": ""}, "act is blank"),
        ({"records": 1, "act": ["a"]}, "act is missing or not str"),
        ({"records": 1, "act": "a", "wave": None}, ""),
    ],
)
def test_a_field_has_its_type_and_is_not_blank(document: dict[str, Any], said: str) -> None:
    fields = "records act wave" if "wave" in document else "records act"
    if said:
        assert refused(verify.shape, document, fields) == said
    else:
        assert verify.shape(document, fields) is document


def test_a_field_of_any_type_must_be_there_and_only_some_may_be_blank() -> None:
    assert refused(verify.shape, {}, "wave") == "wave is missing or not object"
    assert refused(verify.shape, {"wave": ""}, "wave") == "wave is blank"
    assert verify.shape({"wave": None}, "wave") == {"wave": None}
    blank = dict.fromkeys(("plan_id", "order_id", "batch", "batch_digest", "nonce"), "")
    assert verify.shape(blank, " ".join(blank)) is blank
    assert refused(verify.shape, {"effect": ""}, "effect") == "effect is blank"
    assert refused(verify.shape, [], "effect") == "not a JSON object"


# -- entries ---------------------------------------------------------------------------------------------------------


def entry(case: Any, /, **changes: Any) -> bytes:
    return verify.canonical(json.loads(case.entries()[0]) | changes)


def test_an_entry_has_at_most_65535_bytes(case: Any) -> None:
    room = 65_535 - len(entry(case, body={"x": ""}))
    assert verify.read_alone(0, entry(case, body={"x": "u" * room}))["seq"] == 0
    assert refused(read, [entry(case, body={"x": "u" * (room + 1)})]) == "ledger entry 0: more than 65535 bytes"


def read(lines: list[bytes]) -> list[verify.Entry]:
    with verify.judging(b"".join(line + b"\n" for line in lines)) as parts:
        return list(parts.entries())


def test_an_entry_has_six_keys_and_a_time_with_microseconds(case: Any) -> None:
    assert refused(read, [entry(case, more=1)]) == "ledger entry 0: not the six keys of an entry"
    for at in ("2026-11-23T10:00:00Z", "2026-11-23T24:00:00.000000Z", "2026-11-23T10:00:00.000000+00:00"):
        assert refused(read, [entry(case, at=at)]) == "ledger entry 0: at is not a UTC time with microseconds"
    assert "no such day" in refused(read, [entry(case, at="2026-02-30T10:00:00.000000Z")])


def test_lines_that_are_read_together_are_read_as_if_alone(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (entry(case, seq=seq) for seq in (0, 1))
    cut = first.index(b",") + 1
    long = entry(case, seq=1, body={"x": "u" * 65_535})
    deep = entry(case, seq=1, body={"x": json.loads("[" * 420 + "]" * 420)})
    listed = entry(case, body={"x": [{}, {"actor": ""}]})
    inside = listed.index(b'},{"actor"') + 1
    backwards = json.dumps(dict(reversed(json.loads(second).items())), separators=(",", ":")).encode()
    freezing: dict[str, Any] = dict.fromkeys(("plan_id", "order_id", "batch", "batch_digest", "nonce"), "")
    freezing |= {"effect": "freeze/shop", "act": "freeze", "records": 0}
    chunks = {
        "in order": [first, second],
        "a comma in place of a line's end": [first + b"," + second],
        "two entries in as many lines, cut elsewhere": [first[: cut - 1], first[cut:] + b"," + second],
        "an entry's place in a list": [listed, second],
        "cut in that list, and the next line joined": [listed[:inside], listed[inside + 1 :] + b"," + second],
        "an escape in place of a letter": [first, entry(case, seq=1, body={"x": "u"}).replace(b'"u"', b'"\\u5ba2"')],
        "keys in another order": [first, backwards],
        "a second spelling": [first, second.replace(b":", b": ", 1)],
        "an empty line": [first, b"", second],
        "no object": [first, b"1"],
        "not in ASCII": [first, entry(case, seq=1, body={"x": "客户"})],
        "not in Unicode": [first, b"\xff"],
        "too long": [first, long],
        "too deep": [first, deep],
        "another type": [first, entry(case, seq=1, type="x")],
        "no time": [first, entry(case, seq=1, at="10:00")],
        "no such day": [first, entry(case, seq=1, at="2026-11-31T10:00:00.000000Z")],
        "earlier": [first, entry(case, seq=1, at="2020-11-30T10:00:00.000000Z")],
        "of another case": [first, entry(case, seq=1, case="other")],
        "a number twice": [first, first],
        "a number left out": [first, entry(case, seq=2)],
        "a further key": [first, entry(case, seq=1, more=1)],
        "a number below zero": [first, entry(case, seq=-1)],
        "a truth for a number": [first, entry(case, seq=True)],
        "no body": [first, entry(case, seq=1, body=None)],
        "a blank name": [first, entry(case, seq=1, type="")],
        "a field of its type is missing": [first, entry(case, seq=1, type="halted", body={"reason": "x"})],
        "a field of its type is blank": [first, entry(case, seq=1, type="halted", body={"reason": "x", "door": ""})],
        "a field that may be blank": [first, entry(case, seq=1, type="intent", body=freezing)],
    }

    def judged(lines: list[bytes]) -> tuple[Any, bytes]:
        packed, tree = verify.judged(0, b"\n".join(lines))
        return marshal.loads(packed), tree  # noqa: S302 - just written

    in_order = b"\n".join([first, second, entry(case, seq=2, type="intent", body=freezing)])
    assert [found["seq"] for found in verify.read_together(0, in_order)] == [0, 1, 2]
    together = {name: judged(lines) for name, lines in chunks.items()}
    monkeypatch.setattr(verify, "read_together", lambda _number, _chunk: [])
    assert together == {name: judged(lines) for name, lines in chunks.items()}
    assert [name for name, ((*_, fault), _) in together.items() if not fault] == [
        *("in order", "an entry's place in a list", "not in ASCII", "a field that may be blank"),
    ]


def test_entries_are_of_one_case(case: Any) -> None:
    other = verify.canonical(json.loads(entry(case, seq=1)) | {"case": "c2"})
    assert refused(read, [entry(case, seq=0), other]) == "ledger entry 1: of another case than the entries before it"


def test_entries_of_the_same_moment_are_not_back_in_time(case: Any) -> None:
    lines = [entry(case, seq=0), entry(case, seq=1)]
    assert [found.seq for found in read(lines)] == [0, 1]


# -- keys, notes, checkpoints ----------------------------------------------------------------------------------------


def named_key(name: str, kind: int = 1, size: int = 32) -> str:
    """A key's line by the specification, whatever the name."""
    public = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    data = bytes([kind]) + public.ljust(size, b"\0")[:size]
    key_id = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(data).decode()}"


# C2SP signed-note forbids spaces and the plus sign, and control characters in what is signed: nothing else.
NAMES = ("k", "k" * 255, "钥" * 85, "a\u200bb", "a\u00adb", "a\x80b", "a\ue000b", "a\U000e0001b")
NOT_NAMES = ("", "k" * 256, "钥" * 85 + "k", "a b", "a\u3000b", "a\x85b", "a\u2028b", "a\x7f", "a\x1fb", "a\0")


def test_a_keys_name_has_from_one_to_255_bytes() -> None:
    for name in NAMES:
        assert verify.Key(named_key(name)).name == name
        assert VerifyingKey.parse(named_key(name)).name == name
    for name in NOT_NAMES:
        assert refused(verify.Key, named_key(name)) == "key: not a key's name"
        with pytest.raises(Refused, match="a key's name has no spaces"):
            VerifyingKey.parse(named_key(name))


@pytest.mark.parametrize(("kind", "size"), [(1, 31), (1, 33), (2, 32), (0, 32), (4, 31), (6, 32), (6, 1311), (5, 1312)])
def test_a_key_is_of_a_known_kind_and_length(kind: int, size: int) -> None:
    said = "key: not an Ed25519, ML-DSA-44 or SM2 key of a known kind"
    assert refused(verify.Key, named_key("k", kind, size)) == said


def test_an_origin_has_at_most_255_bytes_and_a_root_32() -> None:
    text = base64.b64encode(bytes(32)).decode()
    assert verify.read_checkpoint(f"{'o' * 255}\n7\n{text}\n", "c") == ("o" * 255, 7, bytes(32))
    for origin, found in (("o" * 256, text), ("源" * 86, text)):
        assert refused(verify.read_checkpoint, f"{origin}\n7\n{found}\n", "c") == "c: not an origin and a root"
    for size in (31, 33):
        bad = base64.b64encode(bytes(size)).decode()
        assert refused(verify.read_checkpoint, f"o\n7\n{bad}\n", "c") == "c: not an origin and a root"
    for odd in (f"\n7\n{text}\n", f"o\n7\n{text}", f"o\n7\n{text}\n\nmore\n", f"o\n7\n{text}\n\n", "o\n7\n"):
        assert refused(verify.read_checkpoint, odd, "c") == "c: not the lines of a checkpoint"
    assert verify.read_checkpoint(f"o\n7\n{text}\nmore\nand more\n", "c") == ("o", 7, bytes(32)), "they say nothing"


def test_an_empty_log_has_the_root_of_nothing() -> None:
    nothing = base64.b64encode(hashlib.sha256().digest()).decode()
    assert verify.read_checkpoint(f"o\n0\n{nothing}\n", "c")[1] == 0
    other = base64.b64encode(bytes(32)).decode()
    assert refused(verify.read_checkpoint, f"o\n0\n{other}\n", "c") == "c: not an origin and a root"


def test_a_note_has_at_most_a_quarter_of_a_mebibyte(signer: Signer) -> None:
    note = Checkpoint(ORIGIN, 3, bytes(32)).sign([signer], at=1)
    policy = verify.Policy(f"log {signer.key.line}\nquorum none\n")
    unknown = f"— w {base64.b64encode(bytes(72)).decode()}\n".encode()
    while len(note) + 2 * len(unknown) < 2**18:
        note += unknown
    room = 2**18 - len(note) - len("— ".encode()) - 10  # what a name may take before a blank, eight letters and an end
    full = note + f"— {'w' * room} {base64.b64encode(bytes(6)).decode()}\n".encode()
    assert len(full) == 2**18
    assert policy.open_checkpoint(full, "c")[1] == 3
    longer = full.replace(f"— {'w' * room} ".encode(), f"— {'w' * (room + 1)} ".encode())
    assert refused(policy.open_checkpoint, longer, "c") == "c: more than 262144 bytes"


def test_a_signature_carries_more_than_a_key_id(signer: Signer) -> None:
    note = Checkpoint(ORIGIN, 3, bytes(32)).sign([signer], at=1)
    policy = verify.Policy(f"log {signer.key.line}\nquorum none\n")
    bare = f"— w {base64.b64encode(bytes(4)).decode()}\n".encode()
    assert refused(policy.open_checkpoint, note + bare, "c") == "c: a signature without a key id"
    assert refused(policy.open_checkpoint, note + b"junk\n", "c") == "c: not a signature line"
    assert policy.open_checkpoint(note + f"— w {base64.b64encode(bytes(5)).decode()}\n".encode(), "c")[1] == 3


@pytest.mark.parametrize(
    ("kind", "private"), [(Kind.NOTE, Ed25519PrivateKey.generate()), (Kind.SM2, SM2PrivateKey.generate())]
)
def test_what_signs_logs_is_no_witness(signer: Signer, kind: Kind, private: Any) -> None:
    witness = Signer.of(private, name="w.example", kind=kind)
    said = refused(verify.Policy, f"log {signer.key.line}\nwitness w {witness.key.line}\nquorum none\n")
    assert said == "policy: a key is of a kind that signs something else"


def test_a_known_keys_signature_has_its_length(signer: Signer) -> None:
    head = Checkpoint(ORIGIN, 3, bytes(32))
    policy = verify.Policy(f"log {signer.key.line}\nquorum none\n")
    for size in (1, 63, 65):
        line = f"— {ORIGIN} {base64.b64encode(signer.key.id + bytes(size)).decode()}\n"
        said = refused(policy.open_checkpoint, f"{head.text}\n{line}".encode(), "c")
        assert said == f"c: the signature of {ORIGIN} has the wrong length"


@pytest.mark.parametrize("kind", [Kind.COSIGNATURE, Kind.POST_QUANTUM])
def test_a_witness_signs_its_own_name_beside_the_logs(signer: Signer, kind: Kind) -> None:
    private = Ed25519PrivateKey.generate() if kind is Kind.COSIGNATURE else MLDSA44PrivateKey.generate()
    witness = Signer.of(private, name="w.example", kind=kind)
    policy = verify.Policy(f"log {signer.key.line}\nwitness w {witness.key.line}\nquorum w\n")
    note = Checkpoint(ORIGIN, 3, bytes(32)).sign([signer, witness], at=1)
    assert policy.open_checkpoint(note, "c") == (ORIGIN, 3, bytes(32))


def test_who_cosigned_and_when_is_told_of_known_witnesses_that_say_when(signer: Signer) -> None:
    witnesses = [
        Signer.of(Ed25519PrivateKey.generate(), name=name, kind=Kind.COSIGNATURE) for name in ("a.example", "b.example")
    ]
    quiet = Signer.of(MLDSA44PrivateKey.generate(), name="q.example", kind=Kind.POST_QUANTUM)
    known = [witnesses[0], quiet]
    lines = "".join(f"witness w{number} {one.key.line}\n" for number, one in enumerate(known))
    policy = verify.Policy(f"log {signer.key.line}\n{lines}quorum none\n")
    for at in (1, 2**62 + 1):
        note = Checkpoint(ORIGIN, 3, bytes(32)).sign([signer, *witnesses], at=at)
        assert list(policy.cosigned_at(note)) == [("w0", at)]
    silent = Checkpoint(ORIGIN, 3, bytes(32)).sign([signer, quiet], at=0)
    assert list(policy.cosigned_at(silent)) == []


@pytest.mark.parametrize(("at", "is_taken"), [(0, True), (2**63 - 1, True), (2**63, False)])
def test_a_witness_states_a_time_below_two_to_the_sixty_third(signer: Signer, at: int, is_taken: bool) -> None:
    private = Ed25519PrivateKey.generate()
    witness = Signer.of(private, name="w.example", kind=Kind.COSIGNATURE)
    head = Checkpoint(ORIGIN, 3, bytes(32))
    signature = at.to_bytes(8) + private.sign(f"cosignature/v1\ntime {at}\n{head.text}".encode())
    line = f"— w.example {base64.b64encode(witness.key.id + signature).decode()}\n".encode()
    policy = verify.Policy(f"log {signer.key.line}\nwitness w {witness.key.line}\nquorum w\n")
    note = head.sign([signer], at=1) + line
    if is_taken:
        assert policy.open_checkpoint(note, "c")[1] == 3
    else:
        assert refused(policy.open_checkpoint, note, "c") == "c: the time of w.example is beyond 2^63-1"


# -- archives and statements -----------------------------------------------------------------------------------------


def opened(data: bytes) -> dict[str, bytes]:
    members = verify.read_archive(data)
    verify.require_rebuilt(members, data)
    return members


def test_an_archive_that_is_cut_anywhere_in_a_header_is_refused_and_never_crashes(case: Any) -> None:
    data = case.bundle()
    first = len(next(iter(verify.read_archive(data)))) + 30
    for end in range(first + 40):
        assert refused(opened, data[:end]).startswith("archive: ")
    assert opened(verify.rebuild({})) == {}


@pytest.mark.parametrize("name", ["a" * 200, "rules/" + "a" * 200, "0", "plans/p.json"])
def test_a_members_name_is_allowed(name: str) -> None:
    assert opened(verify.rebuild({name: b"x"})) == {name: b"x"}


@pytest.mark.parametrize(
    "name", ["", "a" * 201, "rules/" + "a" * 201, ".a", "a/b", "rules/", "../a", "rules/../a", "é"]
)
def test_a_members_name_is_not_allowed(name: str) -> None:
    data = verify.rebuild({"x" * len(name.encode("latin-1")): b""}).replace(
        b"x" * len(name), name.encode("latin-1")
    ) if name else verify.rebuild({"": b""})  # fmt: skip
    assert refused(opened, data) == "archive: a member's name is not allowed or not in order"


def test_a_member_has_a_name_be_it_ever_so_short() -> None:
    assert refused(opened, b"PK\x03\x04" + bytes(26)) == "archive: a member's name is not allowed or not in order"
    assert refused(opened, b"PK\x03\x04" + bytes(25)) == "archive: not the bytes that its members make"


def test_members_stand_once_and_in_order() -> None:
    one, two = verify.rebuild({"a": b"1"}), verify.rebuild({"b": b"2"})
    local = len(b"PK\x03\x04") + 26 + 1 + 1
    for doubled in (one[:local] + one, two[:local] + one):
        assert refused(opened, doubled) == "archive: a member's name is not allowed or not in order"


def test_more_than_a_plain_archive_can_hold_is_refused_and_never_crashes(case: Any) -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 2**32

    assert refused(opened, Huge(case.bundle())) == "archive: not the bytes that its members make"


def test_the_end_of_an_archive_counts_members_as_far_as_its_format_can() -> None:
    for count in (0, 1, 65_537):
        data = verify.rebuild({f"{number:06d}": b"" for number in range(count)})
        assert struct.unpack_from("<2H", data, len(data) - 14) == (count % 2**16, count % 2**16)


IN_TOTO = "application/vnd.in-toto+json"


def open_statement(
    case: Any, policy: str, statement: dict[str, Any], signers: Sequence[Signer], kind: str = IN_TOTO
) -> dict[str, Any]:
    payload = verify.canonical(statement)
    message = pae(payload, kind)
    rows = [{"keyid": one.key.keyid, "sig": base64.b64encode(one.sign(message)).decode()} for one in signers]
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": rows}
    note = case.checkpoint(case.entries())
    return verify.Policy(policy).open_statement(verify.canonical(envelope), note, "t", "s")


STATEMENT = {"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "t", "predicate": {}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"more": 1}, "s: not exactly the keys of a statement"),
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "s: not a Statement v1"),
        ({"predicateType": "u"}, "s: a statement of something else"),
        ({"subject": {}}, "subject is missing or not list"),
    ],
)
def test_a_statement_has_its_four_keys_and_says_what_it_is(case: Any, change: dict[str, Any], said: str) -> None:
    assert open_statement(case, case.policy, STATEMENT, case.signers) == STATEMENT
    assert refused(open_statement, case, case.policy, STATEMENT | change, case.signers) == said


def test_what_is_signed_as_something_else_is_no_statement(case: Any) -> None:
    for kind in ("application/json", f"{IN_TOTO} "):
        said = refused(open_statement, case, case.policy, STATEMENT, case.signers, kind)
        assert said == "s: not an in-toto statement"


def test_another_log_of_the_policy_signs_nothing_of_this_one(case: Any) -> None:
    other = Signer.of(Ed25519PrivateKey.generate(), name="other.example", kind=Kind.NOTE)
    policy = f"log {other.key.line}\n" + case.policy
    said = refused(open_statement, case, policy, STATEMENT, [other])
    assert said == f"s: not signed by a key of {ORIGIN} in the policy"
    assert "by the checkpoint's keys" in refused(open_statement, case, policy, STATEMENT, [*case.signers, other])


@pytest.mark.parametrize(
    "row", [{"name": "a"}, {"name": "a", "digest": "x"}, {"name": "a", "digest": {}}, {"name": "a", "digest": []},
            {"name": "a", "digest": {"sha256": "x", "sha512": "y"}},
            {"name": "a", "digest": {"sha256": "x"}, "uri": ""}],
)  # fmt: skip
def test_a_subject_is_one_name_with_one_digest(row: dict[str, Any]) -> None:
    good = {"name": "b", "digest": {"sha256": "y"}}
    assert verify.subjects({"subject": [good]}, "s") == {"b": "y"}
    for rows in ([good, row], [good, good]):
        assert refused(verify.subjects, {"subject": rows}, "s") == "s: a subject is not one name with one SHA-256"


def test_the_first_line_that_is_no_entry_is_found_among_many(case: Any) -> None:
    lines = case.entries()
    assert len(read(lines)) == len(lines)
    assert refused(read, [*lines, b"{}", b"[]"]) == f"ledger entry {len(lines)}: seq is missing or not int"


# -- trees, proofs, DER ----------------------------------------------------------------------------------------------


def test_the_root_is_that_of_rfc_6962_for_every_small_size() -> None:
    leaves: list[bytes] = []
    for size in range(70):
        assert verify.merkle_root(leaves) == root(leaves) == Frontier().extend(leaves).root()
        leaves.append(leaf_hash(str(size).encode()))


def test_a_proof_leads_to_the_root_from_every_leaf_and_has_the_right_length() -> None:
    for size in range(1, 20):
        leaves = [leaf_hash(str(number).encode()) for number in range(size)]
        for index, leaf in enumerate(leaves):
            proof = inclusion_proof(leaves, index)
            assert verify.climb(leaf, index, size, proof, "p") == root(leaves)
            assert "too long" in refused(verify.climb, leaf, index, size, [*proof, bytes(32)], "p")
            if proof:
                assert "too short" in refused(verify.climb, leaf, index, size, proof[:-1], "p")
                for odd in (31, 33):
                    assert "too long" in refused(verify.climb, leaf, index, size, [bytes(odd), *proof[1:]], "p")
        assert "no entry" in refused(verify.climb, leaves[0], size, size, [], "p")


def test_an_extra_line_of_a_proof_means_nothing_and_is_base64(signer: Signer) -> None:
    leaves = [leaf_hash(b"a"), leaf_hash(b"b")]
    note = Checkpoint(ORIGIN, 2, root(leaves)).sign([signer], at=1)
    policy = f"log {signer.key.line}\nquorum none\n"
    proof = LogProof(1, inclusion_proof(leaves, 1), note, b"extra").text
    assert verify.verify_proof(proof, b"b", policy).reasons == []
    odd = proof.replace(b"extra ZXh0cmE=", b"extra ZXh0cmF=")
    assert verify.verify_proof(odd, b"b", policy).reasons == ["proof: base64 not in canonical form"]


def der(size: int) -> Iterator[bytes]:
    """Every way in which somebody could write a length, the shortest first."""
    if size < 128:
        yield bytes([4, size])
    for width in range(max(1, (size.bit_length() + 7) // 8), 6):
        yield bytes([4, 128 | width]) + size.to_bytes(width)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**24])
def test_der_has_one_spelling_of_a_length(size: int) -> None:
    content = bytes(size)
    heads = list(der(size))
    (found,) = verify.read_der(heads[0] + content)
    assert (found.tag, found.content, found.whole) == (4, content, heads[0] + content)
    for head in heads[1:]:
        assert refused(verify.read_der, head + content) == "not DER"
    if size:
        assert refused(verify.read_der, heads[0] + content[1:]) == "not DER: it is cut off"


@pytest.mark.parametrize("data", [b"\x04", b"\x1f\x01\x00", b"\x04\x80\x00", b"\x3f\x00"])
def test_der_without_a_length_or_with_a_long_tag_is_none(data: bytes) -> None:
    assert refused(verify.read_der, data) == "not DER"


def test_values_of_der_stand_one_after_another() -> None:
    found = verify.read_der(b"\x02\x01\x07\x30\x03\x04\x01\x09\x05\x00")
    assert [(one.tag, one.content) for one in found] == [(2, b"\x07"), (48, b"\x04\x01\x09"), (5, b"")]
    assert [one.text(4) for one in found[1].parts(48)] == ["09"]
    for ask in (found[0].parts, found[0].text):
        assert refused(ask, 48) == "not the structure of RFC 3161"
