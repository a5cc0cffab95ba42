r"""Readers that accept exactly one spelling of a value, so that signed bytes have one meaning.

Python's own readers are generous: ``b64decode(validate=True)`` takes non-zero trailing bits, ``int`` takes ``1_0``,
``+7`` and full-width digits, ``json.loads`` takes duplicate keys and NaN. Each reader here encodes again what it
read and compares. The stand-alone verifier repeats these rules in its own code and does not import them.

>>> read_integer("10")
10
>>> read_base64("AAE=")
b'\x00\x01'
"""

import base64
import binascii
import json
from typing import Any, Final, NoReturn

from winddown.domain.canonical import canonical, plainly
from winddown.domain.errors import Refused

_RULE: Final = "one spelling only"
_LARGEST: Final = 2**53 - 1


def encode(document: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON document that has no fractions.

    Raises:
        Refused: for floats (two programs may print them differently), integers beyond 2^53-1, keys that are not text,
            and anything that JSON does not have. The message never repeats the value.
    """
    try:
        found = plainly(document)
        if found is not None:
            return found
        _require_plain(document)
        return canonical(document)
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(f"the document has no canonical form ({type(error).__name__})", rule="RFC 8785") from None


def decode(raw: bytes) -> Any:
    """Return the JSON document whose canonical bytes are exactly ``raw``.

    Raises:
        Refused: for duplicate keys, NaN, floats, other spacing or key order, other escapes, and what is not JSON.
    """
    try:
        document = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_float=_no_number, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        raise Refused("not strict JSON", rule=_RULE) from None
    if encode(document) != raw:
        raise Refused("JSON, but not in its canonical form", rule=_RULE)
    return document


def read_integer(text: str) -> int:
    """Return the non-negative integer whose decimal spelling is exactly ``text``; anything else is refused."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**63))) or str(int(text)) != text:
        raise Refused("not a plain decimal number", rule=_RULE)
    return int(text)


def read_base64(text: str) -> bytes:
    """Return the bytes whose padded standard base64 is exactly ``text``; anything else is refused."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("not base64", rule=_RULE) from None
    if write_base64(data) != text:
        raise Refused("base64, but not in its canonical form", rule=_RULE)
    return data


def write_base64(data: bytes) -> str:
    """Return padded standard base64 without line breaks."""
    return base64.b64encode(data).decode("ascii")


def _require_plain(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError("key")
            _require_plain(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_plain(item)
    elif isinstance(value, int):
        if not -_LARGEST <= value <= _LARGEST:
            raise ValueError("integer")
    elif value is not None and not isinstance(value, str):
        raise TypeError("type")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def _no_number(_text: str) -> NoReturn:
    raise ValueError("not an integer")
