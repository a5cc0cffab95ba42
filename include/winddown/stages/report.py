"""Writes what outlives the case: certificates for reading, the disposition schedule, and the auditor's bundle."""

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import TypeAdapter

from winddown.domain.canonical import canonical
from winddown.domain.pack import RulePack
from winddown.domain.rule import Rule
from winddown.evidence.bundle import write_bundle
from winddown.stages.certify import certificate_bytes, open_ends, totals
from winddown.stages.check import Checks
from winddown.stages.checkpoints import publish
from winddown.stages.deployment import Deployment
from winddown.stages.transfers import open_recipients

_WORDS = {
    "destroyed": "已销毁 destroyed",
    "minimised": "已最小化 minimised",
    "handed over": "已移交 handed over",
    "anonymised": "已匿名化 made anonymous",
    "store_only": "仅存储 storage only",
    "hand_over": "待移交 to be handed over",
    "anonymise": "待匿名化 to be made anonymous",
    "held": "法律保全 held",
    "blocked": "待决定 blocked",
    "erase": "后续批次 due in a later wave",
}
_WAVES = {
    "at_once": "立即（儿童信息）· at once: children",
    "after_claims": "债权申报期后 · after the creditors' window",
}


@dataclass(frozen=True, slots=True)
class Report:
    """Where the evidence lies.

    Attributes:
        waits_for: transfers whose recipients abroad have not confirmed deletion. While there are some the report is an
            interim one, by the bundle's name and in the ledger.
        open_ends: what is still stored with neither a keeper nor a last day; while there is any, nothing is final.
        missing: witnesses and the time-stamping authority that were to sign and did not, with the reasons.
    """

    bundle: Path
    bundle_sha256: str
    key: Path
    certificates: tuple[Path, ...]
    schedule: Path
    waits_for: tuple[str, ...] = ()
    open_ends: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def report(deployment: Deployment, case_id: str) -> Report:
    """Write certificates, schedule and bundle of everything certified so far; each call writes them anew.

    What killed writers left half-written in the case's folders is removed.
    """
    folder = deployment.folder(case_id, "evidence")
    for path in deployment.folder(case_id).glob("*/**/.*"):
        path.unlink(missing_ok=True)
    checks = deployment.control.get(case_id, "checks", "before", type_=Checks)
    waits_for = open_recipients(checks.transfers) if checks is not None else ()
    body = {"entries": deployment.ledger.size(case_id), "waits_for": list(waits_for)}
    deployment.ledger.append(case_id, "report_issued", body, actor="winddown")
    documents = _certificates(deployment, case_id)
    plans = [deployment.control.plan(plan_id) for plan_id in deployment.control.plans(case_id)]
    entries = deployment.ledger.entries(case_id)
    signers = deployment.signers(case_id)
    published = publish(deployment, case_id, entries)
    files: dict[str, bytes] = {
        "ledger.jsonl": b"".join(raw + b"\n" for raw in entries),
        "checkpoint.txt": published.note,
        "schedule.xlsx": _schedule(documents),
        **published.stamps,
    }
    files |= {f"rules/{pack.id}.json": _pack(pack) for pack in deployment.rulebook.packs}
    files |= {f"plans/{plan.id}.json": canonical(plan.document()) for plan in plans}
    paths = []
    for document in documents:
        name = document["id"]
        files[f"certificates/{name}.json"] = certificate_bytes(deployment, case_id, name)
        files[f"certificates/{name}.html"] = _html(document).encode()
        for suffix in ("json", "html"):
            (folder / f"{name}.{suffix}").write_bytes(files[f"certificates/{name}.{suffix}"])
        paths.append(folder / f"{name}.html")
    schedule = folder / "schedule.xlsx"
    schedule.write_bytes(files["schedule.xlsx"])
    key = folder / "winddown.pub"
    key.write_text("".join(f"log {signer.key.line}\n" for signer in signers) + "quorum none\n")
    final, interim = folder / f"{case_id}-bundle.zip", folder / f"{case_id}-interim-bundle.zip"
    bundle, other = (interim, final) if waits_for else (final, interim)
    other.unlink(missing_ok=True)
    bundle_sha256 = write_bundle(bundle, files=files, signers=signers)
    ends = open_ends(documents[-1]) if documents else ()
    return Report(bundle, bundle_sha256, key, tuple(paths), schedule, waits_for, ends, published.missing)


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
    order = {f"certificate-{plan_id}": n for n, plan_id in enumerate(deployment.control.plans(case_id))}
    names = sorted(deployment.control.names(case_id, "certificate"), key=lambda name: order.get(name, 0))
    return [
        deployment.control.require(case_id, "certificate", name, type_=dict[str, Any])
        for name in names
        if name in order and deployment.control.plan_state(name.removeprefix("certificate-")) == "certified"
    ]


@cache
def _rules_adapter() -> TypeAdapter[dict[str, Rule]]:
    """Building one takes longer than using it."""
    return TypeAdapter(dict[str, Rule])


def _pack(pack: RulePack) -> bytes:
    rules = _rules_adapter().dump_python(dict(pack.rules), mode="json")
    articles = [[found.law, found.article, found.text, found.source] for found in pack.articles.values()]
    whole = {"id": pack.id, "version": pack.version, "digest": pack.digest, "rules": rules, "articles": articles}
    return canonical(whole)


def _html(document: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("winddown.stages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("certificate.html")
    return template.render(c=document, totals=totals(document), words=_WORDS, waves=_WAVES)


def _keeper(row: dict[str, Any]) -> str:
    """Who keeps a row of what remains; a store-only record that nobody keeps is not passed over in silence."""
    return "nobody yet" if row.get("keeper") == "" else row.get("keeper") or ""


def _schedule(documents: list[dict[str, Any]]) -> bytes:
    """The disposition schedule (ISO 15489): what was done, and what remains with its end date."""
    done = [
        {
            "wave": document["wave"],
            "collection": order["collection"],
            "act": order["act"],
            "records": order["records"],
            "fields": ", ".join(order["fields"]),
            "rules": ", ".join(order["rules"]),
            "method": order["method"],
            "keep until": order.get("archive", {}).get("keep_until", ""),
            "received by": order.get("receiver", {}).get("organisation", ""),
            "as": order.get("receiver", {}).get("role", ""),
            "acknowledged by": order.get("acknowledged_by") or "",
            "acknowledged at": order.get("acknowledged_at") or "",
            "extract": order.get("extract", {}).get("file", ""),
            "rows in it": order.get("extract", {}).get("written", ""),
            "left out of it": order.get("extract", {}).get("suppressed", ""),
        }
        for document in documents
        for order in document["orders"]
    ]
    remaining = [
        {
            "collection": row["collection"],
            "label": row.get("label", ""),
            "records": row.get("records"),
            "disposition": row.get("disposition", "residual"),
            "until": row["until"] or "open",
            "kept by": _keeper(row),
            "readable by": row.get("readable_by") or "",
            "reasons": "; ".join(row.get("reasons", [row.get("what", "")])),
        }
        for row in (documents[-1]["remaining"] + documents[-1]["residual_until"] if documents else [])
    ]
    sink = io.BytesIO()
    with pd.ExcelWriter(sink, engine="openpyxl") as book:
        for name, rows in (("done", done), ("remaining", remaining)):
            frame = pd.DataFrame(rows)
            frame.to_excel(book, sheet_name=name, index=False)
            sheet = book.sheets[name]
            sheet.freeze_panes = "A2"
            for column in sheet.columns:
                longest = max(len(str(cell.value or "")) for cell in column)
                sheet.column_dimensions[column[0].column_letter].width = min(60, longest + 2)
    return sink.getvalue()
