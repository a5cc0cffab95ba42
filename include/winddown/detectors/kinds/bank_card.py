"""Bank and credit card number (银行卡号), 14 to 19 digits, often in groups of four.

Issuer prefix and a check digit by Luhn. The prefixes: 62 and 81 UnionPay; 9558 and 9559 of older Chinese cards; 60
of older Chinese cards and Discover, 65 Discover; 4 Visa; 51 to 55 and 2221 to 2720 Mastercard; 3528 to 3589 JCB;
with 15 digits 34 and 37 American Express; with 14 digits 300 to 305, 36, 38 and 39 Diners Club.

Source: ISO/IEC 7812-1; UnionPay BIN rules. Does not know cards of 13 digits nor Maestro, and does not ask the
issuer. Random digits pass Luhn 1 time in 10.

>>> is_valid("6222 0212 3456 7890 128"), is_valid("4111-1111-1111-1111")
(True, True)
>>> is_valid("3782 822463 10005"), is_valid("30569309025904")
(True, True)
>>> is_valid("4111111111111112"), is_valid("1111111111111117")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, among, luhn, narrowed, number
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_PREFIX = np.zeros(10000, np.bool_)
for _first, _last in (
    (6000, 6099),
    (6200, 6299),
    (6500, 6599),
    (8100, 8199),
    (9558, 9559),
    (4000, 4999),
    (5100, 5599),
    (2221, 2720),
    (3528, 3589),
):
    _PREFIX[_first : _last + 1] = True
_SHORT = np.zeros(10000, np.bool_)  # prefixes of the schemes whose numbers have 14 or 15 digits
for _first, _last in ((3000, 3059), (3400, 3499), (3600, 3999)):
    _SHORT[_first : _last + 1] = True
_SHORTEST = 16


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    prefixes = _PREFIX if block.shape[1] >= _SHORTEST else _SHORT
    return narrowed(among(shaped, block[:, :4], lambda first: prefixes[number(first)]), block, luhn)


KIND = Kind(
    id="bank_card",
    title_zh="银行卡号",
    title_en="bank card number",
    proof=Proof.CHECKSUM,
    headers=(
        "银行卡",
        "银行卡号",
        "卡号",
        "银行账号",
        "银行帐号",
        "信用卡",
        "借记卡",
        "yhkh",
        "yhk",
        "yinhangka",
        "bank_card",
        "bankcard",
        "card_no",
        "card_number",
        "credit_card",
        "debit_card",
        "bank_account",
        "pan",
    ),
    min_length=14,
    max_length=19,
    classes=DIGIT,
    lengths=frozenset({14, 15, 16, 17, 18, 19}),
    check=_check,
    chance=1 / 10,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a card number."""
    return holds(KIND, text)
