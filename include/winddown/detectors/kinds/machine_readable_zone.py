"""Machine-readable zone of a passport (护照机读码): the second line, 44 characters, or both lines.

Number (9), check digit, nationality (3), date of birth (6), check digit, sex, expiry (6), check digit, optional data
(14), check digit, and a check digit over all of them; digits weighted 7, 3, 1 with letters from 10 and ``<`` as 0.

Source: ICAO Doc 9303 part 3 (check digits) and part 4 (form TD3). Checks the digits of number, birth and expiry, which
random text passes once in a thousand. Does not read the zones of identity cards (TD1, TD2).

>>> is_valid("L898902C36UTO7408122F1204159ZE184226B<<<<<10")
True
>>> is_valid("L898902C46UTO7408122F1204159ZE184226B<<<<<10")
False
"""

import numpy as np

from winddown.detectors.checksums import BASE36, all_digits, every, member, narrowed
from winddown.detectors.kind import ALNUM, DIGIT, OTHER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_ALLOWED = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<")
_SEX = member("MFX<")
_PARTS = ((0, 9), (13, 19), (21, 27))  # number, date of birth, expiry; each is followed by its check digit


def _agrees(block: Block) -> Bools:
    result = np.ones(len(block), np.bool_)
    for start, end in _PARTS:
        weights = np.resize(np.array([7, 3, 1]), end - start)
        total = BASE36[block[:, start:end]].astype(np.int64) @ weights
        result &= total % 10 == block[:, end].astype(np.int64) - 48
    return result


def _check(block: Block) -> tuple[Bools, Bools]:
    line = block[:, -44:]
    shaped = every(line, _ALLOWED) & all_digits(line[:, [9, 13, 14, 15, 16, 17, 18, 19, 27]]) & _SEX[line[:, 20]]
    return narrowed(np.asarray(shaped), line, _agrees)


KIND = Kind(
    id="machine_readable_zone",
    title_zh="护照机读码",
    title_en="machine-readable zone of a passport",
    proof=Proof.CHECKSUM,
    headers=("机读码", "mrz", "machine_readable_zone"),
    min_length=44,
    max_length=89,
    classes=ALNUM | OTHER,
    needs=DIGIT,
    chance=1 / 1000,
    lengths=frozenset({44, 88, 89}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a machine-readable zone of a passport."""
    return holds(KIND, text)
