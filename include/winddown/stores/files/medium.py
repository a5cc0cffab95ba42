"""What a folder's bytes lie on, as far as this machine tells: file system, device, snapshots.

Whether an overwrite reaches the place where the bytes were depends on it: copy-on-write file systems, flash and devices
behind a hypervisor write elsewhere. Nothing is asked but the kernel, and nothing is run.
"""

import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from winddown.stores.files.tree import Root, mount_number

_PROCESSES, _SYSTEM = Path("/proc"), Path("/sys")
_IN_MEMORY = {"tmpfs", "ramfs"}
_SHARES = {"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "virtiofs", "afs", "lustre"}
_COPY_ON_WRITE = {"btrfs", "zfs", "bcachefs", "nilfs2", "f2fs", "overlay"}
_IN_PLACE = {"ext2", "ext3", "ext4"}
_VIRTUAL = ("vd", "xvd", "nbd", "loop", "rbd", "zd")


class Kind(StrEnum):
    """What matters for what is left of an unlinked file."""

    MEMORY = "memory"
    SHARE = "a share: its medium is the server's"
    COPY_ON_WRITE = "copy-on-write: overwriting writes elsewhere"
    FLASH = "flash: overwriting writes elsewhere"
    VIRTUAL = "a virtual device: what lies behind it is not told"
    ROTATING = "a rotating disk"
    UNKNOWN = "a device that is not told"


@dataclass(frozen=True, slots=True)
class Medium:
    """One mount.

    Attributes:
        mount: where it is mounted; source: the device, or the server's share.
        discards: whether the device takes word of blocks that are free.
        snapshots: of the file system or the volume, as far as they can be told; names of people's choice.
        unlisted: snapshots that may exist and are not told here, each with the statement that lists them.
    """

    file_system: str
    source: str
    mount: str
    kind: Kind
    discards: bool
    snapshots: tuple[str, ...] = ()
    unlisted: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """In a sentence for people."""
        found = f", {len(self.snapshots)} snapshots" if self.snapshots else ""
        return f"{self.file_system} on {self.kind}{found}"

    @property
    def keeps_places(self) -> bool:
        """Whether an overwrite reaches the blocks that held the content."""
        return self.kind is Kind.ROTATING and self.file_system in _IN_PLACE


def medium_of(root: Root) -> Medium:
    """The mount that holds the root; a file system that is not told is of an unknown kind."""
    number = mount_number(root.folder)
    for line in (_PROCESSES / "self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        words, _, rest = line.partition(" - ")
        fields = words.split()
        if fields[0] != number:
            continue
        file_system, source, options = rest.split()[:3]
        mount = fields[4].encode("latin-1", "replace").decode("unicode_escape")
        kind, discards = _device(file_system, fields[2])
        if "data=journal" in options.split(","):
            kind = Kind.COPY_ON_WRITE
        return Medium(
            file_system,
            source,
            mount,
            kind,
            discards,
            tuple(_snapshots(file_system, mount, fields[2])),
            tuple(_unlisted(file_system, mount)),
        )
    return Medium("unknown", "unknown", root.path, Kind.UNKNOWN, discards=False)


def _device(file_system: str, number: str) -> tuple[Kind, bool]:
    if file_system in _IN_MEMORY:
        return Kind.MEMORY, False
    if file_system in _SHARES or file_system.startswith("fuse"):
        return Kind.SHARE, False
    device = _disk(number)
    if device is None:
        return (Kind.COPY_ON_WRITE if file_system in _COPY_ON_WRITE else Kind.UNKNOWN), False
    discards = _number(device / "queue/discard_max_bytes") > 0
    if file_system in _COPY_ON_WRITE:
        return Kind.COPY_ON_WRITE, discards
    names = [device.name, *(one.name for one in _below(device))]
    if any(name.startswith(_VIRTUAL) for name in names) or _is_guest():
        return Kind.VIRTUAL, discards
    rotates = _number(device / "queue/rotational")
    return {0: Kind.FLASH, 1: Kind.ROTATING}.get(rotates, Kind.UNKNOWN), discards


def _disk(number: str) -> Path | None:
    """The device's folder in sysfs, of a partition that of its disk."""
    place = _SYSTEM / "dev/block" / number
    if not place.exists():
        return None
    real = place.resolve()
    return real if (real / "queue").is_dir() else real.parent if (real.parent / "queue").is_dir() else None


def _below(device: Path) -> Iterator[Path]:
    """Devices that a mapped device is made of."""
    with suppress(OSError):
        for slave in sorted((device / "slaves").iterdir()):
            yield slave
            yield from _below(slave.resolve())


def _is_guest() -> bool:
    with suppress(OSError):
        return " hypervisor" in (_PROCESSES / "cpuinfo").read_text("utf-8", "replace")
    return True


def _number(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return -1


def _snapshots(file_system: str, mount: str, number: str) -> Iterator[str]:
    places = [".zfs/snapshot"] if file_system == "zfs" else []
    places += [".snapshot", "~snapshot"] if file_system in _SHARES else []
    for place in places:
        with suppress(OSError):
            yield from sorted(found.name for found in (Path(mount) / place).iterdir())
    device = _disk(number)
    if device is None or not device.name.startswith("dm-"):
        return
    with suppress(OSError):
        mine = (device / "dm/name").read_text("utf-8").strip()
        others = [path.read_text("utf-8").strip() for path in (_SYSTEM / "block").glob("dm-*/dm/name")]
        if f"{mine}-real" in others:
            yield from sorted(name.removesuffix("-cow") for name in others if name.endswith("-cow"))


def _unlisted(file_system: str, mount: str) -> Iterator[tuple[str, str]]:
    if file_system == "btrfs":
        yield "snapshots of btrfs", f"btrfs subvolume list -s {shlex.quote(mount)}"
    elif file_system in _SHARES or file_system.startswith("fuse"):
        yield "snapshots that the server makes", "on the server, list the snapshots of the volume behind the share"
    elif file_system not in _IN_MEMORY:
        yield "snapshots of the device by whoever keeps it", "ask the keeper of the machine's disks for their snapshots"
