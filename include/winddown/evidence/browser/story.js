// What the entries tell: they are replayed in order against plans and certificates.

const APPROVAL_HEAD = "winddown approval v1";
const STATED = ["case", "plan", "digest", "person", "role", "signed_at", "days"]; // the lines after the head, in order
const FOR_PROGRAMS = new RegExp( // all other members are read and filed by people, and bound by the ledger's last report
  "^(?:ledger\\.jsonl|checkpoint\\.txt|manifest\\.json|README\\.txt|verify\\.py" +
    "|(?:plans|certificates|rules)/.+\\.json|timestamps/.+\\.tsr)$",
);
const DAYS_MAX = 366;
const DAY_SECONDS = 86400;
const SKEW_MAX_SECONDS = 300; // how far ahead the clock may be of the machine on which an approver signs

const keyOf = (...parts) => JSON.stringify(parts);
const identityOf = (body) => keyOf(...["plan_id", "order_id", "act", "batch"].map((name) => body.get(name)));

/** The entries, replayed; every breach becomes a reason naming its entry. */
class Story {
  constructor(plans, statements, keys) {
    this.plans = plans;
    this.statements = statements;
    this.certificates = new Map([...statements].map(([one, statement]) => [one, statement.get("predicate")]));
    this.reasons = [];
    this.orders = new Map();
    this.made = new Map();
    this.keys = keys; // of approvers, by login, that the reader has
    this.signed = 0;
    this.unread = 0; // signed approvals of people whose keys the reader does not have
    this.isHalted = false;
    this.approvals = new Map(); // plan to its approvals by person: role and since when
    this.approved = new Map(); // plans with enough approvals, to the oldest moment of these
    this.acknowledged = new Map(); // order to the person who has what it handed over
    this.batches = new Map(); // approved digest of each batch, of orders that name any
    this.extracted = new Set(); // batches that stand in a checked anonymous extract
    this.intents = new Map(); // the last intent of each effect
    this.last = new Map(); // effect to intent, done or unknown
    this.nonces = new Set();
    this.quarantined = new Map(); // batch to since, records, batch digest
    this.purged = new Map();
    this.totals = new Map(); // purged records per order
    this.issued = new Map(); // certificate to its entry
    this.documents = new Map(); // digest of each document for people, by the last report
    this.certified = new Set(); // plans with a certificate
  }

  /** Go through the entries, then ask what never came. */
  async replay(entries) {
    const told = {
      plan_made: this.planMade,
      approval_given: this.approvalGiven,
      handover_acknowledged: this.handoverAcknowledged,
      intent: this.intent,
      done: this.done,
      unknown: this.unknown,
      certificate_issued: this.certificateIssued,
      halted: this.halted,
      report_issued: this.reportIssued,
      resumed: this.resumed,
    };
    for (const entry of entries) {
      try {
        const pending = told[entry.type]?.call(this, entry, entry.body);
        if (pending) await pending; // a signature; waiting for nothing a million times would take time
      } catch (error) {
        if (!(error instanceof Rejected)) throw error;
        this.reasons.push(`entry ${entry.seq} (${entry.type}): ${error.message}`);
      }
    }
    const unmade = [...this.plans.keys()].filter((one) => !this.made.has(one));
    this.reasons.push(...unmade.map((one) => `plan ${one}: no plan_made entry`));
    const absent = [...this.certificates.keys()].filter((one) => !this.issued.has(one));
    this.reasons.push(...absent.map((one) => `certificate ${one}: no certificate_issued entry carries its digest`));
  }

  /** The plan's file is the one that was recorded, and says what the later checks lean on. */
  planMade(entry, body) {
    const planId = body.get("plan_id");
    need(this.plans.has(planId), `plan ${planId} is not in the bundle`);
    need(!this.made.has(planId), `plan ${planId} was made before`);
    const fields = "id case wave approvals_needed grace_seconds orders approvers requested_by approval_days";
    const plan = shape(this.plans.get(planId), fields);
    const isSpan = plan.get("approval_days") > 0 && plan.get("approval_days") <= DAYS_MAX;
    need(isSpan, `plan ${planId}: approvals count for no days, or too many`);
    plan.get("approvers").forEach((approver) => shape(approver, "person role"));
    const digest = hex(sha256(utf8(canonical(plan))));
    need(body.get("digest") === digest, `plan ${planId} in the bundle has another digest`);
    const [stated, recorded] = [["id", "case", "wave"].map((name) => plan.get(name)), [planId, entry.of, body.get("wave")]];
    need(canonical(stated) === canonical(recorded), `plan ${planId} states another id, case or wave`);
    need(plan.get("approvals_needed") > 0, `plan ${planId} asks for no approvals`);
    if (plan.has("approver_roles")) {
      const roles = shape(plan, "approver_roles").get("approver_roles");
      need(roles.every((role) => typeof role === "string"), `plan ${planId}: a role is not text`);
    }
    const orders = new Map();
    for (const order of plan.get("orders")) {
      orders.set(shape(order, "id act record_count_max requires").get("id"), order);
    }
    need(orders.size === plan.get("orders").length, `plan ${planId}: an order appears twice`);
    for (const [orderId, order] of orders) {
      const known = order.get("requires").every((one) => typeof one === "string" && orders.has(one));
      need(known, `order ${orderId} requires an order that is not in the plan`);
      if (order.has("selection")) shape(order.get("selection"), "count batch_digests");
      need(order.has("selection") || order.get("act") !== "anonymise", `order ${orderId} selects nothing`);
    }
    for (const [orderId, order] of orders) {
      const place = keyOf(planId, orderId);
      this.orders.set(place, order);
      if (order.has("selection")) this.batches.set(place, order.get("selection").get("batch_digests"));
    }
    this.made.set(planId, digest);
  }

  /** The id of a plan that was made before this entry, in the same case. */
  ofPlan(entry, body) {
    const planId = body.get("plan_id");
    need(this.made.has(planId), `plan ${planId} was not made before`);
    need(entry.of === this.plans.get(planId).get("case"), `plan ${planId} belongs to another case`);
    return planId;
  }

  /** Plan id and order id as one key, both known. */
  ofOrder(entry, body) {
    const [planId, orderId] = [this.ofPlan(entry, body), body.get("order_id")];
    need(this.orders.has(keyOf(planId, orderId)), `order ${orderId} is not in plan ${planId}`);
    return keyOf(planId, orderId);
  }

  /** An approval counts for exactly the plan that was made, once per person, by whom the plan names. */
  async approvalGiven(entry, body) {
    const planId = this.ofPlan(entry, body);
    const [person, role] = [body.get("person"), body.get("role")];
    const isSame = body.get("plan_digest") === this.made.get(planId);
    need(isSame, `approval of another digest than plan ${planId} has`);
    const plan = this.plans.get(planId);
    const isNamed = plan.get("approvers").some((one) => one.get("person") === person && one.get("role") === role);
    need(isNamed, `${person} is no approver of plan ${planId} as ${role}`);
    need(person !== plan.get("requested_by"), `${person} requested plan ${planId} and approved it`);
    const isBySignature = body.get("door") === "signature";
    need(!this.keys.has(person) || isBySignature, `${person} did not sign the approval`);
    let since = entry.moment;
    if (isBySignature) {
      const at = await this.signedAt(entry, body, plan);
      if (isBefore(at, since)) since = at;
    }
    if (!this.approvals.has(planId)) this.approvals.set(planId, new Map());
    this.approvals.get(planId).set(person, { role, since });
  }

  /** When an approval was signed; the text must be about this plan, and genuine if its key is known. */
  async signedAt(entry, body, plan) {
    const note = shape(body, "note").get("note");
    const lines = note.split("\n");
    const stated = STATED.map((name) => `${name}: `);
    const isWhole = lines[0] === APPROVAL_HEAD && lines.length > stated.length;
    need(isWhole && stated.every((start, at) => lines[at + 1].startsWith(start)), "the signed text is no approval");
    const values = stated.map((start, at) => lines[at + 1].slice(start.length));
    const [planId, person] = [plan.get("id"), body.get("person")];
    const wanted = [entry.of, planId, this.made.get(planId), person, body.get("role")];
    const isOfThis = wanted.every((value, at) => value === values[at]);
    need(isOfThis, "the signed text is about another plan, person or role");
    need(values[6] === String(plan.get("approval_days")), "the signed text gives it another number of days");
    need(TIME.test(values[5]), "the signed text has no UTC time with microseconds");
    const at = momentOf(values[5], "the signed text");
    const latest = { seconds: entry.moment.seconds + SKEW_MAX_SECONDS, micros: entry.moment.micros };
    need(!isBefore(latest, at), "it is signed for a time in the future");
    const key = this.keys.get(person);
    if (key === undefined) {
      this.unread += 1;
      return at;
    }
    const [text, tail] = cutLast(note, "\n\n");
    need(text && tail.endsWith("\n"), "not a signed note");
    const [start, whole] = [`— ${key.name} `, new RegExp(`^[^${SPACE}]+$`)];
    const ours = tail.slice(0, -1).split("\n").filter((line) => line.startsWith(start) && whole.test(line.slice(start.length)));
    const signatures = ours.map((line) => unbase64(line.slice(start.length), "approval"));
    const own = signatures.filter((data) => hex(data.slice(0, 4)) === key.id);
    need(own.length, `not signed by the key of ${key.name}`);
    for (const data of own) await key.checkNote(data.slice(4), `${text}\n`, "approval");
    this.signed += 1;
    return at;
  }

  /** From here on nothing may be intended but restoring. */
  halted() {
    this.isHalted = true;
  }

  /** The case goes on. */
  resumed() {
    this.isHalted = false;
  }

  /** Its receiver has what an order handed over. */
  handoverAcknowledged(entry, body) {
    this.acknowledged.set(this.ofOrder(entry, body), body.get("person"));
  }

  /** What is about to be done was approved, is within the plan, and its time has come. */
  intent(entry, body) {
    const [effect, act, nonce] = ["effect", "act", "nonce"].map((name) => body.get(name));
    need(ACTS.has(act), "there is no such act");
    const before = this.intents.get(effect) ?? body;
    need(identityOf(before) === identityOf(body), `effect ${effect} was another one before`);
    this.intents.set(effect, body);
    this.last.set(effect, "intent");
    need(!nonce || !this.nonces.has(nonce), "the nonce of its authorisation was used before");
    this.nonces.add(nonce);
    need(act === "restore" || !this.isHalted, "something else than restoring while the case was halted");
    if ((act === "freeze" || act === "restore") && !body.get("plan_id")) return; // It may come before there is a plan.
    const planId = this.ofPlan(entry, body);
    const plan = this.plans.get(planId);
    if (act !== "restore") this.requireApproved(planId, plan, entry.moment); // Undoing waits for no approval.
    if (act === "sanitise") return; // It clears a whole store's leftovers, so it names the store in place of an order.
    const place = this.ofOrder(entry, body);
    const [order, orderId, batch] = [this.orders.get(place), body.get("order_id"), body.get("batch")];
    const key = keyOf(planId, orderId, batch);
    for (const other of order.get("requires")) {
      const needed = keyOf(planId, other);
      if (this.orders.get(needed).get("act") === "anonymise") {
        const isThere = this.batches.get(needed).every((_, n) => this.extracted.has(keyOf(planId, other, String(n))));
        need(isThere, `order ${orderId} requires order ${other}, whose extract is not checked`);
        continue;
      }
      const isThere = this.acknowledged.has(needed);
      need(isThere, `order ${orderId} requires order ${other}, whose hand-over is not acknowledged`);
    }
    const [what, most] = [`${act} of order ${orderId} batch ${batch}`, order.get("record_count_max")];
    const [records, digest] = [body.get("records"), body.get("batch_digest")];
    need(records <= most, `${what}: ${records} records, record_count_max is ${most}`);
    if (this.batches.has(place)) {
      const approved = /^(?:0|[1-9][0-9]*)$/.test(batch) ? this.batches.get(place)[Number(batch)] : undefined;
      need(digest === approved, `${what}: its keys are not the approved ones`);
    }
    if (act === "restore") {
      // Undoing ends the quarantine from the intent on, so a later purge needs a new quarantine and a new grace.
      need(!this.purged.has(key), `${what} after its purge`);
      this.quarantined.delete(key);
    }
    if (act === "quarantine" || act === "purge") {
      need(!COPIES.has(order.get("act")), `${what}: the order only keeps`);
      need(!this.certified.has(planId), `${what} after the certificate of plan ${planId}`);
    }
    if (act === "purge") {
      need(this.quarantined.has(key), `${what} without an earlier quarantine`);
      const quarantine = this.quarantined.get(key);
      const [waited, grace] = [secondsBetween(quarantine.since, entry.moment), plan.get("grace_seconds")];
      need(waited >= grace, `${what} before the grace period of ${grace} s has passed, after ${waited} s`);
      need(digest === quarantine.digest, `${what}: another batch digest than was quarantined`);
    }
  }

  /** Enough distinct persons in the right roles approved, and not too long ago. */
  requireApproved(planId, plan, at) {
    const counts = (since) => isBefore(at, { seconds: since.seconds + plan.get("approval_days") * DAY_SECONDS, micros: since.micros });
    if (this.approved.has(planId) && counts(this.approved.get(planId))) return;
    const valid = [...(this.approvals.get(planId)?.values() ?? [])].filter(({ since }) => counts(since));
    const [given, needed] = [valid.length, plan.get("approvals_needed")];
    const few = `plan ${planId}: ${given} distinct persons approved before this intent, ${needed} needed`;
    need(given >= needed, few);
    const roles = new Set(valid.map(({ role }) => role));
    const missing = [...new Set(plan.get("approver_roles") ?? [])].filter((role) => !roles.has(role)).sort(inPythonsOrder);
    need(!missing.length, `plan ${planId}: nobody with the role ${missing.join(", ")} approved`);
    this.approved.set(planId, valid.map(({ since }) => since).reduce((one, other) => (isBefore(other, one) ? other : one)));
  }

  /** An effect ends, for now, without a known outcome. `done` begins the same way. */
  unknown(entry, body) {
    const effect = body.get("effect");
    need(this.intents.has(effect), `effect ${effect} was never intended`);
    const isSame = identityOf(this.intents.get(effect)) === identityOf(body);
    need(isSame, `effect ${effect} was intended differently`);
    this.last.set(effect, entry.type);
  }

  /** An effect ends as intended, within what was intended. */
  done(entry, body) {
    this.unknown(entry, body);
    const [intent, records, act] = [this.intents.get(body.get("effect")), body.get("records"), body.get("act")];
    const [planId, orderId, batch] = ["plan_id", "order_id", "batch"].map((name) => body.get(name));
    const [place, key] = [keyOf(planId, orderId), keyOf(planId, orderId, batch)];
    const what = `${act} of order ${orderId} batch ${batch}`;
    need(records <= intent.get("records"), `${what}: ${records} records, ${intent.get("records")} were intended`);
    if (act === "quarantine" || act === "purge") {
      this.ofOrder(entry, body);
      if (act === "quarantine" && !this.quarantined.has(key)) {
        this.quarantined.set(key, { since: entry.moment, records, digest: intent.get("batch_digest") });
      }
      need(this.quarantined.has(key), `${what} without an earlier quarantine`);
      const isSame = records === this.quarantined.get(key).records;
      need(isSame, `${what}: another record count than was quarantined`);
    }
    if (act === "anonymise") this.extracted.add(key);
    if (act === "purge") {
      const total = (this.totals.get(place) ?? 0) + records - (this.purged.get(key) ?? 0);
      this.totals.set(place, total);
      this.purged.set(key, records);
      const most = this.orders.get(place).get("record_count_max");
      need(total <= most, `${what}: ${total} records purged, record_count_max is ${most}`);
    }
  }

  /** The quarantines and purges whose last word is not done, with their plans. */
  openEffects() {
    const open = [...this.last].map(([effect, word]) => ({ word, body: this.intents.get(effect) }));
    return open
      .filter(({ word, body }) => word !== "done" && ["quarantine", "purge"].includes(body.get("act")))
      .map(({ word, body }) => ({
        planId: body.get("plan_id"),
        text: `${body.get("act")} of order ${body.get("order_id")} batch ${body.get("batch")} is open (${word})`,
      }));
  }

  /** The certificate says what the ledger says at the moment of its issue. */
  certificateIssued(entry, body) {
    const one = body.get("certificate_id");
    const what = `certificate ${one}`;
    need(this.certificates.has(one), `${what} is not in the bundle`);
    need(!this.issued.has(one), `${what} was issued before`);
    const document = shape(this.certificates.get(one), "id case plan_id orders");
    need(body.get("digest") === hex(sha256(utf8(canonical(document)))), `${what} in the bundle has another digest`);
    this.issued.set(one, entry.seq);
    const isOwn = document.get("id") === one && document.get("case") === entry.of;
    need(isOwn, `${what} states another id or case`);
    const planId = this.ofPlan(entry, document);
    const named = subjects(this.statements.get(one), what);
    const isOfPlan = named.size === 1 && named.get(`plans/${planId}.json`) === this.made.get(planId);
    need(isOfPlan, `${what}: its subject is another plan`);
    this.certified.add(planId);
    const open = this.openEffects().filter((effect) => effect.planId === planId);
    need(!open.length, `${what}: ${open.map((effect) => effect.text).join("; ")}`);
    const rows = document.get("orders");
    const stated = new Map(rows.map((row) => [shape(row, "id purged").get("id"), row.get("purged")]));
    const known = [...stated.keys()].every((order) => this.orders.has(keyOf(planId, order)));
    need(known && stated.size === rows.length, `${what}: an order appears twice or is not in its plan`);
    for (const row of rows) {
      const who = this.acknowledged.get(keyOf(planId, row.get("id"))) ?? null;
      const said = row.has("acknowledged_by") ? row.get("acknowledged_by") : who;
      need(said === who, `${what}: another acknowledged order ${row.get("id")}`);
    }
    for (const order of this.plans.get(planId).get("orders")) {
      const id = order.get("id");
      const [said, actual] = [stated.get(id) ?? 0, this.totals.get(keyOf(planId, id)) ?? 0];
      need(said === actual, `${what}: order ${id} says ${said} purged, the ledger says ${actual}`);
      if (order.has("selection") && !COPIES.has(order.get("act"))) {
        const count = order.get("selection").get("count");
        need(actual === count, `${what}: order ${id} names ${count} records, ${actual} are purged`);
      }
    }
  }

  /** What each order did to one person's records, opened from the commitment in the approved plan. */
  openPerson(raw) {
    const proof = shape(parse(raw, "person"), "case person orders");
    return proof.get("orders").map((row) => {
      shape(row, "plan_id order_id records salt index path");
      const [planId, orderId] = [row.get("plan_id"), row.get("order_id")];
      const [order, what] = [this.orders.get(keyOf(planId, orderId)), `person: order ${orderId}`];
      const isOurs = this.certified.has(planId) && this.plans.get(planId).get("case") === proof.get("case");
      need(isOurs && order, `${what}: not in a certified plan of this case`);
      const selection = shape(order.get("selection"), "persons persons_root");
      const leaf = new Map(["plan_id", "order_id", "records", "salt"].map((name) => [name, row.get(name)]));
      leaf.set("person", proof.get("person"));
      const path = row.get("path").filter((one) => typeof one === "string").map((one) => unbase64(one, what));
      const [index, size] = [BigInt(row.get("index")), BigInt(selection.get("persons"))];
      const found = climb(leafHash(utf8(canonical(leaf))), index, size, path, what);
      need(hex(found) === selection.get("persons_root"), `${what}: not what the plan commits to`);
      return `${what}: ${row.get("records")} records of this person, act ${order.get("act")}, plan ${planId}, certified`;
    });
  }

  /** The last report says which documents for people there are. */
  reportIssued(_entry, body) {
    const documents = body.has("documents") ? body.get("documents") : new Map();
    need(documents instanceof Map, "documents is not a list of names with digests");
    this.documents = documents;
  }

  /** Each document for people is the one that the last report names; none is missing and none was added. */
  requireDocuments(members) {
    const read = [...members].filter(([name]) => !FOR_PROGRAMS.test(name));
    const found = new Map(read.map(([name, data]) => [name, hex(sha256(data))]));
    for (const name of [...new Set([...found.keys(), ...this.documents.keys()])].sort(inPythonsOrder)) {
      if ((found.get(name) ?? null) === (this.documents.get(name) ?? null)) continue;
      this.reasons.push(`${name}: not what the ledger's last report_issued entry names`);
    }
  }
}
