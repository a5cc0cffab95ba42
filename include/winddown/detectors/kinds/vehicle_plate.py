"""Vehicle plate (车牌号): province character, office letter, five characters, or six for new-energy vehicles.

The letters I and O do not occur; the last place may be 挂, 学, 警, 港, 澳.

Source: GA 36-2018. Plates of the army and of embassies are not recognised.

>>> is_valid("京A12345"), is_valid("粤B·D12345"), is_valid("沪A1234学"), is_valid("京a12345")
(True, True, True, True)
>>> is_valid("国A12345"), is_valid("京A1234"), is_valid("京I12345")
(False, False, False)
"""

from winddown.detectors.kind import ALNUM, DIGIT, HIGH, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

_PROVINCE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
_PLATE = (
    f"{_PROVINCE}[A-HJ-NP-Za-hj-np-z][· -]?[0-9A-HJ-NP-Za-hj-np-z]{{4}}(?:[0-9A-HJ-NP-Za-hj-np-z]{{1,2}}|[挂学警港澳])"
)

KIND = Kind(
    id="vehicle_plate",
    title_zh="车牌号",
    title_en="vehicle plate",
    proof=Proof.PATTERN,
    headers=(
        "车牌",
        "车牌号",
        "车牌号码",
        "号牌号码",
        "cph",
        "cphm",
        "hphm",
        "chepai",
        "plate_no",
        "license_plate",
        "car_no",
    ),
    min_length=9,
    max_length=14,
    classes=ALNUM | OTHER | HIGH,
    needs=HIGH | DIGIT,
    chance=0.01,
    lookalike=0.2,
    embeds=True,
    pattern=_PLATE,
    finder=f"{_PLATE}(?:[^0-9A-Za-z]|$)",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a vehicle plate."""
    return holds(KIND, text)
