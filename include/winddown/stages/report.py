"""Writes what outlives the case: certificates as papers, the registers, and the auditor's bundle."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from winddown.archive.atomic import remove
from winddown.domain.canonical import canonical
from winddown.domain.errors import Transient
from winddown.domain.pack import RulePack
from winddown.domain.rule import Rule
from winddown.evidence import durable
from winddown.evidence.bundle import write_bundle
from winddown.evidence.page import PAGE_NAME, verifier_page
from winddown.evidence.predicates import case_predicate, sign_case, sign_orders
from winddown.stages.certify import certificate_bytes, open_ends, totals
from winddown.stages.check import Checks
from winddown.stages.checkpoints import publish
from winddown.stages.deployment import ACTOR, Deployment
from winddown.stages.papers.certificate import certificate_paper
from winddown.stages.papers.language import Language
from winddown.stages.papers.page import html
from winddown.stages.papers.position import find_position
from winddown.stages.papers.typeset import pdf
from winddown.stages.papers.whole_case import whole_case_paper
from winddown.stages.registers import registers
from winddown.stages.transfers import open_recipients

REGISTERS = "registers.xlsx"


@dataclass(frozen=True, slots=True)
class Report:
    """Where the evidence lies.

    Attributes:
        certificates: the page of each in English; the other language and the PDF lie beside it.
        registers: the workbook.
        waits_for: transfers whose recipients abroad have not confirmed deletion. While there are some the report is an
            interim one, by the bundle's name and in the ledger.
        open_ends: what is still stored with neither a keeper nor a last day; while there is any, nothing is final.
        missing: witnesses and the time-stamping authority that were to sign and did not, with the reasons.
    """

    bundle: Path
    bundle_sha256: str
    key: Path
    certificates: tuple[Path, ...]
    registers: Path
    waits_for: tuple[str, ...] = ()
    open_ends: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def report(deployment: Deployment, case_id: str) -> Report:
    """Write certificates, registers and bundle of everything certified so far; each call writes them anew.

    What people read (pages, PDF, workbook) is bound by its digests in the report's ledger entry, so the verifier finds
    an exchanged one. What killed writers left half-written in the case's folders is removed. Raises Transient when
    another report of the case was written meanwhile.
    """
    folder = deployment.folder(case_id, "evidence")
    remove(deployment.folder(case_id).glob("*/**/.*"))
    checks = deployment.control.get(case_id, "checks", "before", type_=Checks)
    waits_for = open_recipients(checks.transfers) if checks is not None else ()
    documents = _certificates(deployment, case_id)
    read = _for_people(deployment, case_id, documents)
    entries = _entered(deployment, case_id, read, waits_for)
    signers = deployment.signers(case_id)
    published = publish(deployment, case_id, entries)
    files: dict[str, bytes] = {
        "ledger.jsonl": b"".join(raw + b"\n" for raw in entries),
        "checkpoint.txt": published.note,
        **published.stamps,
        **read,
    }
    files |= {f"rules/{pack.id}.json": _pack(pack) for pack in deployment.rulebook.packs}
    for plan_id in deployment.control.plans(case_id):
        files[f"plans/{plan_id}.json"] = deployment.control.plan_body(plan_id)
    signed = _signed(deployment, case_id, documents, entries, waits_for)
    files |= signed
    for name, content in (signed | read).items():
        # What stands for one order lies in a folder of its own: there may be hundreds.
        path = folder / (name if name.startswith("orders/") else name.rpartition("/")[2])
        path.parent.mkdir(exist_ok=True)
        durable.replace(path, content)
    key = folder / "winddown.pub"
    policy = "".join(f"log {signer.key.line}\n" for signer in signers) + "quorum none\n"
    durable.replace(key, policy.encode())
    durable.replace(folder / PAGE_NAME, verifier_page())
    final, interim = folder / f"{case_id}-bundle.zip", folder / f"{case_id}-interim-bundle.zip"
    bundle, other = (interim, final) if waits_for else (final, interim)
    other.unlink(missing_ok=True)
    bundle_sha256 = write_bundle(bundle, files=files, signers=signers)
    ends = open_ends(documents[-1]) if documents else ()
    paths = tuple(folder / f"{document['id']}.en.html" for document in documents)
    return Report(bundle, bundle_sha256, key, paths, folder / REGISTERS, waits_for, ends, published.missing)


def _signed(
    deployment: Deployment,
    case_id: str,
    documents: Sequence[dict[str, Any]],
    entries: Sequence[bytes],
    waits_for: Sequence[str],
) -> dict[str, bytes]:
    """Certificates of waves, orders and case, by their names in the bundle; nothing before the first wave's."""
    signers = deployment.signers(case_id)
    files: dict[str, bytes] = {}
    for document in documents:
        files[f"certificates/{document['id']}.json"] = certificate_bytes(deployment, case_id, document["id"])
        orders = sign_orders(document, signers)
        files |= {f"orders/{order}.json": content for order, content in orders.items()}
    if documents:
        predicate = case_predicate(
            documents,
            entries={document["id"]: find_position(case_id, entries, document["id"]).index for document in documents},
            issued_on=_reported_on(entries),
            unfinished=_unfinished(documents, entries),
            waits_for=waits_for,
            scheduler_cleared=_cleared(entries),
        )
        files["certificate.json"] = sign_case(predicate, signers)
    return files


def _reported_on(entries: Sequence[bytes]) -> str:
    """Day of the last report by its entry."""
    raw = next(raw for raw in reversed(entries) if b'"type":"report_issued"' in raw)
    return str(json.loads(raw)["at"])[:10]


def _cleared(entries: Sequence[bytes]) -> list[dict[str, Any]]:
    """Who said first, for each plan, that what the scheduler kept of the case is gone."""
    found: dict[str, dict[str, Any]] = {}
    for entry in (json.loads(raw) for raw in entries if raw.endswith(b',"type":"scheduler_cleared"}')):
        said = {name: entry["body"][name] for name in ("plan_id", "person", "bytes_searched")}
        found.setdefault(said["plan_id"], said | {"entry": entry["seq"]})
    return [*found.values()]


def _unfinished(documents: Sequence[dict[str, Any]], entries: Sequence[bytes]) -> list[str]:
    """Plans under which something but restoring was intended, and that have none of these certificates."""
    certified = [document["plan_id"] for document in documents]
    # Most intents are of certified plans, and only the others are read.
    known = [f'"plan_id":"{one}"'.encode() for one in certified]
    others = (raw for raw in entries if raw.endswith(b',"type":"intent"}') and not any(one in raw for one in known))
    bodies = [json.loads(raw)["body"] for raw in others]
    return sorted({body["plan_id"] for body in bodies if body["act"] != "restore"} - {"", *certified})


def _for_people(deployment: Deployment, case_id: str, documents: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """Everything that people read instead of a program, by its name in the bundle; the same for the same case."""
    control = deployment.control
    entries = deployment.ledger.entries(case_id)
    positions = [find_position(case_id, entries, document["id"]) for document in documents]
    files: dict[str, bytes] = {}
    for language in Language:
        papers = {
            f"certificates/{document['id']}": certificate_paper(document, position, language)
            for document, position in zip(documents, positions, strict=True)
        }
        if documents:
            papers["certificate"] = whole_case_paper(documents, positions, language)
        for name, paper in papers.items():
            files[f"{name}.{language}.html"] = html(paper)
            files[f"{name}.{language}.pdf"] = pdf(paper)
    files[REGISTERS] = registers(
        deployment.case(case_id),
        plans=[control.plan(document["plan_id"]) for document in documents],
        documents=documents,
        holds=control.recorded_holds(case_id),
    )
    return files


def _entered(deployment: Deployment, case_id: str, read: Mapping[str, bytes], waits_for: Sequence[str]) -> list[bytes]:
    """Enter the report with the digests of what people read; return all entries, of which this is the last report."""
    body = {
        "entries": deployment.ledger.size(case_id),
        "waits_for": list(waits_for),
        "documents": {name: hashlib.sha256(content).hexdigest() for name, content in read.items()},
    }
    seq = deployment.ledger.append(case_id, "report_issued", body, actor=ACTOR)
    entries = deployment.ledger.entries(case_id)
    if any(b'"type":"report_issued"' in raw for raw in entries[seq + 1 :]):
        raise Transient(f"another report of case {case_id} was written at the same time", next_step="report again")
    return entries


def summary(deployment: Deployment, case_id: str) -> dict[str, Any]:
    """Totals over all certificates of a case, and what remains by the last one."""
    documents = _certificates(deployment, case_id)
    done = {"destroyed": 0, "minimised": 0, "handed over": 0, "anonymised": 0}
    for document in documents:
        for name, number in totals(document).items():
            if name in done:
                done[name] += number
    remaining = documents[-1]["remaining"] + documents[-1]["residual_until"] if documents else []
    return {"done": done, "remaining": remaining, "certificates": [document["id"] for document in documents]}


def _certificates(deployment: Deployment, case_id: str) -> list[dict[str, Any]]:
    """The certificates, in the order in which the ledger has them."""
    control, entries = deployment.control, deployment.ledger.entries(case_id)
    documents = [
        control.require(case_id, "certificate", f"certificate-{plan_id}", type_=dict[str, Any])
        for plan_id in control.plans(case_id, state="certified")
    ]
    return sorted(documents, key=lambda document: find_position(case_id, entries, document["id"]).index)


@cache
def _rules_adapter() -> TypeAdapter[dict[str, Rule]]:
    """Building one takes longer than using it."""
    return TypeAdapter(dict[str, Rule])


def _pack(pack: RulePack) -> bytes:
    rules = _rules_adapter().dump_python(dict(pack.rules), mode="json")
    articles = [[found.law, found.article, found.text, found.source] for found in pack.articles.values()]
    whole = {"id": pack.id, "version": pack.version, "digest": pack.digest, "rules": rules, "articles": articles}
    return canonical(whole)
