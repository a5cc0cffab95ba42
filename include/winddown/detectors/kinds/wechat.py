"""WeChat id (微信号).

A letter, then 5 to 19 letters, digits, underscores or dashes; among them the
assigned ``wxid_`` ids. The platform's ``openid`` has 28 characters and begins with ``o``.

Source: WeChat help centre on account ids. Most words of English have this form, so that only a header can tell.

>>> is_valid("wxid_a1b2c3d4e5f622"), is_valid("zhang_san-88"), is_valid("8zhangsan"), is_valid("zhang")
(True, True, False, False)
"""

import numpy as np

from winddown.detectors.checksums import every, member
from winddown.detectors.kind import ALNUM, OTHER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST, _ALLOWED = member(_LETTERS), member(_LETTERS + "0123456789_-")
_OPENID = 28


def _check(block: Block) -> tuple[Bools, Bools]:
    first = _FIRST[block[:, 0]] if block.shape[1] != _OPENID else block[:, 0] == ord("O")
    return np.ones(len(block), np.bool_), np.asarray(first & every(block, _ALLOWED))


KIND = Kind(
    id="wechat",
    title_zh="微信号",
    title_en="WeChat id",
    proof=Proof.HEADER,
    headers=("微信", "微信号", "weixin", "wxh", "wx", "wechat", "wechat_id", "wx_id", "wxid", "openid", "unionid"),
    min_length=6,
    max_length=28,
    classes=ALNUM | OTHER,
    chance=0.9,
    lookalike=1.0,
    lengths=frozenset({*range(6, 21), _OPENID}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a WeChat id."""
    return holds(KIND, text)
