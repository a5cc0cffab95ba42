"""Access key of a service (接口密钥), by the prefixes that issuers give theirs.

AWS (``AKIA``), Alibaba Cloud (``LTAI``), Tencent Cloud (``AKID``), GitHub (``ghp_``), GitLab (``glpat-``), Google
(``AIza``), Slack (``xoxb-``), Stripe (``sk_live_``), OpenAI-like (``sk-``), npm (``npm_``). Also found inside text.

Source: the issuers' documentation of their formats; GitHub's list of secret scanning patterns. Keys without a prefix
need a header, and then any word is a ``password``.

>>> is_valid("AKIAIOSFODNN7EXAMPLE"), is_valid("ghp_16C7e42F292c6912E7710c838347Ae178B4a")
(True, True)
>>> is_valid("AKIA"), is_valid("sk-1"), is_valid("wxid_abc")
(False, False, False)
"""

from winddown.detectors.kind import ALNUM, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

_KEY = (
    "(?:AKIA|ASIA)[0-9A-Z]{16}|LTAI[0-9A-Za-z]{12,26}|AKID[0-9A-Za-z]{13,40}|gh[pousr]_[0-9A-Za-z]{36,}"
    "|glpat-[0-9A-Za-z_-]{20,}|AIza[0-9A-Za-z_-]{35}|xox[abprs]-[0-9A-Za-z-]{10,}|[rs]k_(?:live|test)_[0-9A-Za-z]{16,}"
    "|sk-[0-9A-Za-z_-]{20,}|npm_[0-9A-Za-z]{36}"
)

KIND = Kind(
    id="api_key",
    title_zh="接口密钥",
    title_en="access key",
    proof=Proof.PATTERN,
    headers=(
        "密钥",
        "接口密钥",
        "appsecret",
        "app_secret",
        "api_key",
        "apikey",
        "secret_key",
        "access_key",
        "secret",
        "client_secret",
        "access_key_id",
    ),
    min_length=16,
    max_length=200,
    classes=ALNUM | OTHER,
    chance=0.001,
    lookalike=0.01,
    embeds=True,
    pattern=_KEY,
    finder=f"(?:^|[^0-9A-Za-z_-])(?:{_KEY})",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of an access key."""
    return holds(KIND, text)
