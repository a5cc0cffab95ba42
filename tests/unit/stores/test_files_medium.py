"""What a folder lies on, told by a kernel that is played: file systems, devices and snapshots of many machines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from winddown.stores.files import leftovers, medium
from winddown.stores.files.medium import Kind, medium_of
from winddown.stores.files.tree import Root, mount_number, opened

DEVICE = "8:1"


class Machine:
    """A /proc and a /sys in a folder, with the root on a mount of ours."""

    def __init__(self, folder: Path, root: Root) -> None:
        self.folder, self.mount = folder, folder / "mount"
        self._number = mount_number(root.folder)
        for name in ("proc/self", "sys/dev/block", "sys/block", "mount"):
            (folder / name).mkdir(parents=True)
        (folder / "proc/cpuinfo").write_text("flags : fpu vme\n")

    def mounted(self, kind: str, *, source: str = "/dev/sda1", options: str = "rw") -> None:
        line = f"{self._number} 1 {DEVICE} / {self.mount} rw - {kind} {source} {options}\n"
        (self.folder / "proc/self/mountinfo").write_text("1 0 0:1 / / rw - proc proc rw\n" + line)

    def device(self, name: str, *, rotational: int, discard: int = 0, mapped: str = "") -> None:
        place = self.folder / "sys/block" / name
        (place / "queue").mkdir(parents=True)
        (place / "queue/rotational").write_text(f"{rotational}\n")
        (place / "queue/discard_max_bytes").write_text(f"{discard}\n")
        if mapped:
            (place / "dm").mkdir()
            (place / "dm/name").write_text(f"{mapped}\n")
        if name != "dm-9":
            (self.folder / "sys/dev/block" / DEVICE).symlink_to(place)


@pytest.fixture
def machine(tmp_path: Path, root: Root, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path / "machine", root)
    monkeypatch.setattr(medium, "_PROCESSES", found.folder / "proc")
    monkeypatch.setattr(medium, "_SYSTEM", found.folder / "sys")
    return found


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    (tmp_path / "share").mkdir()
    with opened(tmp_path / "share") as found:
        yield found


@pytest.mark.parametrize(
    ("system", "device", "rotational", "kind", "in_place"),
    [
        ("ext4", "sda", 1, Kind.ROTATING, True),
        ("xfs", "sda", 1, Kind.ROTATING, False),
        ("ext4", "nvme0n1", 0, Kind.FLASH, False),
        ("btrfs", "sda", 1, Kind.COPY_ON_WRITE, False),
        ("zfs", "", 1, Kind.COPY_ON_WRITE, False),
        ("ext4", "vda", 1, Kind.VIRTUAL, False),
        ("tmpfs", "", 0, Kind.MEMORY, False),
        ("nfs4", "", 0, Kind.SHARE, False),
        ("fuse.sshfs", "", 0, Kind.SHARE, False),
        ("ext4", "", 0, Kind.UNKNOWN, False),
    ],
)
def test_only_a_rotating_disk_is_written_in_place(
    machine: Machine, root: Root, *, system: str, device: str, rotational: int, kind: Kind, in_place: bool
) -> None:
    machine.mounted(system)
    if device:
        machine.device(device, rotational=rotational)
    found = medium_of(root)
    assert (found.kind, found.keeps_places) == (kind, in_place)


def test_a_guest_of_a_hypervisor_and_a_journal_of_data_overwrite_nothing_in_place(machine: Machine, root: Root) -> None:
    machine.device("sda", rotational=1)
    machine.mounted("ext4", options="rw,data=journal")
    assert not medium_of(root).keeps_places
    machine.mounted("ext4")
    (machine.folder / "proc/cpuinfo").write_text("flags : fpu hypervisor\n")
    assert medium_of(root).kind is Kind.VIRTUAL


def test_the_statement_fits_the_medium(machine: Machine, root: Root) -> None:
    machine.mounted("ext4")
    machine.device("nvme0n1", rotational=0, discard=1 << 30)
    told = dict(leftovers.cleared(root))
    assert f"fstrim -v {machine.mount}" in told["tasks"]
    assert told["nist_outcome"].endswith("clear at best: the device may keep copies in spare blocks")
    (machine.folder / "sys/block/nvme0n1/queue/discard_max_bytes").write_text("0\n")
    assert f"cat /dev/zero > {machine.mount}/fill" in dict(leftovers.cleared(root))["tasks"]
    machine.mounted("nfs4", source="nas:/vol")
    told = dict(leftovers.cleared(root))
    assert told["nist_outcome"] == "none is stated: the medium is the server's"
    assert "on the server, trim" in told["tasks"]


def test_snapshots_are_named_where_they_can_be_told(machine: Machine, root: Root) -> None:
    (machine.mount / ".zfs/snapshot/daily-1").mkdir(parents=True)
    machine.mounted("zfs")
    assert medium_of(root).snapshots == ("daily-1",)
    assert "snapshot daily-1" in dict(leftovers.cleared(root))["not_reached"]
    (machine.mount / ".snapshot/hourly.0").mkdir(parents=True)
    machine.mounted("nfs4")
    assert medium_of(root).snapshots == ("hourly.0",)
    machine.mounted("btrfs")
    assert f"btrfs subvolume list -s {machine.mount}" in dict(leftovers.cleared(root))["tasks"]
    machine.device("dm-0", rotational=1, mapped="vg-lv")
    machine.mounted("ext4", source="/dev/mapper/vg-lv")
    assert medium_of(root).snapshots == ()
    machine.device("dm-9", rotational=1, mapped="vg-lv-real")
    (machine.folder / "sys/block/dm-8/dm").mkdir(parents=True)
    (machine.folder / "sys/block/dm-8/dm/name").write_text("vg-before-cow\n")
    assert medium_of(root).snapshots == ("vg-before",)
    assert "destroy the 1 snapshots" in dict(leftovers.cleared(root))["tasks"]
