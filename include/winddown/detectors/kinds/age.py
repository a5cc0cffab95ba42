"""Age of a person in years (年龄), 0 to 129, with or without 岁.

Source: GB/T 35273-2020 annex A, basic data of a person. A small number is any number: only a header can tell.

>>> is_valid("35"), is_valid("35岁"), is_valid("0")
(True, True, True)
>>> is_valid("200"), is_valid("3.5"), is_valid("-1")
(False, False, False)
"""

from winddown.detectors.kind import DIGIT, HIGH, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="age",
    title_zh="年龄",
    title_en="age",
    proof=Proof.HEADER,
    headers=(
        "年龄",
        "周岁",
        "nl",
        "nianling",
        "age",
    ),
    min_length=1,
    max_length=7,
    classes=DIGIT | HIGH,
    needs=DIGIT,
    chance=0.9,
    lookalike=1.0,
    pattern="(?:[0-9]{1,2}|1[0-2][0-9])(?:周?岁)?",
    numbers=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an age in years."""
    return holds(KIND, text)
