"""Passport number of another country (外国护照号码): up to nine letters and digits, of which four digits at least.

Source: ICAO Doc 9303 part 4, document number of up to nine characters; countries choose freely within it. Half of all
article numbers have this form, so that only a header can tell, and no cell is looked at.
"""

from winddown.detectors.kind import ALNUM, Kind, Proof

KIND = Kind(
    id="passport_foreign",
    title_zh="外国护照号码",
    title_en="passport number of another country",
    proof=Proof.HEADER,
    headers=(
        "外国护照",
        "境外证件",
        "passport",
        "passport_no",
        "passport_number",
        "passport_num",
        "travel_document_no",
    ),
    min_length=7,
    max_length=9,
    classes=ALNUM,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
