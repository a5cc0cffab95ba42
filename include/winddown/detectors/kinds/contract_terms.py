"""Terms of a contract (合同条款、付款条件): a trade secret when the parties keep them so.

Source: Anti-Unfair Competition Law of China, definition of trade secrets (business information); its judicial
interpretation 法释〔2020〕7号, article 1. Any words: only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import ALNUM, AT, DOT, HIGH, OTHER, STAR, UNBOUNDED, Kind, Proof

KIND = Kind(
    id="contract_terms",
    title_zh="合同条款",
    title_en="contract terms",
    proof=Proof.HEADER,
    headers=(
        "合同条款",
        "合同内容",
        "付款条件",
        "付款方式",
        "结算方式",
        "账期",
        "信用额度",
        "授信额度",
        "htnr",
        "httk",
        "contract_terms",
        "contract_text",
        "payment_terms",
        "credit_limit",
        "credit_terms",
    ),
    min_length=1,
    max_length=UNBOUNDED,
    classes=ALNUM | AT | DOT | STAR | OTHER | HIGH,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
