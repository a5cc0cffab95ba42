"""Name of a Chinese company or institution (单位名称).

Four Han characters or more that end in a word for a legal form or an institution, as the rules on enterprise names
demand.

Source: Provisions on the Administration of Enterprise Name Registration (2020), articles 6 to 10. A customer list of
companies is a trade secret rather than personal information; sole traders' names are both. Does not see company names
inside text.

>>> is_valid("杭州某某科技有限公司"), is_valid("北京某某(集团)股份有限公司"), is_valid("第一人民医院")
(True, True, True)
>>> is_valid("公司"), is_valid("王小明")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DOT, HIGH, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="company_name",
    title_zh="单位名称",
    title_en="company name",
    sensitive=False,
    personal=False,
    proof=Proof.COLUMN,
    headers=(
        "公司",
        "公司名称",
        "单位名称",
        "企业名称",
        "客户名称",
        "供应商",
        "gsmc",
        "dwmc",
        "qymc",
        "khmc",
        "company",
        "company_name",
        "corp_name",
        "enterprise_name",
        "employer",
        "supplier",
    ),
    min_length=12,
    max_length=180,
    classes=ALNUM | DOT | OTHER | HIGH,
    needs=HIGH,
    chance=0.01,
    lookalike=0.3,
    pattern=(
        "[0-9A-Za-z一-鿿()·&. -]{2,}"
        "(?:公司|集团|工厂|事务所|合作社|商行|经营部|门市部|工作室|个体户"
        "|银行|学校|大学|医院|研究院|合伙企业|[(]有限合伙[)])"
    ),
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a company's name."""
    return holds(KIND, text)
