"""Folders as a store: found and read like a bucket, and left only where nothing is followed."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act
from winddown.ports import Discovery
from winddown.stages.manifests import split
from winddown.stores.files.store import FilesStore

from .subject import keys_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    (folder / "客户" / "year=2024" / "city=%E5%8C%97%E4%BA%AC").mkdir(parents=True)
    (folder / "客户" / "year=2025").mkdir()
    (folder / "客户" / "year=2024" / "city=%E5%8C%97%E4%BA%AC" / "a.csv").write_text("id,name\n1,欧阳\n2,诸葛\n")
    (folder / "客户" / "year=2025" / "b.csv").write_bytes("id,name\n3,客户地址\n".encode("gb18030"))
    (folder / "tables").mkdir()
    pq.write_table(pa.table({"id": [1, 2, 3]}), folder / "tables" / "t.bin")
    (folder / "scans").mkdir()
    (folder / "scans" / "1.dat").write_bytes(b"\xff\xd8\xff scan")
    return folder


def found(root: Path) -> tuple[Discovery, dict[str, Collection]]:
    discovery = FilesStore("shop_share", root=root).discover()
    return discovery, {collection.ref.name: collection for collection in discovery.collections}


def test_folders_are_read_by_content_and_partitions_are_fields(root: Path) -> None:
    discovery, collections = found(root)
    assert {name: (one.format, one.record_count) for name, one in collections.items()} == {
        "客户": ("csv", 3),
        "tables": ("parquet", 3),
        "scans": ("opaque", 1),
    }
    assert discovery.blockers == ()
    assert [(fact.subject, fact.value) for fact in discovery.facts if fact.name == "opaque-objects"] == [
        ("shop_share:scans", "1 JPEG images")
    ]
    store = FilesStore("shop_share", root=root)
    rows = pa.Table.from_batches([batch for batch in store.read(collections["客户"]) if batch.num_rows]).to_pylist()
    assert [(row["id"], row["name"], row["year"], row["city"], row["winddown_row"]) for row in rows] == [
        ("1", "欧阳", "2024", "北京", 0),
        ("2", "诸葛", "2024", "北京", 1),
        ("3", "客户地址", "2025", None, 0),
    ]
    (scan,) = store.read(collections["scans"])
    assert scan.select(["winddown_object", "winddown_row"]).to_pylist() == [
        {"winddown_object": "scans/1.dat", "winddown_row": 0}
    ]
    (cells,) = store.cells(collections["tables"])
    assert cells.schema.names == ["id"]
    assert cells.schema.types == [pa.int64()]
    assert b"".join(store.content(collections["scans"])) == b"\xff\xd8\xff scan"


def test_any_change_of_a_file_changes_the_fingerprint_of_its_collection_alone(root: Path) -> None:
    _, before = found(root)
    path = root / "客户" / "year=2025" / "b.csv"
    path.write_bytes(path.read_bytes().replace(b"3", b"4"))
    os.utime(path, ns=(1, 1))
    _, after = found(root)
    changed = {name for name in before if before[name].fingerprint != after[name].fingerprint}
    assert changed == {"客户"}


def test_links_are_not_followed_and_what_leads_out_blocks_its_folder(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "x.csv").write_text("id,name\n9,x\n")
    (root / "tables" / "inside").symlink_to(root / "scans")
    (root / "scans" / "out").symlink_to(outside)
    (root / "scans" / "nowhere").symlink_to(root / "gone")
    os.link(root / "tables" / "t.bin", root / "tables" / "t2.bin")
    discovery, collections = found(root)
    assert [(one.code, one.subject) for one in discovery.blockers] == [("link-outside", "shop_share:scans")]
    assert "2 symbolic links" in discovery.blockers[0].explanation
    assert collections["tables"].record_count == 3, "two names, one file"
    facts = {fact.name: fact.value for fact in discovery.facts}
    assert facts["symbolic-links"].startswith("1 ")
    assert facts["hard-links"].startswith("1 ")


def test_pipes_and_sockets_are_named_and_nobody_waits_for_them(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "tables" / "pipe")
    monkeypatch.chdir(root / "tables")  # a socket's name may have a hundred bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    discovery, _ = found(root)
    assert [(one.code, one.subject) for one in discovery.blockers] == [("special-file", "shop_share:tables")]


def test_names_that_are_no_utf_8_are_read_as_well(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/tables/\xff.csv")).write_text("id,name\n1,a\n")
    discovery, collections = found(root)
    assert collections["tables#csv"].record_count == 1
    assert discovery.blockers == ()


def test_a_share_that_is_not_mounted_is_down_and_a_file_is_no_root(root: Path) -> None:
    with pytest.raises(Transient, match="mounted"):
        FilesStore("shop_share", root=root / "none").discover()
    with pytest.raises(Refused):
        FilesStore("shop_share", root=root / "tables" / "t.bin").discover()


def _replaced(path: Path) -> None:
    path.with_suffix(".new").write_bytes(path.read_bytes())
    path.with_suffix(".new").replace(path)


def _grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"4,d\n")


@pytest.mark.parametrize("change", [_replaced, _grown])
def test_a_file_that_changes_while_it_is_read_is_refused(root: Path, change: Callable[[Path], None]) -> None:
    path = root / "big" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(b"id,name\n" + b"1,a\n" * 1_000_000)
    store = FilesStore("shop_share", root=root)
    _, collections = found(root)
    with pytest.raises(Refused, match="while it was read"):
        _read_with(store.read(collections["big"]), lambda: change(path))


def _read_with(batches: Iterator[pa.RecordBatch], meanwhile: Callable[[], None]) -> None:
    for number, _ in enumerate(batches):
        if number == 1:
            meanwhile()


def test_nothing_is_destroyed_without_an_inspector_and_sealing_reads_what_was_planned(root: Path) -> None:
    store = FilesStore("shop_share", root=root)
    _, collections = found(root)
    collection = collections["客户"]
    for act in (Act.ERASE, Act.MINIMISE):
        refused = store.method(collection, act, whole=True)
        assert isinstance(refused, Blocker)
        assert refused.code == "cannot-erase-files"
    located = pa.Table.from_batches([one.select(store.locators(collection)) for one in store.read(collection)])
    batches = list(split([keys_of(store, collection, located.slice(1), size=1)]))
    names = Counter(row["name"] for batch in batches for row in _fetched(store, collection, batch))
    assert names == {"诸葛": 1, "客户地址": 1}
    _grown(root / "客户" / "year=2025" / "b.csv")
    with pytest.raises(Refused, match="while it was read"):
        _fetched(store, collection, batches[-1])


def _fetched(store: FilesStore, collection: Collection, batch: Batch) -> list[dict[str, str]]:
    return [row for part in store.fetch(collection, batch, fields=["name"]) for row in part.to_pylist()]


def test_a_table_in_a_folder_is_one_named_blocker(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "lake" / "orders", pa.table({"id": [1], "name": ["a"]}))
    (tmp_path / "lake" / "loose").mkdir()
    (tmp_path / "lake" / "loose" / "a.csv").write_text("id,name\n1,a\n")
    discovery, collections = found(tmp_path)
    assert [(blocker.code, blocker.subject) for blocker in discovery.blockers] == [
        ("unsupported-table", "shop_share:lake/orders")
    ]
    assert set(collections) == {"lake/loose"}
