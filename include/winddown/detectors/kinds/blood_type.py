"""Blood type (血型): ABO, with or without 型 and the rhesus factor.

Source: ISBT 001 (ABO) and 004 (RH). Grades and product sizes are A
and B as well, but they hold no AB.

>>> is_valid("A"), is_valid("AB型"), is_valid("O+"), is_valid("B Rh阴性")
(True, True, True, True)
>>> is_valid("C"), is_valid("S"), is_valid("A级")
(False, False, False)
"""

from winddown.detectors.kind import HIGH, LETTER, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="blood_type",
    title_zh="血型",
    title_en="blood type",
    proof=Proof.VOCABULARY,
    headers=(
        "血型",
        "xx",
        "xuexing",
        "blood_type",
        "blood_group",
        "bloodtype",
    ),
    min_length=1,
    max_length=20,
    classes=HIGH | LETTER | OTHER,
    chance=0.01,
    lookalike=0.5,
    pattern=("(?i:(?:a|b|ab|o)(?:型)?[ ]?(?:[+]|-|−|rh[+]|rh-|rh ?阳性|rh ?阴性)?|不详|未知|其他)"),
    typical_pattern="(?i:ab|ab[^c-z]*.*|.+型.*|.+[+−-])",
    typical_share=0.02,
    typical_means="are AB or have a sign",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a blood type."""
    return holds(KIND, text)
