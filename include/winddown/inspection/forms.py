"""Judges what stands in fields of records that stay, by code of its own: a part of a value, a token, or nothing.

While the whole value waits in quarantine, what stands in the field must be exactly what was to stay of it. Once it is
purged, nobody can say any more of which value a part is one: then what stands there must look like one.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date

from winddown.domain.plan import Order

_TOKEN = re.compile(r"~[a-z2-7]{10,26}")
_FIXED = re.compile(r"(n?char|character|bpchar)\b(?! varying)")
_NUMBER = re.compile(r"-?[0-9]{1,40}")
_LONGEST = 27
Row = tuple[Hashable, Sequence[str | None]]  # what tells a row, and its fields as text


class Judge:
    """Knows what is to stay of each field of an order.

    Args:
        order: whose ``generalised`` says it.
        types: the declared type of each field of its table.
        key: of the case's tokens.
    """

    def __init__(self, order: Order, types: Mapping[str, str], key: Callable[[], bytes]) -> None:
        self.fields = order.fields
        self._forms = dict(order.generalised)
        self._types = types
        self._key = key

    def whole(self, rows: Iterable[Sequence[str | None]]) -> int:
        """Count rows with a field that does not look like what was to stay."""
        return sum(not all(map(self._is_like, self.fields, row)) for row in rows)

    def as_asked(self, live: Iterable[Row], aside: Iterable[Row]) -> int:
        """Count rows in quarantine of whose values exactly that stands in the live row which was to stay."""
        now = dict(live)
        return sum(key in now and all(map(self._is_of, self.fields, now[key], whole)) for key, whole in aside)

    def _is_like(self, name: str, found: str | None) -> bool:
        if not found or name not in self._forms:
            return not found
        found = found.rstrip(" ")  # which a column of a fixed length adds
        if not found:
            return True
        how, _, size = self._forms[name].partition(":")
        if how == "token":
            return bool(_TOKEN.fullmatch(found)) and len(found) == self._token_length(name)
        if how == "band":
            return bool(_NUMBER.fullmatch(found)) and not int(found) % int(size)
        if self._is_date(name):
            return found[5:] == "01-01" if how == "year" else found[8:] == "01"
        return len(found) <= {"year": 4, "month": 7}.get(how, int(size or 0))

    def _is_of(self, name: str, found: str | None, whole: str | None) -> bool:
        if found is None or not whole or name not in self._forms:
            return not found and (not whole or name not in self._forms)
        found = found.rstrip(" ")  # which a column of a fixed length adds or leaves out
        how, _, size = self._forms[name].partition(":")
        if how == "token":
            return found == self._token(name, whole)
        with suppress(ValueError):
            if how == "band":
                return int(found) % int(size) == 0 and 0 <= int(whole) - int(found) < int(size)
            if self._is_date(name):
                first = date.fromisoformat(whole[:10]).replace(day=1)
                return date.fromisoformat(found) == (first.replace(month=1) if how == "year" else first)
            return found == whole[: {"year": 4, "month": 7}.get(how, int(size or 0))].rstrip(" ")
        return False

    def _token(self, name: str, whole: str) -> str:
        value = whole.rstrip(" ") if _FIXED.match(self._types.get(name, "").lower()) else whole
        if not value:
            return ""
        mac = hmac.new(self._key(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        return ("~" + base64.b32encode(mac)[:26].decode().lower())[: self._token_length(name)]

    def _token_length(self, name: str) -> int:
        said = re.findall(r"\(([0-9]+)\)", self._types.get(name, ""))
        return min(_LONGEST, *map(int, said[:1])) if said else _LONGEST

    def _is_date(self, name: str) -> bool:
        return self._types.get(name, "").lower().startswith("date")
