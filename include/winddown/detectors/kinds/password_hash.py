"""Password hash (口令散列) of the schemes that name themselves.

bcrypt (``$2b$``), argon2, scrypt, MD5, SHA-256 and SHA-512 crypt (``$1$``, ``$5$``, ``$6$``), yescrypt (``$y$``),
PBKDF2 of Django and passlib, LDAP's ``{SSHA}``.

Source: passlib's list of modular crypt formats; crypt(5). Guessable passwords are recovered from any of them. Bare
hexadecimal hashes are ``hashed``.

>>> is_valid("$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW")
True
>>> is_valid("$1$abcdefgh$G6vXgTYXtUeR8wqkJH8J31")
True
>>> is_valid("$12.50"), is_valid("5d41402abc4b2a76b9719d911017c592")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DOT, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="password_hash",
    title_zh="口令散列",
    title_en="password hash",
    proof=Proof.PATTERN,
    headers=(
        "密码散列",
        "密码哈希",
        "password_hash",
        "pwd_hash",
        "hashed_password",
        "encrypted_password",
        "passwordhash",
    ),
    min_length=20,
    max_length=400,
    classes=ALNUM | DOT | OTHER,
    needs=OTHER,
    chance=0.001,
    lookalike=0.001,
    pattern=(
        r"\$2[abxy]?\$[0-9]{2}\$[0-9A-Za-z./]{53}|\$argon2(?:id|i|d)\$.+|\$(?:1|5|6|y|7|scrypt)\$[^ ]{12,}"
        r"|pbkdf2_sha(?:1|256|512)\$[0-9]+\$.+|\$pbkdf2[^ ]+|\{S?SHA(?:256|512)?\}[0-9A-Za-z+/=]{20,}"
    ),
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a password hash of a scheme that names itself."""
    return holds(KIND, text)
