"""E-mail address (电子邮箱).

A local part of letters, digits and ``._%+-``, an ``@``, and a domain whose last label has two letters or more. Quoted
local parts and addresses in other scripts, which RFC 6532 allows and nobody uses in China, are not recognised.

Source: RFC 5321, RFC 5322 section 3.4.1, narrowed to what mail providers hand out. Han characters may stand directly
beside an address in text.

>>> is_valid("zhang.san@example.com"), is_valid("zhangsan＠qq．com")
(True, True)
>>> is_valid("zhangsan@localhost"), is_valid("@example.com"), is_valid("a b@example.com")
(False, False, False)
"""

from winddown.detectors.kind import ALNUM, AT, DOT, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

_ADDRESS = r"[0-9A-Za-z_][0-9A-Za-z._%+-]{0,63}@(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,62})\.)+[A-Za-z]{2,24}"

KIND = Kind(
    id="email",
    title_zh="电子邮箱",
    title_en="e-mail address",
    proof=Proof.PATTERN,
    headers=(
        "邮箱",
        "电子邮箱",
        "邮件地址",
        "电子邮件",
        "yx",
        "youxiang",
        "dzyx",
        "email",
        "e_mail",
        "mail",
        "email_address",
        "mailbox",
    ),
    min_length=6,
    max_length=254,
    classes=ALNUM | AT | DOT | OTHER,
    needs=AT | DOT,
    chance=0.01,
    lookalike=0.2,
    embeds=True,
    pattern=_ADDRESS,
    finder=rf"(?:^|[^0-9A-Za-z._%+-]){_ADDRESS}(?:[^0-9A-Za-z]|$)",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an e-mail address."""
    return holds(KIND, text)
