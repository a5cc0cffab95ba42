// The archive (ZIP, stored), the ledger in it, and its Merkle tree (RFC 6962).

const NAME = /^(?:(?:plans|certificates|orders|rules|timestamps)\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const TIME = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([01][0-9]|2[0-3]):([0-9]{2}):([0-9]{2})\.([0-9]{6})Z$/;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(data) {
  let value = 0xffffffff;
  for (const byte of data) value = CRC_TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Numbers as little-endian bytes: pairs of a width of 2 or 4 and a value. */
function little(...pairs) {
  const result = [];
  for (const [width, value] of pairs) {
    for (let at = 0; at < width; at += 1) result.push((value >>> (8 * at)) & 255);
  }
  return Uint8Array.from(result);
}

/** The members of the ZIP, after building it again from them and finding the same bytes. */
function readArchive(data) {
  const members = new Map();
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let [at, last] = [0, ""];
  while (data.length >= at + 30 && view.getUint32(at, true) === 0x04034b50) {
    const [size, nameLength] = [view.getUint32(at + 18, true), view.getUint16(at + 26, true)];
    const name = String.fromCharCode(...data.subarray(at + 30, at + 30 + nameLength));
    need(NAME.test(name) && name > last, "archive: a member's name is not allowed or not in order");
    const start = at + 30 + nameLength;
    [at, last] = [start + size, name];
    members.set(name, data.subarray(start, at));
  }
  need(isSame(rebuild(members), data), "archive: not the bytes that its members make");
  return members;
}

/** The one ZIP of these members: stored, sorted, dated 1980-01-01, no extra fields, no comment. */
function rebuild(members) {
  const [locals, central] = [[], []];
  let offset = 0;
  for (const [name, data] of [...members].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const text = utf8(name);
    const common = little(
      [2, 20], [2, 0], [2, 0], [2, 0], [2, 33], [4, crc32(data)], [4, data.length], [4, data.length], [2, text.length], [2, 0],
    );
    locals.push("PK\x03\x04", common, text, data);
    central.push("PK\x01\x02\x14\x03", common, little([2, 0], [2, 0], [2, 0], [4, 0o100644 * 65536], [4, offset]), text);
    offset += 30 + text.length + data.length;
  }
  const directory = joined(...central);
  const count = members.size % 65536;
  const end = little([2, 0], [2, 0], [2, count], [2, count], [4, directory.length], [4, offset], [2, 0]);
  return joined(...locals, directory, "PK\x05\x06", end);
}

/** Refuse unless the signed manifest lists exactly the other members with their digests. */
async function checkManifest(members, policy, note) {
  const what = "manifest.json";
  const kind = "https://winddown.example/bundle/v1";
  const listed = subjects(await policy.openStatement(members.get(what) ?? new Uint8Array(), note, kind, what), what);
  const others = [...members].filter(([name]) => name !== what);
  for (const [name, data] of others) {
    need(!listed.has(name) || listed.get(name) === hex(sha256(data)), `${what}: ${name} is not what was signed`);
  }
  const isWhole = listed.size === others.length && others.every(([name]) => listed.has(name));
  need(isWhole, `${what}: members were added or left out`);
}

/** The lines of a file, without their ends. */
function linesOf(data) {
  const lines = [];
  for (let start = 0; start < data.length; ) {
    const end = data.indexOf(10, start);
    lines.push(data.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** Yield the entries: of one case, contiguous from 0, never going back in time, with the fields of their type. */
function* readLedger(lines) {
  let [last, of] = ["", ""];
  for (let number = 0; number < lines.length; number += 1) {
    const what = `ledger entry ${number}`;
    let document;
    try {
      document = readEntry(lines[number]);
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      throw new Rejected(`${what}: ${error.message}`);
    }
    const [at, seq] = [document.get("at"), document.get("seq")];
    const moment = momentOf(at, what);
    need(seq === number, `${what}: carries number ${seq}, so entries are missing or reordered`);
    need(at >= last, `${what}: earlier than the entry before it`);
    need(of === "" || of === document.get("case"), `${what}: of another case than the entries before it`);
    [last, of] = [at, document.get("case")];
    yield { seq, moment, of, type: document.get("type"), body: document.get("body") };
  }
}

/** One entry by itself, with what its type needs. */
function readEntry(line) {
  need(line.length <= ENTRY_BYTES_MAX, "more than 65535 bytes");
  const document = shape(parseObject(line), "seq at case type actor body");
  need(document.size === 6, "not the six keys of an entry");
  need(TIME.test(document.get("at")), "at is not a UTC time with microseconds");
  need(FIELDS.has(document.get("type")), "there is no such entry type");
  shape(document.get("body"), FIELDS.get(document.get("type")));
  return document;
}

/** Seconds since 1970 and microseconds of a time that is spelled as one. */
function momentOf(text, what) {
  const [year, month, day, hour, minute, second, micros] = TIME.exec(text).slice(1).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isDay = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  need(isDay && year !== 0 && minute <= 59 && second <= 59, `${what}: there is no such day or time`);
  return { seconds: date.getTime() / 1000 + hour * 3600 + minute * 60 + second, micros };
}

/** Whole seconds from one moment to a later one. */
function secondsBetween(since, until) {
  return until.seconds - since.seconds - (until.micros < since.micros ? 1 : 0);
}

/** Whether one moment is before another. */
function isBefore(one, other) {
  return one.seconds < other.seconds || (one.seconds === other.seconds && one.micros < other.micros);
}

// -- Merkle tree -----------------------------------------------------------------------------------------------------

const leafHash = (data) => noble.sha256.create().update(Uint8Array.of(0)).update(data).digest();
const nodeHash = (left, right) => noble.sha256.create().update(Uint8Array.of(1)).update(left).update(right).digest();

/** RFC 6962 root over leaf hashes, level by level: pairs are joined, an odd last hash moves up unchanged. */
function merkleRoot(leaves) {
  let level = leaves;
  while (level.length > 1) {
    const above = [];
    for (let at = 0; at < level.length; at += 2) {
      above.push(at + 1 < level.length ? nodeHash(level[at], level[at + 1]) : level[at]);
    }
    level = above;
  }
  return level[0] ?? sha256(new Uint8Array());
}

/** The root to which an inclusion proof leads (RFC 9162, section 2.1.3.2); index and size are BigInts. */
function climb(leaf, index, size, proof, what) {
  need(index < size, `${what}: there is no entry ${index} among ${size}`);
  let [last, node, at] = [size - 1n, leaf, index];
  for (const sibling of proof) {
    need(last > 0n && sibling.length === 32, `${what}: the proof is too long`);
    if (at & 1n || at === last) {
      node = nodeHash(sibling, node);
      while (!(at & 1n) && at) [at, last] = [at >> 1n, last >> 1n];
    } else {
      node = nodeHash(node, sibling);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  need(last === 0n, `${what}: the proof is too short`);
  return node;
}
