"""The auditor's package: one deterministic ZIP that verifies offline, years later, without us.

Same members give the same bytes: stored, sorted by name, dated 1980-01-01, no extra fields, no comment.
``manifest.json`` is a signed statement whose subjects are all other members; ``verify.py`` and ``README.txt`` are added
here. The format is the ZIP of PKWARE's APPNOTE 6.3 without ZIP64.

What this does *not* do: judge the content. A bundle of a broken ledger is written, and refused by the verifier.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from winddown.domain.errors import Refused
from winddown.evidence import durable
from winddown.evidence.signing import Signer
from winddown.evidence.statement import BUNDLE_TYPE, sign_statement

BUNDLE_BYTES_MAX: Final = 2**32 - 2**26  # below the size at which ZIP64 begins, with room for the headers
MEMBERS_MAX: Final = 60_000

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}"
_MEMBER: Final = re.compile(
    rf"ledger\.jsonl|checkpoint\.txt|registers\.xlsx|(?:plans|orders|rules)/{_ID}\.json|timestamps/{_ID}\.tsr"
    rf"|certificates/{_ID}\.(?:json|(?:zh|en)\.(?:html|pdf))|certificate\.(?:json|(?:zh|en)\.(?:html|pdf))"
)
_REQUIRED: Final = ("ledger.jsonl", "checkpoint.txt")

_README: Final = """\
Evidence of a company's wind-down
=================================

ledger.jsonl       every entry of the ledger, one canonical JSON document (RFC 8785) per line, in order
checkpoint.txt     signed size and Merkle root (RFC 6962) over exactly these lines (C2SP tlog-checkpoint)
timestamps/        when an authority saw the checkpoint's text (RFC 3161), if one was asked
plans/             what was approved; plan_made entries carry the SHA-256 of these files
certificates/      signed certificates (.json: DSSE, in-toto Statement v1) and the same for people (.html, .pdf)
certificate.*      the certificate of the whole case, signed (.json) and for people; zh is Chinese, en is English
orders/            what a certificate says of one order, signed, to be filed or handed on alone
rules/             the rule packs that were in force
registers.xlsx     schedule, destruction list, retained records, holds and backups
manifest.json      signed list of every other file with its SHA-256 (DSSE, in-toto Statement v1)
verify.py          the verifier: one Python file, needs Python 3.11 and the package "cryptography"

The digests of all .html, .pdf and .xlsx files stand in the last report_issued entry of the ledger. The QR code of a
certificate says which entry issued it: index and leaf hash are those that the verifier prints.

To verify:

    python verify.py BUNDLE.zip --policy POLICY

Exit status 0: every check passed. 1: refused, with the reasons. 2: wrong usage.

Without Python: verify.html, which comes beside the bundle, does the same in a browser without any network.

POLICY is a text file of your own, in the format C2SP tlog-policy. With no witnesses it is two lines:

    log NAME+KEYID+BASE64
    quorum none

A line with the log's SM2 key demands an SM2 signature of it.

Take the key from where it was published before, from the custodian or the liquidation group's minutes; never from the
sender of the bundle. Whoever could change the bundle could change this copy of verify.py as well: prefer a copy that
reached you another way, or read it.

Add --approvers FILE with the public keys of approvers, one a line as they themselves gave them to you, and each of
their approvals must carry their own signature.

Add witness lines and name them as quorum, and a history that they have not seen does not pass. Add --authority FILE
with the certificate of a time-stamping authority, and it must have seen the checkpoint. If you kept a checkpoint.txt
from an earlier day, add --earlier FILE: it proves that nothing logged before that day was rewritten since, even by the
holder of the key. Without any of these, the holder of the key is trusted for the history.
"""


def write_bundle(path: Path, *, files: Mapping[str, bytes], signers: Sequence[Signer]) -> str:
    """Write the bundle atomically (temporary file, fsync, rename) and return its SHA-256 as hex.

    Args:
        path: where the ZIP goes; an older one is replaced.
        files: member name to content: ``ledger.jsonl`` and ``checkpoint.txt``, both required, and any of
            ``plans/<id>.json``, ``certificates/<id>.json``, ``certificates/<id>.<zh|en>.<html|pdf>``,
            ``certificate.json``, ``certificate.<zh|en>.<html|pdf>``, ``orders/<id>.json``, ``rules/<id>.json``,
            ``registers.xlsx``, ``timestamps/<name>.tsr``.
        signers: sign the manifest; checkpoint and certificates are to be signed by the same keys.

    Raises:
        Refused: for a missing or unknown member, or more than a plain ZIP holds.
    """
    data = bundle_bytes(files, signers=signers)
    durable.replace(path, data)
    return hashlib.sha256(data).hexdigest()


def bundle_bytes(files: Mapping[str, bytes], *, signers: Sequence[Signer]) -> bytes:
    """Return the bytes that ``write_bundle`` writes; same errors."""
    for name in _REQUIRED:
        if name not in files:
            raise Refused(f"a bundle needs {name}", rule="bundle members")
    for name in files:
        if not _MEMBER.fullmatch(name):
            raise Refused("a member's name is none that a bundle may carry", rule="bundle members")
    members = {
        **files,
        "README.txt": _README.encode(),
        "verify.py": Path(__file__).with_name("verify.py").read_bytes(),
    }
    if len(members) > MEMBERS_MAX or sum(map(len, members.values())) > BUNDLE_BYTES_MAX:
        raise Refused("more than a plain ZIP holds", rule="bundle size", next_step="bundle the case in parts")
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    members["manifest.json"] = sign_statement(digests, {}, predicate_type=BUNDLE_TYPE, signers=signers)
    return _zip(members)


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(members.items()):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system = 3  # Unix, whatever this runs on
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()
