"""Level of education (学历、学位).

Source: GB/T 4658-2006 on the codes of record of formal schooling, and the usual words of English and its neighbours.

>>> is_valid("本科"), is_valid("大专"), is_valid("Bachelors")
(True, True, True)
>>> is_valid("学校"), is_valid("high")
(False, False)
"""

from winddown.detectors.kind import HIGH, LETTER, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="education",
    title_zh="学历",
    title_en="level of education",
    proof=Proof.VOCABULARY,
    headers=(
        "学历",
        "学位",
        "文化程度",
        "xl",
        "xueli",
        "whcd",
        "education",
        "academic_degree",
        "education_level",
        "degree",
        "qualification",
    ),
    min_length=3,
    max_length=42,
    classes=HIGH | LETTER | OTHER,
    chance=0.01,
    lookalike=0.5,
    pattern=(
        "(?i:文盲|小学|初中|高中|中专|中技|职高|技校|大专|专科|大学专科|本科"
        "|大学本科|大学|学士|研究生|硕士|硕士研究生|博士|博士研究生|博士后"
        "|其他|primary school|high school|partial high school|graduate degree|partial college|college"
        "|bachelors?(?: degree)?|masters?(?: degree)?|doctorate|doktor|professor|associate degree|phd"
        "|diplom|magister|licence|doctorat|licenciatura|grado|máster|doctorado|bachillerato"
        "|laurea(?: breve| magistrale)?|dottorato|mestrado|doutorado|bacharelado)"
    ),
    typical_pattern=(
        "(?i:本科|大学本科|大专|学士|研究生|硕士.*|博士.*|高中|中专|初中|bachelor.*|master.*|phd|high school|partial.*"
        "|diplom|doktor|doctorat|doctorado|máster|laurea.*|dottorato|mestrado|doutorado)"
    ),
    typical_share=0.5,
    typical_means="name a school or degree",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a level of education."""
    return holds(KIND, text)
