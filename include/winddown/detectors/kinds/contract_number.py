"""Contract number (合同编号), letters, digits and separators of each company's own making.

Source: none; a contract's number leads to its terms, which are business information in the sense of the Anti-Unfair
Competition Law of China. Any article number has this form: only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import ALNUM, DOT, HIGH, OTHER, Kind, Proof

KIND = Kind(
    id="contract_number",
    title_zh="合同编号",
    title_en="contract number",
    proof=Proof.HEADER,
    headers=(
        "合同号",
        "合同编号",
        "合约号",
        "协议号",
        "协议编号",
        "htbh",
        "hth",
        "xybh",
        "contract",
        "contract_no",
        "contract_id",
        "contract_number",
        "contract_code",
        "agreement_no",
    ),
    min_length=3,
    max_length=40,
    classes=ALNUM | DOT | OTHER | HIGH,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
