"""Hashed value (散列值): 32, 40 or 64 hexadecimal digits, as MD5 and SM3, SHA-1 or SHA-256 print them.

A class of its own: an unsalted hash of a phone number is recovered in seconds, so it stays personal information (PIPL
4 and 73: de-identified is not anonymised). Whether a hash was made from a person's data cannot be seen; header and
siblings may say.

Source: RFC 1321, FIPS 180-4, GB/T 32905-2016. Base64 and bcrypt forms are not recognised, UUIDs with dashes are no
hashes.

>>> is_valid("5d41402abc4b2a76b9719d911017c592"), is_valid("5D41402ABC4B2A76B9719D911017C592")
(True, True)
>>> is_valid("5d41402abc4b2a76b9719d911017c59"), is_valid("11111111111111111111111111111111")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, every, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_HEX = member("0123456789ABCDEF")


def _check(block: Block) -> tuple[Bools, Bools]:
    return np.ones(len(block), np.bool_), every(block, _HEX) & ~all_digits(block)


KIND = Kind(
    id="hashed",
    title_zh="散列值",
    title_en="hashed value",
    proof=Proof.PATTERN,
    headers=("散列", "哈希", "md5", "sha1", "sha256", "sm3", "hash", "hashed", "password_hash"),
    min_length=32,
    max_length=64,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.01,
    lookalike=0.05,
    lengths=frozenset({32, 40, 64}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a hash."""
    return holds(KIND, text)
