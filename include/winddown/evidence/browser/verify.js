// The whole: a bundle, or a proof that one entry stands in a log, by the reader's policy. Bad data is reported.

/** What `work` adds to checks and notes, and the reasons for refusal; none means that the evidence verifies. */
async function reported(work) {
  const report = { checks: [], notes: [], reasons: [] };
  try {
    await work(report);
  } catch (error) {
    // Whatever else goes wrong is no pass either; a fault of this page is named as one.
    report.notes = [];
    report.reasons = [error instanceof Rejected ? error.message : `this page cannot judge it: ${error.message}`];
  }
  return report;
}

/**
 * Verify a bundle's bytes by the text of a policy and checkpoints of earlier days. Whoever has a key in `approvers`, a
 * line each, must have signed each approval with it. `person` is a proof about one person's records.
 */
function verifyBundle(data, policyText, earlier = [], approvers = "", person = new Uint8Array()) {
  return reported(async (report) => {
    const { checks } = report;
    const policy = new Policy(policyText);
    const keys = readApprovers(approvers);
    const members = readArchive(data);
    checks.push(`archive: ${members.size} members, built again to the same ${data.length} bytes`);
    const note = members.get("checkpoint.txt") ?? new Uint8Array();
    const { origin, size, root } = await policy.openCheckpoint(note, "checkpoint.txt");
    checks.push(`checkpoint: ${origin}, size ${size}, root ${hex(root)}, signed; quorum ${policy.quorum}`);
    await checkManifest(members, policy, note);
    checks.push(`manifest: signed by ${origin}; every member has the digest that was signed`);
    const ledger = members.get("ledger.jsonl") ?? new Uint8Array();
    need(ledger.at(-1) === 10, "ledger.jsonl: missing, empty or cut off");
    const lines = linesOf(ledger);
    const leaves = lines.map(leafHash);
    const isOver = size === BigInt(lines.length) && isSame(root, merkleRoot(leaves));
    need(isOver, "checkpoint.txt: not over exactly these entries");
    for (const old of earlier) {
      const found = await policy.openCheckpoint(old, "earlier checkpoint");
      const isEarlier = found.origin === origin && found.size > 0n && found.size <= size;
      need(isEarlier, "earlier checkpoint: of another log, empty or longer");
      const kept = merkleRoot(leaves.slice(0, Number(found.size)));
      need(isSame(found.root, kept), `earlier checkpoint: its ${found.size} entries were rewritten`);
      checks.push(`history: the first ${found.size} entries are those of the earlier checkpoint`);
    }
    const story = new Story(...(await readDocuments(members, policy, note)), keys);
    const counts = `${story.plans.size} plans canonical, ${story.certificates.size} certificates signed`;
    checks.push(`documents: ${counts}`);
    await story.replay(readLedger(lines));
    story.requireDocuments(members);
    if (!story.reasons.length) story.requireTold(); // Only then are certificates what they have to be to be repeated.
    story.requireCheckpoint(origin, policy.cosignedAt(note));
    report.notes.push(...story.notes());
    const stamps = [...members.keys()].filter((name) => name.startsWith("timestamps/")).length;
    if (stamps) report.notes.push(`time: ${stamps} time stamps were not looked at: no --authority was given`);
    const unread = `approvals: ${story.unread} signatures were not looked at: their keys are not in --approvers`;
    if (story.unread) report.notes.push(unread);
    report.reasons.push(...story.reasons);
    if (story.reasons.length) return;
    checks.push(`ledger: ${lines.length} canonical entries, contiguous`);
    const said = story.signed ? `; ${story.signed} signed with their own keys` : "";
    checks.push(`approvals: enough distinct persons approved each plan's exact digest before each effect${said}`);
    checks.push(`effects: ${story.last.size}, all within their orders, purges after quarantine and grace`);
    checks.push(`certificates: ${story.issued.size} say of each order what the ledger says`);
    checks.push(`statements: ${story.told.size} of the case and its orders say what the certificates say`);
    for (const [one, seq] of story.issued) checks.push(`certificate ${one}: entry ${seq}, leaf ${hex(leaves[seq])}`);
    checks.push(`for people: ${story.documents.size} pages, PDF and workbooks are those that the ledger names`);
    if (person.length) checks.push(...story.openPerson(person));
  });
}

/** Plans and the statements of certificates by id, and the statements of orders and case by member. */
async function readDocuments(members, policy, note) {
  const [plans, statements, told] = [new Map(), new Map(), new Map()];
  for (const [name, content] of members) {
    const [folder, rest] = cutLast(name, "/");
    const at = rest.lastIndexOf(".");
    const [stem, kind] = at < 0 ? ["", rest] : [rest.slice(0, at), rest.slice(at + 1)];
    need(folder !== "plans" || kind === "json", `${name}: not a plan`);
    const signed = `certificates/${kind === "json" ? stem : cutLast(stem, ".")[0]}.json`;
    const isBeside = folder !== "certificates" || members.has(signed);
    need(isBeside, `${name}: no signed document beside it`);
    if (folder === "plans") plans.set(stem, parse(content, name));
    const open = (type) => policy.openStatement(content, note, `https://winddown.example/${type}/v1`, name);
    if (folder === "certificates" && kind === "json") statements.set(stem, await open("certificate"));
    if (folder === "orders") told.set(name, await open("order-certificate"));
    if (name === CASE) told.set(name, await open("case-certificate"));
  }
  return [plans, statements, told];
}

/** Index, and the checkpoint to whose root the path of a C2SP tlog-proof leads from an entry. */
async function openProof(proof, entry, policy) {
  const what = "proof";
  const text = Array.from(proof, (byte) => String.fromCharCode(byte)).join("");
  const at = text.indexOf("\n\n");
  const lines = (at < 0 ? text : text.slice(0, at)).split("\n");
  need(lines.every((line) => /^[\x00-\x7f]*$/.test(line)), `${what}: not a tlog-proof`);
  need(at >= 0 && lines.shift() === "c2sp.org/tlog-proof@v1", `${what}: not a tlog-proof`);
  if (lines[0]?.startsWith("extra ")) unbase64(lines.shift().slice(6), what); // It is not signed and means nothing here.
  need(lines[0]?.startsWith("index "), `${what}: it has no index`);
  const index = numberOf(lines[0].slice(6), what);
  const { origin, size, root } = await policy.openCheckpoint(proof.slice(at + 2), "checkpoint");
  const path = lines.slice(1).map((line) => unbase64(line, what));
  need(isSame(climb(leafHash(entry), index, size, path, what), root), `${what}: it leads to another root`);
  return { index, size, origin };
}

/** Verify that an entry stands in a log, by a C2SP tlog-proof. */
function verifyProof(proof, entry, policyText) {
  return reported(async ({ checks }) => {
    const { index, size, origin } = await openProof(proof, entry, new Policy(policyText));
    checks.push(`entry ${index} of the ${size} of ${origin} is exactly this one`);
  });
}
