"""Account name (用户名、账号、昵称), chosen by its holder or given by a platform.

Source: GB/T 35273-2020 annex A, "personal network identity". Any word has this form: only a header can tell, and no
cell is looked at.
"""

from winddown.detectors.kind import ALNUM, DOT, HIGH, OTHER, Kind, Proof

KIND = Kind(
    id="username",
    title_zh="用户名",
    title_en="account name",
    proof=Proof.HEADER,
    headers=(
        "用户名",
        "登录名",
        "用户账号",
        "登录账号",
        "账号",
        "帐号",
        "昵称",
        "yhm",
        "dlm",
        "nicheng",
        "username",
        "user_name",
        "login",
        "login_name",
        "login_id",
        "user_account",
        "account_name",
        "nickname",
        "nick_name",
        "screen_name",
        "handle",
    ),
    min_length=1,
    max_length=64,
    classes=ALNUM | DOT | OTHER | HIGH,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
)
