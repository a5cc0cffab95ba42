"""One byte form for every document that is digested or signed: RFC 8785 JSON over UTF-8, SHA-256.

Source: RFC 8785 (JSON Canonicalization Scheme). Digests are lower-case hex of 64 characters.

>>> digest({"b": 1, "a": [True, None]})
'51705a2c9eb3e7e410a58f696a770c3ac3885a0cf43eb7fc88f5e47c11d4d30d'
"""

import hashlib
from typing import Any

import rfc8785


def canonical(document: Any) -> bytes:
    """Return the canonical bytes of a JSON document (dict, list, str, int, bool, None; floats are refused upstream)."""
    return bytes(rfc8785.dumps(document))


def digest(document: Any) -> str:
    """Return the SHA-256 of the canonical bytes as hex."""
    return hashlib.sha256(canonical(document)).hexdigest()
