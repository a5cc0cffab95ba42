"""Driving licence file number (驾驶证档案编号), 12 digits.

The licence's own number (驾驶证号) is the holder's identity number and is recognised as that; the file number begins
with the first four digits of the division that issued it.

Source: GA 482-2012 on the driving licence of motor vehicles, "证号" and "档案编号". Twelve digits are an order number
like any other: only a header can tell.

>>> is_valid("330100123456"), is_valid("990100123456"), is_valid("33010012345")
(True, False, False)
"""

from winddown.detectors.checksums import all_digits
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds
from winddown.detectors.regions import is_province


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    return shaped, shaped & is_province(block[:, :2])


KIND = Kind(
    id="driving_licence",
    title_zh="驾驶证档案编号",
    title_en="driving licence number",
    proof=Proof.HEADER,
    headers=(
        "驾驶证",
        "驾驶证号",
        "驾照",
        "驾照号",
        "驾驶证档案编号",
        "jsz",
        "jszh",
        "jiashizheng",
        "driver_license",
        "drivers_license",
        "driving_license",
        "driving_licence",
        "driver_licence",
        "license_no",
    ),
    min_length=12,
    max_length=12,
    classes=DIGIT,
    chance=0.35,
    lookalike=1.0,
    lengths=frozenset({12}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a driving licence's file number."""
    return holds(KIND, text)
