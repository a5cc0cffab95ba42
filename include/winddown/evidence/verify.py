"""Verify an evidence bundle offline, with nothing but this file, Python 3.11 or newer and the package ``cryptography``.

    python verify.py BUNDLE.zip --key KEYFILE [--earlier CHECKPOINT] [--json]

Exit status 0: every check passed; 1: refused, first reasons listed; 2: wrong usage. KEYFILE holds the one line
``winddown+<name>+<key hash>+<base64>`` of the key that signed, obtained from elsewhere than the bundle.

This file shares no code with the programs that write bundles, on purpose: an error would have to be made twice to pass.
Formats: ZIP (APPNOTE 6.3, stored), RFC 8785 JSON, RFC 6962 Merkle tree, C2SP signed notes, RFC 8032 Ed25519.

What it does NOT prove: that the world is as the entries say (the read-backs in them were made then, by other code), and
that the holder of the key did not rewrite the whole history before this bundle was made. Against the second, give a
checkpoint that you kept from an earlier day with ``--earlier``.
"""

import argparse
import base64
import hashlib
import io
import json
import re
import struct
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NAME = re.compile(r"(?:plans/|certificates/|rules/)?[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
REASONS_MAX = 20
ACTS = {"freeze", "anonymise", "seal", "quarantine", "purge", "sanitise", "restore"}
COPIES = {"seal", "hand_over", "anonymise"}  # acts of orders that take nothing from a store
SILENT = (
    "case_opened snapshot_taken classified decided hold_placed backup_proven transfer_checked frozen sanitised "
    "residual_checked report_issued restored stopped hold_released"
)
CLOSE = "effect plan_id order_id act batch records read_back"
FIELDS = {
    **dict.fromkeys(SILENT.split(), ""),
    "plan_made": "plan_id wave digest",
    "approval_given": "plan_id plan_digest person role door",
    "handover_acknowledged": "plan_id order_id archive_digest person",
    "intent": "effect plan_id order_id act batch batch_digest records nonce",
    "done": CLOSE,
    "unknown": CLOSE,
    "certificate_issued": "certificate_id digest",
}
COUNTS = {"seq", "records", "record_count_max", "purged", "approvals_needed", "grace_seconds"}
LISTS, ANY = {"orders", "requires", "members"}, {"wave", "read_back", "body"}
MAY_BE_BLANK = {"plan_id", "order_id", "batch", "batch_digest", "nonce"}  # of a freeze, which comes before any plan
IDENTITY = itemgetter("plan_id", "order_id", "act", "batch")  # what one effect is about; retries repeat it
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


def shape(document: Any, fields: str) -> Document:
    """Return an object that has these fields: counts from 0 (no booleans), texts that are not blank, lists, objects."""
    need(isinstance(document, dict), "not a JSON object")
    for name in fields.split():
        value = document.get(name)
        kind = int if name in COUNTS else list if name in LISTS else object if name in ANY else str
        need(name in document and isinstance(value, kind), f"{name} is missing or not {kind.__name__}")
        need(kind is not int or (value is not True and value is not False and value >= 0), f"{name} is not a count")
        need(value != "" or name in MAY_BE_BLANK, f"{name} is blank")
    return dict(document)


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of JSON without fractions: keys in UTF-16 order, no spaces, integers within 2^53-1."""

    def ordered(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: ordered(item[key]) for key in sorted(item, key=lambda key: key.encode("utf-16-be"))}
        if isinstance(item, list):
            return [ordered(one) for one in item]
        if isinstance(item, float) or (isinstance(item, int) and abs(item) >= 2**53):
            raise ValueError("number")
        return item

    return json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def parse(raw: bytes, what: str) -> Document:
    """Read a canonical JSON object: duplicate keys, NaN, fractions and any second spelling are refused."""

    def unique(pairs: list[tuple[str, Any]]) -> Document:
        need(len(dict(pairs)) == len(pairs), f"{what}: a key appears twice")
        return dict(pairs)

    try:
        document = json.loads(raw.decode(), object_pairs_hook=unique)
        need(isinstance(document, dict), f"{what}: not a JSON object")
        need(canonical(document) == raw, f"{what}: not in canonical form")
    except (ValueError, RecursionError):
        raise Rejected(f"{what}: not strict JSON") from None
    return dict(document)


def unbase64(text: str, what: str) -> bytes:
    """Read base64 in its only canonical spelling."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Rejected(f"{what}: not base64") from None
    need(base64.b64encode(data).decode() == text, f"{what}: base64 not in canonical form")
    return data


class Key:
    """The public key of the key file's one line."""

    def __init__(self, line: str) -> None:
        parts = line.split("+", 3)
        need(len(parts) == 4 and parts[0] == "winddown", "key: not winddown+<name>+<key hash>+<base64>")  # noqa: PLR2004
        self.name, self.keyhash, data = parts[1], parts[2], unbase64(parts[3], "key")
        need(len(data) == 33 and data[0] == 1, "key: not an Ed25519 key")  # noqa: PLR2004
        wanted = hashlib.sha256(self.name.encode() + b"\n" + data).hexdigest()[:8]
        need(wanted == self.keyhash, "key: its hash does not fit")
        self._public = Ed25519PublicKey.from_public_bytes(data[1:])

    def check(self, signature: bytes, message: bytes, what: str) -> None:
        """Refuse a signature that this key did not make."""
        try:
            self._public.verify(signature, message)
        except InvalidSignature:
            raise Rejected(f"{what}: the signature is not one of key {self.name}") from None

    def open_envelope(self, raw: bytes, what: str) -> Document:
        """Return the document inside a signed envelope."""
        envelope = parse(raw, what)
        need(envelope.keys() == {"document", "signature"}, f"{what}: not an envelope of document and signature")
        document = shape(envelope["document"], "")
        value = shape(envelope["signature"], "value")["value"]
        expected = {"algorithm": "ed25519", "key": self.name, "keyhash": self.keyhash, "value": value}
        need(envelope["signature"] == expected, f"{what}: signed by another key than {self.name}")
        self.check(unbase64(value, what), b"winddown signed document v1\n" + canonical(document), what)
        return document

    def open_checkpoint(self, note: bytes, what: str) -> tuple[str, int, bytes]:
        """Return origin, size and root of a signed checkpoint. Witnesses may have signed too, which is not checked."""
        try:
            lines = note.decode().split("\n")
        except UnicodeDecodeError:
            raise Rejected(f"{what}: not UTF-8") from None
        need(len(lines) >= 6 and lines[0] and not lines[3] and not lines[-1], f"{what}: not a signed note")  # noqa: PLR2004
        ours = []
        for line in lines[4:-1]:
            match = re.fullmatch(r"— ([!-*,-~]+) ([A-Za-z0-9+/=]+)", line)
            need(match, f"{what}: not a signature line")
            name, data = (match[1], unbase64(match[2], what)) if match else ("", b"")
            if name == self.name and data[:4].hex() == self.keyhash:
                ours.append(data[4:])
        need(len(ours) == 1, f"{what}: not signed exactly once by key {self.name}")
        self.check(ours[0], "\n".join([*lines[:3], ""]).encode(), what)
        need(re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]), f"{what}: the size is not a plain number")
        return lines[0], int(lines[1]), unbase64(lines[2], what)


def read_archive(data: bytes) -> dict[str, bytes]:
    """Return the members of the ZIP, after building it again from them and finding the same bytes."""
    members: dict[str, bytes] = {}
    at, last = 0, ""
    while data[at : at + 4] == b"PK\x03\x04" and len(data) >= at + 30:
        size, name_length = struct.unpack_from("<L4xH", data, at + 18)
        name = data[at + 30 : at + 30 + name_length].decode("latin-1")
        need(NAME.fullmatch(name) and name > last, "archive: a member's name is not allowed or not in order")
        at, last = at + 30 + name_length + size, name
        members[name] = data[at - size : at]
    need(rebuild(members) == data, "archive: not the bytes that its members make")
    return members


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


def check_manifest(members: Mapping[str, bytes], key: Key) -> None:
    """Refuse unless the signed manifest lists exactly the other members with their digests and sizes."""
    manifest = key.open_envelope(members.get("manifest.json", b""), "manifest.json")
    need(manifest.get("type") == "winddown/bundle-manifest/v1", "manifest.json: not a bundle's manifest")
    listed = shape(manifest, "members")["members"]
    found = [
        {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in sorted(members.items())
        if name != "manifest.json"
    ]
    for row, actual in zip(listed, found, strict=False):
        need(canonical(row) == canonical(actual), f"manifest.json: {actual['name']} is not what was signed")
    need(len(listed) == len(found), "manifest.json: members were added or left out")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    seq: int
    at: datetime
    case: str
    type: str
    body: Document


def read_ledger(lines: list[bytes]) -> list[Entry]:
    """Return the entries: contiguous from 0, never going back in time, with the fields of their type."""
    entries: list[Entry] = []
    for number, line in enumerate(lines):
        what = f"ledger entry {number}"
        need(len(line) <= 65_535, f"{what}: more than 65535 bytes")  # noqa: PLR2004
        document = parse(line, what)
        try:
            need(len(shape(document, "seq at case type actor body")) == 6, "not the six keys of an entry")  # noqa: PLR2004
            at = datetime.strptime(document["at"], TIME).replace(tzinfo=UTC)
            need(at.strftime(TIME) == document["at"], "at is not a UTC time with microseconds")
            need(document["type"] in FIELDS, "there is no such entry type")
            body = shape(document["body"], FIELDS[document["type"]])
        except (Rejected, ValueError) as reason:
            raise Rejected(f"{what}: {reason}") from None
        found = document["seq"]
        need(found == number, f"{what}: carries number {found}, so entries are missing or reordered")
        need(not entries or entries[-1].at <= at, f"{what}: earlier than the entry before it")
        entries.append(Entry(number, at, document["case"], document["type"], body))
    return entries


def merkle_root(lines: list[bytes]) -> bytes:
    """RFC 6962 root, level by level: pairs are joined, an odd last hash moves up unchanged."""
    level = [hashlib.sha256(b"\x00" + line).digest() for line in lines]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0] if level else hashlib.sha256(b"").digest()


class Story:
    """The entries, replayed in order against plans and certificates; every breach becomes a reason naming its entry."""

    def __init__(self, plans: Mapping[str, Document], certificates: Mapping[str, Document]) -> None:
        self.plans, self.certificates = plans, certificates
        self.reasons: list[str] = []
        self.orders: dict[tuple[str, str], Document] = {}
        self.made: dict[str, str] = {}
        self.approvers: defaultdict[str, set[str]] = defaultdict(set)
        self.roles: defaultdict[str, set[str]] = defaultdict(set)
        self.acknowledged: dict[tuple[str, str], str] = {}  # order to the person who has what it handed over
        self.extracted: set[tuple[str, str, str]] = set()  # batches that stand in a checked anonymous extract
        self.intents: dict[str, Document] = {}  # the last intent of each effect
        self.last: dict[str, str] = {}  # effect to intent, done or unknown
        self.nonces: set[str] = set()
        self.quarantined: dict[tuple[str, str, str], tuple[datetime, int, str]] = {}  # since, records, batch digest
        self.purged: dict[tuple[str, str, str], int] = {}
        self.totals: defaultdict[tuple[str, str], int] = defaultdict(int)  # purged records per order
        self.issued: set[str] = set()
        self.certified: set[str] = set()  # plans with a certificate

    def replay(self, entries: list[Entry]) -> None:
        """Go through the plans, then the entries, then ask what never came."""
        for entry in entries:
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
        plan = shape(self.plans[plan_id], "id case wave approvals_needed grace_seconds orders")
        digest = hashlib.sha256(canonical(plan)).hexdigest()
        need(body["digest"] == digest, f"plan {plan_id} in the bundle has another digest")
        stated, recorded = [plan["id"], plan["case"], plan["wave"]], [plan_id, entry.case, body["wave"]]
        need(canonical(stated) == canonical(recorded), f"plan {plan_id} states another id, case or wave")
        need(plan["approvals_needed"] > 0, f"plan {plan_id} asks for no approvals")
        orders = {(plan_id, shape(order, "id act record_count_max requires")["id"]): order for order in plan["orders"]}
        need(len(orders) == len(plan["orders"]), f"plan {plan_id}: an order appears twice")
        for (_, order_id), order in orders.items():
            known = all(isinstance(one, str) and (plan_id, one) in orders for one in order["requires"])
            need(known, f"order {order_id} requires an order that is not in the plan")
        self.orders |= orders
        self.made[plan_id] = digest

    def of_plan(self, entry: Entry, body: Document) -> str:
        """Return the id of a plan that was made before this entry, in the same case."""
        plan_id = str(body["plan_id"])
        need(plan_id in self.made, f"plan {plan_id} was not made before")
        need(entry.case == self.plans[plan_id]["case"], f"plan {plan_id} belongs to another case")
        return plan_id

    def of_order(self, entry: Entry, body: Document) -> tuple[str, str]:
        """Return plan id and order id, both known."""
        place = (self.of_plan(entry, body), body["order_id"])
        need(place in self.orders, f"order {place[1]} is not in plan {place[0]}")
        return place

    def approval_given(self, entry: Entry, body: Document) -> None:
        """An approval counts for exactly the plan that was made, and once per person."""
        plan_id = self.of_plan(entry, body)
        need(body["plan_digest"] == self.made[plan_id], f"approval of another digest than plan {plan_id} has")
        self.approvers[plan_id].add(body["person"])
        self.roles[plan_id].add(body["role"])

    def handover_acknowledged(self, entry: Entry, body: Document) -> None:
        """Its receiver has what an order handed over."""
        self.acknowledged[self.of_order(entry, body)] = body["person"]

    def intent(self, entry: Entry, body: Document) -> None:
        """What is about to be done was approved, is within the plan, and its time has come."""
        effect, act, nonce = body["effect"], body["act"], body["nonce"]
        need(act in ACTS, "there is no such act")
        need(IDENTITY(self.intents.get(effect, body)) == IDENTITY(body), f"effect {effect} was another one before")
        self.intents[effect], self.last[effect] = body, "intent"
        need(not nonce or nonce not in self.nonces, "the nonce of its authorisation was used before")
        self.nonces.add(nonce)
        if act in {"freeze", "restore"} and not body["plan_id"]:
            return  # A freeze, and its undoing, may come before there is a plan.
        plan_id = self.of_plan(entry, body)
        plan = self.plans[plan_id]
        given, needed = len(self.approvers[plan_id]), plan["approvals_needed"]
        need(given >= needed, f"plan {plan_id}: {given} distinct persons approved before this intent, {needed} needed")
        missing = set(plan.get("approver_roles", ())) - self.roles[plan_id]
        need(not missing, f"plan {plan_id}: nobody with the role {', '.join(sorted(missing))} approved")
        if act == "sanitise":
            return  # It clears a whole store's leftovers, so it names the store in place of an order.
        _, order_id = place = self.of_order(entry, body)
        order, key = self.orders[place], (*place, body["batch"])
        for other in order["requires"]:
            if self.orders[plan_id, other]["act"] == "anonymise":
                count = len(self.orders[plan_id, other]["selection"]["batch_digests"])
                there = {(plan_id, other, str(number)) for number in range(count)} <= self.extracted
                need(there, f"order {order_id} requires order {other}, whose extract is not checked")
                continue
            there = (plan_id, other) in self.acknowledged
            need(there, f"order {order_id} requires order {other}, whose hand-over is not acknowledged")
        what, most = f"{act} of order {order_id} batch {body['batch']}", order["record_count_max"]
        need(body["records"] <= most, f"{what}: {body['records']} records, record_count_max is {most}")
        if "selection" in order:
            approved = {str(index): one for index, one in enumerate(order["selection"]["batch_digests"])}
            need(body["batch_digest"] == approved.get(body["batch"]), f"{what}: its keys are not the approved ones")
        if act == "restore":
            # Undoing ends the quarantine from the intent on, so a later purge needs a new quarantine and a new grace.
            need(key not in self.purged, f"{what} after its purge")
            self.quarantined.pop(key, None)
        if act in {"quarantine", "purge"}:
            need(order["act"] not in COPIES, f"{what}: the order only keeps")
            need(plan_id not in self.certified, f"{what} after the certificate of plan {plan_id}")
        if act == "purge":
            need(key in self.quarantined, f"{what} without an earlier quarantine")
            since, _, batch_digest = self.quarantined[key]
            waited, grace = (entry.at - since) // timedelta(seconds=1), plan["grace_seconds"]
            need(waited >= grace, f"{what} before the grace period of {grace} s has passed, after {waited} s")
            need(body["batch_digest"] == batch_digest, f"{what}: another batch digest than was quarantined")

    def unknown(self, entry: Entry, body: Document) -> None:
        """An effect ends, for now, without a known outcome. ``done`` begins the same way."""
        effect = body["effect"]
        need(effect in self.intents, f"effect {effect} was never intended")
        need(IDENTITY(self.intents[effect]) == IDENTITY(body), f"effect {effect} was intended differently")
        self.last[effect] = entry.type

    def done(self, entry: Entry, body: Document) -> None:
        """An effect ends as intended, within what was intended."""
        self.unknown(entry, body)
        intent, records = self.intents[body["effect"]], body["records"]
        place, key = (body["plan_id"], body["order_id"]), (body["plan_id"], body["order_id"], body["batch"])
        what = f"{body['act']} of order {key[1]} batch {key[2]}"
        need(records <= intent["records"], f"{what}: {records} records, {intent['records']} were intended")
        if body["act"] in {"quarantine", "purge"}:
            self.of_order(entry, body)
            if body["act"] == "quarantine":
                self.quarantined.setdefault(key, (entry.at, records, intent["batch_digest"]))
            need(key in self.quarantined, f"{what} without an earlier quarantine")
            need(records == self.quarantined[key][1], f"{what}: another record count than was quarantined")
        if body["act"] == "anonymise":
            self.extracted.add(key)
        if body["act"] == "purge":
            self.totals[place] += records - self.purged.get(key, 0)
            self.purged[key] = records
            most = self.orders[place]["record_count_max"]
            need(self.totals[place] <= most, f"{what}: {self.totals[place]} records purged, record_count_max is {most}")

    def open_effects(self) -> Iterator[tuple[str, str]]:
        """Name, with their plans, the quarantines and purges whose last word is not done."""
        for effect, word in self.last.items():
            body = self.intents[effect]
            if word != "done" and body["act"] in {"quarantine", "purge"}:
                text = f"{body['act']} of order {body['order_id']} batch {body['batch']} is open ({word})"
                yield body["plan_id"], text

    def certificate_issued(self, entry: Entry, body: Document) -> None:
        """The certificate says what the ledger says at the moment of its issue."""
        one = body["certificate_id"]
        need(one in self.certificates, f"certificate {one} is not in the bundle")
        need(one not in self.issued, f"certificate {one} was issued before")
        document = shape(self.certificates[one], "id case plan_id orders")
        digest = hashlib.sha256(canonical(document)).hexdigest()
        need(body["digest"] == digest, f"certificate {one} in the bundle has another digest")
        self.issued.add(one)
        need((document["id"], document["case"]) == (one, entry.case), f"certificate {one} states another id or case")
        plan_id = self.of_plan(entry, document)
        self.certified.add(plan_id)
        still_open = "; ".join(text for plan, text in self.open_effects() if plan == plan_id)
        need(not still_open, f"certificate {one}: {still_open}")
        rows = document["orders"]
        stated = {shape(row, "id purged")["id"]: row["purged"] for row in rows}
        known = all((plan_id, order) in self.orders for order in stated)
        need(known and len(stated) == len(rows), f"certificate {one}: an order appears twice or is not in its plan")
        for row in rows:
            who = self.acknowledged.get((plan_id, row["id"]))
            need(row.get("acknowledged_by", who) == who, f"certificate {one}: another acknowledged order {row['id']}")
        for order in self.plans[plan_id]["orders"]:
            said, actual = stated.get(order["id"], 0), self.totals[plan_id, order["id"]]
            need(said == actual, f"certificate {one}: order {order['id']} says {said} purged, the ledger says {actual}")
            if "selection" in order and order["act"] not in COPIES:
                count = order["selection"]["count"]
                need(
                    actual == count,
                    f"certificate {one}: order {order['id']} names {count} records, {actual} are purged",
                )


def verify(data: bytes, key_line: str, earlier: Sequence[bytes] = ()) -> Report:
    """Verify a bundle's bytes with the key's line and checkpoints of earlier days. Bad data is reported, not raised."""
    checks: list[str] = []
    try:
        return judge(data, Key(key_line), earlier, checks)
    except (Rejected, RecursionError) as reason:
        return Report(checks, [], [str(reason)])


def judge(data: bytes, key: Key, earlier: Sequence[bytes], checks: list[str]) -> Report:
    """Add to ``checks`` what passed, and stop at the first part that later parts could not be read without."""
    members = read_archive(data)
    checks.append(f"archive: {len(members)} members, built again to the same {len(data)} bytes")
    check_manifest(members, key)
    checks.append(f"manifest: signed by {key.name}+{key.keyhash}; every member has the digest that was signed")
    ledger = members.get("ledger.jsonl", b"")
    need(ledger.endswith(b"\n"), "ledger.jsonl: missing, empty or cut off")
    lines = ledger[:-1].split(b"\n")
    entries = read_ledger(lines)
    checks.append(f"ledger: {len(entries)} canonical entries, contiguous, {entries[0].at} to {entries[-1].at}")
    origin, size, root = key.open_checkpoint(members.get("checkpoint.txt", b""), "checkpoint.txt")
    need((size, root) == (len(lines), merkle_root(lines)), "checkpoint.txt: not over exactly these entries")
    checks.append(f"checkpoint: {origin}, size {size}, signed, root {root.hex()}")
    for note in earlier:
        old_origin, old_size, old_root = key.open_checkpoint(note, "earlier checkpoint")
        need(old_origin == origin and 0 < old_size <= size, "earlier checkpoint: of another log, empty or longer")
        need(old_root == merkle_root(lines[:old_size]), f"earlier checkpoint: its {old_size} entries were rewritten")
        checks.append(f"history: the first {old_size} entries are those of the earlier checkpoint")
    plans, certificates = {}, {}
    for name, content in members.items():
        folder, _, rest = name.rpartition("/")
        stem, _, kind = rest.rpartition(".")
        need(folder != "plans" or kind == "json", f"{name}: not a plan")
        signed = f"certificates/{stem}.json"
        need(folder != "certificates" or signed in members, f"{name}: no signed document beside it")
        if folder == "plans":
            plans[stem] = parse(content, name)
        if folder == "certificates" and kind == "json":
            certificates[stem] = key.open_envelope(content, name)
    checks.append(f"documents: {len(plans)} plans canonical, {len(certificates)} certificates signed")
    story = Story(plans, certificates)
    story.replay(entries)
    if not story.reasons:
        checks.append("approvals: enough distinct persons approved each plan's exact digest before its first effect")
        checks.append(f"effects: {len(story.last)}, all within their orders, purges after quarantine and grace")
        checks.append(f"certificates: {len(story.issued)} say of each order what the ledger says")
    return Report(checks, [text for _, text in story.open_effects()], story.reasons)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="verify", description="Verify a wind-down's evidence bundle offline.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="file with the signer's public key line")
    parser.add_argument("--earlier", type=Path, action="append", default=[], help="checkpoint kept from an earlier day")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    try:
        data, key_line = options.bundle.read_bytes(), options.key.read_text(encoding="ascii").removesuffix("\n")
        notes = [path.read_bytes() for path in options.earlier]
        Key(key_line)
    except (OSError, ValueError, Rejected) as error:
        parser.error(str(error))
    report = verify(data, key_line, notes)
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
