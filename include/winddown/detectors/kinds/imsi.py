"""International mobile subscriber identity (国际移动用户识别码 IMSI) of China, 15 digits.

``460``, the operator's code (00 to 15, 20), and the subscriber's number. There is no check digit; of random numbers of
15 digits 2 in 10,000 pass.

Source: ITU-T E.212 and its list of operator codes; 3GPP TS 23.003. Subscribers of other countries are not recognised.

>>> is_valid("460001234567890"), is_valid("460111234567890")
(True, True)
>>> is_valid("460991234567890"), is_valid("310150123456789")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, among, number, reads
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_OPERATOR = np.zeros(100, np.bool_)
_OPERATOR[[*range(16), 20]] = True


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    china = shaped & reads(block[:, :3], b"460")
    return shaped, among(china, block[:, 3:5], lambda operator: _OPERATOR[number(operator)])


KIND = Kind(
    id="imsi",
    title_zh="国际移动用户识别码",
    title_en="mobile subscriber identity",
    proof=Proof.PATTERN,
    headers=("imsi", "用户识别码", "imsi_no"),
    min_length=15,
    max_length=15,
    classes=DIGIT,
    lengths=frozenset({15}),
    check=_check,
    chance=0.0002,
    lookalike=0.1,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a Chinese IMSI."""
    return holds(KIND, text)
