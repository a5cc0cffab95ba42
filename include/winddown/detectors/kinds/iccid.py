"""Number of a SIM card (SIM卡号 ICCID), 19 or 20 digits beginning with 89.

Country code, issuer, account and a check digit by Luhn; China's begin with 8986. Chinese operators use hexadecimal
letters and a missing check digit in some of the 20 places, and such numbers are not recognised.

Source: ITU-T E.118. Random digits pass 1 time in 10.

>>> is_valid("8986012345678901239"), is_valid("89014103211118510720")
(True, True)
>>> is_valid("8986012345678901230"), is_valid("7986012345678901239")
(False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, luhn, narrowed
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block) & (block[:, 0] == ord("8")) & (block[:, 1] == ord("9"))
    return narrowed(np.asarray(shaped), block, luhn)


KIND = Kind(
    id="iccid",
    title_zh="SIM卡号",
    title_en="SIM card number",
    proof=Proof.CHECKSUM,
    headers=("sim卡号", "iccid", "iccid_no", "sim_no"),
    min_length=19,
    max_length=20,
    classes=DIGIT,
    lengths=frozenset({19, 20}),
    check=_check,
    chance=1 / 10,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is the number of a SIM card."""
    return holds(KIND, text)
