// The page: files in, a verdict out.

const REASONS_MAX = 20;
const GLOSSES = { // what a finding is about, for readers of Chinese; its words stay those of verify.py
  archive: "归档", checkpoint: "检查点", "checkpoint.txt": "检查点", manifest: "清单", "manifest.json": "清单", history: "历史",
  documents: "文件", ledger: "账本", entry: "账本记录", approvals: "批准", effects: "执行", certificates: "证明",
  certificate: "证明", plan: "计划", policy: "信任策略", key: "公钥", proof: "证明", time: "时间戳", earlier: "此前的检查点",
  "for people": "供阅读的文件", person: "个人", statements: "全案与各令的证明", "certificate.json": "全案证明",
};
const by = (id) => document.getElementById(id);

function inBoth(element, zh, en) {
  const spans = [["zh", zh], ["en", en]].map(([lang, text]) => {
    const span = document.createElement("span");
    [span.lang, span.textContent] = [lang, text];
    return span;
  });
  element.replaceChildren(...spans);
}

async function filesOf(id) {
  return Promise.all([...by(id).files].map(async (file) => new Uint8Array(await file.arrayBuffer())));
}

/** The text of a file, as Python opens it: every line ends in a line feed. */
function textOf(bytes) {
  return decodeUtf8(bytes).replace(/\r\n?/g, "\n");
}

/** Judge what the reader chose, by what kind of file it is. */
function judge(evidence, policyText, earlier, approvers, entry, person) {
  if (entry !== undefined) return verifyProof(evidence, entry, policyText);
  return verifyBundle(evidence, policyText, earlier, approvers, person);
}

function show(report, evidence) {
  const isGood = report.reasons.length === 0;
  by("outcome").hidden = false;
  by("verdict").className = isGood ? "good" : "bad";
  inBoth(by("verdict"), isGood ? "✓ 核验通过" : "✗ 不予采信", isGood ? "✓ verified" : "✗ refused");
  by("digest").textContent = `SHA-256 ${hex(sha256(evidence))}`;
  const rows = [
    ...report.checks.map((text) => ["✓", "good", text]),
    ...report.notes.map((text) => ["!", "open", text]),
    ...report.reasons.slice(0, REASONS_MAX).map((text) => ["✗", "bad", text]),
  ];
  const items = rows.map(([mark, kind, text]) => {
    const item = document.createElement("li");
    item.className = kind;
    const gloss = GLOSSES[text.split(/[ :]/)[0]] ?? GLOSSES[text.split(":")[0]];
    inBoth(item, `${mark} ${gloss ? `${gloss} · ` : ""}${text}`, `${mark} ${text}`);
    return item;
  });
  by("findings").replaceChildren(...items);
}

async function verifyChosen() {
  const chosen = ["evidence", "policy", "earlier", "approvers", "entry", "person"];
  const [[evidence], [policy], earlier, [approvers], [entry], [person]] = await Promise.all(chosen.map(filesOf));
  by("outcome").hidden = false;
  by("findings").replaceChildren();
  by("digest").textContent = "";
  by("verdict").className = "";
  if (evidence === undefined || policy === undefined) {
    inBoth(by("verdict"), "请选择证据和您自己的信任策略", "choose the evidence and your own policy");
    return;
  }
  inBoth(by("verdict"), "核验中…", "verifying…");
  const report = await reported(async (found) => {
    const keys = approvers ? textOf(approvers) : "";
    const trust = new TextDecoder("utf-8", { ignoreBOM: true }).decode(policy); // comments may be in any encoding
    Object.assign(found, await judge(evidence, trust, earlier, keys, entry, person));
  });
  show(report, evidence);
}

by("language").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.lang = root.lang = root.dataset.lang === "zh" ? "en" : "zh";
});
by("verify").addEventListener("click", verifyChosen);
if (!navigator.language.startsWith("zh")) by("language").click();
