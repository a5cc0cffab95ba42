"""What stays of fields in SQL: coarser values as expressions of the engine, tokens as values that it is handed.

A coarser value is computed by the engine from the column, so no value leaves it. A token is computed here, and the
engine is handed tokens alone: neither the key nor the value that it stands for is in any statement.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from winddown.archive.tokens import Tokens
from winddown.domain.inventory import Collection
from winddown.domain.minimise import TOKEN_SIGN, Form, Kind, is_padded, kind_of, token_length
from winddown.domain.plan import Order
from winddown.stores.sql.reading import as_text

TOKEN_COLUMN = "winddown_token_"  # noqa: S105 - with a number behind it


@dataclass(frozen=True, slots=True)
class Words:
    """How an engine says it: the type that anything is cast to for its text, and a date of two texts.

    Attributes:
        exact: a value as it compares with no other; by a collation, different texts may be equal.
        read: a value of a column of text as it was read for the plan; what stays is the beginning of that.
    """

    text: str
    day: Callable[[str, str], str]
    exact: Callable[[str], str] = str
    read: Callable[[str], str] = str


class Forms:
    """What an order leaves of the fields of a collection."""

    def __init__(self, collection: Collection, order: Order) -> None:
        types = {field.name: field.type for field in collection.fields}
        self._forms = {name: Form.parse(asked) for name, asked in order.generalised}
        self._kinds = {name: kind_of(types[name]) for name in self._forms}
        self._padded = frozenset(name for name in self._forms if is_padded(types[name]))
        self._lengths = {name: token_length(types[name]) for name in self._forms}
        self.tokens = tuple(name for name, form in self._forms.items() if form.coarser is None)

    def __contains__(self, name: object) -> bool:
        """Whether something stays of a field."""
        return name in self._forms

    def token_columns(self) -> list[str]:
        """What the columns of tokens are called, in the order of ``tokens``."""
        return [f"{TOKEN_COLUMN}{place}" for place in range(len(self.tokens))]

    def token_column(self, name: str) -> str:
        """What the column of a field's tokens is called."""
        return f"{TOKEN_COLUMN}{self.tokens.index(name)}"

    def made(self, rows: Iterable[Sequence[Any]], tokens: Tokens) -> Iterator[tuple[str | None, ...]]:
        """Of rows of something and the values of ``tokens``, the same with tokens in their place; NULL stays NULL."""
        for first, *values in rows:
            found = zip(self.tokens, values, strict=True)
            yield (
                str(first),
                *(None if value is None else self._token(name, as_text(value) or "", tokens) for name, value in found),
            )

    def is_token(self, name: str) -> bool:
        """Whether a token stays of a field."""
        return name in self.tokens

    def coarser(self, name: str, column: str, words: Words) -> str:
        """The expression of what stays of a column; not of tokens."""
        form, kind = self._forms[name], self._kinds[name]
        if kind is Kind.NUMBER:
            return f"{column} - (({column} % {form.band}) + {form.band}) % {form.band}"
        if kind is Kind.DATE:
            return words.day(f"substr(CAST({column} AS {words.text}), 1, {form.prefix})", form.day)
        found = f"substr({words.read(column)}, 1, {form.prefix})"
        # The column may give it back without the blanks at its end, and what is compared must be the same.
        return f"rtrim({found})" if name in self._padded else found

    def is_whole(self, name: str, column: str, words: Words) -> str:
        """The condition that a column does not look like what stays; a token is told by its sign alone."""
        if self.is_token(name):
            return f"({column} <> '' AND substr({column}, 1, 1) <> '{TOKEN_SIGN}')"
        return f"{column} <> {self.coarser(name, column, words)}"

    def left(self, name: str, value: str, tokens: Tokens) -> str | None:
        """What stays of a value, where no engine computes it; None where it cannot be made coarser."""
        kind = self._kinds[name]
        if self.is_token(name):
            return self._token(name, value, tokens)
        return self._forms[name].left(kind, value) if value and kind is not None else value

    def has_left(self, name: str, value: str) -> bool:
        """Whether a value looks like what stays, where no engine says it."""
        kind, value = self._kinds[name], value.rstrip(" ")
        if not value:
            return True
        return value.startswith(TOKEN_SIGN) if self.is_token(name) else self._is_left(name, kind, value)

    def _token(self, name: str, value: str, tokens: Tokens) -> str:
        """The same for a value that its column fills up with blanks as for one in another column."""
        return tokens.of(value.rstrip(" ") if name in self._padded else value, length=self._lengths[name])

    def _is_left(self, name: str, kind: Kind | None, value: str) -> bool:
        return kind is not None and self._forms[name].has_left(kind, value)


def same(column: str, other: str) -> str:
    """The condition that two expressions have the same value, or both none."""
    return f"({column} = {other} OR ({column} IS NULL AND {other} IS NULL))"
