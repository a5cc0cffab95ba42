// Keys, notes and the reader's policy: C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy; DSSE 1.0.

const [NOTE, COSIGNATURE, POST_QUANTUM, SM2] = [1, 4, 6, 255]; // what a key signs, by C2SP signed-note's byte
const KEY_BYTES = { [NOTE]: 32, [COSIGNATURE]: 32, [POST_QUANTUM]: 1312, [SM2]: 65 };
const SIGNATURE_BYTES = { [NOTE]: 64, [COSIGNATURE]: 64, [POST_QUANTUM]: 2420, [SM2]: 64 };
const SM2_NAME = utf8("winddown.example/sm2/v1"); // after its byte, which says only that C2SP assigns none
const NOTE_BYTES_MAX = 2 ** 18;
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"; // what Python means by it
const NOT_IN_A_NAME = new RegExp(`[${SPACE}\\x00-\\x1f\\x7f]`);
const SIGNATURE_LINE = new RegExp(`^— ([^${SPACE}+]+) ([A-Za-z0-9+/]+={0,2})$`);

/** A public key: the verifier key of C2SP signed-note, `<name>+<key id>+<base64>`. */
class Key {
  constructor(line) {
    const [name, rest] = cutFirst(line, "+");
    const [keyId, text] = cutFirst(rest, "+");
    const data = unbase64(text, "key");
    [this.name, this.kind, this.raw] = [name, data[0] ?? 0, data.slice(1)];
    if (this.kind === SM2) {
      need(isSame(this.raw.slice(0, SM2_NAME.length), SM2_NAME), "key: not an SM2 key");
      this.raw = this.raw.slice(SM2_NAME.length);
    }
    const isWhole = KEY_BYTES[this.kind] === this.raw.length;
    need(isWhole, "key: not an Ed25519, ML-DSA-44 or SM2 key of a known kind");
    const bytes = utf8(name).length;
    const isPlain = !NOT_IN_A_NAME.test(name) && bytes > 0 && bytes <= 255;
    need(isPlain, "key: not a key's name");
    this.id = hex(sha256(joined(name, "\n", data)).slice(0, 4));
    need(keyId === this.id, "key: its id does not fit");
    this.keyid = `${name}+${keyId}`;
    this.point = this.kind === SM2 ? readPoint(this.raw) : undefined;
    need(this.point !== null, "key: not a point of the curve");
  }

  async check(signature, message, what) {
    need(await this.#verifies(signature, message), `${what}: the signature is not one of key ${this.name}`);
  }

  async #verifies(signature, message) {
    if (signature.length !== SIGNATURE_BYTES[this.kind]) return false;
    if (this.kind === POST_QUANTUM) return noble.ml_dsa44.verify(signature, message, this.raw);
    if (this.kind === SM2) return verifiesSm2(signature, message, this.point);
    const key = await crypto.subtle.importKey("raw", this.raw, "Ed25519", false, ["verify"]);
    return crypto.subtle.verify("Ed25519", key, signature, message);
  }

  /** Refuse a note's signature that this key did not make; the cosignature of a witness carries its time first. */
  async checkNote(signature, text, what) {
    const stamp = signature.slice(0, this.kind === NOTE || this.kind === SM2 ? 0 : 8);
    const bare = signature.slice(stamp.length);
    need(bare.length === SIGNATURE_BYTES[this.kind], `${what}: the signature of ${this.name} has the wrong length`);
    const at = BigInt(`0x0${hex(stamp)}`);
    need(at < 2n ** 63n, `${what}: the time of ${this.name} is beyond 2^63-1`);
    let message = utf8(text);
    if (this.kind === COSIGNATURE) message = joined(`cosignature/v1\ntime ${at}\n`, message);
    if (this.kind === POST_QUANTUM) {
      const { origin, size, root } = readCheckpoint(text, what);
      const [own, log] = [utf8(this.name), utf8(origin)];
      const [ownLength, logLength] = [Uint8Array.of(own.length), Uint8Array.of(log.length)];
      message = joined("subtree/v1\n\0", ownLength, own, stamp, logLength, log, long(0n), long(size), root);
    }
    await this.check(bare, message, what);
  }
}

/** Origin, size (a BigInt) and root of a checkpoint; extension lines, which our log never writes, say nothing. */
function readCheckpoint(text, what) {
  const lines = text.split("\n");
  const isEnded = lines.length > 3 && lines.slice(0, -1).every(Boolean) && !lines[lines.length - 1];
  need(isEnded, `${what}: not the lines of a checkpoint`);
  const root = unbase64(lines[2], what);
  const isRoot = root.length === 32 && (lines[1] !== "0" || lines[2] === ROOT_OF_NOTHING);
  need(isRoot && utf8(lines[0]).length <= 255, `${what}: not an origin and a root`);
  return { origin: lines[0], size: numberOf(lines[1], what), root };
}

/** SHA-256 of nothing. */
const ROOT_OF_NOTHING = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/** Whose signatures count: the text of a C2SP tlog-policy. */
class Policy {
  constructor(text) {
    need(/^[^\x00-\x08\x0b-\x1f\x7f]*\n$/.test(text), "policy: not lines of text, each of them ended");
    this.logs = [];
    this.witnesses = new Map();
    this.groups = new Map();
    const [quorums, members] = [[], new Set()];
    const known = (name) => this.witnesses.has(name) || this.groups.has(name);
    const isFresh = (name) => name !== "none" && !known(name);
    for (const line of text.split("\n")) {
      const words = line.split(/[ \t]+/).filter(Boolean);
      const [word, name, third, ...names] = words;
      if (word === undefined || word.startsWith("#")) continue;
      if (word === "log" && (words.length === 2 || words.length === 3)) {
        this.logs.push(new Key(name));
      } else if (word === "witness" && (words.length === 3 || words.length === 4) && isFresh(name)) {
        this.witnesses.set(name, new Key(third));
      } else if (word === "group" && words.length >= 3 && isFresh(name) && names.every(known)) {
        const isOnce = new Set(names).size === names.length && !names.some((one) => members.has(one));
        need(isOnce, "policy: a member stands twice");
        names.forEach((one) => members.add(one));
        const count = new Map([["all", names.length], ["any", 1]]).get(third) || numberOf(third, "policy");
        need(1 <= count && count <= names.length, "policy: a group's threshold is from 1 to all of its members");
        this.groups.set(name, { count, names });
      } else if (word === "quorum" && words.length === 2 && (name === "none" || known(name))) {
        quorums.push(name);
      } else {
        throw new Rejected(`policy: a line is not understood: ${word}`);
      }
    }
    need(this.logs.length, "policy: it names no log");
    need(quorums.length === 1, "policy: it has not exactly one quorum line");
    [this.quorum] = quorums;
    for (const [keys, wrong] of [[this.logs, [COSIGNATURE]], [[...this.witnesses.values()], [NOTE, SM2]]]) {
      need(keys.every((key) => !wrong.includes(key.kind)), "policy: a key is of a kind that signs something else");
      need(new Set(keys.map((key) => hex(key.raw))).size === keys.length, "policy: the same key stands twice");
    }
  }

  /** Whether the witnesses in `names` make this witness or group. */
  signed(names, name) {
    if (this.witnesses.has(name)) return names.has(name);
    const group = this.groups.get(name);
    return group.names.filter((one) => this.signed(names, one)).length >= group.count;
  }

  /** Origin, size and root of a checkpoint that counts. Signatures of unknown keys say nothing. */
  async openCheckpoint(note, what) {
    need(note.length <= NOTE_BYTES_MAX, `${what}: more than ${NOTE_BYTES_MAX} bytes`);
    let whole;
    try {
      whole = decodeUtf8(note);
    } catch {
      throw new Rejected(`${what}: not UTF-8`);
    }
    const [head, tail] = cutLast(whole, "\n\n");
    need(head && tail.endsWith("\n"), `${what}: not a signed note`);
    need(!/[\x00-\x09\x0b-\x1f]/.test(head + tail), `${what}: control characters`);
    const text = `${head}\n`;
    const checkpoint = readCheckpoint(text, what);
    const place = (name, id) => `${name} ${id}`;
    const own = this.logs.filter((key) => key.name === checkpoint.origin);
    const logs = new Map(own.map((key) => [place(key.name, key.id), key]));
    const named = new Map([...this.witnesses].map(([name, key]) => [place(key.name, key.id), name]));
    const [kinds, seen] = [new Set(), new Set()];
    for (const line of tail.slice(0, -1).split("\n")) {
      const match = SIGNATURE_LINE.exec(line);
      need(match, `${what}: not a signature line`);
      const data = unbase64(match[2], what);
      need(data.length > 4, `${what}: a signature without a key id`);
      const who = place(match[1], hex(data.slice(0, 4)));
      if (logs.has(who)) {
        await logs.get(who).checkNote(data.slice(4), text, what);
        kinds.add(logs.get(who).kind);
      }
      if (named.has(who)) {
        await this.witnesses.get(named.get(who)).checkNote(data.slice(4), text, what);
        seen.add(named.get(who));
      }
    }
    need(kinds.size, `${what}: not signed by a log of the policy`);
    // All documents are signed by the checkpoint's keys, so what is demanded of it is demanded of them.
    const isDemanded = own.some((key) => key.kind === SM2);
    const isMet = !isDemanded || kinds.has(SM2);
    need(isMet, `${what}: not signed by the SM2 key of ${checkpoint.origin} in the policy`);
    const isCosigned = this.quorum === "none" || this.signed(seen, this.quorum);
    need(isCosigned, `${what}: not cosigned by quorum ${this.quorum} of the policy`);
    return checkpoint;
  }

  /** Who of the witnesses cosigned a checkpoint that was opened, and when (a BigInt), where they say that. */
  cosignedAt(note) {
    const named = new Map([...this.witnesses].map(([name, key]) => [`${key.name} ${key.id}`, name]));
    const lines = cutLast(decodeUtf8(note), "\n\n")[1].slice(0, -1).split("\n");
    return lines.map((line) => SIGNATURE_LINE.exec(line)).flatMap(([, name, text]) => {
      const data = unbase64(text, name);
      const [who, at] = [named.get(`${name} ${hex(data.slice(0, 4))}`), BigInt(`0x0${hex(data.slice(4, 12))}`)];
      return who === undefined || at === 0n ? [] : [[who, at]];
    });
  }

  /**
   * The in-toto statement of a DSSE envelope that a log's keys signed, the same that signed its note. Keys that the
   * reader does not know say nothing, yet they are to be the same ones in every place, so that none is taken away.
   */
  async openStatement(raw, note, predicateType, what) {
    const whole = decodeUtf8(note);
    const [origin] = cutFirst(whole, "\n");
    const envelope = parse(raw, what);
    need(hasExactly(envelope, "payload payloadType signatures"), `${what}: not a DSSE envelope`);
    const kind = envelope.get("payloadType");
    need(kind === "application/vnd.in-toto+json", `${what}: not an in-toto statement`);
    const payload = unbase64(shape(envelope, "payload signatures").get("payload"), what);
    const message = joined(`DSSEv1 ${kind.length} ${kind} ${payload.length} `, payload);
    const keys = new Map(this.logs.filter((key) => key.name === origin).map((key) => [key.keyid, key]));
    let isSigned = false;
    for (const row of envelope.get("signatures")) {
      need(hasExactly(shape(row, "keyid sig"), "keyid sig"), `${what}: not a signature`);
      const signature = unbase64(row.get("sig"), what);
      if (keys.has(row.get("keyid"))) {
        await keys.get(row.get("keyid")).check(signature, message, what);
        isSigned = true;
      }
    }
    need(isSigned, `${what}: not signed by a key of ${origin} in the policy`);
    const lines = cutLast(whole, "\n\n")[1].split("\n").filter((line) => line.startsWith(`— ${origin} `));
    const same = lines.map((line) => `${origin}+${hex(unbase64(line.split(" ")[2], what).slice(0, 4))}`);
    const signers = envelope.get("signatures").map((row) => row.get("keyid"));
    const isWhole = signers.length === same.length && signers.every((one, place) => one === same[place]);
    need(isWhole, `${what}: not signed by the checkpoint's keys`);
    const statement = shape(parse(payload, what), "_type subject predicateType predicate");
    need(statement.size === 4, `${what}: not exactly the keys of a statement`);
    need(statement.get("_type") === "https://in-toto.io/Statement/v1", `${what}: not a Statement v1`);
    need(statement.get("predicateType") === predicateType, `${what}: a statement of something else`);
    return statement;
  }
}

/** The keys of approvers by their names, the logins; lines that begin with # say nothing. */
function readApprovers(text) {
  const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
  const keys = lines.map((line) => new Key(line));
  need(keys.every((key) => key.kind === NOTE), "approvers: a key is of a kind that signs something else");
  const found = new Map(keys.map((key) => [key.name, key]));
  const isOnce = found.size === keys.length && new Set(keys.map((key) => hex(key.raw))).size === keys.length;
  need(isOnce, "approvers: a name or key stands twice");
  return found;
}

/** The SHA-256 of each subject of a statement by its name. */
function subjects(statement, what) {
  const found = new Map();
  for (const row of statement.get("subject")) {
    const name = shape(row, "name").get("name");
    const digest = row.get("digest");
    const isPlain = hasExactly(row, "name digest") && digest instanceof Map && hasExactly(digest, "sha256");
    need(isPlain && !found.has(name), `${what}: a subject is not one name with one SHA-256`);
    found.set(name, digest.get("sha256"));
  }
  return found;
}
