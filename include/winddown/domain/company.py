"""The company that is wound down, named by its Unified Social Credit Code.

The code (统一社会信用代码, GB 32100-2015) has 18 characters: registration body, kind, six digits of area, nine of the
organisation code, one check character modulo 31.
"""

from dataclasses import dataclass

from winddown.domain.errors import Refused

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


def uscc_check_character(body: str) -> str:
    """Return the check character of the first 17 characters of a Unified Social Credit Code.

    >>> uscc_check_character("91310000MA1K35QT4")
    '1'
    """
    total = sum(_ALPHABET.index(char) * weight for char, weight in zip(body, _WEIGHTS, strict=True))
    return _ALPHABET[-total % 31]


@dataclass(frozen=True, slots=True)
class Company:
    """A legal person under wind-down. Refuses a code whose check character is wrong."""

    name_zh: str
    name_en: str
    uscc: str

    def __post_init__(self) -> None:
        code = self.uscc
        if len(code) != 18 or any(char not in _ALPHABET for char in code):  # noqa: PLR2004 - the standard's length
            raise Refused(
                f"company.uscc: {code!r} is not 18 characters of the code's alphabet",
                rule="GB 32100-2015",
                next_step="copy the code from the business licence",
            )
        if uscc_check_character(code[:17]) != code[17]:
            raise Refused(
                f"company.uscc: {code!r} has a wrong check character",
                rule="GB 32100-2015",
                next_step="copy the code from the business licence",
            )
