// What the entries tell: they are replayed in order against plans and certificates.

const CASE = "certificate.json"; // the member that speaks of the whole case
const SUMS = { erase: "destroyed", minimise: "minimised", seal: "handed_over", anonymise: "anonymised" };
const OF_THE_WAVE = "case company plan_id plan_digest wave issued_on code_version rule_packs approvals";
const APPROVAL_HEAD = "winddown approval v1";
const STATED = ["case", "plan", "digest", "person", "role", "signed_at", "days"]; // the lines after the head, in order
const FOR_PROGRAMS = new RegExp( // all other members are read and filed by people, and bound by the ledger's last report
  "^(?:ledger\\.jsonl|checkpoint\\.txt|manifest\\.json|README\\.txt|verify\\.py|certificate\\.json" +
    "|(?:plans|certificates|orders|rules)/.+\\.json|timestamps/.+\\.tsr)$",
);
const DAYS_MAX = 366;
const DAY_SECONDS = 86400;
const SKEW_MAX_SECONDS = 300; // how far apart the clocks of two machines may be

const keyOf = (...parts) => JSON.stringify(parts);
const identityOf = (body) => keyOf(...["plan_id", "order_id", "act", "batch"].map((name) => body.get(name)));

/**
 * What may be sanitised under a plan, by the name that stands in place of an order: leftovers, or own traces with their
 * maximum, or a key or bucket, which go last.
 */
function endingsOf(plan) {
  const found = new Map();
  for (const trace of plan.get("traces")) {
    const name = shape(trace, "name files_max").get("name");
    const most = trace.get("files_max");
    found.set(`sanitise ${name}`, { store: OWN, digest: digestOf([name, most]), most, isLast: false, isDemanded: true });
  }
  for (const order of plan.get("orders").filter((one) => !COPIES.has(one.get("act")))) {
    const store = order.get("collection").get("store");
    const [last, digest] = [{ store, isLast: true, isDemanded: true }, order.get("destroys_key")];
    found.set(`sanitise ${store}`, { store, digest: "", isLast: false, isDemanded: false });
    if (isSaid(digest)) shape(order, "destroys_key");
    if (isSaid(digest)) found.set(`destroy key of ${store}`, { ...last, digest });
    if (isSaid(order.get("deletes_bucket"))) found.set(`delete bucket of ${store}`, { ...last, digest: "" });
  }
  return found;
}

/** Whether what was read back of an effect says that nothing stood against it; of some acts it is in words. */
function isProven(body) {
  const readBack = body.get("read_back");
  if (!IN_TURN.has(body.get("act")) || !body.get("plan_id")) return typeof readBack === "string";
  try {
    return shape(readBack, "by contradictions").get("contradictions") === 0;
  } catch {
    return false;
  }
}

/** The collection of an order or decision as certificates write it. */
function named(document) {
  const collection = shape(shape(document, "").get("collection"), "store name");
  return `${collection.get("store")}:${collection.get("name")}`;
}

/** Whether a document says something there: what Python takes for true. */
function isSaid(value) {
  if (value instanceof Map) return value.size > 0;
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** What rows say under these names, canonical, so that they can be compared. */
function toldOf(rows, names) {
  return rows.map((row) => canonical(names.split(" ").map((name) => shape(row, "").get(name) ?? null)));
}

/** The names of those fields that have other values than are wanted. */
function unequal(document, wanted) {
  const isOther = ([name, value]) => canonical(document.get(name) ?? null) !== canonical(value ?? null);
  return Object.entries(wanted).filter(isOther).map(([name]) => name);
}

/** What a document says under these names; null where it says nothing. */
function partOf(document, names) {
  return Object.fromEntries(names.split(" ").map((name) => [name, document.get(name) ?? null]));
}

/** What a certificate says of one of its orders, and of the store that it was about. */
function saidOfOrder(document, row) {
  const [store] = cutFirst(row.get("collection"), ":");
  return {
    ...partOf(document, OF_THE_WAVE),
    certificate: document.get("id"),
    certificate_digest: digestOf(document),
    order: row,
    inspection: document.get("inspection").filter((found) => found.get("store") === store),
    residual_until: document.get("residual_until").filter((found) => found.get("store") === store),
  };
}

/** Whether two lists hold the same texts, in any order. */
function isSameList(one, other) {
  return canonical([...one].sort()) === canonical([...other].sort());
}

/** The entries, replayed; every breach becomes a reason naming its entry. */
class Story {
  constructor(plans, statements, told, keys) {
    this.plans = plans;
    this.statements = statements;
    this.told = told; // the statements of orders and case, by member
    this.certificates = new Map([...statements].map(([one, statement]) => [one, statement.get("predicate")]));
    this.reasons = [];
    this.orders = new Map();
    this.made = new Map();
    this.keys = keys; // of approvers, by login, that the reader has
    this.signed = 0;
    this.unread = 0; // signed approvals of people whose keys the reader does not have
    this.isHalted = false;
    this.approvals = new Map(); // plan to its approvals by person: role, since when and door
    this.approved = new Map(); // plans with enough approvals, to the oldest moment of these
    this.acknowledged = new Map(); // order to who has which archive of it
    this.unproved = new Set(); // approvers whose approvals count here without a verified signature
    this.holds = new Map(); // holds in force, with the digest of what each covers
    this.holdsDigest = digestOf([]);
    this.backups = new Map(); // the last backup of each store that was proven
    this.batches = new Map(); // approved digests of the batches of each order
    this.copied = new Set(); // batches that stand in an archive or a checked extract
    this.endings = new Map(); // what each plan may sanitise, by name
    this.sanitised = new Map(); // plan and name, with the records that it was about
    this.clean = new Map(); // plans with what a residual check said after their last purge
    this.begun = new Set(); // plans under which something but restoring was intended
    this.case = "";
    this.at = { seconds: 0, micros: 0 }; // of the last entry
    this.intents = new Map(); // the last intent of each effect
    this.last = new Map(); // effect to intent, done or unknown
    this.nonces = new Set();
    this.quarantined = new Map(); // batch to its plan, since and records
    this.purging = new Map(); // batch to what a purge at work was intended on
    this.purged = new Map();
    this.totals = new Map(); // purged records per order
    this.issued = new Map(); // certificate to its entry
    this.documents = new Map(); // digest of each document for people, by the last report
    this.reported = { on: "", waitsFor: [] }; // day of the last report, and whom it waits for
    this.certified = new Set(); // plans with a certificate
    this.cleared = new Map(); // plans after which the scheduler's records went, by whose word
  }

  /** Go through the entries, then ask what never came. */
  async replay(entries) {
    const told = {
      backup_proven: this.backupProven,
      hold_placed: this.holdPlaced,
      hold_released: this.holdReleased,
      plan_made: this.planMade,
      approval_given: this.approvalGiven,
      handover_acknowledged: this.handoverAcknowledged,
      intent: this.intent,
      done: this.done,
      unknown: this.unknown,
      certificate_issued: this.certificateIssued,
      halted: this.halted,
      report_issued: this.reportIssued,
      residual_checked: this.residualChecked,
      resumed: this.resumed,
      scheduler_cleared: this.schedulerCleared,
    };
    for (const entry of entries) {
      [this.case, this.at] = [entry.of, entry.moment];
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
    const fields =
      "id case wave approvals_needed grace_seconds orders approvers requested_by approval_days holds_digest decisions traces";
    const plan = shape(this.plans.get(planId), fields);
    const isSpan = plan.get("approval_days") > 0 && plan.get("approval_days") <= DAYS_MAX;
    need(isSpan, `plan ${planId}: approvals count for no days, or too many`);
    plan.get("approvers").forEach((approver) => shape(approver, "person role"));
    const digest = digestOf(plan);
    need(body.get("digest") === digest, `plan ${planId} in the bundle has another digest`);
    const [stated, recorded] = [["id", "case", "wave"].map((name) => plan.get(name)), [planId, entry.of, body.get("wave")]];
    need(canonical(stated) === canonical(recorded), `plan ${planId} states another id, case or wave`);
    need(plan.get("approvals_needed") > 0, `plan ${planId} asks for no approvals`);
    const isText = !plan.has("scheduler_by") || typeof plan.get("scheduler_by") === "string";
    need(isText, `plan ${planId}: scheduler_by is not text`);
    if (plan.has("approver_roles")) {
      const roles = shape(plan, "approver_roles").get("approver_roles");
      need(roles.every((role) => typeof role === "string"), `plan ${planId}: a role is not text`);
    }
    const orders = new Map();
    for (const order of plan.get("orders")) {
      orders.set(shape(order, "id act record_count_max requires label").get("id"), order);
    }
    need(orders.size === plan.get("orders").length, `plan ${planId}: an order appears twice`);
    for (const [orderId, order] of orders) {
      const known = order.get("requires").every((one) => typeof one === "string" && orders.has(one));
      need(known, `order ${orderId} requires an order that is not in the plan`);
      need(ORDERS.has(order.get("act")), `order ${orderId}: there is no such act`);
      shape(order.get("collection"), "store name");
      shape(order.get("selection"), "count batch_digests");
    }
    const isMixed = orders.size && plan.get("traces").length;
    need(!isMixed, `plan ${planId} is about records and own traces at once`);
    const taken = new Set([...this.orders.keys()].map((place) => JSON.parse(place)[1]));
    const isOwn = ![...orders.keys()].some((one) => taken.has(one));
    need(isOwn, `plan ${planId}: an order has the id of another plan's`);
    this.endings.set(planId, endingsOf(plan));
    for (const [orderId, order] of orders) {
      const place = keyOf(planId, orderId);
      this.orders.set(place, order);
      this.batches.set(place, order.get("selection").get("batch_digests"));
    }
    this.made.set(planId, digest);
  }

  /** The id of a plan that was made before. */
  ofPlan(body) {
    const planId = body.get("plan_id");
    need(this.made.has(planId), `plan ${planId} was not made before`);
    return planId;
  }

  /** Plan id and order id as one key, both known. */
  ofOrder(body) {
    const [planId, orderId] = [this.ofPlan(body), body.get("order_id")];
    need(this.orders.has(keyOf(planId, orderId)), `order ${orderId} is not in plan ${planId}`);
    return keyOf(planId, orderId);
  }

  /** An approval counts for exactly the plan that was made, once per person, by whom the plan names. */
  async approvalGiven(entry, body) {
    const planId = this.ofPlan(body);
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
    const verified = this.signed;
    if (isBySignature) {
      const at = await this.signedAt(entry, body, plan);
      if (isBefore(at, since)) since = at;
    }
    if (!this.approvals.has(planId)) this.approvals.set(planId, new Map());
    if (verified === this.signed) this.unproved.add(person);
    this.approvals.get(planId).set(person, { role, since, door: body.get("door") });
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

  /** A hold is in force from here on, or covers more than before. */
  holdPlaced(_entry, body) {
    this.holds.set(body.get("hold"), body.get("scope_digest"));
    this.countHolds();
  }

  /** A hold that was in force holds no more. */
  holdReleased(_entry, body) {
    need(this.holds.delete(body.get("hold")), `hold ${body.get("hold")} was not in force`);
    this.countHolds();
  }

  countHolds() {
    this.holdsDigest = digestOf([...this.holds].sort(([one], [other]) => inPythonsOrder(one, other)));
  }

  /** There is a backup of a store, which holds what is erased until its last day. */
  backupProven(_entry, body) {
    this.backups.set(body.get("store"), body);
  }

  /** Its receiver has what an order handed over, all of which was sealed before. */
  handoverAcknowledged(_entry, body) {
    const place = this.ofOrder(body);
    const isSealed = this.orders.get(place).get("act") === "seal" && !this.openBatches(place).length;
    need(isSealed, `order ${body.get("order_id")} was not sealed before`);
    this.acknowledged.set(place, body);
  }

  /** The batches of an order whose act is not done. */
  openBatches(place) {
    const done = COPIES.has(this.orders.get(place).get("act")) ? this.copied : this.purged;
    const all = this.batches.get(place).map((_, n) => String(n));
    return all.filter((batch) => !done.has(keyOf(...JSON.parse(place), batch)));
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
    const planId = this.ofPlan(body);
    const plan = this.plans.get(planId);
    if (act !== "restore") { // Undoing waits for no approval, and for no hold.
      this.begun.add(planId);
      this.requireApproved(planId, plan, entry.moment);
      need(!this.certified.has(planId), `${act} after the certificate of plan ${planId}`);
      const isSame = plan.get("holds_digest") === this.holdsDigest;
      need(isSame, `the holds in force are not those with which plan ${planId} was made`);
    }
    this.makeStale(body);
    if (act === "sanitise") {
      this.requireEnding(planId, body);
      return;
    }
    const place = this.ofOrder(body);
    const [order, orderId, batch] = [this.orders.get(place), body.get("order_id"), body.get("batch")];
    const key = keyOf(planId, orderId, batch);
    for (const other of order.get("requires")) {
      const needed = keyOf(planId, other);
      if (this.orders.get(needed).get("act") === "anonymise") {
        need(!this.openBatches(needed).length, `order ${orderId} requires order ${other}, whose extract is not checked`);
        continue;
      }
      const isThere = this.acknowledged.has(needed);
      need(isThere, `order ${orderId} requires order ${other}, whose hand-over is not acknowledged`);
    }
    const [what, most] = [`${act} of order ${orderId} batch ${batch}`, order.get("record_count_max")];
    const [records, digest, ordered] = [body.get("records"), body.get("batch_digest"), order.get("act")];
    need(COPIES.has(ordered) ? act === ordered : IN_TURN.has(act), `${what}: the order is to ${ordered}`);
    need(records <= most, `${what}: ${records} records, record_count_max is ${most}`);
    const approved = /^(?:0|[1-9][0-9]*)$/.test(batch) ? this.batches.get(place)[Number(batch)] : undefined;
    need(digest === approved, `${what}: its keys are not the approved ones`);
    if (act === "quarantine" || act === "restore") {
      // Both end the quarantine from the intent on, so a later purge needs it to be done, and a new grace.
      need(!this.purged.has(key), `${what} after its purge`);
      this.quarantined.delete(key);
      if (act === "quarantine") this.purging.delete(key);
    }
    if (act === "purge") {
      need(this.quarantined.has(key), `${what} without an earlier quarantine`);
      const since = this.quarantined.get(key).since;
      const [waited, grace] = [secondsBetween(since, entry.moment), plan.get("grace_seconds")];
      need(waited >= grace, `${what} before the grace period of ${grace} s has passed, after ${waited} s`);
      this.purging.set(key, this.quarantined.get(key));
    }
  }

  /** What is cleared, or destroyed for good, is what the plan says, and all else of its store went before. */
  requireEnding(planId, body) {
    const name = body.get("order_id");
    const ending = this.endings.get(planId).get(name);
    need(ending, `${name} is not in plan ${planId}`);
    need(body.get("batch_digest") === ending.digest, `${name}: it is about something else than plan ${planId} says`);
    const isTooMany = ending.most !== undefined && body.get("records") > ending.most;
    need(!isTooMany, `${name}: ${body.get("records")} files, files_max is ${ending.most}`);
    for (const order of this.plans.get(planId).get("orders")) {
      const isOfStore = order.get("collection").get("store") === ending.store && !COPIES.has(order.get("act"));
      const isOpen = isOfStore && this.openBatches(keyOf(planId, order.get("id"))).length;
      need(!isOpen, `${name} before all of order ${order.get("id")} was purged`);
    }
    const isChecked = !ending.isLast || this.clean.has(planId);
    need(isChecked, `${name} before a residual check of plan ${planId} found nothing`);
  }

  /** What is done to a store makes an earlier check of it worthless, but for what may only go after one. */
  makeStale(body) {
    const planId = body.get("plan_id");
    const ending = this.endings.get(planId)?.get(body.get("order_id"));
    if (IN_TURN.has(body.get("act")) || (ending && !ending.isLast)) this.clean.delete(planId);
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
    this.makeStale(body);
    const key = keyOf(...["plan_id", "order_id", "batch"].map((name) => body.get(name)));
    if (body.get("act") === "quarantine" && entry.type === "unknown") this.quarantined.delete(key);
    if (body.get("act") === "quarantine" || body.get("act") === "restore") this.purging.delete(key);
  }

  /** An effect ends as intended, within what was intended, and another path found nothing against it. */
  done(entry, body) {
    this.unknown(entry, body);
    const [intent, records, act] = [this.intents.get(body.get("effect")), body.get("records"), body.get("act")];
    const [planId, orderId, batch] = ["plan_id", "order_id", "batch"].map((name) => body.get(name));
    const [place, key] = [keyOf(planId, orderId), keyOf(planId, orderId, batch)];
    const what = `${act} of order ${orderId} batch ${batch}`;
    need(records <= intent.get("records"), `${what}: ${records} records, ${intent.get("records")} were intended`);
    need(isProven(body), `${what}: its read-back does not say that another path found nothing against it`);
    if (act === "quarantine" || act === "purge") {
      this.ofOrder(body);
      if (act === "quarantine" && !this.quarantined.has(key)) {
        this.quarantined.set(key, { planId, since: entry.moment, records });
      }
      // A purge that is at work when somebody restores may be the faster one: it ends as it was intended.
      const found = this.quarantined.get(key) ?? this.purging.get(key);
      need(found, `${what} without an earlier quarantine`);
      const isSame = records === found.records;
      need(isSame, `${what}: another record count than was quarantined`);
    }
    if (act === "sanitise") this.sanitised.set(place, records);
    if (COPIES.has(act)) this.copied.add(key);
    if (act === "purge") {
      const total = (this.totals.get(place) ?? 0) + records - (this.purged.get(key) ?? 0);
      this.totals.set(place, total);
      this.purged.set(key, records);
      const most = this.orders.get(place).get("record_count_max");
      need(total <= most, `${what}: ${total} records purged, record_count_max is ${most}`);
    }
  }

  /** A plan is clean once a check of all its stores found nothing, until anything more is done under it. */
  residualChecked(_entry, body) {
    const planId = this.ofPlan(body);
    const stores = new Set([...this.endings.get(planId).values()].map((ending) => ending.store));
    const found = toldOf(body.get("stores"), "store remaining leftovers found");
    this.clean.delete(planId);
    const isClean = isSameList(found, [...stores].map((store) => canonical([store, 0, 0, 0])));
    if (isClean) this.clean.set(planId, body.get("stores"));
  }

  /** The effects under plans whose last word is not done, with their plans. */
  openEffects() {
    const open = [...this.last].map(([effect, word]) => ({ word, body: this.intents.get(effect) }));
    return open
      .filter(({ word, body }) => word !== "done" && body.get("plan_id"))
      .map(({ word, body }) => ({
        planId: body.get("plan_id"),
        text: `${body.get("act")} of order ${body.get("order_id")} batch ${body.get("batch")} is open (${word})`,
      }));
  }

  /** What a reader should know of a bundle that verifies: what is open, and what rests on trust alone. */
  notes() {
    const found = this.openEffects().map((effect) => effect.text);
    const waiting = [...this.quarantined].filter(([key]) => !this.purged.has(key)).map(([, { planId }]) => planId);
    for (const planId of this.made.keys()) {
      const who = this.plans.get(planId).get("scheduler_by");
      const isOpen = isSaid(who) && this.certified.has(planId) && !this.cleared.has(planId);
      if (isOpen) found.push(`plan ${planId}: ${who} has not said that what the scheduler kept is gone`);
    }
    for (const planId of [...this.begun].filter((one) => !this.certified.has(one))) {
      const count = waiting.filter((one) => one === planId).length;
      const kept = count ? `; ${count} of its batches are in quarantine` : "";
      found.push(`plan ${planId} was begun and is not certified${kept}`);
    }
    const unproved = [...this.unproved].sort(inPythonsOrder).join(", ");
    if (this.keys.size && unproved) found.push(`approvals: counted without a verified signature: ${unproved}`);
    return found;
  }

  /** The certificate says what the ledger says at the moment of its issue. */
  certificateIssued(entry, body) {
    const one = body.get("certificate_id");
    const what = `certificate ${one}`;
    need(this.certificates.has(one), `${what} is not in the bundle`);
    need(!this.issued.has(one), `${what} was issued before`);
    const fields = "id case plan_id orders approvals inspection remaining residual_until not_claimed";
    const document = shape(this.certificates.get(one), fields);
    need(body.get("digest") === digestOf(document), `${what} in the bundle has another digest`);
    this.issued.set(one, entry.seq);
    const isOwn = document.get("id") === one && document.get("case") === entry.of;
    need(isOwn, `${what} states another id or case`);
    const isText = document.get("not_claimed").every((said) => typeof said === "string");
    need(isText, `${what}: what it does not claim is not text`);
    const planId = this.ofPlan(document);
    need(!this.certified.has(planId), `${what}: plan ${planId} has a certificate already`);
    const about = subjects(this.statements.get(one), what);
    const isOfPlan = about.size === 1 && about.get(`plans/${planId}.json`) === this.made.get(planId);
    need(isOfPlan, `${what}: its subject is another plan`);
    this.certified.add(planId);
    const open = this.openEffects().filter((effect) => effect.planId === planId).map((effect) => effect.text);
    need(!open.length, `${what}: ${open.join("; ")}`);
    const leftOut = this.leftOut(planId);
    need(!leftOut.length, `${what}: ${leftOut.join("; ")}`);
    const unlike = this.unlike(planId, document, what);
    need(!unlike.length, `${what}: ${unlike.join("; ")}`);
  }

  /** What a plan asks for and the ledger does not have. */
  leftOut(planId) {
    const said = [];
    for (const order of this.plans.get(planId).get("orders")) {
      const [id, count] = [order.get("id"), order.get("selection").get("count")];
      const [missing, actual] = [this.openBatches(keyOf(planId, id)), this.totals.get(keyOf(planId, id)) ?? 0];
      if (missing.length) {
        said.push(`batch ${missing[0]} of order ${id} is not done`);
      } else if (!COPIES.has(order.get("act")) && actual !== count) {
        said.push(`order ${id} names ${count} records, ${actual} are purged`);
      }
      const isHandedOver = order.get("act") !== "seal" || this.acknowledged.has(keyOf(planId, id));
      if (!isHandedOver) said.push(`the hand-over of order ${id} is not acknowledged`);
    }
    for (const [name, ending] of this.endings.get(planId)) {
      if (ending.isDemanded && !this.sanitised.has(keyOf(planId, name))) said.push(`${name} is not done`);
    }
    if (!this.clean.has(planId)) said.push("no residual check found all stores clean after the last purge");
    return said;
  }

  /** Where a certificate differs from its plan, and from what the ledger tells of it. */
  unlike(planId, document, what) {
    const [said, plan, rows] = [[], this.plans.get(planId), document.get("orders")];
    const grace = new Map([["seconds", plan.get("grace_seconds")], ["reason", plan.get("grace_reason") ?? null]]);
    const wanted = { plan_digest: this.made.get(planId), grace };
    for (const name of ["wave", "preconditions", "rule_packs", "code_version"]) wanted[name] = plan.get(name);
    said.push(...unequal(document, wanted).map((name) => `another ${name}`));
    const given = [...(this.approvals.get(planId) ?? [])].map(([who, { role, door }]) => canonical([who, role, door]));
    const stated = document.get("approvals").map((one) => shape(one, "person role door"));
    const isGiven = isSameList(given, toldOf(stated, "person role door"));
    if (!isGiven) said.push("its approvals are not those of the ledger");
    const seen = toldOf(document.get("inspection"), "store records_live leftovers values_searched values_found");
    const looked = toldOf(this.clean.get(planId), "store remaining leftovers probes found");
    if (canonical(seen) !== canonical(looked)) said.push("its inspection is not the last residual check");
    const found = new Map(rows.map((row) => [shape(row, "id purged").get("id"), row]));
    const known = [...found.keys()].every((order) => this.orders.has(keyOf(planId, order)));
    need(known && found.size === rows.length, `${what}: an order appears twice or is not in its plan`);
    for (const order of plan.get("orders")) {
      const [id, selection] = [order.get("id"), order.get("selection")];
      const [row, place] = [found.get(id), keyOf(planId, id)];
      if (row === undefined) {
        said.push(`it has no order ${id}`);
        continue;
      }
      const [told, actual] = [row.get("purged"), this.totals.get(place) ?? 0];
      if (told !== actual) said.push(`order ${id} says ${told} purged, the ledger says ${actual}`);
      const due = {};
      for (const name of ["act", "method", "label", "fields"]) due[name] = order.get(name);
      const receipt = this.acknowledged.get(place);
      Object.assign(due, { collection: named(order), acknowledged_by: receipt?.get("person") });
      Object.assign(due, { records: selection.get("count"), manifest_digest: selection.get("digest") });
      said.push(...unequal(row, due).map((name) => `order ${id}: another ${name}`));
      if (receipt === undefined) continue;
      const isOther = toldOf([row.get("archive")], "sha256")[0] !== toldOf([receipt], "archive_digest")[0];
      if (isOther) said.push(`order ${id}: another archive`);
    }
    return [...said, ...this.unsaid(plan, document)];
  }

  /** What stays, by plan and ledger, and is not in a certificate. */
  unsaid(plan, document) {
    const said = [];
    const erasing = plan.get("orders").filter((order) => order.get("act") === "erase");
    const labels = erasing.flatMap((order) => order.get("label").split(", ").map((label) => keyOf(named(order), label)));
    const erased = new Set(labels);
    const [stays, remaining] = [new Map(), document.get("remaining")];
    toldOf(remaining, "collection label").forEach((place, number) => {
      const kept = toldOf([remaining[number]], "records until disposition");
      stays.set(place, [...(stays.get(place) ?? []), ...kept]);
    });
    for (const decision of plan.get("decisions")) {
      const [collection, label] = [named(decision), shape(decision, "label count disposition").get("label")];
      const [count, until, outcome] = ["count", "until", "disposition"].map((name) => decision.get(name) ?? null);
      // What is due and was stopped stays as what is blocked.
      const outcomes = outcome === "erase" || outcome === "anonymise" ? [outcome, "blocked"] : [outcome];
      const wanted = outcomes.map((one) => canonical([canonical([count, until, one])]));
      const isSaid = wanted.includes(canonical(stays.get(canonical([collection, label])) ?? []));
      if (erased.has(keyOf(collection, label)) || isSaid) continue;
      const day = typeof until === "string" ? ` until ${until}` : "";
      said.push(`it does not say that ${count} records of ${collection} (${label}) stay${day} (${outcome})`);
    }
    const expiring = new Set(toldOf(document.get("residual_until"), "collection until"));
    const stores = new Set([...this.endings.get(plan.get("id")).values()].map((ending) => ending.store));
    for (const store of [...stores].filter((one) => this.backups.has(one)).sort(inPythonsOrder)) {
      const [collection, day] = ["collection", "until"].map((name) => this.backups.get(store).get(name));
      if (!expiring.has(canonical([collection, day]))) said.push(`it does not say that backup ${collection} stays until ${day}`);
    }
    const names = plan.get("traces").map((trace) => trace.get("name"));
    const gone = names.map((name) => canonical([name, this.sanitised.get(keyOf(plan.get("id"), `sanitise ${name}`))]));
    const rows = document.has("own_traces") ? shape(document, "own_traces").get("own_traces") : [];
    if (canonical(toldOf(rows, "name files")) !== canonical(gone)) said.push("its own traces are not those of the ledger");
    return said;
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

  /** Whom a certified plan names says that what the scheduler kept of the case is gone. */
  schedulerCleared(entry, body) {
    const [planId, person] = [this.ofPlan(body), body.get("person")];
    need(this.certified.has(planId), `before the certificate of plan ${planId}`);
    const isNamed = this.plans.get(planId).get("scheduler_by") === person;
    need(isNamed, `plan ${planId} does not name ${person} for it`);
    const said = partOf(body, "plan_id person bytes_searched");
    if (this.cleared.has(planId)) return; // who says it twice has said it
    this.cleared.set(planId, new Map(Object.entries({ ...said, entry: entry.seq })));
  }

  /** The last report says which documents for people there are. */
  reportIssued(entry, body) {
    const on = new Date(entry.moment.seconds * 1000).toISOString().slice(0, 10);
    this.reported = { on, waitsFor: body.has("waits_for") ? body.get("waits_for") : [] };
    const documents = body.has("documents") ? body.get("documents") : new Map();
    need(documents instanceof Map, "documents is not a list of names with digests");
    this.documents = documents;
  }

  /** What is signed of the whole case, and of each order alone, is what its certificates and the ledger say. */
  requireTold() {
    const wanted = new Map();
    for (const document of [...this.issued.keys()].map((one) => this.certificates.get(one))) {
      const planId = document.get("plan_id");
      for (const row of document.get("orders")) {
        const about = new Map([[`plans/${planId}.json`, this.made.get(planId)]]);
        wanted.set(`orders/${row.get("id")}.json`, [about, saidOfOrder(document, row)]);
      }
    }
    const certified = [...this.made].filter(([one]) => this.certified.has(one));
    const about = new Map(certified.map(([one, digest]) => [`plans/${one}.json`, digest]));
    if (this.issued.size) wanted.set(CASE, [about, this.saidOfCase()]);
    for (const name of [...new Set([...wanted.keys(), ...this.told.keys()])].sort(inPythonsOrder)) {
      if (!this.told.has(name)) {
        this.reasons.push(`${name}: missing`);
      } else if (!wanted.has(name)) {
        this.reasons.push(`${name}: no certificate of this case says anything of it`);
      } else {
        const [plans, said] = wanted.get(name);
        const predicate = this.told.get(name).get("predicate");
        const found = subjects(this.told.get(name), name);
        const isAbout = found.size === plans.size && [...plans].every(([one, digest]) => found.get(one) === digest);
        if (!isAbout) this.reasons.push(`${name}: its subjects are other plans`);
        const isWhole = predicate instanceof Map && hasExactly(predicate, Object.keys(said).join(" "));
        const others = isWhole ? unequal(predicate, said).map((one) => `another ${one}`) : ["not exactly what is said there"];
        this.reasons.push(...others.map((reason) => `${name}: ${reason}`));
      }
    }
  }

  /** What certificates and ledger say of the whole case. */
  saidOfCase() {
    const documents = [...this.issued.keys()].map((one) => this.certificates.get(one));
    const done = new Map(Object.values(SUMS).map((name) => [name, 0]));
    for (const row of documents.flatMap((document) => document.get("orders"))) {
      const act = row.get("act");
      done.set(SUMS[act], done.get(SUMS[act]) + row.get(COPIES.has(act) ? "records" : "purged"));
    }
    const last = documents.at(-1);
    return {
      ...partOf(last, "case company remaining residual_until"),
      issued_on: this.reported.on,
      certificates: documents.map((document) => {
        const stated = partOf(document, "id plan_id plan_digest wave issued_on");
        const entry = this.issued.get(document.get("id"));
        return new Map(Object.entries({ ...stated, digest: digestOf(document), entry }));
      }),
      records: done,
      not_claimed: [...new Set(documents.flatMap((document) => document.get("not_claimed")))],
      unfinished: [...this.begun].filter((one) => !this.certified.has(one)).sort(inPythonsOrder),
      waits_for: this.reported.waitsFor,
      scheduler_cleared: [...this.cleared.values()],
    };
  }

  /** The log is the case's own, and nobody saw it before its last entry was made. */
  requireCheckpoint(origin, seen) {
    const isOwn = origin === `winddown/${this.case}`;
    if (!isOwn) this.reasons.push(`checkpoint.txt: ${origin} is not the log of case ${this.case}`);
    for (const [who, at] of seen) {
      if (at >= BigInt(this.at.seconds - SKEW_MAX_SECONDS)) continue;
      this.reasons.push(`checkpoint.txt: ${who} saw it before its last entry was made`);
    }
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
