"""Occupation of a person (职业、职务、工作单位).

Source: GB/T 35273-2020 annex A, education and work of a person. Any words: only a header can tell, and no cell is
looked at.
"""

from winddown.detectors.kind import ALNUM, DOT, HIGH, OTHER, Kind, Proof

KIND = Kind(
    id="occupation",
    title_zh="职业",
    title_en="occupation",
    proof=Proof.HEADER,
    headers=(
        "职业",
        "职务",
        "职位",
        "岗位",
        "zhiye",
        "zhiwu",
        "occupation",
        "profession",
        "job_title",
        "contact_title",
        "position_title",
        "jobtitle",
        "job",
        "english_occupation",
    ),
    min_length=1,
    max_length=80,
    classes=ALNUM | DOT | OTHER | HIGH,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
)
