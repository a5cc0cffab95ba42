r"""Writes a path below a root as a text that any name fits into, and reads it back to the same bytes.

Names of a file system are bytes. What is UTF-8 stays as it is; other bytes, and the backslash, are written as ``\x``
and two hexadecimal digits, so that two names are never written alike.
"""

import re

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def key_of(path: bytes) -> str:
    r"""Write a relative path.

    >>> key_of("客户/a.csv".encode()), key_of(b"a/\xff.csv"), key_of(b"a\\xff")
    ('客户/a.csv', 'a/\\xff.csv', 'a\\x5cxff')
    """
    return path.replace(b"\\", b"\\x5c").decode("utf-8", "backslashreplace")


def path_of(key: str) -> bytes:
    r"""Read a key back.

    >>> [path_of(key_of(path)) for path in (b"a/\xff.csv", b"a\\xff")]
    [b'a/\xff.csv', b'a\\xff']
    """
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), key.encode())
