"""Age of a person in years (年龄), 0 to 129, with or without 岁.

Source: GB/T 35273-2020 annex A, basic data of a person. A small number is any number: only a header can tell,
and no cell is looked at.
"""

from winddown.detectors.kind import DIGIT, HIGH, Kind, Proof

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
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
