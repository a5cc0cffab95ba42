"""Keys with which approvers sign, as the administrator of the API server lists them.

A plan names its approvers' keys after the case file, which whoever starts a case writes. So the door takes a signature
only by a key that is listed as well, in a file that the API server alone reads. Its format is that of the verifier's
``--approvers``: one verifier key a line, named as the approver's login; lines that begin with # say nothing.
"""

from pathlib import Path

from winddown.domain.approval import Approver
from winddown.domain.errors import Refused
from winddown.evidence.signing import Kind, VerifyingKey

SETTING = "WINDDOWN_APPROVER_KEYS"
_RULE = "listed keys of approvers"


def listed_keys(path: Path | None) -> dict[str, VerifyingKey]:
    """Return the listed keys by their names; raises Refused when no file is named, or it is no list of such keys."""
    if path is None:
        raise Refused(
            "no keys of approvers are listed on this server",
            rule=_RULE,
            next_step=f"approve on the plan's page, or the administrator names a file of keys in {SETTING}",
        )
    try:
        lines = path.read_text("utf-8").split("\n")
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise _unusable(path, "is no text in UTF-8") from None
    found: dict[str, VerifyingKey] = {}
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        try:
            key = VerifyingKey.parse(line)
        except Refused as refusal:
            raise _unusable(path, f"line {number}: {refusal.message}") from None
        if key.kind is not Kind.NOTE:
            raise _unusable(path, f"line {number}: a key of a kind that signs something else")
        if key.name in found or key.raw in {other.raw for other in found.values()}:
            raise _unusable(path, f"line {number}: its name or key stands twice")
        found[key.name] = key
    return found


def require_listed(path: Path | None, approver: Approver) -> None:
    """Raise Refused unless the key that a plan names for an approver is the one that is listed for this person."""
    listed = listed_keys(path).get(approver.person)
    if listed is None or listed.line != approver.key:
        key = "+".join(approver.key.split("+", 2)[:2])  # name and id, as documents name it
        other = f"; listed for {approver.person} is {listed.keyid}" if listed else ""
        raise Refused(
            f"key {key} of {approver.person} is not listed on this server{other}",
            rule="an approver's own key",
            next_step="approve on the plan's page, or the administrator adds the line that the approver handed over "
            f"to the file of {SETTING}",
        )


def key_objection(path: Path | None, approver: Approver) -> str:
    """Why the door would refuse a signature by the key that a plan names, or "" (also where it names none)."""
    try:
        if approver.key:
            require_listed(path, approver)
    except Refused as refusal:
        return refusal.message
    return ""


def _unusable(path: Path, why: str) -> Refused:
    return Refused(
        f"{SETTING}: {path.name} {why}",
        rule=_RULE,
        next_step="approve on the plan's page, or the administrator corrects the file: one verifier key a line",
    )
