"""Social insurance number of China (社会保障号、社保卡号、医保卡号), and the housing fund's account (公积金账号).

The social security number is the holder's identity number and is recognised as that; card and account numbers have 9
to 20 letters and digits of each region's own making.

Source: LD/T 32-2015, specification of the social security card (no common form of card numbers). Any number has this
form: only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import ALNUM, Kind, Proof

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
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
