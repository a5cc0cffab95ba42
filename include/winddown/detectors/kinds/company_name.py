"""Name of a company or institution (单位名称).

Four Han characters or more that end in a word for a legal form or an institution, as the rules on enterprise names
demand; or a name in Latin letters that ends in a legal form (Ltd, Inc, GmbH). Names without one are taken for a
company's under a header that says so.

Source: Provisions on the Administration of Enterprise Name Registration (2020), articles 6 to 10. A customer list of
companies is a trade secret rather than personal information; sole traders' names are both. Does not see company names
inside text.

>>> is_valid("杭州某某科技有限公司"), is_valid("北京某某(集团)股份有限公司"), is_valid("第一人民医院")
(True, True, True)
>>> is_valid("Smith & Sons Ltd."), is_valid("Ltd.")
(True, False)
>>> is_valid("公司"), is_valid("王小明")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DOT, HIGH, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

_FORM = (
    r"(?:Inc|Ltd|LLC|L\.L\.C|LLP|PLC|Plc|plc|Corp|Corporation|Company|Co|GmbH|AG|KG|SE|SA|S\.A|SARL|S\.A\.R\.L|SpA|S\.p\.A"
    r"|Srl|S\.r\.l|S\.L|S\.L\.[NU]\.?E?|S\.A\.[TU]|S\.Coop|S\.Com|S\.C|Ltda|EIRELI|S/A|BV|B\.V|NV|N\.V|AB|AS|ApS|Oy|Oyj|Pty|Limited|Group|Holdings|Bank|University|College|Hospital)\.?"
)

KIND = Kind(
    id="company_name",
    title_zh="单位名称",
    title_en="company name",
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
        "supplier_name",
        "vendor_name",
        "reseller_name",
        "organization",
        "business_name",
    ),
    min_length=5,
    max_length=180,
    classes=ALNUM | DOT | OTHER | HIGH,
    chance=0.01,
    lookalike=0.3,
    pattern=(
        "[0-9A-Za-z一-鿿()·&. -]{2,}"
        "(?:公司|集团|工厂|事务所|合作社|商行|经营部|门市部|工作室|个体户"
        "|银行|学校|大学|医院|研究院|合伙企业|[(]有限合伙[)])"
        rf"|[0-9A-Za-zÀ-ɏ][0-9A-Za-zÀ-ɏ&'., -]*[ ,]{_FORM}"
    ),
    named_text=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a company's name."""
    return holds(KIND, text)
