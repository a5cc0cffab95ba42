"""Files with several names, and symbolic links: which names are one file, and what goes along with it.

A file that has several names (hard links) is one record under the first of them. All its names go together, so a name
outside its collection, in another folder or outside the store, is a blocker. A symbolic link inside the store that
leads to a file goes with that file when it goes as a whole; one that leads to a folder stays.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from winddown.stores.files.names import key_of, path_of
from winddown.stores.files.tree import Entry, Root, target_of, walk
from winddown.stores.objects.gathering import place_of


class Names:
    """Learns the names of files with several as a walk goes on; memory grows with such files alone."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, list[str]]] = {}

    def is_first(self, entry: Entry) -> bool:
        """Note a file; whether none of its other names came before."""
        if entry.links == 1:
            return True
        keys = self._seen.setdefault(entry.inode, (entry.links, []))[1]
        keys.append(entry.key)
        return len(keys) == 1

    @property
    def files(self) -> int:
        """Number of files with several names."""
        return len(self._seen)

    def outside(self) -> Counter[str]:
        """Folder → number of its files that have a name elsewhere."""
        found: Counter[str] = Counter()
        for links, keys in self._seen.values():
            folders = {place_of(key).folder for key in keys}
            if links > len(keys) or len(folders) > 1:
                found.update(folders)
        return found

    def others(self) -> dict[str, list[str]]:
        """First name → the other names that were seen."""
        return {keys[0]: keys[1:] for _, keys in self._seen.values()}


def going_along(root: Root, folder: str, wanted: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
    """Key of a file → the names that go with it when it goes whole, each with the state by which it is known.

    ``folder`` is the collection's, ``wanted`` the files: key → state.
    """
    found: dict[str, list[dict[str, str]]] = {}
    names = Names()
    for entry in walk(root, folder):
        if entry.kind == "file" and place_of(entry.key).folder == folder:
            names.is_first(entry)
    for key, others in names.others().items():
        if key in wanted:
            found[key] = [{"name": other, "state": wanted[key]} for other in others]
    for link, target in _links(root):
        if target in wanted:
            found.setdefault(target, []).append({"name": link.key, "state": link.state})
    return found


def _links(root: Root) -> Iterator[tuple[Entry, str]]:
    for entry in walk(root):
        target = target_of(root, path_of(entry.key)) if entry.kind == "link" else None
        if target is not None:
            yield entry, key_of(target)
