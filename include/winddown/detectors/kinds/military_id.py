"""Military identity document number (军官证号、士兵证号), as in ``军字第2001988号``.

A word for the branch or the kind of officer, ``字第``, four to eight digits, and usually ``号``.

Source: none is published; the form is the one printed on the documents, and no more than that is known. Numbers
without their words are digits like any other and are not recognised.

>>> is_valid("军字第2001988号"), is_valid("士字第P011816X号"), is_valid("南字第01234567号")
(True, True, True)
>>> is_valid("京字第12号"), is_valid("军字第号")
(False, False)
"""

from winddown.detectors.kind import ALNUM, DIGIT, HIGH, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

_NUMBER = "[军士兵文职武警政后装海空南北沈兰成济广参联火战][一-鿿]{0,2}字第? ?[0-9A-Za-z]{4,8}号?"

KIND = Kind(
    id="military_id",
    title_zh="军人证件号码",
    title_en="military identity document number",
    proof=Proof.PATTERN,
    headers=(
        "军官证",
        "军官证号",
        "士兵证",
        "士兵证号",
        "军人证",
        "军人证件",
        "警官证",
        "jgz",
        "jgzh",
        "junguanzheng",
        "military_id",
        "officer_id",
        "soldier_id",
    ),
    min_length=10,
    max_length=30,
    classes=ALNUM | OTHER | HIGH,
    needs=HIGH | DIGIT,
    chance=0.01,
    lookalike=0.2,
    pattern=_NUMBER,
    named_suffices=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a military document number."""
    return holds(KIND, text)
