"""Marital status (婚姻状况).

Source: GB/T 2261.2-2003 on the codes of marital status. The codes of two digits are not recognised.

>>> is_valid("已婚"), is_valid("Divorced"), is_valid("丧偶")
(True, True, True)
>>> is_valid("婚纱"), is_valid("open")
(False, False)
"""

from winddown.detectors.kind import HIGH, LETTER, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="marital_status",
    title_zh="婚姻状况",
    title_en="marital status",
    proof=Proof.VOCABULARY,
    headers=(
        "婚姻",
        "婚姻状况",
        "婚否",
        "hyzk",
        "hunyin",
        "marital_status",
        "marital",
        "marriage",
    ),
    min_length=1,
    max_length=24,
    classes=HIGH | LETTER | OTHER,
    chance=0.01,
    lookalike=0.5,
    pattern=(
        "(?i:未婚|已婚|初婚|再婚|复婚|离婚|离异|丧偶|分居|未说明的婚姻状况|single"
        "|married|divorced|widowed|separated|unmarried|never married|domestic partner|[smdwu])"
    ),
    typical_pattern="(?i:.+婚|离异|丧偶|married|divorced|widowed|unmarried|never married)",
    typical_share=0.3,
    typical_means="say married, divorced or widowed",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a marital status."""
    return holds(KIND, text)
