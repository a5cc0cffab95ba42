"""What stays of a field in a record that stays: nothing, a coarser value, or a keyed token.

The register says of a field what a duty to keep still needs of it, e.g. ``first:4``, ``month``, ``region:6``,
``band:10`` or ``token``. A token is the same for the same value, so that records can still be joined by it, and can
stand where a value may be neither missing nor double; whose it was, nobody can tell once the case's key is destroyed.

A value that cannot be read as its form expects, or that would stand as it is although it was to become shorter, is
named while planning: emptying it might lose what the duty needs, and keeping it might keep what nothing needs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from winddown.domain.errors import Refused
from winddown.domain.generalise import Generalisation, How
from winddown.domain.inventory import Collection, Field

TOKEN = "token"  # noqa: S105 - a word of the register
TOKEN_SIGN = "~"  # noqa: S105 - what every token begins with
TOKEN_DIGITS = 26  # of base 32: 130 bits
_TOKEN_DIGITS_MIN = 10  # 50 bits: of five million values some two may be given the same token in 50 such columns

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])(?!.*BC)")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_REGION = re.compile(r"[0-9]{6}|[0-9]{15}|[0-9]{17}[0-9Xx]")
_PADDED = re.compile(r"(n?char|character|bpchar)\b(?! varying)")
_LENGTH = re.compile(r"\(([0-9]{1,9})\)")
_TEXTS = ("text", "char", "varchar", "character", "nvarchar", "nchar", "varchar2", "nvarchar2", "bpchar", "tinytext",
          "mediumtext", "longtext", "string", "clob")  # fmt: skip
_UNIQUE = ("unique index", "a unique constraint")  # how stores call a tie that a token does not break
_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "hugeint", "int2", "int4", "int8")


class Kind(StrEnum):
    """Of what kind a column's values are, as far as forms are concerned."""

    TEXT = "text"
    DATE = "date"
    NUMBER = "number"


_FITS: Mapping[How, frozenset[Kind]] = {
    How.FIRST: frozenset({Kind.TEXT}),
    How.REGION: frozenset({Kind.TEXT}),
    How.YEAR: frozenset({Kind.TEXT, Kind.DATE}),
    How.MONTH: frozenset({Kind.TEXT, Kind.DATE}),
    How.BAND: frozenset({Kind.NUMBER}),
}


@dataclass(frozen=True, slots=True)
class Form:
    """What stays of a field's values; ``coarser`` is None for a token.

    >>> Form.parse("region:6").left(Kind.TEXT, "310101199001011234"), Form.parse("month").left(Kind.DATE, "1990-05-06")
    ('310101', '1990-05-01')
    """

    coarser: Generalisation | None

    @classmethod
    def parse(cls, text: str) -> "Form":
        """Read ``token``, or a generalisation that leaves something of a value; raises Refused on anything else."""
        if text == TOKEN:
            return cls(None)
        found = Generalisation.parse(text)
        if found.how not in _FITS:
            raise Refused(f"{text!r} leaves no part of a value; write {TOKEN}, {', '.join(_FITS)}")
        return cls(found)

    @property
    def prefix(self) -> int:
        """How many characters stay of a value as text; 0 for a band, and for a token."""
        if self.coarser is None:
            return 0
        return {How.YEAR: 4, How.MONTH: 7, How.BAND: 0}.get(self.coarser.how, self.coarser.size)

    @property
    def band(self) -> int:
        """Of how many units a number keeps the lowest; 0 for anything but a band."""
        return self.coarser.size if self.coarser is not None and self.coarser.how is How.BAND else 0

    @property
    def day(self) -> str:
        """What makes a date of the beginning that stays: its first day."""
        return "-01-01" if self.coarser is not None and self.coarser.how is How.YEAR else "-01"

    def left(self, kind: Kind, value: str) -> str | None:
        """What stays of a value that is not empty, as text; None where it cannot be made coarser. Not of tokens."""
        assert self.coarser is not None  # noqa: S101 - a token needs a key
        how = self.coarser.how
        if how is How.BAND:
            return str(int(value) // self.band * self.band) if _WHOLE.fullmatch(value) else None
        if how is How.FIRST:
            # Blanks at its end are not what a value would lose; a column of a fixed length adds them by itself.
            return value[: self.prefix] if len(value.rstrip()) > self.prefix else None
        if how is How.REGION:
            return value[: self.prefix] if _REGION.fullmatch(value) else None
        if not _is_day(value):
            return None
        return value[: self.prefix] + (self.day if kind is Kind.DATE else "")

    def has_left(self, kind: Kind, value: str) -> bool:
        """Whether a value that is not empty may be what was left of another one. Not of tokens."""
        if self.band:
            return bool(_WHOLE.fullmatch(value)) and int(value) % self.band == 0
        return value.endswith(self.day) if kind is Kind.DATE else len(value.rstrip(" ")) <= self.prefix


def kind_of(declared: str) -> Kind | None:
    """The kind of a column by its declared type; None where no form fits.

    >>> kind_of("character varying(20)"), kind_of("int unsigned"), kind_of("DATE"), kind_of("timestamp")
    (<Kind.TEXT: 'text'>, <Kind.NUMBER: 'number'>, <Kind.DATE: 'date'>, None)
    >>> kind_of("character varying(20)[]") is None
    True
    """
    word = re.split(r"[ (]", declared.strip().lower())[0]
    if declared.endswith("]"):
        return None
    if word in _TEXTS:
        return Kind.TEXT
    if word in _NUMBERS:
        return Kind.NUMBER
    return Kind.DATE if word == "date" else None


def is_padded(declared: str) -> bool:
    """Whether a column of this type may add blanks at the end of a text, or leave out those that are there.

    >>> is_padded("character(13)"), is_padded("CHAR(13)"), is_padded("character varying(13)")
    (True, True, False)
    """
    return _PADDED.match(declared.strip().lower()) is not None


def token_length(declared: str) -> int:
    """How many characters a token in a column of this type has, its sign included; 0 where it has no room for one.

    >>> token_length("varchar(20)"), token_length("text"), token_length("char(6)")
    (20, 27, 0)
    """
    found = _LENGTH.search(declared)
    length = min(TOKEN_DIGITS + 1, int(found[1])) if found else TOKEN_DIGITS + 1
    return length if length > _TOKEN_DIGITS_MIN else 0


def unfit(collection: Collection, fields: Sequence[str], forms: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Say why fields of a collection cannot be left as the register asks."""
    asked = dict(forms)
    for field in collection.fields:
        if field.name in asked:
            reason = _unfit(field, Form.parse(asked[field.name]))
            if reason:
                yield f"{field.name} {reason}"
            continue
        sources = [name for name in field.computed_from if name in asked]
        if sources and field.name in fields:
            yield f"{field.name} is computed from {', '.join(sources)}, of which something would stay"


def _unfit(field: Field, form: Form) -> str:
    kind = kind_of(field.type)
    if form.coarser is None:
        if kind is not Kind.TEXT or not token_length(field.type):
            return f"is a {field.type}, in which no token fits: it is a text of {_TOKEN_DIGITS_MIN + 1} characters"
        ties = [tie for tie in field.tied.split(", ") if tie and not tie.startswith(_UNIQUE)]
        return f"is bound by {', '.join(ties)}" if ties else ""
    if kind is None or kind not in _FITS[form.coarser.how]:
        return f"is a {field.type}, of which nothing is left by {form.coarser.how}"
    # A unique value that becomes coarser is no longer one; a token is.
    return f"is bound by {field.tied}" if field.tied else ""


def _is_day(value: str) -> bool:
    if not _DAY.match(value):
        return False
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True
