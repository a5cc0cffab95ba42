"""Verify an evidence bundle offline, with nothing but this file, Python 3.11 or newer and the package ``cryptography``.

    python verify.py BUNDLE.zip --policy POLICY [--approvers KEYS] [--earlier CHECKPOINT]… [--authority CERTIFICATE]…
    python verify.py ENTRY.tlog-proof --policy POLICY --entry ENTRY.json

Exit status 0: every check passed; 1: refused, first reasons listed; 2: wrong usage. ``--json`` prints the same for
programs. POLICY says whose signatures count,
in the C2SP tlog-policy format: a ``log`` line for each key of the log, ``witness`` and ``group`` lines, and ``quorum
none`` or the quorum of witnesses. KEYS has a verifier key of each approver whose approvals must be signed, one a line,
named as the approver's login. Both are the reader's own; they never come with what they judge. A ``log`` line with an
SM2 key demands an SM2 signature of that log.

This file shares no code with the programs that write bundles, on purpose: an error would have to be made twice to pass.
Formats: ZIP (APPNOTE 6.3, stored), RFC 8785 JSON, RFC 6962 Merkle tree, C2SP signed-note, tlog-checkpoint,
tlog-cosignature, tlog-policy and tlog-proof, DSSE 1.0 with in-toto Statement v1, RFC 3161 time stamps, SM2 signatures
(GB/T 32918.2, 32918.5) with SM3.

What it does NOT prove: that the world is as the entries say (the read-backs in them were made then, by other code), and
that the holder of the key did not rewrite the whole history before this bundle was made. Against the second, demand a
quorum of witnesses, or give a checkpoint that you kept from an earlier day with ``--earlier``.
"""

import argparse
import base64
import gc
import hashlib
import io
import json
import marshal
import multiprocessing
import os
import re
import struct
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate, count, pairwise, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.x509 import Certificate, ExtendedKeyUsage, ExtensionNotFound, load_pem_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

NAME = re.compile(r"(?:plans/|certificates/|orders/|rules/|timestamps/)?[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")  # of a length that four divides
REASONS_MAX = 20
ACTS = {"freeze", "anonymise", "seal", "quarantine", "purge", "sanitise", "restore"}
COPIES = {"seal", "anonymise"}  # acts of orders that take nothing from a store
ORDERS = COPIES | {"minimise", "erase"}
IN_TURN = {"quarantine", "purge", "restore"}  # what is done to the batches of all other orders
SILENT = "case_opened snapshot_taken classified decided transfer_checked frozen sanitised restored"
CLOSE = "effect plan_id order_id act batch records read_back"
ENTRY = "seq at case type actor body"
FIELDS = {
    **dict.fromkeys(SILENT.split(), ""),
    "hold_placed": "hold scope_digest",
    "hold_released": "hold",
    "backup_proven": "store collection until",
    "plan_made": "plan_id wave digest",
    "approval_given": "plan_id plan_digest person role door",
    "handover_acknowledged": "plan_id order_id archive_digest person",
    "intent": "effect plan_id order_id act batch batch_digest records nonce",
    "done": CLOSE,
    "unknown": CLOSE,
    "residual_checked": "plan_id stores",
    "certificate_issued": "certificate_id digest",
    "halted": "reason door",
    "resumed": "reason door",
    "evidence_read": "name",
    "report_issued": "entries",
    "scheduler_cleared": "plan_id person bytes_searched",
}
COUNTS = {
    *("seq", "records", "record_count_max", "purged", "entries"),
    *(
        "approvals_needed",
        "approval_days",
        "grace_seconds",
        "count",
        "persons",
        "index",
        "files_max",
        "contradictions",
        "bytes_searched",
    ),
}
LISTS = {
    *("orders", "requires", "subject", "signatures", "batch_digests", "approver_roles", "approvers", "path"),
    *("decisions", "traces", "stores", "approvals", "inspection", "remaining", "residual_until", "own_traces"),
    *("not_claimed", "waits_for"),
}
ANY = {"wave", "read_back", "body", "predicate"}
MAY_BE_BLANK = {"plan_id", "order_id", "batch", "batch_digest", "nonce"}  # of a freeze, which comes before any plan
KINDS = dict.fromkeys(COUNTS, int) | dict.fromkeys(LISTS, list) | dict.fromkeys(ANY, object)
OWN = "winddown"  # what effects on own traces, and the check after them, name in place of a store
IDENTITY = itemgetter("plan_id", "order_id", "act", "batch")  # what one effect is about; retries repeat it
NOTE, COSIGNATURE, POST_QUANTUM, SM2 = 1, 4, 6, 255  # what a key signs, by the byte that C2SP signed-note assigns
KEY_BYTES = {NOTE: 32, COSIGNATURE: 32, POST_QUANTUM: 1312, SM2: 65}
SIGNATURE_BYTES = {NOTE: 64, COSIGNATURE: 64, POST_QUANTUM: 2420, SM2: 64}
SM2_NAME = b"winddown.example/sm2/v1"  # after its byte, which says only that C2SP assigns none
NOTE_BYTES_MAX = 2**18
TYPES = "https://winddown.example/%s/v1"  # of what our statements say
SUMS = {"erase": "destroyed", "minimise": "minimised", "seal": "handed_over", "anonymise": "anonymised"}
OF_THE_WAVE = "case company plan_id plan_digest wave issued_on code_version rule_packs approvals"
APPROVAL_HEAD = "winddown approval v1"
STATED = ["case", "plan", "digest", "person", "role", "signed_at", "days"]  # the lines after the head, in this order
DAYS_MAX = 366
SECOND, SKEW_MAX = timedelta(seconds=1), timedelta(minutes=5)  # how far apart the clocks of two machines may be
ENTRY_BYTES_MAX, ENTRY_KEYS = 65_535, 6
LINE_END, SEAM, SEAM_OF_LINES = "\n", '},{"actor":', '}\n{"actor":'  # entries begin with their first key in order
NESTED_MAX = 400
MANY_LINES, LINES_AT_ONCE = 100_000, 16_384  # a power of two, so that roots of parts make the root of all
JUDGES_MAX = 4  # more would only wait for the one that replays what they found
CASE = "certificate.json"  # the member that speaks of the whole case
LEDGER: list[bytes] = []  # what a judge is to look at, in its own process
FOR_PROGRAMS = re.compile(  # all other members are read and filed by people, and bound by the ledger's last report
    r"ledger\.jsonl|checkpoint\.txt|manifest\.json|README\.txt|verify\.py|certificate\.json"
    r"|(?:plans|certificates|orders|rules)/.+\.json|timestamps/.+\.tsr"
)
Document = dict[str, Any]


class Rejected(Exception):  # noqa: N818 - the word is the outcome
    """A reason why the bundle is refused."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome: checks that passed, remarks, and the reasons for refusal (none means that the bundle verifies)."""

    checks: list[str]
    notes: list[str]
    reasons: list[str]


def need(condition: object, reason: str) -> None:
    """Refuse with ``reason`` unless the condition holds."""
    if not condition:
        raise Rejected(reason)


# -- values: one spelling each ---------------------------------------------------------------------------------------


def shape(document: Any, fields: str) -> Document:
    """Return an object that has these fields: counts from 0 (no booleans), texts that are not blank, lists, objects."""
    if type(document) is not dict:
        raise Rejected("not a JSON object")
    for name, kind in kinds_of(fields):
        value = document.get(name)
        if not isinstance(value, kind) or (value is None and name not in document):
            raise Rejected(f"{name} is missing or not {kind.__name__}")
        if kind is int and (value is True or value is False or value < 0):
            raise Rejected(f"{name} is not a count")
        if value == "" and name not in MAY_BE_BLANK:
            raise Rejected(f"{name} is blank")
    return document


def fit(documents: Sequence[Any], fields: str) -> bool:
    """Whether each of these has the shape, asked field by field; a no gives no reason."""
    if set(map(type, documents)) != {dict}:
        return False
    try:
        columns = {name: list(map(itemgetter(name), documents)) for name, _ in kinds_of(fields)}
    except KeyError:
        return False
    return all(
        (kind is object or set(map(type, columns[name])) == {kind})
        and (kind is not int or min(columns[name]) >= 0)
        and (name in MAY_BE_BLANK or "" not in columns[name])
        for name, kind in kinds_of(fields)
    )


@cache
def kinds_of(fields: str) -> tuple[tuple[str, Any], ...]:
    """Return names of fields with the type that each has."""
    return tuple((name, KINDS.get(name, str)) for name in fields.split())


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of what was read here, so without fractions: keys in UTF-16 order, no spaces."""

    def ordered(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: ordered(item[key]) for key in sorted(item, key=lambda key: key.encode("utf-16-be"))}
        if isinstance(item, list):
            return [ordered(one) for one in item]
        return item

    return json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def digest_of_document(value: Any) -> str:
    """SHA-256 of the canonical form, as hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def no_fraction(_text: str) -> None:
    """Refuse a fraction, an exponent, NaN and infinities."""
    raise ValueError("number")


def integer(text: str) -> int:
    """Refuse an integer that JSON's readers do not agree on."""
    if not -(2**53) < (number := int(text)) < 2**53:
        raise ValueError("number")
    return number


DECODER = json.JSONDecoder(parse_float=no_fraction, parse_constant=no_fraction, parse_int=integer)
ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def parse(raw: bytes, what: str) -> Document:
    """Read a canonical JSON object: duplicate keys, NaN, fractions and any second spelling are refused."""
    try:
        return parse_object(raw)
    except Rejected as reason:
        raise Rejected(f"{what}: {reason}") from None


def parse_object(raw: bytes) -> Document:
    """Read a canonical JSON object; the reason for refusing it does not say which one it was."""
    try:
        text = raw.decode()
        document, _ = DECODER.raw_decode(text)  # What stands after it does not survive the comparison below.
        if is_nested(text):
            refuse_deep(document, NESTED_MAX)
        # In ASCII the order of UTF-16 is the encoder's own, which is many times faster than ours.
        is_canonical = text.isascii() and ENCODER.encode(document) == text
        is_canonical = is_canonical or canonical(document).decode() == text
    except (ValueError, RecursionError):
        raise Rejected("not strict JSON") from None
    if type(document) is not dict:
        raise Rejected("not a JSON object")
    if not is_canonical:
        raise Rejected("not in canonical form")
    return document


def is_nested(text: str) -> bool:
    """Whether values may stand in more than so many others."""
    return text.count("{") + text.count("[") > NESTED_MAX


def refuse_deep(value: Any, levels: int) -> None:
    """Refuse values that stand in more than so many others."""
    if levels < 0:
        raise ValueError("nested")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        refuse_deep(one, levels - 1)


def unbase64(text: str, what: str) -> bytes:
    """Read base64 in its only canonical spelling."""
    need(len(text) % 4 == 0 and BASE64.fullmatch(text), f"{what}: not base64")
    data = base64.b64decode(text)
    need(base64.b64encode(data).decode() == text, f"{what}: base64 not in canonical form")
    return data


def number_of(text: str, what: str) -> int:
    """Read a number from 0 to 2^63-1 in its only decimal spelling."""
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", text), f"{what}: not a plain number")
    need(int(text) < 2**63, f"{what}: a number beyond 2^63-1")
    return int(text)


def moment_of(text: str, what: str) -> datetime:
    """Read a time that is spelled as one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Rejected(f"{what}: there is no such day or time") from None


# -- SM2 signatures, which the package does not have ------------------------------------------------------------------

# The curve is y² = x³ - 3x + B over the integers modulo P: N points, all of them multiples of (GX, GY).
P = 2**256 - 2**224 - 2**96 + 2**64 - 1
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
SIGNER_ID, INFINITY = b"1234567812345678", (1, 1, 0)  # what the standard gives to signers without one; a point
Jacobian = tuple[int, int, int]  # X, Y, Z for x = X / Z² and y = Y / Z³; Z is 0 at infinity


class SM2PublicKey:
    """A public key: 04 and both coordinates of a point of the curve."""

    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    @classmethod
    def from_public_bytes(cls, raw: bytes) -> "SM2PublicKey":
        """Return the key; raises ValueError for anything else."""
        x, y = int.from_bytes(raw[1:33]), int.from_bytes(raw[33:])
        if raw[0] != 4 or x >= P or y >= P or (y * y - x**3 + 3 * x - B) % P:  # noqa: PLR2004
            raise ValueError("not a point of the curve")
        return cls(x, y)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raise InvalidSignature unless the signature, r and s of 32 bytes, is one of this key."""
        values = b"".join(value.to_bytes(32) for value in (P - 3, B, GX, GY, self.x, self.y))
        z = sm3((8 * len(SIGNER_ID)).to_bytes(2) + SIGNER_ID + values)
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        t = (r + s) % N
        if len(signature) == SIGNATURE_BYTES[SM2] and 0 < r < N and 0 < s < N and t:
            x, _, z1 = combined(s, t, (self.x, self.y, 1))
            if z1 and (int.from_bytes(sm3(z + message)) + x * pow(z1, -2, P) % P) % N == r:
                return
        raise InvalidSignature


def sm3(data: bytes) -> bytes:
    """Return the SM3 digest."""
    state = hashes.Hash(hashes.SM3())
    state.update(data)
    return state.finalize()


def combined(s: int, t: int, point: Jacobian) -> Jacobian:
    """Return s times the generator and t times another point."""
    base, found = (GX, GY, 1), INFINITY
    ahead = {("1", "0"): base, ("0", "1"): point, ("1", "1"): added(base, point)}
    for bits in zip(f"{s:0256b}", f"{t:0256b}", strict=True):
        found = doubled(found)
        if bits in ahead:
            found = added(found, ahead[bits])
    return found


def doubled(point: Jacobian) -> Jacobian:
    """Return twice a point."""
    x, y, z = point
    yy = y * y % P
    four, slope = 4 * x * yy, 3 * (x - z * z) * (x + z * z) % P
    twice = (slope * slope - 2 * four) % P
    return twice, (slope * (four - twice) - 8 * yy * yy) % P, 2 * y * z % P


def added(one: Jacobian, other: Jacobian) -> Jacobian:
    """Return the sum of two points, which may be the same one, opposite or infinite."""
    (x1, y1, z1), (x2, y2, z2) = one, other
    if not z1 or not z2:
        return one if z1 else other
    u1, s1 = x1 * z2 * z2 % P, y1 * z2**3 % P
    h, r = (x2 * z1 * z1 - u1) % P, (y2 * z1**3 - s1) % P
    if not h:
        return INFINITY if r else doubled(one)
    hh = h * h % P
    x = (r * r - h * hh - 2 * u1 * hh) % P
    return x, (r * (u1 * hh - x) - s1 * h * hh) % P, z1 * z2 * h % P


# -- keys, notes and the reader's policy -----------------------------------------------------------------------------


PUBLIC_KEYS: dict[int, Any] = dict.fromkeys((NOTE, COSIGNATURE), Ed25519PublicKey)
PUBLIC_KEYS |= {POST_QUANTUM: MLDSA44PublicKey, SM2: SM2PublicKey}


class Key:
    """A public key: the verifier key of C2SP signed-note, ``<name>+<key id>+<base64>``."""

    def __init__(self, line: str) -> None:
        self.name, _, rest = line.partition("+")
        key_id, _, text = rest.partition("+")
        data = unbase64(text, "key")
        self.kind, self.raw = int.from_bytes(data[:1]), data[1:]
        if self.kind == SM2:
            need(self.raw.startswith(SM2_NAME), "key: not an SM2 key")
            self.raw = self.raw.removeprefix(SM2_NAME)
        need(KEY_BYTES.get(self.kind) == len(self.raw), "key: not an Ed25519, ML-DSA-44 or SM2 key of a known kind")
        plain = not any(letter.isspace() or letter < " " or letter == "\x7f" for letter in self.name)
        need(plain and 0 < len(self.name.encode()) <= 255, "key: not a key's name")  # noqa: PLR2004
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        need(key_id == self.id.hex(), "key: its id does not fit")
        self.keyid = f"{self.name}+{key_id}"
        try:
            self._public = PUBLIC_KEYS[self.kind].from_public_bytes(self.raw)
        except ValueError:
            raise Rejected("key: not a point of the curve") from None

    def check(self, signature: bytes, message: bytes, what: str) -> None:
        """Refuse a signature that this key did not make."""
        try:
            self._public.verify(signature, message)
        except (InvalidSignature, ValueError):
            raise Rejected(f"{what}: the signature is not one of key {self.name}") from None

    def check_note(self, signature: bytes, text: str, what: str) -> None:
        """Refuse a note's signature that this key did not make; the cosignature of a witness carries its time first."""
        stamp, bare = (b"", signature) if self.kind in {NOTE, SM2} else (signature[:8], signature[8:])
        need(len(bare) == SIGNATURE_BYTES[self.kind], f"{what}: the signature of {self.name} has the wrong length")
        at, message = int.from_bytes(stamp), text.encode()
        need(at < 2**63, f"{what}: the time of {self.name} is beyond 2^63-1")
        if self.kind == COSIGNATURE:
            message = f"cosignature/v1\ntime {at}\n".encode() + message
        if self.kind == POST_QUANTUM:
            origin, size, root = read_checkpoint(text, what)
            names = [bytes([len(one)]) + one for one in (self.name.encode(), origin.encode())]
            message = b"subtree/v1\n\0" + names[0] + stamp + names[1] + struct.pack(">QQ", 0, size) + root
        self.check(bare, message, what)


def read_checkpoint(text: str, what: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint's text; extension lines, which our log never writes, say nothing."""
    lines = text.split("\n")
    need(len(lines) > 3 and all(lines[:-1]) and not lines[-1], f"{what}: not the lines of a checkpoint")  # noqa: PLR2004
    root = unbase64(lines[2], what)
    is_root = len(root) == 32 and (lines[1] != "0" or root == hashlib.sha256().digest())  # noqa: PLR2004
    need(is_root and len(lines[0].encode()) <= 255, f"{what}: not an origin and a root")  # noqa: PLR2004
    return lines[0], number_of(lines[1], what), root


class Policy:
    """Whose signatures count: the text of a C2SP tlog-policy."""

    def __init__(self, text: str) -> None:
        need(re.fullmatch(r"[^\x00-\x08\x0b-\x1f\x7f]*\n", text), "policy: not lines of text, each of them ended")
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}
        quorums: list[str] = []
        members: set[str] = set()
        for line in text.split("\n"):
            words = [word for word in re.split(r"[ \t]+", line) if word]
            known = {*self.witnesses, *self.groups}
            match words:
                case []:
                    continue
                case [word, *_] if word.startswith("#"):
                    continue
                case ["log", key] | ["log", key, _]:
                    self.logs.append(Key(key))
                case ["witness", name, key] | ["witness", name, key, _] if name not in {"none", *known}:
                    self.witnesses[name] = Key(key)
                case ["group", name, wanted, *names] if name not in {"none", *known} and {*names} <= known:
                    need(len({*names}) == len(names) and not members & {*names}, "policy: a member stands twice")
                    members |= {*names}
                    count = {"all": len(names), "any": 1}.get(wanted) or number_of(wanted, "policy")
                    need(1 <= count <= len(names), "policy: a group's threshold is from 1 to all of its members")
                    self.groups[name] = (count, names)
                case ["quorum", name] if name in {"none", *known}:
                    quorums.append(name)
                case _:
                    raise Rejected(f"policy: a line is not understood: {words[0]}")
        need(self.logs, "policy: it names no log")
        need(len(quorums) == 1, "policy: it has not exactly one quorum line")
        (self.quorum,) = quorums
        for keys, wrong in ((self.logs, {COSIGNATURE}), ([*self.witnesses.values()], {NOTE, SM2})):
            need(all(key.kind not in wrong for key in keys), "policy: a key is of a kind that signs something else")
            need(len({key.raw for key in keys}) == len(keys), "policy: the same key stands twice")

    def signed(self, names: set[str], name: str) -> bool:
        """Whether the witnesses in ``names`` make this witness or group."""
        if name in self.witnesses:
            return name in names
        count, members = self.groups[name]
        return sum(self.signed(names, one) for one in members) >= count

    def open_checkpoint(self, note: bytes, what: str) -> tuple[str, int, bytes]:
        """Return origin, size and root of a checkpoint that counts. Signatures of unknown keys say nothing."""
        need(len(note) <= NOTE_BYTES_MAX, f"{what}: more than {NOTE_BYTES_MAX} bytes")
        try:
            text, blank, tail = note.decode().rpartition("\n\n")
        except UnicodeDecodeError:
            raise Rejected(f"{what}: not UTF-8") from None
        need(text and blank and tail.endswith("\n"), f"{what}: not a signed note")
        need(not re.search(r"[\x00-\x09\x0b-\x1f]", text + tail), f"{what}: control characters")
        text += "\n"
        origin, size, root = read_checkpoint(text, what)
        logs = {(key.name, key.id): key for key in self.logs if key.name == origin}
        named = {(key.name, key.id): name for name, key in self.witnesses.items()}
        kinds, seen = set(), set()
        for line in tail[:-1].split("\n"):
            match = re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})", line)
            need(match, f"{what}: not a signature line")
            name, data = (match[1], unbase64(match[2], what)) if match else ("", b"")
            need(len(data) > 4, f"{what}: a signature without a key id")  # noqa: PLR2004
            who = (name, data[:4])
            if who in logs:
                logs[who].check_note(data[4:], text, what)
                kinds.add(logs[who].kind)
            if who in named:
                self.witnesses[named[who]].check_note(data[4:], text, what)
                seen.add(named[who])
        need(kinds, f"{what}: not signed by a log of the policy")
        # All documents are signed by the checkpoint's keys, so what is demanded of it is demanded of them.
        demanded = {key.kind for key in logs.values()} & {SM2}
        need(demanded <= kinds, f"{what}: not signed by the SM2 key of {origin} in the policy")
        quorum = self.quorum
        need(quorum == "none" or self.signed(seen, quorum), f"{what}: not cosigned by quorum {quorum} of the policy")
        return origin, size, root

    def cosigned_at(self, note: bytes) -> Iterator[tuple[str, int]]:
        """Yield who of the witnesses cosigned a checkpoint that was opened, and when, where they say that."""
        named = {(key.name, key.id): name for name, key in self.witnesses.items()}
        for name, text in re.findall(r"^— (\S+) (\S+)$", note.decode().rpartition("\n\n")[2], re.MULTILINE):
            data = unbase64(text, name)
            if (name, data[:4]) in named and any(data[4:12]):
                yield named[name, data[:4]], int.from_bytes(data[4:12])

    def open_statement(self, raw: bytes, note: bytes, predicate_type: str, what: str) -> Document:
        """Return the in-toto statement of a DSSE envelope that a log's keys signed, the same that signed its note.

        Keys that the reader does not know say nothing here either, yet they are to be the same ones in every place, so
        that no signature can be taken away unnoticed.
        """
        origin = note.decode().partition("\n")[0]
        envelope = parse(raw, what)
        need(envelope.keys() == {"payload", "payloadType", "signatures"}, f"{what}: not a DSSE envelope")
        kind = envelope["payloadType"]
        need(kind == "application/vnd.in-toto+json", f"{what}: not an in-toto statement")
        payload = unbase64(shape(envelope, "payload signatures")["payload"], what)
        message = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
        keys = {key.keyid: key for key in self.logs if key.name == origin}
        is_signed = False
        for row in envelope["signatures"]:
            need(shape(row, "keyid sig").keys() == {"keyid", "sig"}, f"{what}: not a signature")
            signature = unbase64(row["sig"], what)
            if row["keyid"] in keys:
                keys[row["keyid"]].check(signature, message, what)
                is_signed = True
        need(is_signed, f"{what}: not signed by a key of {origin} in the policy")
        lines = re.findall(rf"— {re.escape(origin)} (\S+)", note.decode().rpartition("\n\n")[2])
        same = [f"{origin}+{unbase64(line, what)[:4].hex()}" for line in lines]
        need([row["keyid"] for row in envelope["signatures"]] == same, f"{what}: not signed by the checkpoint's keys")
        statement = shape(parse(payload, what), "_type subject predicateType predicate")
        need(len(statement) == 4, f"{what}: not exactly the keys of a statement")  # noqa: PLR2004
        need(statement["_type"] == "https://in-toto.io/Statement/v1", f"{what}: not a Statement v1")
        need(statement["predicateType"] == predicate_type, f"{what}: a statement of something else")
        return statement


def subjects(statement: Document, what: str) -> dict[str, str]:
    """Return the SHA-256 of each subject of a statement by its name."""
    found = {}
    for row in statement["subject"]:
        shape(row, "name")
        digest = row.get("digest")
        is_plain = row.keys() == {"name", "digest"} and isinstance(digest, dict) and digest.keys() == {"sha256"}
        need(is_plain and row["name"] not in found, f"{what}: a subject is not one name with one SHA-256")
        found[row["name"]] = digest["sha256"]
    return found


# -- archive and ledger ----------------------------------------------------------------------------------------------


def read_archive(data: bytes) -> dict[str, bytes]:
    """Return what the members of the ZIP seem to be; see ``require_rebuilt``."""
    members: dict[str, bytes] = {}
    at, last = 0, ""
    while data[at : at + 4] == b"PK\x03\x04" and len(data) >= at + 30:
        size, name_length = struct.unpack_from("<L4xH", data, at + 18)
        name = data[at + 30 : at + 30 + name_length].decode("latin-1")
        need(NAME.fullmatch(name) and name > last, "archive: a member's name is not allowed or not in order")
        at, last = at + 30 + name_length + size, name
        members[name] = data[at - size : at]
    return members


def require_rebuilt(members: Mapping[str, bytes], data: bytes) -> None:
    """Build the ZIP again from its members, and refuse if these are not the bytes."""
    need(len(data) < 2**32 and rebuild(members) == data, "archive: not the bytes that its members make")


def rebuild(members: Mapping[str, bytes]) -> bytes:
    """Return the one ZIP of these members: stored, sorted, dated 1980-01-01, no extra fields, no comment."""
    locals_, central, offset = [], [], 0
    for name, data in sorted(members.items()):
        text = name.encode("ascii")
        common = struct.pack("<5H3L2H", 20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(text), 0)
        locals_ += [b"PK\x03\x04", common, text, data]
        central += [b"PK\x01\x02\x14\x03", common, struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, offset), text]
        offset += 30 + len(text) + len(data)
    directory = b"".join(central)
    count = len(members)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count % 65536, count % 65536, len(directory), offset, 0)
    return b"".join(locals_) + directory + end


def check_manifest(members: Mapping[str, bytes], policy: Policy, note: bytes) -> None:
    """Refuse unless the signed manifest lists exactly the other members with their digests."""
    what = "manifest.json"
    kind = "https://winddown.example/bundle/v1"
    listed = subjects(policy.open_statement(members.get(what, b""), note, kind, what), what)
    found = {name: hashlib.sha256(data).hexdigest() for name, data in members.items() if name != what}
    for name in sorted(listed.keys() & found.keys()):
        need(listed[name] == found[name], f"{what}: {name} is not what was signed")
    need(listed.keys() == found.keys(), f"{what}: members were added or left out")


@dataclass(slots=True)
class Entry:
    """One line of the ledger."""

    seq: int
    at: datetime
    case: str
    type: str
    body: Document


class Judged:
    """What the lines of a ledger hold, part by part; the root over them is known once all were looked at."""

    def __init__(self, lines: Sequence[bytes], parts: Iterator[tuple[bytes, bytes]]) -> None:
        self.lines, self.parts = lines, parts
        self.roots: list[bytes] = []

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, as one story: of one case, contiguous from 0, never going back in time."""
        number, before = 0, ("", "")
        for packed, root in self.parts:
            self.roots.append(root)
            times, case, types, bodies, fault = marshal.loads(packed)  # noqa: S302 - from this program
            if times:
                before = times[-1], require_later(number, (times[0], case), before)[1]
            moments = map(datetime.fromisoformat, times)
            yield from map(Entry, count(number), moments, repeat(case), types, bodies)
            number += len(times)
            if fault:
                raise Rejected(fault)

    def root(self) -> bytes:
        """Root over all lines, those included that nobody asked for."""
        return merkle_root(self.roots + [root for _, root in self.parts])


@contextmanager
def judging(ledger: bytes) -> Iterator[Judged]:
    """Judge lines; if they are many, all processors begin at once, and this one goes first with what is in order."""
    *lines, _ = ledger.split(b"\n")  # Each line ends.
    firsts = range(0, len(lines), LINES_AT_ONCE)
    sizes = (sum(map(len, part)) + len(part) for part in (lines[one : one + LINES_AT_ONCE] for one in firsts))
    ends = list(accumulate(sizes, initial=0))

    def chunks() -> Iterator[bytes]:
        return (ledger[start : end - 1] for start, end in pairwise(ends))

    if len(lines) < MANY_LINES:
        yield Judged(lines, map(judged, firsts, chunks()))
        return
    # Processes that are forked have the whole ledger from their beginning, and it is no copy; others are sent parts.
    is_forked, pool = multiprocessing.get_start_method() == "fork", None
    try:
        judges = min(os.cpu_count() or 1, JUDGES_MAX)
        pool = ProcessPoolExecutor(judges, initializer=begin, initargs=(ledger if is_forked else b"",))
        there = pool.map(judged_there, firsts, ends, ends[1:]) if is_forked else pool.map(judged, firsts, chunks())
    except (AssertionError, NotImplementedError):  # where no process may have others
        there = map(judged, firsts, chunks())
    try:
        yield Judged(lines, there)
    except BrokenExecutor:
        raise Rejected("ledger.jsonl: a process that judged it was ended; verify again, with more memory") from None
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def begin(ledger: bytes) -> None:
    """Be ready to judge parts of this, behind the process that waits for them."""
    LEDGER[:] = [ledger]
    getattr(os, "nice", int)(10)


def judged_there(number: int, start: int, end: int) -> tuple[bytes, bytes]:
    """Judge lines of what this process is to look at, from one byte to another."""
    return judged(number, LEDGER[0][start : end - 1])


def judged(number: int, chunk: bytes) -> tuple[bytes, bytes]:
    """Return what lines tell, up to the first that is no entry with its number; their root.

    Packed are the times, the case, the types and the bodies of entries, and why the next line is none, or "".
    """
    found, fault, lines = read_together(number, chunk), "", chunk.split(b"\n")
    if not found:
        before = "", ""
        try:
            for at, line in enumerate(lines, number):
                document = read_alone(at, line)
                before = require_later(at, (document["at"], document["case"]), before)
                found.append(document)
        except Rejected as reason:
            fault = str(reason)
    times, types, bodies = ([document[name] for document in found] for name in ("at", "type", "body"))
    case = found[0]["case"] if found else ""
    return marshal.dumps((times, case, types, bodies, fault)), merkle_root(list(map(leaf_of, lines)))


def require_later(number: int, found: tuple[str, str], before: tuple[str, str]) -> tuple[str, str]:
    """Refuse an entry, by its time and case, that does not go on from the one before it."""
    need(found[0] >= before[0], f"ledger entry {number}: earlier than the entry before it")
    need(before[1] in {"", found[1]}, f"ledger entry {number}: of another case than the entries before it")
    return found


def read_together(number: int, chunk: bytes) -> list[Any]:
    """Return the entries in lines from this number on, read as one list and looked at field by field.

    Nothing is returned where anything is to be said about one; each is read alone then. A list that is spelled as its
    own value holds nothing else. It has as many seams between entries as there are ends of lines, each end makes one,
    and no other place looks like one; so each line is one entry. That takes half the time.
    """
    try:
        text = chunk.decode("ascii")
        lines = text.split(LINE_END)
        longest = max(map(len, lines))
        if longest > ENTRY_BYTES_MAX or any(is_nested(line) for line in lines if len(line) > NESTED_MAX):
            return []
        spelled = f"[{text.replace(LINE_END, ',')}]"
        found: list[Any] = DECODER.decode(spelled)
        is_apart = len(found) - 1 == text.count(SEAM_OF_LINES) == spelled.count(SEAM) == len(lines) - 1
        is_plain = is_apart and ENCODER.encode(found) == spelled and are_entries(number, found)
    except (ValueError, RecursionError):
        return []
    return found if is_plain else []


def are_entries(number: int, documents: Sequence[Any]) -> bool:
    """Whether each is an entry, from this number on, of one case, none earlier than the one before."""
    if not fit(documents, ENTRY) or set(map(len, documents)) != {ENTRY_KEYS}:
        return False
    bodies: defaultdict[str, list[Any]] = defaultdict(list)
    for document in documents:
        bodies[document["type"]].append(document["body"])
    known = all(name in FIELDS and fit(found, FIELDS[name]) for name, found in bodies.items())
    numbers, times, cases = ([document[name] for document in documents] for name in ("seq", "at", "case"))
    is_one_story = numbers == list(range(number, number + len(numbers))) and sorted(times) == times
    if not (known and is_one_story and len(set(cases)) == 1 and all(map(TIME.fullmatch, times))):
        return False
    list(map(datetime.fromisoformat, times))
    return True


def read_alone(number: int, line: bytes) -> Document:
    """Return the entry in one line, which has this number, with what its type needs, or say why it is none."""
    what = f"ledger entry {number}"
    try:
        need(len(line) <= ENTRY_BYTES_MAX, "more than 65535 bytes")
        document = parse_object(line)
        need(len(shape(document, ENTRY)) == ENTRY_KEYS, "not the six keys of an entry")
        need(TIME.fullmatch(document["at"]), "at is not a UTC time with microseconds")
        need(document["type"] in FIELDS, "there is no such entry type")
        shape(document["body"], FIELDS[document["type"]])
    except Rejected as reason:
        raise Rejected(f"{what}: {reason}") from None
    moment_of(document["at"], what)
    found = document["seq"]
    need(found == number, f"{what}: carries number {found}, so entries are missing or reordered")
    return document


def leaf_of(line: bytes) -> bytes:
    """RFC 6962 hash of a leaf."""
    return hashlib.sha256(b"\x00" + line).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 root over leaf hashes, level by level: pairs are joined, an odd last hash moves up unchanged."""
    level, sha256 = list(leaves), hashlib.sha256
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0] if level else sha256(b"").digest()


def climb(leaf: bytes, index: int, size: int, proof: Sequence[bytes], what: str) -> bytes:
    """Return the root to which an inclusion proof leads (RFC 9162, section 2.1.3.2)."""
    need(index < size, f"{what}: there is no entry {index} among {size}")
    last, node = size - 1, leaf
    for sibling in proof:
        need(last > 0 and len(sibling) == 32, f"{what}: the proof is too long")  # noqa: PLR2004
        if index & 1 or index == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        index, last = index >> 1, last >> 1
    need(last == 0, f"{what}: the proof is too short")
    return node


# -- what the entries tell -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ending:
    """What may be sanitised under a plan: leftovers, or own traces with their maximum, or a key or bucket, last."""

    store: str
    digest: str = ""
    files_max: int | None = None
    is_last: bool = False

    @property
    def is_demanded(self) -> bool:
        """Whether there is no certificate without it; leftovers cannot be cleared in every store."""
        return self.is_last or self.files_max is not None


def endings_of(plan: Document) -> dict[str, Ending]:
    """Return what may be sanitised by the name that stands in place of an order."""
    found = {}
    for trace in plan["traces"]:
        name, most = shape(trace, "name files_max")["name"], trace["files_max"]
        found[f"sanitise {name}"] = Ending(OWN, digest_of_document([name, most]), most)
    for order in plan["orders"]:
        if order["act"] in COPIES:
            continue
        store = order["collection"]["store"]
        found[f"sanitise {store}"] = Ending(store)
        if order.get("destroys_key"):
            key = shape(order, "destroys_key")["destroys_key"]
            found[f"destroy key of {store}"] = Ending(store, key, is_last=True)
        if order.get("deletes_bucket"):
            found[f"delete bucket of {store}"] = Ending(store, is_last=True)
    return found


def is_proven(body: Document) -> bool:
    """Whether what was read back of an effect says that nothing stood against it; of some acts it is in words."""
    read_back = body["read_back"]
    if body["act"] not in IN_TURN or not body["plan_id"]:
        return isinstance(read_back, str)
    if type(read_back) is not dict:
        return False
    by, contradictions = read_back.get("by"), read_back.get("contradictions")
    return type(by) is str and by != "" and type(contradictions) is int and contradictions == 0


def named(document: Document) -> str:
    """Return the collection of an order or decision as certificates write it."""
    collection = shape(shape(document, "").get("collection"), "store name")
    return f"{collection['store']}:{collection['name']}"


def told(rows: Sequence[Any], *names: str) -> list[bytes]:
    """Return what rows say under these names, canonical, so that they can be compared."""
    return [canonical([shape(row, "").get(name) for name in names]) for row in rows]


def said_of_order(document: Document, row: Document) -> Document:
    """Return what a certificate says of one of its orders, and of the store that it was about."""
    store = row["collection"].partition(":")[0]
    return {
        **{name: document.get(name) for name in OF_THE_WAVE.split()},
        "certificate": document["id"],
        "certificate_digest": digest_of_document(document),
        "order": row,
        "inspection": [found for found in document["inspection"] if found["store"] == store],
        "residual_until": [found for found in document["residual_until"] if found.get("store") == store],
    }


def unequal(document: Document, wanted: Document) -> list[str]:
    """Return the names of those fields that have other values than are wanted."""
    return [name for name, value in wanted.items() if canonical(document.get(name)) != canonical(value)]


class Story:
    """The entries, replayed in order against plans and certificates; every breach becomes a reason naming its entry."""

    def __init__(
        self,
        plans: Mapping[str, Document],
        statements: Mapping[str, Document],
        told: Mapping[str, Document],
        keys: Mapping[str, Key],
    ) -> None:
        self.plans, self.statements, self.told = plans, statements, told
        self.certificates = {one: statement["predicate"] for one, statement in statements.items()}
        self.reasons: list[str] = []
        self.orders: dict[tuple[str, str], Document] = {}
        self.made: dict[str, str] = {}
        self.keys = keys  # of approvers, by login, that the reader has
        self.signed = 0
        self.unread = 0  # signed approvals of people whose keys the reader does not have
        self.is_halted = False
        self.approvals: defaultdict[str, dict[str, tuple[str, datetime, str]]] = defaultdict(dict)  # role, since, door
        self.approved: dict[str, datetime] = {}  # plans with enough approvals, by the oldest of these
        self.unproved: set[str] = set()  # approvers whose approvals count here without a verified signature
        self.acknowledged: dict[tuple[str, str], Document] = {}  # order to who has which archive of it
        self.holds: dict[str, str] = {}  # holds in force, with the digest of what each covers
        self.holds_digest = digest_of_document([])
        self.backups: dict[str, Document] = {}  # the last backup of each store that was proven
        self.batches: dict[tuple[str, str], dict[str, str]] = {}  # approved digest of each batch
        self.copied: set[tuple[str, str, str]] = set()  # batches that stand in an archive or a checked extract
        self.endings: dict[str, dict[str, Ending]] = {}  # what each plan may sanitise, by name
        self.sanitised: dict[tuple[str, str], int] = {}  # plan and name, with the records that it was about
        self.clean: dict[str, list[Any]] = {}  # plans with what a residual check said after their last purge
        self.begun: dict[str, None] = {}  # plans under which something but restoring was intended
        self.case = ""
        self.at = datetime.min.replace(tzinfo=UTC)  # of the last entry
        self.intents: dict[str, Document] = {}  # the last intent of each effect
        self.last: dict[str, str] = {}  # effect to intent, done or unknown
        self.nonces: set[str] = set()
        self.quarantined: dict[tuple[str, str, str], tuple[datetime, int]] = {}  # since when, and records
        self.purging: dict[tuple[str, str, str], tuple[datetime, int]] = {}  # what purges at work were intended on
        self.purged: dict[tuple[str, str, str], int] = {}
        self.totals: defaultdict[tuple[str, str], int] = defaultdict(int)  # purged records per order
        self.issued: dict[str, int] = {}  # certificate to its entry
        self.documents: Document = {}  # digest of each document for people, by the last report
        self.reported: tuple[str, Any] = ("", [])  # day of the last report, and whom it waits for
        self.certified: set[str] = set()  # plans with a certificate
        self.cleared: dict[str, Document] = {}  # plans after which the scheduler's records went, by whose word

    def replay(self, entries: Iterator[Entry]) -> None:
        """Go through the entries, then ask what never came."""
        for entry in entries:
            self.case, self.at = entry.case, entry.at
            if FIELDS[entry.type]:  # The method is named after the type; types without fields have none.
                try:
                    getattr(self, entry.type)(entry, entry.body)
                except Rejected as reason:
                    self.reasons.append(f"entry {entry.seq} ({entry.type}): {reason}")
        self.reasons += [f"plan {one}: no plan_made entry" for one in self.plans if one not in self.made]
        absent = [one for one in self.certificates if one not in self.issued]
        self.reasons += [f"certificate {one}: no certificate_issued entry carries its digest" for one in absent]

    def plan_made(self, entry: Entry, body: Document) -> None:
        """The plan's file is the one that was recorded, and says what the later checks lean on."""
        plan_id = body["plan_id"]
        need(plan_id in self.plans, f"plan {plan_id} is not in the bundle")
        need(plan_id not in self.made, f"plan {plan_id} was made before")
        plan = shape(
            self.plans[plan_id],
            "id case wave approvals_needed grace_seconds orders approvers requested_by approval_days holds_digest "
            "decisions traces",
        )
        need(0 < plan["approval_days"] <= DAYS_MAX, f"plan {plan_id}: approvals count for no days, or too many")
        for approver in plan["approvers"]:
            shape(approver, "person role")
        digest = digest_of_document(plan)
        need(body["digest"] == digest, f"plan {plan_id} in the bundle has another digest")
        stated, recorded = [plan["id"], plan["case"], plan["wave"]], [plan_id, entry.case, body["wave"]]
        need(canonical(stated) == canonical(recorded), f"plan {plan_id} states another id, case or wave")
        need(plan["approvals_needed"] > 0, f"plan {plan_id} asks for no approvals")
        need(isinstance(plan.get("scheduler_by", ""), str), f"plan {plan_id}: scheduler_by is not text")
        if "approver_roles" in plan:
            roles = shape(plan, "approver_roles")["approver_roles"]
            need(all(isinstance(role, str) for role in roles), f"plan {plan_id}: a role is not text")
        fields = "id act record_count_max requires label"
        orders = {(plan_id, shape(order, fields)["id"]): order for order in plan["orders"]}
        need(len(orders) == len(plan["orders"]), f"plan {plan_id}: an order appears twice")
        for (_, order_id), order in orders.items():
            known = all(isinstance(one, str) and (plan_id, one) in orders for one in order["requires"])
            need(known, f"order {order_id} requires an order that is not in the plan")
            need(order["act"] in ORDERS, f"order {order_id}: there is no such act")
            shape(order.get("collection"), "store name")
            shape(order.get("selection"), "count batch_digests")
        need(not (orders and plan["traces"]), f"plan {plan_id} is about records and own traces at once")
        taken = {one for _, one in self.orders} & {one for _, one in orders}
        need(not taken, f"plan {plan_id}: an order has the id of another plan's")
        self.endings[plan_id] = endings_of(plan)
        for place, order in orders.items():
            self.batches[place] = {str(n): one for n, one in enumerate(order["selection"]["batch_digests"])}
        self.orders |= orders
        self.made[plan_id] = digest

    def of_plan(self, body: Document) -> str:
        """Return the id of a plan that was made before."""
        plan_id = str(body["plan_id"])
        if plan_id not in self.made:
            raise Rejected(f"plan {plan_id} was not made before")
        return plan_id

    def of_order(self, body: Document) -> tuple[str, str]:
        """Return plan id and order id, both known."""
        place = (self.of_plan(body), body["order_id"])
        if place not in self.orders:
            raise Rejected(f"order {place[1]} is not in plan {place[0]}")
        return place

    def approval_given(self, entry: Entry, body: Document) -> None:
        """An approval counts for exactly the plan that was made, once per person, by whom the plan names."""
        plan_id, person, role, since = self.of_plan(body), body["person"], body["role"], entry.at
        need(body["plan_digest"] == self.made[plan_id], f"approval of another digest than plan {plan_id} has")
        plan = self.plans[plan_id]
        named = [(one["person"], one["role"]) for one in plan["approvers"]]
        need((person, role) in named, f"{person} is no approver of plan {plan_id} as {role}")
        need(person != plan["requested_by"], f"{person} requested plan {plan_id} and approved it")
        need(person not in self.keys or body["door"] == "signature", f"{person} did not sign the approval")
        verified = self.signed
        if body["door"] == "signature":
            since = min(since, self.signed_at(entry, body, plan))
        if verified == self.signed:
            self.unproved.add(person)
        self.approvals[plan_id][person] = (role, since, body["door"])

    def signed_at(self, entry: Entry, body: Document, plan: Document) -> datetime:
        """Return when an approval was signed; the text must be about this plan, and genuine if its key is known."""
        note = shape(body, "note")["note"]
        lines = note.split("\n")
        stated = [f"{name}: " for name in STATED]
        is_whole = lines[0] == APPROVAL_HEAD and all(map(str.startswith, lines[1:], stated))
        need(is_whole and len(lines) > len(stated), "the signed text is no approval")
        values = [line.removeprefix(start) for line, start in zip(lines[1:], stated, strict=False)]
        wanted = [plan["id"], self.made[plan["id"]], body["person"], body["role"]]
        need(values[:5] == [entry.case, *wanted], "the signed text is about another plan, person or role")
        need(values[6] == str(plan["approval_days"]), "the signed text gives it another number of days")
        need(TIME.fullmatch(values[5]), "the signed text has no UTC time with microseconds")
        at = moment_of(values[5], "the signed text")
        need(at - entry.at <= SKEW_MAX, "it is signed for a time in the future")
        key = self.keys.get(body["person"])
        if key is None:
            self.unread += 1
            return at
        text, blank, tail = note.rpartition("\n\n")
        need(text and blank and tail.endswith("\n"), "not a signed note")
        found = re.findall(rf"^— {re.escape(key.name)} (\S+)$", tail[:-1], re.MULTILINE)
        signatures = [data[4:] for one in found if (data := unbase64(one, "approval"))[:4] == key.id]
        need(signatures, f"not signed by the key of {key.name}")
        for signature in signatures:
            key.check_note(signature, text + "\n", "approval")
        self.signed += 1
        return at

    def halted(self, _entry: Entry, _body: Document) -> None:
        """From here on nothing may be intended but restoring."""
        self.is_halted = True

    def resumed(self, _entry: Entry, _body: Document) -> None:
        """The case goes on."""
        self.is_halted = False

    def evidence_read(self, entry: Entry, body: Document) -> None:
        """Somebody read evidence; nothing follows from it."""

    def hold_placed(self, _entry: Entry, body: Document) -> None:
        """A hold is in force from here on, or covers more than before."""
        self.holds[body["hold"]] = body["scope_digest"]
        self.holds_digest = digest_of_document([[one, self.holds[one]] for one in sorted(self.holds)])

    def hold_released(self, _entry: Entry, body: Document) -> None:
        """A hold that was in force holds no more."""
        need(body["hold"] in self.holds, f"hold {body['hold']} was not in force")
        del self.holds[body["hold"]]
        self.holds_digest = digest_of_document([[one, self.holds[one]] for one in sorted(self.holds)])

    def backup_proven(self, _entry: Entry, body: Document) -> None:
        """There is a backup of a store, which holds what is erased until its last day."""
        self.backups[body["store"]] = body

    def handover_acknowledged(self, _entry: Entry, body: Document) -> None:
        """Its receiver has what an order handed over, all of which was sealed before."""
        place = self.of_order(body)
        is_sealed = self.orders[place]["act"] == "seal" and not self.open_batches(place)
        need(is_sealed, f"order {place[1]} was not sealed before")
        self.acknowledged[place] = body

    def open_batches(self, place: tuple[str, str]) -> list[str]:
        """Return the batches of an order whose act is not done."""
        done = self.copied if self.orders[place]["act"] in COPIES else self.purged
        return [batch for batch in self.batches[place] if (*place, batch) not in done]

    def intent(self, entry: Entry, body: Document) -> None:
        """What is about to be done was approved, is within the plan, and its time has come."""
        effect, act, nonce = body["effect"], body["act"], body["nonce"]
        need(act in ACTS, "there is no such act")
        if effect in self.intents and IDENTITY(self.intents[effect]) != IDENTITY(body):
            raise Rejected(f"effect {effect} was another one before")
        self.intents[effect], self.last[effect] = body, "intent"
        need(not nonce or nonce not in self.nonces, "the nonce of its authorisation was used before")
        self.nonces.add(nonce)
        need(act == "restore" or not self.is_halted, "something else than restoring while the case was halted")
        if act in {"freeze", "restore"} and not body["plan_id"]:
            return  # A freeze, and its undoing, may come before there is a plan.
        plan_id = self.of_plan(body)
        plan = self.plans[plan_id]
        if act != "restore":  # Undoing waits for no approval, and for no hold.
            self.begun[plan_id] = None
            self.require_approved(plan_id, plan, entry.at)
            if plan_id in self.certified:
                raise Rejected(f"{act} after the certificate of plan {plan_id}")
            if plan["holds_digest"] != self.holds_digest:
                raise Rejected(f"the holds in force are not those with which plan {plan_id} was made")
        self.make_stale(body)
        if act == "sanitise":
            self.require_ending(plan_id, body)
            return
        _, order_id = place = self.of_order(body)
        order, key = self.orders[place], (*place, body["batch"])
        for other in order["requires"]:
            if self.orders[plan_id, other]["act"] == "anonymise":
                there = not self.open_batches((plan_id, other))
                need(there, f"order {order_id} requires order {other}, whose extract is not checked")
                continue
            there = (plan_id, other) in self.acknowledged
            need(there, f"order {order_id} requires order {other}, whose hand-over is not acknowledged")
        if refused := self.refused(entry, body, order, key):
            raise Rejected(f"{act} of order {order_id} batch {body['batch']}{refused}")

    def refused(  # noqa: PLR0911 - a reason each
        self, entry: Entry, body: Document, order: Document, key: tuple[str, str, str]
    ) -> str:
        """Say what is wrong with an act on a batch; nothing is put into words before, as nothing is a million times."""
        act, place = body["act"], key[:2]
        if not (act == order["act"] if order["act"] in COPIES else act in IN_TURN):
            return f": the order is to {order['act']}"
        if body["records"] > order["record_count_max"]:
            return f": {body['records']} records, record_count_max is {order['record_count_max']}"
        if body["batch_digest"] != self.batches[place].get(body["batch"]):
            return ": its keys are not the approved ones"
        if act in {"quarantine", "restore"}:
            # Both end the quarantine from the intent on, so a later purge needs it to be done, and a new grace.
            if key in self.purged:
                return " after its purge"
            self.quarantined.pop(key, None)
            if act == "quarantine":
                self.purging.pop(key, None)
        if act == "purge":
            if key not in self.quarantined:
                return " without an earlier quarantine"
            waited, grace = (entry.at - self.quarantined[key][0]) // SECOND, self.plans[key[0]]["grace_seconds"]
            if waited < grace:
                return f" before the grace period of {grace} s has passed, after {waited} s"
            self.purging[key] = self.quarantined[key]
        return ""

    def require_ending(self, plan_id: str, body: Document) -> None:
        """What is cleared, or destroyed for good, is what the plan says, and all else of its store went before."""
        name, ending = body["order_id"], self.endings[plan_id].get(body["order_id"])
        if ending is None:
            raise Rejected(f"{name} is not in plan {plan_id}")
        need(body["batch_digest"] == ending.digest, f"{name}: it is about something else than plan {plan_id} says")
        too_many = ending.files_max is not None and body["records"] > ending.files_max
        need(not too_many, f"{name}: {body['records']} files, files_max is {ending.files_max}")
        for place in [place for place in self.orders if place[0] == plan_id]:
            of_store = self.orders[place]["collection"]["store"] == ending.store
            is_open = of_store and self.orders[place]["act"] not in COPIES and self.open_batches(place)
            need(not is_open, f"{name} before all of order {place[1]} was purged")
        checked = not ending.is_last or plan_id in self.clean
        need(checked, f"{name} before a residual check of plan {plan_id} found nothing")

    def make_stale(self, body: Document) -> None:
        """What is done to a store makes an earlier check of it worthless, but for what may only go after one."""
        if body["plan_id"] in self.clean:
            ending = self.endings[body["plan_id"]].get(body["order_id"])
            if body["act"] in IN_TURN or (ending is not None and not ending.is_last):
                del self.clean[body["plan_id"]]

    def require_approved(self, plan_id: str, plan: Document, at: datetime) -> None:
        """Enough distinct persons in the right roles approved, and not too long ago."""
        days = timedelta(days=plan["approval_days"])
        if plan_id in self.approved and at - self.approved[plan_id] < days:
            return
        valid = [(role, since) for role, since, _ in self.approvals[plan_id].values() if at - since < days]
        given, needed = len(valid), plan["approvals_needed"]
        need(given >= needed, f"plan {plan_id}: {given} distinct persons approved before this intent, {needed} needed")
        missing = set(plan.get("approver_roles", ())) - {role for role, _ in valid}
        need(not missing, f"plan {plan_id}: nobody with the role {', '.join(sorted(missing))} approved")
        self.approved[plan_id] = min(since for _, since in valid)

    def unknown(self, entry: Entry, body: Document) -> None:
        """An effect ends, for now, without a known outcome. ``done`` begins the same way."""
        effect = body["effect"]
        if effect not in self.intents:
            raise Rejected(f"effect {effect} was never intended")
        if IDENTITY(self.intents[effect]) != IDENTITY(body):
            raise Rejected(f"effect {effect} was intended differently")
        self.last[effect] = entry.type
        self.make_stale(body)
        key = body["plan_id"], body["order_id"], body["batch"]
        if body["act"] == "quarantine" and entry.type == "unknown":
            self.quarantined.pop(key, None)
        if body["act"] in {"quarantine", "restore"}:
            self.purging.pop(key, None)

    def done(self, entry: Entry, body: Document) -> None:
        """An effect ends as intended, within what was intended, and another path found nothing against it."""
        self.unknown(entry, body)
        intent, records, act = self.intents[body["effect"]], body["records"], body["act"]
        place, key = (body["plan_id"], body["order_id"]), (body["plan_id"], body["order_id"], body["batch"])
        what = f"{act} of order {key[1]} batch {key[2]}"
        if records > intent["records"]:
            raise Rejected(f"{what}: {records} records, {intent['records']} were intended")
        if not is_proven(body):
            raise Rejected(f"{what}: its read-back does not say that another path found nothing against it")
        if act in {"quarantine", "purge"}:
            self.of_order(body)
            if act == "quarantine":
                self.quarantined.setdefault(key, (entry.at, records))
            # A purge that is at work when somebody restores may be the faster one: it ends as it was intended.
            found = self.quarantined.get(key) or self.purging.get(key)
            if found is None:
                raise Rejected(f"{what} without an earlier quarantine")
            if records != found[1]:
                raise Rejected(f"{what}: another record count than was quarantined")
        if act == "sanitise":
            self.sanitised[place] = records
        elif act in COPIES:
            self.copied.add(key)
        elif act == "purge":
            self.totals[place] += records - self.purged.get(key, 0)
            self.purged[key] = records
            total, most = self.totals[place], self.orders[place]["record_count_max"]
            need(total <= most, f"{what}: {total} records purged, record_count_max is {most}")

    def residual_checked(self, _entry: Entry, body: Document) -> None:
        """A plan is clean once a check of all its stores found nothing, until anything more is done under it."""
        plan_id = self.of_plan(body)
        stores = {ending.store for ending in self.endings[plan_id].values()}
        found = sorted(told(body["stores"], "store", "remaining", "leftovers", "found"))
        self.clean.pop(plan_id, None)
        if found == sorted(canonical([store, 0, 0, 0]) for store in stores):
            self.clean[plan_id] = body["stores"]

    def open_effects(self) -> Iterator[tuple[str, str]]:
        """Name, with their plans, the effects under plans whose last word is not done."""
        for effect, word in self.last.items():
            if word != "done" and self.intents[effect]["plan_id"]:
                body = self.intents[effect]
                text = f"{body['act']} of order {body['order_id']} batch {body['batch']} is open ({word})"
                yield body["plan_id"], text

    def notes(self) -> Iterator[str]:
        """Say what a reader should know of a bundle that verifies: what is open, and what rests on trust alone."""
        yield from (text for _, text in self.open_effects())
        waiting = Counter(plan_id for plan_id, *_ in self.quarantined.keys() - self.purged.keys())
        for plan_id in self.made:
            who = self.plans[plan_id].get("scheduler_by")
            if who and plan_id in self.certified and plan_id not in self.cleared:
                yield f"plan {plan_id}: {who} has not said that what the scheduler kept is gone"
        for plan_id in self.begun:
            if plan_id not in self.certified:
                kept = f"; {waiting[plan_id]} of its batches are in quarantine" if waiting[plan_id] else ""
                yield f"plan {plan_id} was begun and is not certified{kept}"
        if self.keys and self.unproved:
            yield f"approvals: counted without a verified signature: {', '.join(sorted(self.unproved))}"

    def certificate_issued(self, entry: Entry, body: Document) -> None:
        """The certificate says what the ledger says at the moment of its issue."""
        one = body["certificate_id"]
        what = f"certificate {one}"
        need(one in self.certificates, f"{what} is not in the bundle")
        need(one not in self.issued, f"{what} was issued before")
        fields = "id case plan_id orders approvals inspection remaining residual_until not_claimed"
        document = shape(self.certificates[one], fields)
        need(body["digest"] == digest_of_document(document), f"{what} in the bundle has another digest")
        self.issued[one] = entry.seq
        need((document["id"], document["case"]) == (one, entry.case), f"{what} states another id or case")
        need({*map(type, document["not_claimed"])} <= {str}, f"{what}: what it does not claim is not text")
        plan_id = self.of_plan(document)
        need(plan_id not in self.certified, f"{what}: plan {plan_id} has a certificate already")
        named = subjects(self.statements[one], what)
        need(named == {f"plans/{plan_id}.json": self.made[plan_id]}, f"{what}: its subject is another plan")
        self.certified.add(plan_id)
        still_open = "; ".join(text for plan, text in self.open_effects() if plan == plan_id)
        need(not still_open, f"{what}: {still_open}")
        left_out = "; ".join(self.left_out(plan_id))
        need(not left_out, f"{what}: {left_out}")
        unlike = "; ".join(self.unlike(plan_id, document, what))
        need(not unlike, f"{what}: {unlike}")

    def left_out(self, plan_id: str) -> Iterator[str]:
        """Say what a plan asks for and the ledger does not have."""
        for order in self.plans[plan_id]["orders"]:
            place, count = (plan_id, order["id"]), order["selection"]["count"]
            missing, actual = self.open_batches(place), self.totals[plan_id, order["id"]]
            if missing:
                yield f"batch {missing[0]} of order {order['id']} is not done"
            elif order["act"] not in COPIES and actual != count:
                yield f"order {order['id']} names {count} records, {actual} are purged"
            if order["act"] == "seal" and place not in self.acknowledged:
                yield f"the hand-over of order {order['id']} is not acknowledged"
        for name, ending in self.endings[plan_id].items():
            if ending.is_demanded and (plan_id, name) not in self.sanitised:
                yield f"{name} is not done"
        if plan_id not in self.clean:
            yield "no residual check found all stores clean after the last purge"

    def unlike(self, plan_id: str, document: Document, what: str) -> Iterator[str]:
        """Say where a certificate differs from its plan, and from what the ledger tells of it."""
        plan, rows = self.plans[plan_id], document["orders"]
        grace = {"seconds": plan["grace_seconds"], "reason": plan.get("grace_reason")}
        wanted: Document = {"plan_digest": self.made[plan_id], "grace": grace}
        wanted |= {name: plan.get(name) for name in ("wave", "preconditions", "rule_packs", "code_version")}
        yield from (f"another {name}" for name in unequal(document, wanted))
        given = [[person, role, door] for person, (role, _, door) in self.approvals[plan_id].items()]
        stated = [[shape(one, name)[name] for name in ("person", "role", "door")] for one in document["approvals"]]
        if sorted(given) != sorted(stated):
            yield "its approvals are not those of the ledger"
        seen = told(document["inspection"], "store", "records_live", "leftovers", "values_searched", "values_found")
        if seen != told(self.clean[plan_id], "store", "remaining", "leftovers", "probes", "found"):
            yield "its inspection is not the last residual check"
        found = {shape(row, "id purged")["id"]: row for row in rows}
        known = all((plan_id, order) in self.orders for order in found)
        need(known and len(found) == len(rows), f"{what}: an order appears twice or is not in its plan")
        for order in plan["orders"]:
            order_id, place = order["id"], (plan_id, order["id"])
            if order_id not in found:
                yield f"it has no order {order_id}"
                continue
            said, actual = found[order_id]["purged"], self.totals[place]
            if said != actual:
                yield f"order {order_id} says {said} purged, the ledger says {actual}"
            wanted = {name: order.get(name) for name in ("act", "method", "label", "fields")}
            receipt = self.acknowledged.get(place, {})
            wanted |= {"collection": named(order), "acknowledged_by": receipt.get("person")}
            selection = order["selection"]
            wanted |= {"records": selection["count"], "manifest_digest": selection.get("digest")}
            yield from (f"order {order_id}: another {name}" for name in unequal(found[order_id], wanted))
            if receipt and told([found[order_id].get("archive")], "sha256") != told([receipt], "archive_digest"):
                yield f"order {order_id}: another archive"
        yield from self.unsaid(plan, document)

    def unsaid(self, plan: Document, document: Document) -> Iterator[str]:
        """Say what stays, by plan and ledger, and is not in a certificate."""
        erasing = [order for order in plan["orders"] if order["act"] == "erase"]
        erased = {(named(order), label) for order in erasing for label in order["label"].split(", ")}
        stays: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for row, place in zip(document["remaining"], told(document["remaining"], "collection", "label"), strict=True):
            stays[place] += told([row], "records", "until", "disposition")
        for decision in plan["decisions"]:
            collection, label = named(decision), shape(decision, "label count disposition")["label"]
            count, until, outcome = decision["count"], decision.get("until"), decision["disposition"]
            # What is due and was stopped stays as what is blocked.
            outcomes = (outcome, "blocked") if outcome in {"erase", "anonymise"} else (outcome,)
            wanted = [[canonical([count, until, one])] for one in outcomes]
            if (collection, label) not in erased and stays[canonical([collection, label])] not in wanted:
                day = f" until {until}" if isinstance(until, str) else ""
                yield f"it does not say that {count} records of {collection} ({label}) stay{day} ({outcome})"
        expiring = told(document["residual_until"], "collection", "until")
        for store in sorted({ending.store for ending in self.endings[plan["id"]].values()} & self.backups.keys()):
            backup = self.backups[store]
            if canonical([backup["collection"], backup["until"]]) not in expiring:
                yield f"it does not say that backup {backup['collection']} stays until {backup['until']}"
        gone = [[trace["name"], self.sanitised[plan["id"], f"sanitise {trace['name']}"]] for trace in plan["traces"]]
        rows = shape(document, "own_traces")["own_traces"] if "own_traces" in document else []
        if told(rows, "name", "files") != [*map(canonical, gone)]:
            yield "its own traces are not those of the ledger"

    def open_person(self, raw: bytes) -> Iterator[str]:
        """Yield what each order did to one person's records, opened from the commitment in the approved plan."""
        proof = shape(parse(raw, "person"), "case person orders")
        for row in proof["orders"]:
            place = shape(row, "plan_id order_id records salt index path")["plan_id"], row["order_id"]
            order, what = self.orders.get(place, {}), f"person: order {place[1]}"
            is_ours = place[0] in self.certified and self.plans[place[0]]["case"] == proof["case"]
            need(is_ours and order, f"{what}: not in a certified plan of this case")
            selection = shape(order.get("selection"), "persons persons_root")
            leaf = {name: row[name] for name in ("plan_id", "order_id", "records", "salt")} | {
                "person": proof["person"]
            }
            path = [unbase64(one, what) for one in row["path"] if isinstance(one, str)]
            hashed = hashlib.sha256(b"\x00" + canonical(leaf)).digest()
            found = climb(hashed, row["index"], selection["persons"], path, what)
            need(found.hex() == selection["persons_root"], f"{what}: not what the plan commits to")
            yield f"{what}: {row['records']} records of this person, act {order['act']}, plan {place[0]}, certified"

    def scheduler_cleared(self, entry: Entry, body: Document) -> None:
        """Whom a certified plan names says that what the scheduler kept of the case is gone."""
        plan_id = self.of_plan(body)
        need(plan_id in self.certified, f"before the certificate of plan {plan_id}")
        is_named = self.plans[plan_id].get("scheduler_by") == body["person"]
        need(is_named, f"plan {plan_id} does not name {body['person']} for it")
        said = {name: body[name] for name in FIELDS[entry.type].split()} | {"entry": entry.seq}
        self.cleared.setdefault(plan_id, said)  # who says it twice has said it

    def report_issued(self, entry: Entry, body: Document) -> None:
        """The last report says which documents for people there are."""
        self.reported = (entry.at.date().isoformat(), body.get("waits_for", []))
        documents = body.get("documents", {})
        if not isinstance(documents, dict):
            raise Rejected("documents is not a list of names with digests")
        self.documents = documents

    def require_told(self) -> None:
        """What is signed of the whole case, and of each order alone, is what its certificates and the ledger say."""
        wanted: dict[str, tuple[Document, Document]] = {}
        for document in map(self.certificates.__getitem__, self.issued):
            plan_id = document["plan_id"]
            for row in document["orders"]:
                about = {f"plans/{plan_id}.json": self.made.get(plan_id)}
                wanted[f"orders/{row['id']}.json"] = (about, said_of_order(document, row))
        if self.issued:
            about = {f"plans/{one}.json": self.made[one] for one in self.made if one in self.certified}
            wanted[CASE] = (about, self.said_of_case())
        for name in sorted({*wanted, *self.told}):
            if name not in self.told:
                self.reasons.append(f"{name}: missing")
            elif name not in wanted:
                self.reasons.append(f"{name}: no certificate of this case says anything of it")
            else:
                about, said = wanted[name]
                predicate = self.told[name]["predicate"]
                if subjects(self.told[name], name) != about:
                    self.reasons.append(f"{name}: its subjects are other plans")
                if type(predicate) is not dict or predicate.keys() != said.keys():
                    self.reasons.append(f"{name}: not exactly what is said there")
                else:
                    self.reasons += [f"{name}: another {one}" for one in unequal(predicate, said)]

    def said_of_case(self) -> Document:
        """Return what certificates and ledger say of the whole case."""
        documents = [self.certificates[one] for one in self.issued]
        done: Counter[str] = Counter(dict.fromkeys(SUMS.values(), 0))
        for row in (row for document in documents for row in document["orders"]):
            done[SUMS[row["act"]]] += row["records" if row["act"] in COPIES else "purged"]
        limits = (said for document in documents for said in document["not_claimed"])
        stated = ("id", "plan_id", "plan_digest", "wave", "issued_on")
        return {
            **{name: documents[-1].get(name) for name in ("case", "company", "remaining", "residual_until")},
            "issued_on": self.reported[0],
            "certificates": [
                {name: document.get(name) for name in stated}
                | {"digest": digest_of_document(document), "entry": self.issued[document["id"]]}
                for document in documents
            ],
            "records": done,
            "not_claimed": [*dict.fromkeys(limits)],
            "unfinished": sorted(one for one in self.begun if one not in self.certified),
            "waits_for": self.reported[1],
            "scheduler_cleared": [*self.cleared.values()],
        }

    def require_checkpoint(self, origin: str, seen: Sequence[tuple[str, int]]) -> None:
        """The log is the case's own, and nobody saw it before its last entry was made."""
        if origin != f"winddown/{self.case}":
            self.reasons.append(f"checkpoint.txt: {origin} is not the log of case {self.case}")
        for who, at in seen:
            if at < int((self.at - SKEW_MAX).timestamp()):
                self.reasons.append(f"checkpoint.txt: {who} saw it before its last entry was made")

    def require_documents(self, members: Mapping[str, bytes]) -> None:
        """Each document for people is the one that the last report names; none is missing and none was added."""
        read = {name: data for name, data in members.items() if not FOR_PROGRAMS.fullmatch(name)}
        found = {name: hashlib.sha256(data).hexdigest() for name, data in read.items()}
        for name in sorted({*found, *self.documents}):
            if found.get(name) != self.documents.get(name):
                self.reasons.append(f"{name}: not what the ledger's last report_issued entry names")


# -- time stamps -----------------------------------------------------------------------------------------------------

DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "608648016503040201": hashes.SHA256(),
    "608648016503040202": hashes.SHA384(),
    "608648016503040203": hashes.SHA512(),
}
NAME_OF = {digest.name: name for name, digest in DIGESTS.items()}
PSS, MGF1 = "2a864886f70d01010a", "2a864886f70d010108"
SIGNED_DATA, TST_INFO = "2a864886f70d010702", "2a864886f70d0109100104"
CONTENT_TYPE, MESSAGE_DIGEST = "2a864886f70d010903", "2a864886f70d010904"
INTEGER, OCTETS, OID, GENERALIZED_TIME, SEQUENCE, SET, FIRST = 0x02, 0x04, 0x06, 0x18, 0x30, 0x31, 0xA0


@dataclass(frozen=True, slots=True)
class Der:
    """One value of DER: its tag, its content, and all of its bytes."""

    tag: int
    content: bytes
    whole: bytes

    def parts(self, tag: int) -> list["Der"]:
        """Return the values inside, if this is one of that tag."""
        need(self.tag == tag, "not the structure of RFC 3161")
        return read_der(self.content)

    def text(self, tag: int) -> str:
        """Return the content as hex, if this is one of that tag."""
        need(self.tag == tag, "not the structure of RFC 3161")
        return self.content.hex()


def read_der(data: bytes) -> list[Der]:
    """Return the values that stand one after another, each with the shortest length of DER."""
    found, at = [], 0
    while at < len(data):
        need(len(data) >= at + 2 and data[at] & 31 != 31, "not DER")  # noqa: PLR2004
        size, start = data[at + 1], at + 2
        if size & 128:
            count = size & 127
            size, start = int.from_bytes(data[start : start + count]), start + count
            need(1 <= count <= 4 and size >= max(128, 256 ** (count - 1)), "not DER")  # noqa: PLR2004
        need(start + size <= len(data), "not DER: it is cut off")
        found.append(Der(data[at], data[start : start + size], data[at : start + size]))
        at = start + size
    return found


def stamped_at(response: bytes, text: bytes, authority: Certificate) -> datetime:
    """Return when this authority saw ``text``, by its answer as RFC 3161 defines it. A bad one is refused."""
    try:
        return read_stamp(response, text, authority)
    except (LookupError, ValueError, InvalidSignature, ExtensionNotFound) as error:
        raise Rejected(f"not a time stamp of this authority ({type(error).__name__})") from None


def read_stamp(response: bytes, text: bytes, authority: Certificate) -> datetime:
    """Return the time; anything that does not fit raises one of several errors."""
    (answer,) = read_der(response)
    status, token = answer.parts(SEQUENCE)
    need(status.parts(SEQUENCE)[0].text(INTEGER) in {"00", "01"}, "the authority did not grant it")
    kind, wrapped = token.parts(SEQUENCE)
    need(kind.text(OID) == SIGNED_DATA, "not signed data")
    signed = wrapped.parts(FIRST)[0].parts(SEQUENCE)
    content, (signer,) = signed[2].parts(SEQUENCE), signed[-1].parts(SET)
    need(content[0].text(OID) == TST_INFO, "not a time stamp")
    info = bytes.fromhex(content[1].parts(FIRST)[0].text(OCTETS))
    parts = signer.parts(SEQUENCE)
    digest = DIGESTS.get(parts[2].parts(SEQUENCE)[0].text(OID))
    attributes = {}
    for attribute in parts[3].parts(FIRST):
        name, values = attribute.parts(SEQUENCE)
        need(name.content.hex() not in attributes, "an attribute stands twice")
        (attributes[name.text(OID)],) = values.parts(SET)
    if digest is None:
        raise Rejected("its digest is none of SHA-2")
    need(attributes[CONTENT_TYPE].text(OID) == TST_INFO, "it signs something else than a time stamp")
    need(attributes[MESSAGE_DIGEST].content == digest_of(digest, info), "its content is not what was signed")
    message, signature = bytes([SET]) + parts[3].whole[1:], parts[5].content
    public = authority.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, message, padding_of(parts[4], digest), digest)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, message, ec.ECDSA(digest))
    else:
        raise Rejected("the authority's key is neither RSA nor of an elliptic curve")
    fields = read_der(info)[0].parts(SEQUENCE)
    algorithm, imprint = fields[2].parts(SEQUENCE)
    used = DIGESTS.get(algorithm.parts(SEQUENCE)[0].text(OID))
    need(used and imprint.content == digest_of(used, text), "it stamps something else")
    found = bytes.fromhex(fields[4].text(GENERALIZED_TIME)).decode("ascii")
    need(re.fullmatch(r"[0-9]{14}(\.[0-9]*[1-9])?Z", found), "its time is not UTC")
    at = datetime.strptime(found[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    usage = authority.extensions.get_extension_for_class(ExtendedKeyUsage).value
    need(ExtendedKeyUsageOID.TIME_STAMPING in usage, "the authority's certificate is not one for time stamps")
    need(
        authority.not_valid_before_utc <= at <= authority.not_valid_after_utc, "made when its certificate was not valid"
    )
    return at


def padding_of(algorithm: Der, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    """Return how an RSA signature is padded: PKCS #1 v1.5, or PSS as RFC 4055 states it, with the signer's digest."""
    named = algorithm.parts(SEQUENCE)
    if not named or named[0].text(OID) != PSS:
        return padding.PKCS1v15()
    fields = {one.tag: read_der(one.content)[0] for one in named[1].parts(SEQUENCE)}
    masked = fields[FIRST + 1].parts(SEQUENCE)
    need(masked[0].text(OID) == MGF1, "its mask is not MGF1")
    for used in (fields[FIRST], masked[1]):
        need(used.parts(SEQUENCE)[0].text(OID) == NAME_OF[digest.name], "its padding uses another digest")
    salt = int(fields[FIRST + 2].text(INTEGER), 16)
    need(salt == digest.digest_size, "its salt is not as long as the digest")
    return padding.PSS(padding.MGF1(digest), salt)


def digest_of(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    """Return the digest of ``data``."""
    return hashlib.new(algorithm.name, data).digest()


def check_stamps(
    stamps: Mapping[str, bytes], text: bytes, authorities: Sequence[Certificate]
) -> Iterator[tuple[str, datetime, str]]:
    """Yield by whom, when and where the checkpoint's text was stamped first, by each authority that is given."""
    for authority in authorities:
        who, found, reasons = authority.subject.rfc4514_string(), [], ["there is none in the bundle"]
        for name, response in stamps.items():
            try:
                found.append((stamped_at(response, text, authority), name))
            except Rejected as reason:
                reasons = [str(reason)]
        need(found, f"time stamp: none of {who}: {reasons[0]}")
        yield who, *min(found)


# -- the whole -------------------------------------------------------------------------------------------------------


def verify(  # noqa: PLR0917 - what a reader may have
    data: bytes,
    policy: str,
    earlier: Sequence[bytes] = (),
    authorities: Sequence[Certificate] = (),
    approvers: str = "",
    person: bytes = b"",
) -> Report:
    """Verify a bundle's bytes by the reader's policy and checkpoints of earlier days.

    Each of ``authorities``, certificates of time stamps, must have stamped the bundle's checkpoint. Whoever has a key
    in ``approvers``, a line each, must have signed each approval with it. ``person`` is a proof about one person's
    records; it does not show that there were no others. Bad data is reported, not raised.
    """
    checks: list[str] = []
    try:
        return judge(data, Policy(policy), earlier, authorities, checks, read_approvers(approvers), person)
    except (Rejected, RecursionError) as reason:
        return Report(checks, [], [str(reason)])


def read_approvers(text: str) -> dict[str, Key]:
    """Return the keys of approvers by their names, the logins; lines that begin with # say nothing."""
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    keys = [Key(line) for line in lines]
    need(all(key.kind == NOTE for key in keys), "approvers: a key is of a kind that signs something else")
    found = {key.name: key for key in keys}
    need(len(found) == len(keys) == len({key.raw for key in keys}), "approvers: a name or key stands twice")
    return found


def judge(  # noqa: PLR0917 - what a reader may have
    data: bytes,
    policy: Policy,
    earlier: Sequence[bytes],
    authorities: Sequence[Certificate],
    checks: list[str],
    approvers: Mapping[str, Key],
    person: bytes,
) -> Report:
    """Add to ``checks`` what passed, and stop at the first part that later parts could not be read without."""
    members = read_archive(data)
    ledger, note = members.get("ledger.jsonl", b""), members.get("checkpoint.txt", b"")
    # What is judged beside the archive is what somebody signed for, as far as its length tells.
    with judging(ledger if ledger.count(b"\n") == signed_size(policy, note) else b"") as parts:
        require_rebuilt(members, data)
        checks.append(f"archive: {len(members)} members, built again to the same {len(data)} bytes")
        origin, size, root = policy.open_checkpoint(note, "checkpoint.txt")
        checks.append(f"checkpoint: {origin}, size {size}, root {root.hex()}, signed; quorum {policy.quorum}")
        check_manifest(members, policy, note)
        checks.append(f"manifest: signed by {origin}; every member has the digest that was signed")
        need(ledger.endswith(b"\n"), "ledger.jsonl: missing, empty or cut off")
        later: list[str] = []
        fault: Exception | None = None
        try:
            stamps = {name: content for name, content in members.items() if name.startswith("timestamps/")}
            stamped = [*check_stamps(stamps, note.rpartition(b"\n\n")[0] + b"\n", authorities)]
            later += [f"time: {who} saw this checkpoint on {at.isoformat()} ({name})" for who, at, name in stamped]
            story = Story(*read_documents(members, policy, note), approvers)
            said = f"{len(story.plans)} plans canonical, {len(story.certificates)} certificates signed"
            later.append(f"documents: {said}")
            story.replay(parts.entries())
        except (Rejected, RecursionError) as reason:
            fault = reason
        found, lines = parts.root(), parts.lines
    # Whether these are the entries at all comes before whatever was found in them.
    need((size, root) == (len(lines), found), "checkpoint.txt: not over exactly these entries")
    checks += check_history(earlier, lines, origin, policy)
    checks += later
    if fault is not None:
        raise fault
    story.require_documents(members)
    if not story.reasons:  # Only then are certificates what they have to be, so that they can be repeated.
        story.require_told()
    seen = [*policy.cosigned_at(note), *((who, int(at.timestamp())) for who, at, _ in stamped)]
    story.require_checkpoint(origin, seen)
    notes = [*story.notes()]
    if stamps and not authorities:
        notes.append(f"time: {len(stamps)} time stamps were not looked at: no --authority was given")
    if story.unread:
        notes.append(f"approvals: {story.unread} signatures were not looked at: their keys are not in --approvers")
    if not story.reasons:
        checks.append(f"ledger: {len(lines)} canonical entries, contiguous")
        said = f"; {story.signed} signed with their own keys" if story.signed else ""
        checks.append(f"approvals: enough distinct persons approved each plan's exact digest before each effect{said}")
        checks.append(f"effects: {len(story.last)}, all within their orders, purges after quarantine and grace")
        checks.append(f"certificates: {len(story.issued)} say of each order what the ledger says")
        checks.append(f"statements: {len(story.told)} of the case and its orders say what the certificates say")
        checks += [
            f"certificate {one}: entry {seq}, leaf {leaf_of(lines[seq]).hex()}" for one, seq in story.issued.items()
        ]
        checks.append(f"for people: {len(story.documents)} pages, PDF and workbooks are those that the ledger names")
        checks += story.open_person(person) if person else ()
    return Report(checks, notes, story.reasons)


def signed_size(policy: Policy, note: bytes) -> int:
    """Number of entries by a checkpoint; below zero where it is none that counts."""
    try:
        return policy.open_checkpoint(note, "checkpoint.txt")[1]
    except Rejected:
        return -1


def check_history(earlier: Sequence[bytes], lines: Sequence[bytes], origin: str, policy: Policy) -> Iterator[str]:
    """Say of each earlier checkpoint that the entries begin with its own, or refuse."""
    for old in earlier:
        old_origin, size, root = policy.open_checkpoint(old, "earlier checkpoint")
        is_older = old_origin == origin and 0 < size <= len(lines)
        need(is_older, "earlier checkpoint: of another log, empty or longer")
        is_same = root == merkle_root(list(map(leaf_of, lines[:size])))
        need(is_same, f"earlier checkpoint: its {size} entries were rewritten")
        yield f"history: the first {size} entries are those of the earlier checkpoint"


def read_documents(
    members: Mapping[str, bytes], policy: Policy, note: bytes
) -> tuple[dict[str, Document], dict[str, Document], dict[str, Document]]:
    """Return plans and the statements of certificates by id, and the statements of orders and case by member."""
    plans, statements, told = {}, {}, {}
    for name, content in members.items():
        folder, _, rest = name.rpartition("/")
        stem, _, kind = rest.rpartition(".")
        need(folder != "plans" or kind == "json", f"{name}: not a plan")
        signed = f"certificates/{stem if kind == 'json' else stem.rpartition('.')[0]}.json"
        need(folder != "certificates" or signed in members, f"{name}: no signed document beside it")
        if folder == "plans":
            plans[stem] = parse(content, name)
        if folder == "certificates" and kind == "json":
            statements[stem] = policy.open_statement(content, note, TYPES % "certificate", name)
        if folder == "orders" or name == CASE:
            kind = "order-certificate" if folder else "case-certificate"
            told[name] = policy.open_statement(content, note, TYPES % kind, name)
    return plans, statements, told


def verify_proof(proof: bytes, entry: bytes, policy: str) -> Report:
    """Verify that ``entry`` stands in a log, by a C2SP tlog-proof and the reader's policy. Bad data is reported."""
    what = "proof"
    try:
        head, blank, note = proof.partition(b"\n\n")
        need(head.isascii(), f"{what}: not a tlog-proof")
        lines = head.decode().split("\n")
        need(blank and lines.pop(0) == "c2sp.org/tlog-proof@v1", f"{what}: not a tlog-proof")
        if lines and lines[0].startswith("extra "):
            unbase64(lines.pop(0).removeprefix("extra "), what)  # It is not signed and means nothing here.
        need(lines and lines[0].startswith("index "), f"{what}: it has no index")
        index = number_of(lines[0].removeprefix("index "), what)
        origin, size, root = Policy(policy).open_checkpoint(note, "checkpoint")
        path = [unbase64(line, what) for line in lines[1:]]
        found = climb(hashlib.sha256(b"\x00" + entry).digest(), index, size, path, what)
        need(found == root, f"{what}: it leads to another root")
    except Rejected as reason:
        return Report([], [], [str(reason)])
    return Report([f"entry {index} of the {size} of {origin} is exactly this one"], [], [])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="verify", description="Verify a wind-down's evidence bundle offline.")
    parser.add_argument("evidence", type=Path, help="a bundle, or a .tlog-proof")
    parser.add_argument("--policy", type=Path, required=True, help="whose signatures count: your own C2SP tlog-policy")
    parser.add_argument("--approvers", type=Path, help="keys of those whose approvals must be signed: your own file")
    parser.add_argument("--entry", type=Path, help="the entry that a .tlog-proof is about")
    parser.add_argument("--person", type=Path, help="a proof about one person's records in the bundle")
    parser.add_argument("--earlier", type=Path, action="append", default=[], help="checkpoint kept from an earlier day")
    parser.add_argument("--authority", type=Path, action="append", default=[], help="PEM certificate of time stamps")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    try:
        data, policy = options.evidence.read_bytes(), options.policy.read_bytes().decode(errors="replace")
        notes = [path.read_bytes() for path in options.earlier]
        authorities = [load_pem_x509_certificate(path.read_bytes()) for path in options.authority]
        Policy(policy)
        approvers = options.approvers.read_text(encoding="utf-8") if options.approvers else ""
        read_approvers(approvers)
        entry = options.entry.read_bytes() if options.entry else None
        person = options.person.read_bytes() if options.person else b""
    except (OSError, ValueError, Rejected) as error:
        parser.error(str(error))
    gc.disable()  # A million entries leave nothing behind that only the collector could free, and it takes a third.
    if entry is None:
        report = verify(data, policy, notes, authorities, approvers, person)
    else:
        report = verify_proof(data, entry, policy)
    if options.json:
        print(json.dumps({"verified": not report.reasons, **asdict(report)}))
    else:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # A terminal without check marks is no reason to fail.
        print("\n".join([f"✓ {check}" for check in report.checks] + [f"! {note}" for note in report.notes]))
        print("\n".join(f"✗ {reason}" for reason in report.reasons[:REASONS_MAX]) or "verified")
    return min(1, len(report.reasons))


if __name__ == "__main__":
    sys.exit(main())
