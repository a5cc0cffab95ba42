r"""Private key (私钥) in PEM: a line ``-----BEGIN … PRIVATE KEY-----`` and what follows.

Source: RFC 7468; OpenSSH PROTOCOL.key. Keys in other encodings (DER, PuTTY's) are not recognised. Also found inside
text. Public keys and certificates are none.

>>> is_valid("-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADAN\\n-----END PRIVATE KEY-----")
True
>>> is_valid("-----BEGIN CERTIFICATE-----\\nMIIEvQIBADAN")
False
"""

from winddown.detectors.kind import ALNUM, DOT, HIGH, OTHER, UNBOUNDED, UPPER, Kind, Proof
from winddown.detectors.recognise import holds

_BEGIN = "-----BEGIN (?:[A-Z0-9]+ )?PRIVATE KEY-----"

KIND = Kind(
    id="private_key",
    title_zh="私钥",
    title_en="private key",
    proof=Proof.PATTERN,
    headers=("私钥", "private_key", "rsa_private_key", "ssh_key", "pem"),
    min_length=27,
    max_length=UNBOUNDED,
    classes=ALNUM | DOT | OTHER | HIGH,
    needs=UPPER | OTHER,
    chance=0.001,
    lookalike=0.001,
    embeds=True,
    pattern=rf"{_BEGIN}(?:.|\n|\r)*",
    finder=_BEGIN,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a private key in PEM."""
    return holds(KIND, text)
