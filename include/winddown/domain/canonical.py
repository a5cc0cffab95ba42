"""One byte form for every document that is digested or signed: RFC 8785 JSON over UTF-8, SHA-256.

Source: RFC 8785 (JSON Canonicalization Scheme). Digests are lower-case hex of 64 characters.

>>> digest({"b": 1, "a": [True, None]})
'51705a2c9eb3e7e410a58f696a770c3ac3885a0cf43eb7fc88f5e47c11d4d30d'
"""

import hashlib
from typing import Any

import orjson
import rfc8785

_LARGEST = 2**53 - 1


def canonical(document: Any) -> bytes:
    """Return the canonical bytes of a JSON document (dict, list, str, int, bool, None; floats are refused upstream).

    Of what both libraries write alike, the compiled one makes the bytes, in a tenth of the time.
    """
    return plainly(document) or bytes(rfc8785.dumps(document))


def plainly(document: Any) -> bytes | None:
    """Return the canonical bytes of a document that both libraries write alike, or None."""
    if not _is_plain(document):
        return None
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None  # half of a surrogate pair, or nested too deep


def digest(document: Any) -> str:
    """Return the SHA-256 of the canonical bytes as hex."""
    return hashlib.sha256(canonical(document)).hexdigest()


def _is_plain(value: Any) -> bool:
    """Whether a document holds nothing that orjson writes in another way or order than RFC 8785, or would convert."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-_LARGEST <= value <= _LARGEST)
    if kind is dict:
        # Keys are sorted by UTF-16 units there and by UTF-8 bytes here, which is the same within ASCII.
        return all(type(key) is str and key.isascii() and _is_plain(item) for key, item in value.items())
    return (kind is list or kind is tuple) and all(map(_is_plain, value))
