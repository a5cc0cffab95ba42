"""Gender (性别), in Chinese, English and their abbreviations.

Source: GB/T 2261.1-2003 on the codes of sex. The codes 0, 1, 2 and 9 are numbers like any other and are accepted under
a header that names them; ``男`` and ``女``, or the English words, are unmistakable.

>>> is_valid("男"), is_valid("Female"), is_valid("M")
(True, True, True)
>>> is_valid("男装"), is_valid("公"), is_valid("5")
(False, False, False)
"""

from winddown.detectors.kind import ALNUM, HIGH, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="gender",
    title_zh="性别",
    title_en="gender",
    proof=Proof.VOCABULARY,
    headers=(
        "性别",
        "xb",
        "xingbie",
        "gender",
        "sex",
        "gender_code",
        "sex_code",
        "性别代码",
    ),
    min_length=1,
    max_length=12,
    classes=ALNUM | HIGH,
    chance=0.01,
    lookalike=0.5,
    pattern=(
        "(?i:男|女|男性|女性|男士|女士|先生|小姐|未知|保密|male|female"
        "|männlich|weiblich|divers|homme|femme|masculin|féminin|hombre|mujer|masculino|femenino|feminino|maschio|femmina|andere|autre|otro|otra|altro|neutro|unknown|other"
        "|nonbinary|m|f|u|x|mr|ms|mrs|[0129])"
    ),
    typical_pattern=(
        "(?i:男|女|男性|女性|male|female|männlich|weiblich|homme|femme|masculin|féminin|hombre|mujer|masculino|femenino"
        "|feminino|maschio|femmina)"
    ),
    typical_share=0.5,
    typical_means="are words for a gender",
    numbers=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a word or code for a gender."""
    return holds(KIND, text)
