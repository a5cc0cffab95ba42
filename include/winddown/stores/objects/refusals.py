"""What an object store cannot handle, as named blockers."""

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import CollectionRef
from winddown.stores.objects.versions import Version


def unversioned(store: str) -> Blocker:
    """The bucket keeps no versions."""
    return Blocker(
        "unversioned-bucket",
        store,
        "the bucket does not keep versions, so nothing in it can be quarantined reversibly",
        "storage administrator",
        "switch versioning on",
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


def unreadable(ref: CollectionRef, version: Version) -> Blocker:
    """An object is empty or of no known format."""
    if version.size == 0:
        return Blocker(
            "zero-byte-object",
            str(ref),
            "an object of zero bytes stands where data was expected",
            "data engineer",
            "find out whether an upload failed, then replace or remove it",
        )
    return Blocker(
        "unknown-format",
        str(ref),
        "an object's content is of no known format, so nobody can say what it holds",
        "steward",
        "convert it to a known format, or move it out of the folder",
    )


def broken(ref: CollectionRef, format_id: str) -> Blocker:
    """A file looks like a known format and cannot be read to its end."""
    return Blocker(
        "unreadable-file",
        str(ref),
        f"an object looks like {format_id} but cannot be read to its end",
        "data engineer",
        "repair or replace the file",
    )
