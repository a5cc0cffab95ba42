"""Social insurance number of China (社会保障号、社保卡号、医保卡号), and the housing fund's account (公积金账号).

The social security number is the holder's identity number and is recognised as that; card and account numbers have 9
to 20 letters and digits of each region's own making.

Source: LD/T 32-2015, specification of the social security card (no common form of card numbers). Any number has this
form: only a header can tell.

>>> is_valid("A12345678"), is_valid("330100000123456789")
(True, True)
>>> is_valid("12345"), is_valid("社保")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DIGIT, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="social_insurance",
    title_zh="社会保险号",
    title_en="social insurance number",
    proof=Proof.HEADER,
    headers=(
        "社保",
        "社保号",
        "社保卡号",
        "社会保障号",
        "社会保险号",
        "社保账号",
        "医保",
        "医保号",
        "医保卡号",
        "公积金",
        "公积金账号",
        "sbh",
        "sbkh",
        "shbzh",
        "ybkh",
        "ybh",
        "gjjzh",
        "shebao",
        "yibao",
        "social_insurance",
        "social_insurance_no",
        "medical_insurance_no",
        "insurance_no",
        "housing_fund_no",
    ),
    min_length=9,
    max_length=20,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.9,
    lookalike=1.0,
    pattern="[A-Za-z]{0,2}[0-9][0-9A-Za-z]{7,18}",
    numbers=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a social insurance number."""
    return holds(KIND, text)
