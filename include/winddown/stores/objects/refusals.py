"""What an object or file store cannot handle, as named blockers."""

from collections import Counter
from collections.abc import Sequence

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import CollectionRef
from winddown.stores.objects.formats.problem import Problem

_REPAIR = "repair or replace what cannot be read"


def suspended(store: str) -> Blocker:
    """The bucket keeps its versions and makes no new ones."""
    return Blocker(
        "suspended-versioning",
        store,
        "the bucket keeps the versions that it has and overwrites what is written now, so neither a marker nor a "
        "deletion does what it says",
        "storage administrator",
        "switch versioning on again",
    )


def expiring(store: str) -> Blocker:
    """A lifecycle rule deletes what is not the current version."""
    return Blocker(
        "expiring-versions",
        store,
        "a lifecycle rule deletes noncurrent versions, so what is in quarantine would be destroyed during grace",
        "storage administrator",
        "let the freeze pause it; where it may not, suspend the rule until the case is certified",
    )


def changing(store: str, doubt: str) -> Blocker:
    """Content changed under a version that was looked at before; ``doubt`` is the file that remembers it."""
    return Blocker(
        "changing-versions",
        store,
        "an object is not what it was, although its version, tag and size are; so a planned version proves nothing",
        "storage administrator",
        "find out what writes past the versions of the bucket, then delete the file "
        f"{doubt} in the case's folder of notes and discover again",
    )


def kept(store: str, folder: str, lock: str, what: str) -> Blocker:
    """The service keeps versions of a folder, and nobody here may release them."""
    codes = {
        "compliance": (
            "compliance-retention",
            "wait until it ends, then discover again; or let the key go under which the store lies (destroy_key)",
        ),
        "hold": ("object-legal-hold", "have it lifted by who placed it, then discover again"),
    }
    code, next_step = codes[lock]
    where = f"{store}:{folder or '.'}"
    return Blocker(code, where, f"{what}: the service would not delete them", "compliance officer", next_step)


def unnamed(store: str, folder: str, count: int) -> Blocker:
    """Current versions without a version id of their own."""
    return Blocker(
        "unnamed-versions",
        f"{store}:{folder or '.'}",
        f"{count} objects were written before the bucket kept versions; their version can be overwritten unseen",
        "storage administrator",
        "copy each of them onto itself, so that it gets a version of its own",
    )


def hidden(store: str, folder: str) -> Blocker:
    """Versions lie below delete markers in a folder."""
    return Blocker(
        "hidden-versions",
        f"{store}:{folder or '.'}#deleted",
        "objects were deleted here before, and their versions are still there below the delete markers",
        "storage administrator",
        "delete these versions for good, or bring the objects back so that they are read",
    )


def unknown_versioning(store: str, code: str) -> Blocker:
    """The bucket does not tell whether it keeps versions."""
    return Blocker(
        "unknown-versioning",
        store,
        f"whether the bucket keeps versions could not be asked ({code}), so nothing in it can be quarantined safely",
        "storage administrator",
        "allow the reading user s3:GetBucketVersioning",
    )


def unusable_report(store: str, explanation: str, next_step: str) -> Blocker:
    """The inventory report that the case file names cannot be used."""
    return Blocker("unusable-inventory-report", store, explanation, "storage administrator", next_step)


def unclear_folder(ref: CollectionRef, count: int) -> Blocker:
    """A folder whose name is the reference of another one."""
    return Blocker(
        "unclear-folder",
        str(ref),
        f"a folder whose name has a # or is a single point, so that its {count} objects would be looked for elsewhere",
        "data engineer",
        "rename the folder",
    )


def empty(ref: CollectionRef, count: int, total: int) -> Blocker:
    """Objects of no bytes."""
    return Blocker(
        "zero-byte-object",
        str(ref),
        f"{_of(count, total)} zero bytes where data was expected",
        "data engineer",
        "find out whether an upload failed, then replace or remove it",
    )


def strange(ref: CollectionRef, count: int, total: int) -> Blocker:
    """Objects of no known format."""
    return Blocker(
        "unknown-format",
        str(ref),
        f"{_of(count, total)} content of no known format, so nobody can say what it is",
        "steward",
        "convert it to a known format, or move it out of the folder",
    )


def unreadable(ref: CollectionRef, problem: Problem, reasons: Counter[str], total: int) -> Blocker:
    """Objects that are not read to their end; nothing of their collection counts as read."""
    engineer = "data engineer"
    codes = {
        Problem.BROKEN: ("unreadable-file", engineer, _REPAIR),
        Problem.ENCODING: ("unclear-encoding", engineer, "write these files again in UTF-8"),
        Problem.LIMIT: (
            "beyond-limits",
            engineer,
            "split these files, or decide outside the product what becomes of them",
        ),
        Problem.FIELDS: ("duplicate-fields", engineer, "give every field a name of its own"),
        Problem.ARCHIVE: ("unread-archive", engineer, "unpack these archives beside them, then remove them"),
        Problem.CHANGED: ("changed-while-read", "storage administrator", "stop what writes here, then run again"),
        Problem.KEY: (
            "customer-key",
            "storage administrator",
            "name their key in the case file (customer_key), or copy them under one of the service's",
        ),
        Problem.COLD: (
            "cold-object",
            "storage administrator",
            "bring them back from the archive class, then run again",
        ),
    }
    code, resolver, next_step = codes[problem]
    said = "; ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
    return Blocker(code, str(ref), f"{reasons.total()} of {total} objects cannot be read: {said}", resolver, next_step)


def unsupported_table(ref: CollectionRef, kind: str, against: Sequence[str]) -> Blocker:
    """A table of which nothing is read, because something in it might mean what is not known."""
    return Blocker(
        "unsupported-table",
        str(ref),
        f"a {kind} table with {', '.join(against)}; its files are not read, because by themselves they do not say "
        "which rows count",
        "data engineer",
        "write the table again without that, or erase in it and expire its history by the engine that writes it and "
        "record the evidence; then discover again",
    )


def needs_catalogue(ref: CollectionRef) -> Blocker:
    """Rows of an Iceberg table of which no catalogue is known to decide."""
    return Blocker(
        "needs-catalogue",
        str(ref),
        "which metadata of an Iceberg table counts is decided by its catalogue, and the store declares none that knows "
        "the table, so nothing is taken out of it here",
        "data engineer",
        "name the connection of the table's catalogue under the store's catalogue in the case file, then trigger the "
        "case with again",
    )


def table_without_versions(ref: CollectionRef) -> Blocker:
    """Rows of a Delta table in a bucket that never kept versions."""
    return Blocker(
        "table-without-versions",
        str(ref),
        "the bucket keeps no versions, so a clean-up of the table would destroy what waits in quarantine",
        "storage administrator",
        "switch versioning on and discover again",
    )


def fields_of_table(ref: CollectionRef) -> Blocker:
    """Fields of a table with a log or a catalogue."""
    return Blocker(
        "cannot-minimise",
        str(ref),
        "fields of a table with a log or a catalogue cannot be emptied in place yet",
        "data engineer",
        "seal what is needed and erase the rows, or empty the fields by the engine that writes the table",
    )


def read_only(ref: CollectionRef, format_id: str) -> Blocker:
    """Single rows of a format that is only read."""
    return Blocker(
        "cannot-rewrite",
        str(ref),
        f"single rows cannot be removed from files of the format {format_id}; whole objects can be deleted",
        "data engineer",
        "unpack the files beside it or write them again in a format of which rows can be removed, then discover again",
    )


def _of(count: int, total: int) -> str:
    return f"{count} of {total} objects {'has' if count == 1 else 'have'}"
