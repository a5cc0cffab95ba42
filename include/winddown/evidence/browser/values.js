// Values in one spelling each: bytes, JSON (RFC 8785), base64, numbers. The words of a refusal are those of verify.py.

/** A reason why the evidence is refused. */
class Rejected extends Error {}

function need(condition, reason) {
  if (!condition) throw new Rejected(reason);
}

const ACTS = new Set(["freeze", "anonymise", "seal", "quarantine", "purge", "sanitise", "restore"]);
const COPIES = new Set(["seal", "anonymise"]); // acts of orders that take nothing from a store
const ORDERS = new Set([...COPIES, "minimise", "erase"]);
const IN_TURN = new Set(["quarantine", "purge", "restore"]); // what is done to the batches of all other orders
const OWN = "winddown"; // what effects on own traces, and the check after them, name in place of a store
const CLOSE = "effect plan_id order_id act batch records read_back";
const FIELDS = new Map([
  ..."case_opened snapshot_taken classified decided transfer_checked frozen sanitised restored".split(" ")
    .map((name) => [name, ""]),
  ["hold_placed", "hold scope_digest"],
  ["hold_released", "hold"],
  ["backup_proven", "store collection until"],
  ["plan_made", "plan_id wave digest"],
  ["approval_given", "plan_id plan_digest person role door"],
  ["handover_acknowledged", "plan_id order_id archive_digest person"],
  ["intent", "effect plan_id order_id act batch batch_digest records nonce"],
  ["done", CLOSE],
  ["unknown", CLOSE],
  ["residual_checked", "plan_id stores"],
  ["certificate_issued", "certificate_id digest"],
  ["halted", "reason door"],
  ["resumed", "reason door"],
  ["evidence_read", "name"],
  ["report_issued", "entries"],
  ["scheduler_cleared", "plan_id person bytes_searched"],
]);
const KINDS = new Map([
  ...("seq records record_count_max purged approvals_needed grace_seconds count approval_days entries persons index " +
    "files_max contradictions bytes_searched").split(" ").map((name) => [name, "int"]),
  ...("orders requires subject signatures batch_digests approver_roles approvers path decisions traces stores " +
    "approvals inspection remaining residual_until own_traces not_claimed waits_for").split(" ").map((name) => [name, "list"]),
  ...["wave", "read_back", "body", "predicate"].map((name) => [name, "object"]),
]);
const MAY_BE_BLANK = new Set(["plan_id", "order_id", "batch", "batch_digest", "nonce"]); // of a freeze before any plan
const ENTRY_BYTES_MAX = 65535;
const NESTED_MAX = 400;

// -- bytes -----------------------------------------------------------------------------------------------------------

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = (bytes) => noble.sha256(bytes);

function decodeUtf8(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

function joined(...parts) {
  const all = parts.map((part) => (typeof part === "string" ? utf8(part) : part));
  const result = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

function isSame(one, other) {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}

/** Eight bytes of a BigInt, most significant first. */
function long(number) {
  const result = new Uint8Array(8);
  new DataView(result.buffer).setBigUint64(0, number);
  return result;
}

/** What stands before and after the last of a separator; "" before, where there is none. */
function cutLast(text, separator) {
  const at = text.lastIndexOf(separator);
  return at < 0 ? ["", text] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** Texts in the order of their code points, as Python sorts them. */
function inPythonsOrder(one, other) {
  const [ours, theirs] = [[...one], [...other]].map((text) => text.map((letter) => letter.codePointAt(0)));
  const at = ours.findIndex((code, place) => code !== theirs[place]);
  if (at < 0) return ours.length - theirs.length;
  return at < theirs.length ? ours[at] - theirs[at] : 1;
}

function cutFirst(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/; // of a length that four divides; counting groups would overflow the stack

function unbase64(text, what) {
  need(text.length % 4 === 0 && BASE64.test(text), `${what}: not base64`);
  const raw = atob(text);
  need(btoa(raw) === text, `${what}: base64 not in canonical form`);
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
}

/** A number from 0 to 2^63-1 in its only decimal spelling, as a BigInt. */
function numberOf(text, what) {
  need(/^(?:0|[1-9][0-9]{0,18})$/.test(text), `${what}: not a plain number`);
  need(BigInt(text) < 2n ** 63n, `${what}: a number beyond 2^63-1`);
  return BigInt(text);
}

// -- JSON ------------------------------------------------------------------------------------------------------------

const ESCAPED = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/**
 * The value at the beginning of a text; objects become Maps, so that no name in them means anything to the language.
 * Fractions, exponents, NaN and infinities are errors. What stands after the value is not looked at.
 */
function readJson(text) {
  let at = 0;
  const fail = () => {
    throw new SyntaxError("not JSON");
  };
  const skip = () => {
    while (text[at] === " " || text[at] === "\n" || text[at] === "\t" || text[at] === "\r") at += 1;
  };
  const string = () => {
    const plain = /[^"\\\u0000-\u001f]*/y;
    let result = "";
    at += 1;
    for (;;) {
      plain.lastIndex = at;
      const run = plain.exec(text)[0];
      result += run;
      at += run.length;
      if (text[at] === '"') {
        at += 1;
        return result;
      }
      if (text[at] !== "\\") fail();
      const letter = text[at + 1];
      if (letter === "u") {
        const digits = text.slice(at + 2, at + 6);
        if (!/^[0-9A-Fa-f]{4}$/.test(digits)) fail();
        result += String.fromCharCode(parseInt(digits, 16));
        at += 6;
      } else {
        if (letter === undefined || !Object.hasOwn(ESCAPED, letter)) fail();
        result += ESCAPED[letter];
        at += 2;
      }
    }
  };
  const items = (end, one) => {
    at += 1;
    skip();
    if (text[at] === end) {
      at += 1;
      return;
    }
    for (;;) {
      one();
      skip();
      if (text[at] === end) {
        at += 1;
        return;
      }
      if (text[at] !== ",") fail();
      at += 1;
      skip();
    }
  };
  const value = (depth) => {
    if (depth > NESTED_MAX) fail();
    const first = text[at];
    if (first === '"') return string();
    if (first === "{") {
      const found = new Map();
      items("}", () => {
        if (text[at] !== '"') fail();
        const name = string();
        skip();
        if (text[at] !== ":") fail();
        at += 1;
        skip();
        found.set(name, value(depth + 1));
      });
      return found;
    }
    if (first === "[") {
      const found = [];
      items("]", () => found.push(value(depth + 1)));
      return found;
    }
    for (const [word, meaning] of [["null", null], ["true", true], ["false", false]]) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    const number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
    number.lastIndex = at;
    const match = number.exec(text);
    if (match === null || match[1] !== undefined || match[2] !== undefined) fail();
    at += match[0].length;
    return Number(match[0]);
  };
  return value(0);
}

/** RFC 8785 text: keys in UTF-16 order, no spaces, integers within 2^53-1. */
function canonical(value) {
  if (value instanceof Map) {
    const names = [...value.keys()].sort();
    return `{${names.map((name) => `${canonical(name)}:${canonical(value.get(name))}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RangeError("number");
    return String(value);
  }
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new RangeError("half of a surrogate pair");
    return JSON.stringify(value);
  }
  return String(value); // null, true, false
}

/** SHA-256 of the canonical form, as hex. */
function digestOf(value) {
  return hex(sha256(utf8(canonical(value))));
}

function parse(raw, what) {
  try {
    return parseObject(raw);
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    throw new Rejected(`${what}: ${error.message}`);
  }
}

/** A canonical JSON object; the reason for refusing it does not say which one it was. */
function parseObject(raw) {
  let text, document, again;
  try {
    text = decodeUtf8(raw);
    document = readJson(text);
    again = canonical(document);
  } catch {
    throw new Rejected("not strict JSON");
  }
  need(document instanceof Map, "not a JSON object");
  need(again === text, "not in canonical form");
  return document;
}

/** An object that has these fields: counts from 0 (no booleans), texts that are not blank, lists, objects. */
function shape(document, fields) {
  need(document instanceof Map, "not a JSON object");
  for (const name of fields.split(" ").filter(Boolean)) {
    const kind = KINDS.get(name) ?? "str";
    const value = document.get(name);
    const fits = {
      int: typeof value === "number" || typeof value === "boolean",
      str: typeof value === "string",
      list: Array.isArray(value),
      object: document.has(name),
    }[kind];
    need(fits, `${name} is missing or not ${kind}`);
    need(kind !== "int" || (typeof value === "number" && value >= 0), `${name} is not a count`);
    need(value !== "" || MAY_BE_BLANK.has(name), `${name} is blank`);
  }
  return document;
}

/** Whether an object has exactly these fields. */
function hasExactly(document, fields) {
  const names = fields.split(" ");
  return document.size === names.length && names.every((name) => document.has(name));
}
