"""Security code of a bank card (银行卡安全码 CVV2), three or four digits.

Source: PCI DSS 4.0 requirement 3.3 and JR/T 0171-2020, which both forbid to keep it after authorisation. Three digits
are any number: only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import DIGIT, Kind, Proof

KIND = Kind(
    id="card_security_code",
    title_zh="银行卡安全码",
    title_en="card security code",
    proof=Proof.HEADER,
    headers=("安全码", "卡片验证码", "cvv", "cvv2", "cvc", "cvn2", "card_cvv", "security_code", "card_security_code"),
    min_length=3,
    max_length=4,
    classes=DIGIT,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
