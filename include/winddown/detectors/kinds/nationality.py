"""Nationality of a person (国籍).

Source: GB/T 35273-2020 annex A, basic data of a person. The name of a country says nothing of whose it is: only a
header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import ALNUM, HIGH, OTHER, Kind, Proof

KIND = Kind(
    id="nationality",
    title_zh="国籍",
    title_en="nationality",
    proof=Proof.HEADER,
    headers=(
        "国籍",
        "guoji",
        "nationality",
        "citizenship",
    ),
    min_length=1,
    max_length=60,
    classes=ALNUM | OTHER | HIGH,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
