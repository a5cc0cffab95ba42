"""Contract number (合同编号), letters, digits and separators of each company's own making.

Source: none; a contract's number leads to its terms, which are business information in the sense of the Anti-Unfair
Competition Law of China. Any article number has this form: only a header can tell.

>>> is_valid("HT-2023-0001"), is_valid("XS(2021)第015号"), is_valid("20230001")
(True, True, True)
>>> is_valid("合同"), is_valid("n/a")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DIGIT, DOT, HIGH, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

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
    needs=DIGIT,
    chance=0.9,
    lookalike=1.0,
    pattern="[^ ,;]*[0-9][^,;]*",
    numbers=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text could be the number of a contract."""
    return holds(KIND, text)
