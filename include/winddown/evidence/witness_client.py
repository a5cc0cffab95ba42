"""Asks witnesses for their cosignatures of a checkpoint (C2SP tlog-witness)."""

import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Final

from winddown.domain.errors import Refused, Transient
from winddown.evidence import strict
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import consistency_proof
from winddown.evidence.note import NOTE_BYTES_MAX, Note
from winddown.evidence.policy import Member
from winddown.evidence.witness import Request

_SECONDS_MAX: Final = 10
_RULE: Final = "C2SP tlog-witness"
_OK, _CONFLICT = 200, 409


def request_of(leaves: Sequence[bytes], note: bytes, *, old: int) -> Request:
    """Return the request for a checkpoint over these leaf hashes, to a witness that has seen the first ``old``.

    Raises:
        Refused: if the witness has seen more than there is.
    """
    if old > len(leaves):
        raise Refused(
            f"the witness has seen {old} entries, the ledger has {len(leaves)}: it was rolled back",
            rule="append-only ledger",
            next_step="stop the case and find out who restored the control database from an older copy",
        )
    return Request(old, consistency_proof(leaves, old) if old else (), note)


def cosign(note: bytes, leaves: Sequence[bytes], witness: Member) -> bytes:
    """Return the note with the witness's cosignature beside what signatures it has.

    Raises:
        Transient: if the witness cannot be reached or does not speak the protocol.
        Refused: if it has seen another history, or its signature is not one of its key.
    """
    status, text = _post(witness.url, request_of(leaves, note, old=0).body)
    if status == _CONFLICT:
        old = strict.read_integer(text.removesuffix("\n"))
        status, text = _post(witness.url, request_of(leaves, note, old=old).body)
    if status != _OK:
        size = Checkpoint.parse(Note.parse(note).text).size
        raise Refused(
            f"witness {witness.key.name} does not cosign the checkpoint of {size} entries (status {status})", rule=_RULE
        )
    # It may sign with keys that are not known here; those lines are left out.
    for line in re.findall(r"— [^\n]*\n", text):
        cosigned = note + str(line).encode()
        if witness.key in Note.parse(cosigned).open([witness.key]):
            return cosigned
    raise Refused(f"the answer of witness {witness.key.name} has no signature of its key", rule=_RULE)


def _post(url: str, body: bytes) -> tuple[int, str]:
    if not url.startswith(("http://", "https://")):
        raise Refused("a witness's URL begins with http:// or https://", rule=_RULE)
    asked = urllib.request.Request(url.rstrip("/") + "/add-checkpoint", data=body, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=_SECONDS_MAX) as answer:  # noqa: S310 - http and https alone
            return int(answer.status), bytes(answer.read(NOTE_BYTES_MAX)).decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read(NOTE_BYTES_MAX).decode("utf-8", "replace")
    except (OSError, HTTPException, UnicodeDecodeError) as error:
        raise Transient(f"the witness could not be asked ({type(error).__name__})") from None
