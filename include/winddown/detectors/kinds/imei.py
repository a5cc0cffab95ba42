"""International mobile equipment identity (移动设备识别码), 15 digits.

Type allocation code of eight digits, serial of six, check digit by Luhn. The first two digits name the body that
allocated the code: 86 in China, 35 in Britain, 01 and 99 in America, and a few older ones.

Source: 3GPP TS 23.003 annex B; GSMA TS.06. Does not recognise the forms without check digit (14 and 16 digits):
nothing would set them apart from other numbers.

>>> is_valid("490154203237518"), is_valid("35-209900-176148-1")
(True, True)
>>> is_valid("490154203237519"), is_valid("210154203237511")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, among, luhn, narrowed, number
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_BODY = np.zeros(100, np.bool_)
_BODY[[1, 10, 30, 33, 35, 44, 45, 49, 50, 51, 52, 53, 54, 86, 91, 97, 98, 99]] = True


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    return narrowed(among(shaped, block[:, :2], lambda body: _BODY[number(body)]), block, luhn)


KIND = Kind(
    id="imei",
    title_zh="移动设备识别码",
    title_en="mobile equipment identity",
    proof=Proof.CHECKSUM,
    headers=("imei", "设备识别码", "手机串号", "imei_no", "device_imei"),
    min_length=15,
    max_length=15,
    classes=DIGIT,
    lengths=frozenset({15}),
    check=_check,
    chance=1 / 10,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an IMEI with its check digit."""
    return holds(KIND, text)
