"""Income of a person (工资、收入): wage, bonus, yearly income.

Source: JR/T 0171-2020 lists income among personal financial information; PIPL 28 names financial accounts. An amount
is any number: only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import DIGIT, DOT, OTHER, Kind, Proof

KIND = Kind(
    id="salary",
    title_zh="收入",
    title_en="personal income",
    proof=Proof.HEADER,
    headers=(
        "工资",
        "薪资",
        "薪酬",
        "年薪",
        "月薪",
        "月收入",
        "年收入",
        "奖金",
        "gongzi",
        "xinzi",
        "ysr",
        "nsr",
        "salary",
        "wage",
        "income",
        "annual_income",
        "yearly_income",
        "monthly_income",
        "pay_rate",
        "bonus",
    ),
    min_length=1,
    max_length=24,
    classes=DIGIT | DOT | OTHER,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
