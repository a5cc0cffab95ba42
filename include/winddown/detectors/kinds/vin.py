"""Vehicle identification number (车辆识别代号), 17 characters without I, O and Q.

Character 9 is a check character ``0-9`` or ``X`` for ten by a weighted sum modulo 11; it is compulsory in China and
North America and free elsewhere, so imported cars may fail it.

Source: GB 16735-2019; ISO 3779; 49 CFR 565. Demands two letters at least: 17 digits are taken for an order number.
Points to a person through the vehicle register.

>>> is_valid("1M8GDM9AXKP042788")
True
>>> is_valid("1M8GDM9A1KP042788"), is_valid("11111111111111111")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import IS_DIGIT, all_digits, every, member, narrowed, weighted
from winddown.detectors.kind import ALNUM, DIGIT, LETTER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_ALLOWED = member("0123456789ABCDEFGHJKLMNPRSTUVWXYZ")
_CHECK = member("0123456789X")
_VALUE = np.zeros(256, np.uint8)
for _letters, _values in (("0123456789", range(10)), ("ABCDEFGH", range(1, 9)), ("JKLMN", range(1, 6))):
    for _letter, _value in zip(_letters, _values, strict=True):
        _VALUE[ord(_letter)] = _value
for _letter, _value in zip("PRSTUVWXYZ", (7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True):
    _VALUE[ord(_letter)] = _value
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _mod_11(block: Block) -> Bools:
    last = block[:, 8]
    check = np.where(last == ord("X"), 10, last.astype(np.int64) - 48)
    return np.asarray(weighted(block, WEIGHTS, _VALUE) % 11 == check)


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = every(block, _ALLOWED) & _CHECK[block[:, 8]] & all_digits(block[:, 13:])
    shaped &= (~IS_DIGIT[block]).sum(axis=1) >= 2  # noqa: PLR2004 - explained in the module's docstring
    return narrowed(np.asarray(shaped), block, _mod_11)


KIND = Kind(
    id="vin",
    title_zh="车辆识别代号",
    title_en="vehicle identification number",
    proof=Proof.CHECKSUM,
    headers=("车架号", "车辆识别", "车辆识别代号", "cjh", "vin", "vin_no", "chassis_no"),
    min_length=17,
    max_length=17,
    classes=ALNUM,
    needs=DIGIT,
    needs_any=LETTER,
    lengths=frozenset({17}),
    check=_check,
    chance=1 / 11,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a vehicle identification number with a valid check character."""
    return holds(KIND, text)
