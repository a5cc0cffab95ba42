"""The evidence of a case: which files there are, what each is for, and a way to one of them that leads nowhere else."""

from pathlib import Path
from typing import Any

from winddown.evidence.page import PAGE_NAME
from winddown.stages.deployment import Deployment
from winddown.web.errors import not_found
from winddown.web.words import Word

_KINDS = {
    PAGE_NAME: Word(
        "核验页面：存盘后用浏览器打开，不联网", "verifier: save it, then open it in a browser; it uses no network"
    ),
    ".zip": Word("审计包，可离线核验", "auditor's bundle, verifies offline"),
    ".xlsx": Word("处置清单", "disposition schedule"),
    ".pub": Word("签名公钥", "public key of the signatures"),
}
_ENDINGS = (".html", ".json", ".xlsx", ".zip", ".pub")


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
    if name.startswith("certificate-"):
        if name.endswith(".html"):
            return Word("处置证明，供阅读", "certificate of disposition, to read")
        return Word("处置证明，已签名，以此为准", "certificate, signed; this one counts")
    return _KINDS.get(name) or _KINDS.get(Path(name).suffix) or Word("证据", "evidence")
