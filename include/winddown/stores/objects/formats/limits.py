"""How much one file may ask of us. Each limit is far above what honest exports do, and far below what hurts."""

from winddown.stores.objects.formats.problem import Problem, Unreadable

PIECE = 1 << 20  # bytes read at once from text
RECORD = 1 << 24  # bytes of one line, record or element
DOCUMENT = 1 << 26  # bytes of a JSON document that is one record
DEPTH = 64  # nested levels of one value
BATCH = 1 << 25  # bytes of a batch that a reader aims at
BATCH_MOST = 1 << 28  # bytes above which a batch is refused
ROWS = 65_536  # rows of a batch at most
MEMBERS = 10_000  # files inside one archive
PART = 1 << 28  # bytes of the part of a file that has to be in memory at once: a block, a table of shared strings
RATIO = 200  # unpacked bytes to packed ones, once RATIO_FROM bytes were unpacked
RATIO_FROM = 1 << 26
UNPACKED = 1 << 38  # unpacked bytes of one file


def check_unpacked(packed: int, unpacked: int) -> None:
    """Raise Unreadable for a decompression bomb: too many bytes out of too few, or too many altogether."""
    if unpacked > UNPACKED or (unpacked > RATIO_FROM and unpacked > RATIO * max(packed, 1)):
        raise Unreadable(
            Problem.LIMIT, f"a packed file unpacks to more than {RATIO} times its size, or to more than 256 GiB"
        )


def check_record(size: int) -> None:
    """Raise Unreadable for a line or record that does not end."""
    if size > RECORD:
        raise Unreadable(
            Problem.LIMIT, f"a line or record is longer than {RECORD >> 20} MiB, or a quote is never closed"
        )


def check_depth(depth: int) -> None:
    """Raise Unreadable for a value that is nested deeper than anybody means."""
    if depth > DEPTH:
        raise Unreadable(Problem.LIMIT, f"a value is nested more than {DEPTH} levels deep")


def check_batch(size: int) -> None:
    """Raise Unreadable for rows that need more memory than a batch may have."""
    if size > BATCH_MOST:
        raise Unreadable(Problem.LIMIT, f"a few rows need more than {BATCH_MOST >> 20} MiB")


def check_names(names: list[str]) -> None:
    """Raise Unreadable for two fields of one name: an order on one of them would not say which."""
    if len(set(names)) != len(names):
        raise Unreadable(Problem.FIELDS, "two fields have the same name")
