"""Password (密码、口令), in clear or in a form that is not recognised.

Source: GB/T 35273-2020 annex A, network identity authentication. Any word can be one: only a header can tell, and no
cell is looked at. Hashes of the usual schemes are ``password_hash`` and ``hashed``.
"""

from winddown.detectors.kind import ALNUM, AT, DOT, HIGH, OTHER, STAR, Kind, Proof

KIND = Kind(
    id="password",
    title_zh="口令",
    title_en="password",
    proof=Proof.HEADER,
    headers=(
        "密码",
        "登录密码",
        "支付密码",
        "交易密码",
        "口令",
        "mima",
        "dlmm",
        "password",
        "password_hash",
        "hashed_password",
        "passwd",
        "pwd",
        "pass_word",
        "passphrase",
        "pin_code",
        "pin",
        "login_pwd",
        "user_pwd",
        "password_salt",
        "salt",
    ),
    min_length=1,
    max_length=1000,
    classes=ALNUM | AT | DOT | STAR | OTHER | HIGH,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
