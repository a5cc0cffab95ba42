"""Keyed tokens that stand in place of values in records that stay.

A token is ``~`` and the beginning of the base 32 of HMAC-SHA256 over the value's UTF-8. It is computed in this process:
the key is in no statement, so that no server can log it. Under the key of a case the same value has the same token in
every table and store. Whoever holds the key can try values out until one matches, so that a token is personal data
until the case's key is destroyed; then nothing ties it to anybody but the other records that have it.
"""

import base64
import hmac
from collections.abc import Callable

from winddown.domain.minimise import TOKEN_DIGITS, TOKEN_SIGN


class Tokens:
    """Makes the tokens of one case.

    Args:
        key: the case's key for tokens, asked for when one is made.
    """

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    def key(self) -> bytes:
        """The key, for whoever checks tokens by code of its own."""
        return self._key()

    def of(self, value: str, *, length: int) -> str:
        """The token of a value in so many characters, its sign included; of an empty one there is none.

        >>> Tokens(lambda: b"k" * 32).of("13800000000", length=11), Tokens(lambda: b"").of("", length=11)
        ('~cng4zq6wb2', '')
        """
        if not value:
            return ""
        digest = hmac.digest(self._key(), value.encode("utf-8", "surrogatepass"), "sha256")
        return TOKEN_SIGN + base64.b32encode(digest).decode("ascii").lower()[:TOKEN_DIGITS][: length - 1]
