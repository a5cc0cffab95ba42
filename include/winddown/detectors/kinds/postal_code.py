"""Postal code (邮政编码): six digits in China, and the forms of other countries.

Source: Universal Postal Union, addressing systems. Six digits are any number: only a header can
tell. A postal code alone tells a district, with other fields a person.
"""

from winddown.detectors.kind import ALNUM, OTHER, Kind, Proof

KIND = Kind(
    id="postal_code",
    title_zh="邮政编码",
    title_en="postal code",
    proof=Proof.HEADER,
    headers=(
        "邮编",
        "邮政编码",
        "yb",
        "yzbm",
        "youbian",
        "zip",
        "zip_code",
        "zipcode",
        "postal_code",
        "postcode",
        "post_code",
        "postalcode",
        "ship_postal_code",
    ),
    min_length=3,
    max_length=10,
    classes=ALNUM | OTHER,
    chance=0.9,
    lookalike=1.0,
    named_only=True,
    numbers=True,
)
