"""How MySQL and MariaDB write values: whole as text, by their beginning, and as a digest that binds a row.

The server converts every text to UTF-8, whatever the column's character set. Dates are read as text, because
``0000-00-00`` and ``2024-00-00`` are dates here; BIT as a number, spatial values as WKT.

The digest is taken over names and types of all fields and the exact stored values: bytes of a text in its own
character set, numbers and dates as the server writes them, FLOAT as the DOUBLE that it is, since it is shown with six
digits. NULL is told from the empty string; of ENUM and SET the number counts as well, because an invalid ENUM value
reads like the label ''.
"""

import base64
import hashlib
import re
from collections.abc import Sequence

from winddown.domain.inventory import Collection, CollectionRef
from winddown.stores.sql.forms import Words
from winddown.stores.sql.reading import LONGEST

WORDS = Words(
    "CHAR",
    lambda beginning, rest: f"CAST(CONCAT({beginning}, '{rest}') AS DATE)",
    lambda value: f"CAST({value} AS BINARY)",
)

_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year", "float", "double"})
_FLOATS = frozenset({"float", "double"})
_SHORT_BYTES = frozenset({"binary", "varbinary"})
_BLOBS = frozenset({"tinyblob", "blob", "mediumblob", "longblob"})
_BYTES = _SHORT_BYTES | _BLOBS
_CHARACTERS = frozenset({"char", "varchar"})
_LABELS = frozenset({"enum", "set"})
_SHORT_TEXTS = _CHARACTERS | _LABELS | {"tinytext"}
_LONG_TEXTS = frozenset({"text", "mediumtext", "longtext"})
_SPATIAL = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection"}
)
_LONG = _BLOBS | _LONG_TEXTS | _SPATIAL | {"tinytext", "json"}
_EXACT_AS_TEXT = (_NUMBERS - _FLOATS) | {"decimal", "date", "datetime", "timestamp", "time", "uuid", "inet4", "inet6"}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_KNOWN = _EXACT_AS_TEXT | _FLOATS | _BYTES | _SHORT_TEXTS | _LONG | {"bit"}


def quoted(name: str) -> str:
    """Quote a single identifier.

    >>> quoted('a`b')
    '`a``b`'
    """
    return "`" + name.replace("`", "``") + "`"


def table_name(ref: CollectionRef) -> str:
    """The quoted name of a collection's table with that of its database."""
    schema, _, name = ref.name.partition(".")
    return f"{quoted(schema)}.{quoted(name)}"


def whole(column_type: str, name: str) -> str:
    """Write the expression for a whole value as text."""
    kind = base(column_type)
    if kind in _BYTES:
        return f"TO_BASE64({name})"
    if kind == "bit":
        return f"CAST({name} + 0 AS CHAR)"
    if kind in _SPATIAL:
        return f"ST_AsText({name})"
    return name if kind in _SHORT_TEXTS | _LONG_TEXTS else f"CAST({name} AS CHAR)"


def beginning(column_type: str, name: str) -> str:
    """Write the expression that classification reads."""
    kind = base(column_type)
    if kind in _NUMBERS | _SHORT_TEXTS:
        return name
    if kind == "bit":
        return f"{name} + 0"
    if kind in _BYTES | _LONG_TEXTS:
        return f"LEFT({name}, {LONGEST + 1})"
    return f"LEFT({whole(column_type, name)}, {LONGEST + 1})"


def content(collection: Collection, alias: str = "t") -> str:
    """The expression of the hex digest of a row; its value is never NULL.

    What is long is hashed by itself: a concatenation above ``max_allowed_packet`` would be NULL.
    """
    pieces = [f"'{shape(collection)}'"]
    pieces += [f"COALESCE({exact(field.type, f'{alias}.{quoted(field.name)}')}, '-')" for field in collection.fields]
    return f"SHA2(CONCAT_WS(',', {', '.join(pieces)}), 256)"


def shape(collection: Collection) -> str:
    """A digest of the names and types of all fields, in 64 hex digits."""
    fields = "\n".join(f"{field.name} {field.type}" for field in collection.fields)
    return hashlib.sha256(fields.encode()).hexdigest()


def exact(column_type: str, name: str) -> str:
    """The expression of a value as the digest has it: in hex, and long ones as digests of their own."""
    kind = base(column_type)
    if kind in _LONG:
        return f"SHA2({name}, 256)"
    if kind in _CHARACTERS | _SHORT_BYTES:
        return f"HEX({name})"
    if kind in _LABELS:
        return f"HEX(CONCAT({name} + 0, ':', {name}))"
    if kind in _FLOATS:
        return f"HEX(CAST({name} * 1e0 AS CHAR))"
    return f"HEX(CAST({name} + 0 AS CHAR))" if kind == "bit" else f"HEX(CAST({name} AS CHAR))"


def widest(collection: Collection) -> int:
    """How many characters the values of a row are at most, as ``exact`` has them; of long ones their digests."""
    return sum(_width(field.type) + 1 for field in collection.fields)


def _width(column_type: str) -> int:
    kind = base(column_type)
    if kind in _CHARACTERS | _SHORT_BYTES:
        length = int(column_type.partition("(")[2].partition(")")[0] or 1)
        return 2 * length * (4 if kind in _CHARACTERS else 1)
    if kind in _LABELS:  # of at most 255 characters, whose number is not told
        return 2 * 4 * 256 * (64 if kind == "set" else 1)
    return 200  # a decimal has 65 digits


def is_long(column_type: str) -> bool:
    """Whether the digest has a digest of the value."""
    return base(column_type) in _LONG


def itself(column_type: str, name: str) -> str:
    """The expression of the bytes of a long value, of which ``exact`` has the digest."""
    kind = base(column_type)
    if kind in _BLOBS | _SPATIAL:
        return name
    return f"CAST(CAST({name} AS CHAR) AS BINARY)" if kind == "json" else f"CAST({name} AS BINARY)"


def value(column_type: str, piece: str) -> str:
    """Write into a statement what ``exact`` or, of long values, the hex of ``itself`` has read; a dash is NULL.

    Texts are written as the bytes that they are stored as: the server takes bytes over as they are.

    >>> value("varchar(9)", "C3A4"), value("decimal(3,1)", "2D302E35"), value("enum('…')", "313A61"), value("date", "-")
    ("x'C3A4'", '-0.5', '1', 'NULL')
    """
    kind = base(column_type)
    if piece == "-":
        return "NULL"
    if kind in _LABELS:
        return bytes.fromhex(piece).decode().partition(":")[0]
    if kind in _NUMBERS | {"bit", "decimal"}:
        return bytes.fromhex(piece).decode()
    return f"x'{piece}'" if kind in _BYTES | _CHARACTERS | _LONG_TEXTS | _SPATIAL | {"tinytext"} else _unicode(piece)


def unbound(collection: Collection) -> list[str]:
    """Names of fields whose values cannot be told exactly, or that name rows and cannot be looked up exactly."""
    kinds = {field.name: base(field.type) for field in collection.fields}
    return [
        name
        for name, kind in kinds.items()
        if kind not in _KNOWN or (name in collection.key and kind in _LONG | _FLOATS)
    ]


def is_text(column_type: str) -> bool:
    """Whether values compare by a collation, so that different ones may be equal."""
    return base(column_type) in _SHORT_TEXTS


def literals(column_type: str, written: Sequence[str]) -> list[str]:
    """Write keys that were read as text by ``whole`` into statements: numbers as such, so that none is rounded.

    >>> literals("varchar(20)", ["a'"]), literals("decimal(3,1)", ["-0.5"]), literals("varbinary(9)", ["/w=="])
    (["_utf8mb4 x'6127'"], ['-0.5'], ["x'ff'"])
    >>> literals("int", ["7", "٣"]), literals("int", [""]), literals("int", ["0x7"])
    (["_utf8mb4 x'37'", "_utf8mb4 x'd9a3'"], ["_utf8mb4 x''"], ["_utf8mb4 x'307837'"])
    """
    kind = base(column_type)
    if kind in _BYTES:
        return [f"x'{base64.b64decode(found).hex()}'" for found in written]
    if kind in (_NUMBERS - _FLOATS) | {"bit", "decimal"} and _are_numbers(written):
        return list(written)
    return [_unicode(found.encode().hex()) for found in written]


def _are_numbers(written: Sequence[str]) -> bool:
    """Whether each is a number in digits; whole ones are told without the expression, in a sixth of the time."""
    is_whole = "".join(written).isascii() and all(map(str.isdigit, written))
    return is_whole or all(map(_NUMBER.fullmatch, written))


def _unicode(digits: str) -> str:
    return f"_utf8mb4 x'{digits}'"


def base(column_type: str) -> str:
    """A type's name alone.

    >>> base("varchar(20) charset x"), base("int unsigned")
    ('varchar', 'int')
    """
    return column_type.partition("(")[0].partition(" ")[0].lower()
