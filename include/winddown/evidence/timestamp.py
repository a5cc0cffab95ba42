"""Asks a time-stamping authority when it saw a checkpoint (RFC 3161), so that an outsider says how old the ledger is.

The imprint is of the checkpoint's text without signatures: the root in it binds every entry, and witnesses may still
sign afterwards. The answer is kept as it came, DER of a ``TimeStampResp``.
"""

import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Final, Self

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import TimestampRequestBuilder, VerificationError, VerifierBuilder, decode_timestamp_response

from winddown.domain.errors import Refused, Transient

_RULE: Final = "RFC 3161"
_SECONDS_MAX: Final = 10
_ANSWER_BYTES_MAX: Final = 2**16


@dataclass(frozen=True, slots=True)
class TimeAuthority:
    """Where to ask, and by which root certificates its answers are checked."""

    url: str
    roots: tuple[Certificate, ...] = field(repr=False)

    @classmethod
    def load(cls, url: str, roots: Path) -> Self:
        """Read the roots from a PEM file; Refused when it has none."""
        try:
            return cls(url, tuple(load_pem_x509_certificates(roots.read_bytes())))
        except (OSError, ValueError):
            raise Refused(f"{roots.name} holds no PEM certificates", rule=_RULE) from None

    def stamp(self, text: bytes) -> bytes:
        """Return the authority's answer about ``text``, checked.

        Raises:
            Transient: if it cannot be reached.
            Refused: if its answer is no time stamp of this text by a certificate under the roots.
        """
        request = TimestampRequestBuilder().data(text).build()
        answer = self._post(request.as_bytes())
        builder = VerifierBuilder.from_request(request)
        for root in self.roots:
            builder = builder.add_root_certificate(root)
        try:
            builder.build().verify_message(decode_timestamp_response(answer), text)
        except (VerificationError, ValueError) as error:
            raise Refused(
                f"the answer of the time-stamping authority does not verify ({type(error).__name__})",
                rule=_RULE,
                next_step="compare the authority's published root with the configured one",
            ) from None
        return answer

    def _post(self, body: bytes) -> bytes:
        if not self.url.startswith(("http://", "https://")):
            raise Refused("a time-stamping authority's URL begins with http:// or https://", rule=_RULE)
        headers = {"Content-Type": "application/timestamp-query"}
        asked = urllib.request.Request(self.url, data=body, headers=headers, method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=_SECONDS_MAX) as answer:  # noqa: S310 - http and https alone
                return bytes(answer.read(_ANSWER_BYTES_MAX))
        except (OSError, HTTPException) as error:
            message = f"the time-stamping authority could not be asked ({type(error).__name__})"
            raise Transient(message) from None
