"""The evidence of a case: which files there are, what each is for, and a way to one of them that leads nowhere else."""

from pathlib import Path
from typing import Any

from winddown.evidence.page import PAGE_NAME
from winddown.rules.words import Word
from winddown.stages.deployment import Deployment
from winddown.web.errors import not_found

_ENDINGS = (".html", ".json", ".pdf", ".xlsx", ".zip", ".pub")
_LANGUAGES = {"zh": Word("中文", "Chinese"), "en": Word("英文", "English")}


def evidence_rows(deployment: Deployment, case_id: str) -> list[dict[str, Any]]:
    """Name, size in bytes and purpose of every file that may be handed out."""
    return [
        {"name": path.name, "bytes": path.stat().st_size, "what": _what(path.name)._asdict()}
        for path in sorted(deployment.folder(case_id, "evidence").iterdir())
        if _is_evidence(path)
    ]


def evidence_file(deployment: Deployment, case_id: str, name: str) -> Path:
    """The file of that name; 404 for everything that is not a plain file of the evidence folder itself."""
    folder = deployment.folder(case_id, "evidence")
    path = folder / name
    # Compared with what the folder lists, so that no spelling of another path can name a file outside it.
    if name not in {found.name for found in folder.iterdir()} or not _is_evidence(path):
        raise not_found("evidence")
    return path


def _is_evidence(path: Path) -> bool:
    return path.suffix in _ENDINGS and not path.name.startswith(".") and path.is_file() and not path.is_symlink()


def _what(name: str) -> Word:
    if name.startswith("certificate"):
        return _certificate(name)
    if name == PAGE_NAME:
        return Word(
            "核验页面：存盘后用浏览器打开，不联网", "verifier: save it, then open it in a browser; it uses no network"
        )
    if name.endswith(".zip"):
        return Word("审计包，可离线核验", "auditor's bundle, verifies offline")
    if name.endswith(".xlsx"):
        return Word(
            "登记簿：处置计划、销毁清单、留存、保全、备份", "registers: schedule, destroyed, retained, holds, backups"
        )
    if name.endswith(".pub"):
        return Word("签名公钥", "public key of the signatures")
    return Word("证据", "evidence")


def _certificate(name: str) -> Word:
    if name == "certificate.json":
        return Word("总证明（全案），已签名", "certificate of the whole case, signed")
    if name.endswith(".json"):
        return Word("销毁证明，已签名，以此为准", "certificate, signed; this one counts")
    language = _LANGUAGES.get(name.rpartition(".")[0].rpartition(".")[2], Word("", ""))
    whole = Word("总证明（全案）", "certificate of the whole case")
    zh, en = whole if name.startswith("certificate.") else Word("销毁证明", "certificate of destruction")
    use = Word("可签署归档", "to sign and file") if name.endswith(".pdf") else Word("供阅读", "to read")
    return Word("，".join(filter(None, (zh, language.zh, use.zh))), ", ".join(filter(None, (en, language.en, use.en))))
