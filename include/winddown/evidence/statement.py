"""Signed documents: in-toto statements in DSSE envelopes, the form in which attestations are exchanged.

A statement names its subjects by SHA-256 and says a predicate of them; ``predicateType`` says which. The envelope
carries the statement's bytes in base64 and any number of signatures over ``DSSEv1``, type and bytes (PAE), so that what
was signed is never written anew before it is verified. Ours are canonical JSON, inside and outside.
Sources: in-toto Attestation Framework, Statement v1; DSSE 1.0.2.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from winddown.evidence import strict
from winddown.evidence.signing import Signer

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
CERTIFICATE_TYPE: Final = "https://winddown.example/certificate/v1"
CASE_TYPE: Final = "https://winddown.example/case-certificate/v1"
ORDER_TYPE: Final = "https://winddown.example/order-certificate/v1"
BUNDLE_TYPE: Final = "https://winddown.example/bundle/v1"


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return DSSE's pre-authentication encoding: what is signed.

    >>> pae(b"hello world", "http://example.com/HelloWorld")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_statement(
    subjects: Mapping[str, str], predicate: Mapping[str, Any], *, predicate_type: str, signers: Sequence[Signer]
) -> bytes:
    """Return the envelope, as canonical JSON, of a statement about ``subjects`` (name to SHA-256 as hex).

    Raises:
        Refused: if the predicate has no canonical form.
    """
    payload = strict.encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
            "predicateType": predicate_type,
            "predicate": dict(predicate),
        }
    )
    return strict.encode(
        {
            "payload": strict.write_base64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"keyid": signer.key.keyid, "sig": strict.write_base64(signer.sign(pae(payload)))} for signer in signers
            ],
        }
    )
