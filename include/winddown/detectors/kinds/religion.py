"""Religious belief (宗教信仰), by the names of the great religions.

Source: State Council white paper on freedom of religious belief (2018), the five main religions of China; the usual
English names. Sensitive by PIPL 28 and a special category by GDPR 9.

>>> is_valid("佛教"), is_valid("Islam"), is_valid("无宗教信仰")
(True, True, True)
>>> is_valid("佛山"), is_valid("Chris")
(False, False)
"""

from winddown.detectors.kind import HIGH, LETTER, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="religion",
    title_zh="宗教信仰",
    title_en="religion",
    proof=Proof.VOCABULARY,
    headers=(
        "宗教",
        "宗教信仰",
        "信仰",
        "zj",
        "zjxy",
        "religion",
        "faith",
        "religious_belief",
    ),
    min_length=3,
    max_length=42,
    classes=HIGH | LETTER | OTHER,
    chance=0.01,
    lookalike=0.5,
    pattern=(
        "(?i:无|无宗教信仰|佛教|道教|伊斯兰教|基督教|天主教|新教|东正教|犹太教"
        "|印度教|锡克教|其他|none|no religion|atheist|atheism|agnostic|buddhist|buddhism|taoist"
        "|taoism|daoism|muslim|islam|christian|christianity|catholic|protestant|orthodox|jewish|judaism"
        "|hindu|hinduism|sikh|sikhism|other)"
    ),
    typical_pattern="(?i:.+教|buddhis[mt]|taois[mt]|muslim|islam|christian.*|catholic|jewish|judaism|hindu.*|sikh.*)",
    typical_share=0.3,
    typical_means="name a religion",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is the name of a religion or of none."""
    return holds(KIND, text)
