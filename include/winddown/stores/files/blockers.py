"""What a folder holds that keeps its files from being destroyed as files, as named blockers; names are not told."""

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import CollectionRef
from winddown.stores.objects.gathering import place_of
from winddown.stores.objects.refusals import unsupported_table

_ADMINISTRATOR, _ENGINEER = "storage administrator", "data engineer"
_WORDS = {
    "outside": (
        "link-outside",
        "symbolic links lead out of the store's folder or to nothing, and are not followed",
        _ENGINEER,
        "declare the folder that they lead to as a store, or remove the links",
    ),
    "special": (
        "special-file",
        "names are neither files nor folders (devices, sockets, pipes), so nothing can be read there",
        _ENGINEER,
        "move them out of the folder",
    ),
    "closed": (
        "closed-folder",
        "names may not be looked at by the reading user, so nobody knows what they hold",
        _ADMINISTRATOR,
        "give the reading user the right to list and read everything below the store's folder",
    ),
    "mount": (
        "mount-inside",
        "folders are other file systems mounted inside the store's folder; nothing can be set aside across the border",
        _ADMINISTRATOR,
        "declare each of them as a store of its own, or unmount it",
    ),
    "fixed": (
        "immutable-file",
        "files or folders are immutable or append-only, so they can be neither moved nor removed",
        _ADMINISTRATOR,
        "chattr -i -a these files and folders (lsattr -R lists them), then discover again",
    ),
    "linked": (
        "hard-link-outside",
        "files have further names (hard links) outside the collection, under which their content would live on",
        _ENGINEER,
        "find them (find / -xdev -links +1), then remove those names, or copy the files and remove the links",
    ),
}


def blocker(store: str, kind: str, folder: str, count: int) -> Blocker:
    """The blocker for so many names of a kind in a folder; "" is the root."""
    code, said, resolver, next_step = _WORDS[kind]
    return Blocker(code, str(CollectionRef(store, folder or ".")), f"{count} {said}", resolver, next_step)


def table_in_folder(store: str, folder: str, kind: str) -> Blocker:
    """A table of Delta Lake, Iceberg or Hudi; one whose folder reads like a partition blocks the folder above."""
    around = place_of(f"{folder}/file").folder if folder else ""
    return unsupported_table(CollectionRef(store, around or "."), kind, ["files outside of a bucket"])


def read_only(ref: CollectionRef) -> Blocker:
    """The store lies on a mount that cannot be written."""
    return Blocker(
        "read-only-mount",
        str(ref),
        "the store's folder is mounted read-only here, so nothing in it can be set aside",
        _ADMINISTRATOR,
        "mount it with rights to write where winddown's workers run, then discover again",
    )


def only_read(ref: CollectionRef) -> Blocker:
    """Nobody could read back what was done to the store."""
    return Blocker(
        "cannot-erase-files",
        str(ref),
        "the store has no connection __inspect, by which it is read back what was done, so nothing in it is destroyed",
        "data engineer",
        "create the connections __mark, __purge and __inspect, then trigger the case again",
    )
