"""Political affiliation (政治面貌).

Source: GB/T 4762-1984 on the codes of political affiliation. Reveals political opinions in the sense of GDPR 9. The
codes of two digits are not recognised.

>>> is_valid("中共党员"), is_valid("群众"), is_valid("共青团员")
(True, True, True)
>>> is_valid("党校"), is_valid("团购")
(False, False)
"""

from winddown.detectors.kind import HIGH, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="political_status",
    title_zh="政治面貌",
    title_en="political affiliation",
    proof=Proof.VOCABULARY,
    headers=(
        "政治面貌",
        "党派",
        "zzmm",
        "zhengzhimianmao",
        "political_status",
        "political_affiliation",
        "party",
    ),
    min_length=6,
    max_length=48,
    classes=HIGH,
    chance=0.01,
    lookalike=0.5,
    pattern=(
        "(?i:中共党员|中国共产党党员|中共预备党员|中国共产党预备党员|党员"
        "|预备党员|共青团员|中国共产主义青年团团员|团员|群众|民革党员"
        "|民革会员|民盟盟员|民建会员|民进会员|农工党党员|致公党党员"
        "|九三学社社员|台盟盟员|无党派人士|无党派民主人士)"
    ),
    typical_pattern=".*(?:党员|团员|群众|盟员|会员|社员|人士)",
    typical_share=0.9,
    typical_means="are of the official list",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a political affiliation of China."""
    return holds(KIND, text)
