"""What no order may be made for in a SQL store, though it is read and classified."""

from collections.abc import Sequence

from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Collection, CollectionRef

_INSTEAD = {
    "materialised-view": (
        "a materialised view is a copy; its rows cannot be deleted one by one",
        "drop it, or refresh it when the rows of its tables are gone",
    ),
    "versioned-table": (
        "the table keeps older versions of its rows, which an order would leave behind",
        "drop system versioning (ALTER TABLE … DROP SYSTEM VERSIONING), which destroys the history",
    ),
    "untransactional-table": (
        "its storage engine has no transactions, so that a row could be lost or doubled half-way",
        "convert it to InnoDB (ALTER TABLE … ENGINE = InnoDB)",
    ),
}


def kept_relation(collection: Collection) -> Blocker | None:
    """Say why records of this relation cannot be destroyed by an order; None for a table."""
    if collection.format in {"table", "partitioned-table"}:
        return None
    explanation, next_step = _INSTEAD[collection.format]
    return Blocker("relation-stays", str(collection.ref), explanation, "database administrator", next_step)


def gone(ref: CollectionRef) -> Refused:
    """What to say of a table that an order or a reading is about, and that is not there."""
    return Refused(
        f"collection {ref} no longer exists",
        next_step="discover and plan again; where any of it is in quarantine, make the table again as it was, without "
        "rows, so that it can be purged or come back",
    )


def unbound_fields(ref: CollectionRef, fields: Sequence[str]) -> Blocker:
    """Say that values cannot be compared exactly, so that nobody could tell whether a row is the planned one."""
    return Blocker(
        "values-not-comparable",
        str(ref),
        f"values of {', '.join(fields)} cannot be compared exactly, so a changed row cannot be told",
        "database administrator",
        "convert these fields to a type whose values are exact, and those of a key to one that an index holds whole",
    )


def unnamed_rows(ref: CollectionRef) -> Blocker:
    """Say that no key names the rows of a table."""
    return Blocker(
        "no-primary-key",
        str(ref),
        "the table has no primary key, so its rows cannot be named in a plan",
        "database administrator",
        "add a primary key or a unique not-null key",
    )


def unknown_relation(ref: CollectionRef, what: str) -> Blocker:
    """Say that a relation is of a kind that is not read."""
    return Blocker(
        "unsupported-relation",
        str(ref),
        f"{what}; it may hold or show a copy of personal data",
        "database administrator",
        "drop it, or declare in the register what becomes of it",
    )


def changed(ref: CollectionRef) -> Blocker:
    """Say that nobody knows what a collection held, because somebody worked on it."""
    return Blocker(
        "changed-while-read",
        str(ref),
        "it was altered, dropped or locked by somebody else while the inventory was taken",
        "database administrator",
        "discover again when nobody alters it any more",
    )


def unreadable(ref: CollectionRef) -> Blocker:
    """Say that a relation could not be counted, for a reason of the engine's."""
    return Blocker(
        "no-read-access",
        str(ref),
        "the connection's user may not read this table, or the engine cannot",
        "database administrator",
        "grant SELECT on the table, and use of its schema, to the reading user",
    )


def kept_engine(collection: Collection, engine: str) -> Blocker:
    """Say that records of this store are found and classified, and destroyed by nobody but its administrator."""
    return Blocker(
        "cannot-destroy-here-yet",
        str(collection.ref),
        f"records in {engine} are read and classified; nobody could destroy them here and read that back",
        "database administrator",
        "create the store's connections __mark, __purge and __inspect where its kind has them, or destroy the records "
        "by the engine's own means after the plan names them, and record the evidence",
    )


_BY_ITSELF = {
    "trigger": "trigger {} runs code of its own when rows are deleted or changed",
    "cascade": "a foreign key of {} deletes or changes rows of its own when rows go here",
}


# These engines switch no trigger off.
INSTEAD_OF_ACTING = {
    "trigger": "drop it for the case, and create it again afterwards",
    "cascade": "drop its cascade for the case, so that every row goes by an order of its own",
}


def acts_by_itself(ref: CollectionRef, hazard: str, name: str) -> Blocker:
    """Say what would do more than an order says when rows go."""
    return Blocker(
        hazard,
        str(ref),
        _BY_ITSELF[hazard].format(name),
        "database administrator",
        INSTEAD_OF_ACTING[hazard],
    )


def broken_reference(ref: CollectionRef, count: int) -> Blocker:
    """Say that rows refer to rows that are not there, so that they could not be put back once they were taken out."""
    return Blocker(
        "broken-reference",
        str(ref),
        f"{count} references of its rows lead nowhere; the engine would refuse to put such rows back",
        "database administrator",
        "find out what became of the rows referred to, and correct the references",
    )


def cannot_come_back(ref: CollectionRef, reason: str) -> Blocker:
    """Say why rows of a table of an engine that only SQLAlchemy knows could not be restored exactly."""
    return Blocker(
        "cannot-restore-here",
        str(ref),
        f"{reason}, so its rows could not be put back exactly as they were",
        "database administrator",
        "destroy them by the engine's own means after the plan names them, and record the evidence",
    )
