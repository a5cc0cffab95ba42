"""Characters in classes: what a character is, what it folds to, and what separates numbers written in groups."""

from functools import cache

import numpy as np
import numpy.typing as npt

from winddown.detectors.fold import IDEOGRAPHIC_SPACE, folds_elsewhere, narrow
from winddown.detectors.kind import ALNUM, AT, DIGIT, DOT, HIGH, LOWER, OTHER, STAR, UPPER

CLASS = np.full(256, OTHER, np.uint8)
CLASS[0x80:] = HIGH
CLASS[ord("0") : ord("9") + 1] = DIGIT
CLASS[ord("A") : ord("Z") + 1] = UPPER
CLASS[ord("a") : ord("z") + 1] = LOWER
CLASS[ord("@")] = AT
CLASS[ord("*")] = STAR
CLASS[[ord("."), ord(":")]] = DOT

SEPARATOR = np.zeros(256, np.bool_)
SEPARATOR[[ord(character) for character in " -()"]] = True

LONGEST_JOINED = 48  # bytes; the longest number written in groups is an IBAN of 34 characters

# Beside its class, in the low eight bits, a character's mark says: it is full-width; it is a full-width separator that
# joins digits; it is the full-width blank; it has to be folded before anything else is read; it is no character.
WIDE, JOINS, BLANK, FOLDS, NONE = (1 << bit for bit in range(8, 13))
NO_CHARACTER = 0x110000


@cache
def marks() -> npt.NDArray[np.uint32]:
    """Return the mark of every code point, and of what is none: the class of what it folds to, and what to heed."""
    found = np.full(NO_CHARACTER + 1, HIGH, np.uint32)
    found[:0x80] = CLASS[:0x80]
    wide, codes = narrow()
    found[wide] = CLASS[codes].astype(np.uint32) | np.uint32(WIDE)
    found[wide[np.isin(codes, [ord(character) for character in " -("])]] |= np.uint32(JOINS)
    found[IDEOGRAPHIC_SPACE] |= np.uint32(BLANK)
    found[wide[CLASS[codes] & ALNUM != 0]] |= np.uint32(FOLDS)  # numbers are read byte by byte
    found[folds_elsewhere()] |= np.uint32(FOLDS)
    found[0xD800:0xE000] = found[NO_CHARACTER] = NONE
    return found
