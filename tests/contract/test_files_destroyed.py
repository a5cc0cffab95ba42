"""Folders as a store that destroys: the behavioural suite, and what only a file system can get wrong."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from winddown.domain.authorization import Power
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method
from winddown.domain.receipt import Whereabouts
from winddown.inspection.files import FilesInspector
from winddown.ports import SupportsFreeze, SupportsSanitise, ability
from winddown.stores.files import moves, rename
from winddown.stores.files import store as store_module
from winddown.stores.files.medium import Kind, Medium
from winddown.stores.files.store import FilesStore

from .ability_suites import FreezeSuite, MinimiseSuite, SanitiseSuite
from .desk import Desk
from .files_subject import (
    FOLDER,
    AvroTables,
    CsvFiles,
    CsvTables,
    FolderSubject,
    JsonFiles,
    JsonTables,
    OrcTables,
    ParquetTables,
    WholeFiles,
    Workbooks,
)
from .subject import Work, names_of, read_all, work
from .suite import AuthorizationSuite, EffectSuite, FieldSuite, ReadingSuite, ReturnSuite, StoreSuite

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE
LIVE, QUARANTINED, GONE, MIXED = Whereabouts.LIVE, Whereabouts.QUARANTINED, Whereabouts.GONE, Whereabouts.MIXED


@pytest.fixture
def root() -> Iterator[Path]:
    """In memory where there is such a place: what is written to a disk at which moment is no matter here."""
    memory = Path("/dev/shm")  # noqa: S108 - the name is not guessable
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as found:
        folder = Path(found) / "share"
        folder.mkdir()
        yield folder


@pytest.fixture
def subject(request: pytest.FixtureRequest, root: Path, desk: Desk) -> FolderSubject:
    found: FolderSubject = request.param(root, desk)
    return found


@pytest.mark.parametrize("subject", [WholeFiles], indirect=True)
class TestWholeFiles(StoreSuite, ReturnSuite, SanitiseSuite, FreezeSuite):
    pass


@pytest.mark.parametrize("subject", [CsvFiles, JsonFiles], indirect=True)
class TestRowsInFiles(ReadingSuite, FieldSuite, EffectSuite, SanitiseSuite):
    pass


@pytest.mark.parametrize(
    "subject", [ParquetTables, CsvTables, JsonTables, AvroTables, OrcTables, Workbooks], indirect=True
)
class TestEveryFormat(MinimiseSuite):
    """Each by two readers: fields emptied and back, rows gone and the others as they were."""

    def test_rows_go_and_come_back_in_every_format(self, subject: FolderSubject) -> None:
        planned, content = work(subject), subject.content()
        planned.act_all(QUARANTINE)
        kept = {name: row for name, row in content.items() if name not in planned.chosen}
        assert subject.content() == kept
        assert sum(planned.remaining(index) for index in range(len(planned.batches))) == 0
        planned.act_all(RESTORE)
        assert subject.content() == content
        planned.act_all(QUARANTINE)
        subject.put(subject.keys()[0], subject.original(subject.keys()[0], without="1"))
        assert planned.remaining() > 0, "a survivor that is missing is a contradiction"


@pytest.mark.parametrize("subject", [CsvFiles], indirect=True)
class TestRowsInFilesAreGuarded(AuthorizationSuite, FreezeSuite):
    """One door for all formats, so one format stands for them."""


@pytest.mark.parametrize("subject", [WholeFiles], indirect=True)
class TestOnADisk:
    """The same where moves are written to a disk."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "share").mkdir()
        return tmp_path / "share"

    def test_files_come_back_and_go_for_good(self, subject: FolderSubject) -> None:
        EffectSuite().test_restore_brings_back_exactly_what_was(subject)
        EffectSuite().test_purge_destroys_the_batch_and_nothing_else(subject)


def where(planned: Work, index: int = 0) -> Whereabouts:
    return planned.subject.store.locate(planned.order, planned.batches[index])


def first_of(planned: Work) -> str:
    key: str = planned.batches[0].keys.to_pylist()[0]["object"]
    return key


@pytest.mark.parametrize("subject", [WholeFiles], indirect=True)
class TestLinks:
    def test_names_of_one_file_are_one_record_and_go_together(self, subject: FolderSubject) -> None:
        first, second = (subject.root / FOLDER / name for name in ("合同.pdf", "合同.zwei"))
        os.link(first, second)
        assert subject.collection.record_count == 5
        planned, inode = work(subject, chosen=subject.keys(), size=9), first.lstat().st_ino
        planned.act(QUARANTINE)
        assert not first.exists()
        assert not second.exists()
        assert (planned.set_aside(), planned.remaining()) == (5, 0)
        second.write_bytes(b"%PDF- theirs")
        assert planned.remaining() == 1
        with pytest.raises(Residual):
            planned.act(RESTORE)
        assert second.read_bytes() == b"%PDF- theirs"
        second.unlink()
        planned.act(RESTORE)
        assert (first.lstat().st_ino, second.lstat().st_ino, where(planned)) == (inode, inode, LIVE)
        planned.act(QUARANTINE)
        planned.act(PURGE)
        assert (where(planned), planned.leftovers(), subject.live()) == (GONE, 0, {})

    def test_a_name_outside_the_collection_is_a_blocker(self, subject: FolderSubject) -> None:
        other = subject.root / "elsewhere"
        other.mkdir()
        os.link(subject.root / subject.keys()[0], other / "kept.pdf")
        codes = {(found.code, found.subject) for found in subject.store.discover().blockers}
        assert codes == {("hard-link-outside", str(subject.ref)), ("hard-link-outside", "contract_share:elsewhere")}
        shutil.rmtree(other)
        os.link(subject.root / subject.keys()[0], subject.root.parent / "kept.pdf")
        (found,) = subject.store.discover().blockers
        assert (found.code, found.subject) == ("hard-link-outside", str(subject.ref))

    def test_a_name_that_was_made_after_the_plan_stops_quarantine_and_purge(self, subject: FolderSubject) -> None:
        planned, outside = work(subject), subject.root.parent / "kept.pdf"
        os.link(subject.root / first_of(planned), outside)
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(QUARANTINE)
        outside.unlink()
        planned.act(QUARANTINE)
        os.link(subject.waiting()[0], outside)
        assert where(planned) is MIXED
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(PURGE)

    def test_a_symbolic_link_goes_with_the_file_that_it_leads_to(self, subject: FolderSubject) -> None:
        (subject.root / "latest").symlink_to(subject.root / FOLDER / "b.pdf")
        (subject.root / "all").symlink_to(subject.root / FOLDER)
        planned = work(subject, chosen=subject.keys(), size=9)
        planned.act(QUARANTINE)
        assert not (subject.root / "latest").is_symlink()
        assert (subject.root / "all").is_symlink(), "one that leads to a folder stays, as the folder does"
        planned.act(RESTORE)
        assert (subject.root / "latest").read_bytes() == subject.original(f"{FOLDER}/b.pdf")
        planned.act(QUARANTINE)
        planned.act(PURGE)
        assert (planned.remaining(), planned.leftovers()) == (0, 0)
        assert not (subject.root / "latest").is_symlink()

    @pytest.mark.parametrize("power", [QUARANTINE, RESTORE, PURGE])
    def test_a_folder_that_became_a_link_leads_nowhere(self, subject: FolderSubject, power: Power) -> None:
        planned, decoy = work(subject, size=9), subject.root.parent / "decoy"
        if power is not QUARANTINE:
            planned.act(QUARANTINE)
        shutil.copytree(subject.root / FOLDER, decoy)
        (subject.root / FOLDER).rename(subject.root.parent / "away")
        (subject.root / FOLDER).symlink_to(decoy)
        before = sorted(path.name for path in decoy.iterdir())
        with pytest.raises(Refused, match="is a link or a file by now"):
            planned.act(power)
        with pytest.raises(Refused, match="is a link or a file by now"):
            where(planned)
        assert sorted(path.name for path in decoy.iterdir()) == before
        assert len(subject.waiting()) == (0 if power is QUARANTINE else planned.batches[0].records)


@pytest.mark.parametrize("subject", [WholeFiles], indirect=True)
class TestOthers:
    """What other programs and people do meanwhile."""

    def test_a_file_that_is_written_on_through_an_open_descriptor_is_seen_in_grace(
        self, subject: FolderSubject
    ) -> None:
        planned = work(subject, size=9)
        with (subject.root / first_of(planned)).open("ab") as file:
            planned.act(QUARANTINE)
            file.write(b" more")
        assert (where(planned), planned.set_aside()) == (MIXED, planned.batches[0].records - 1)
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(PURGE)
        with pytest.raises(Residual, match="nothing was overwritten"):
            planned.act(RESTORE)
        assert (subject.root / first_of(planned)).read_bytes().endswith(b" more"), "what was written comes back too"

    def test_contents_that_changed_behind_size_and_time_are_found(self, subject: FolderSubject) -> None:
        planned = work(subject)
        path = subject.root / first_of(planned)
        before = path.stat()
        path.write_bytes(path.read_bytes()[::-1])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert where(planned) is LIVE
        assert planned.unchanged() == planned.batches[0].records - 1
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(QUARANTINE)
        path.write_bytes(path.read_bytes()[::-1])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        planned.act(QUARANTINE)
        waiting = next(one for one in subject.waiting() if one.lstat().st_ino == before.st_ino)
        waiting.write_bytes(waiting.read_bytes()[::-1])
        os.utime(waiting, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (where(planned), planned.set_aside()) == (QUARANTINED, planned.batches[0].records - 1)
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(PURGE)
        assert len(subject.waiting()) == planned.batches[0].records

    def test_a_writer_that_replaces_a_file_between_look_and_move_wins(
        self, subject: FolderSubject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        planned = work(subject, size=9)
        before, key = subject.live(), max(key["object"] for key in planned.batches[0].keys.to_pylist())
        real = moves.hashed

        def late(files: Iterator[moves.LocalFile]) -> Iterator[str]:
            yield from list(real(files))
            subject.put(key, b"%PDF- newer")

        monkeypatch.setattr(moves, "hashed", late)
        with pytest.raises(Refused, match="changed after the plan"):
            planned.act(QUARANTINE)
        assert subject.live() == {**before, key: b"%PDF- newer"}
        assert subject.waiting() == []

    def test_files_that_programs_have_open_wait_for_them(self, subject: FolderSubject) -> None:
        planned, path = work(subject), subject.root / min(work(subject).names[0])
        with holding(path, "r+b"), pytest.raises(Transient, match="open for writing in python"):
            planned.act(QUARANTINE)
        with holding(path, "rb"):
            planned.act(QUARANTINE)
            with pytest.raises(Transient, match="open in python"):
                planned.act(PURGE)
            assert (where(planned), planned.set_aside()) == (QUARANTINED, planned.batches[0].records)
            for waiting in subject.waiting():
                waiting.unlink()
            assert planned.leftovers() == 1, "the inspector sees that the content lives on"
        assert planned.leftovers() == 0

    def test_a_quarantine_folder_of_somebody_else_is_not_used(self, subject: FolderSubject) -> None:
        planned = work(subject)
        (subject.root / ".winddown-quarantine").mkdir(mode=0o777)
        (subject.root / ".winddown-quarantine").chmod(0o777)
        with pytest.raises(Refused, match="others may enter it"):
            planned.act(QUARANTINE)
        shutil.rmtree(subject.root / ".winddown-quarantine")
        (subject.root / ".winddown-quarantine").symlink_to(subject.root.parent)
        with pytest.raises(Refused, match="is a link or a file by now"):
            planned.act(QUARANTINE)
        assert set(subject.live()) == set(subject.keys())

    def test_a_copy_in_the_stores_place_is_refused(self, subject: FolderSubject) -> None:
        planned, original = work(subject), subject.root.with_name("original")
        subject.root.rename(original)
        shutil.copytree(original, subject.root)
        with pytest.raises(Refused, match="is now another system"):
            planned.act(QUARANTINE)
        shutil.rmtree(subject.root)
        original.rename(subject.root)
        planned.act(QUARANTINE)

    def test_others_can_neither_write_nor_remove_while_it_is_frozen(self, subject: FolderSubject) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can be somebody else")
        subject.root.parent.chmod(0o755)
        key = subject.keys()[0]
        (subject.root / key).chmod(0o666)
        store = ability(subject.store, SupportsFreeze)
        assert store is not None
        assert nobody_can(f"open({key!r}, 'ab')", subject.root)
        remembered = store.remember_writers([subject.ref], None)
        store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
        assert not nobody_can(f"open({key!r}, 'ab')", subject.root)
        assert not nobody_can(f"__import__('os').unlink({key!r})", subject.root)
        assert not nobody_can(f"open({FOLDER + '/new'!r}, 'wb')", subject.root)
        assert "合同" not in str(remembered)
        store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)
        assert nobody_can(f"open({key!r}, 'ab')", subject.root)


def nobody_can(statement: str, folder: Path) -> bool:
    program = f"import os; os.chdir({str(folder)!r}); os.setgroups([]); os.setgid(65534); os.setuid(65534); {statement}"
    return subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL, check=False).returncode == 0


def as_an_owner(opened: Callable[..., int]) -> Callable[..., int]:
    """Opens files as the kernel does for a user who is not root, but the owner."""

    def asked(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_ACCMODE == os.O_WRONLY and not os.stat(path, dir_fd=dir_fd).st_mode & 0o200:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, mode, dir_fd=dir_fd)

    return asked


@contextmanager
def holding(path: Path, mode: str) -> Iterator[None]:
    """Another program has the file open."""
    program = f"file = open({str(path)!r}, {mode!r}); print(flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdout.readline()
    try:
        yield
    finally:
        other.communicate(b"\n")


@pytest.mark.parametrize("subject", [WholeFiles], indirect=True)
class TestFileSystem:
    def test_names_that_are_no_text_are_destroyed_as_well(self, subject: FolderSubject) -> None:
        folder = os.fsencode(subject.root / FOLDER)
        names = (b"\xff.pdf", b"a\\xff.pdf", b"a\n.pdf")
        for name in names:
            Path(os.fsdecode(folder + b"/" + name)).write_bytes(b"%PDF- " + name)
        planned = work(subject, chosen=names_of(subject, read_all(subject)), size=9)
        planned.act(QUARANTINE)
        assert (subject.live(), planned.set_aside()) == ({}, 8)
        planned.act(RESTORE)
        assert {os.fsencode(path.name) for path in (subject.root / FOLDER).iterdir()} >= set(names)
        assert planned.unchanged() == 8

    def test_a_sparse_file_comes_back_sparse(self, subject: FolderSubject) -> None:
        path = subject.root / FOLDER / "sparse.pdf"
        with path.open("wb") as file:
            file.write(b"%PDF-")
            file.truncate(1 << 24)
        blocks = path.stat().st_blocks
        planned = work(subject, chosen=[f"{FOLDER}/sparse.pdf"])
        planned.act(QUARANTINE)
        planned.act(RESTORE)
        assert (path.stat().st_size, path.stat().st_blocks) == (1 << 24, blocks)

    def test_a_share_without_these_renames_is_restored_by_links(
        self, subject: FolderSubject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rename, "_renameat2", unknown)
        planned, content, marks = work(subject), subject.content(), subject.marks()
        planned.act(QUARANTINE)
        subject.bring_back(min(planned.names[0]))
        with pytest.raises(Residual):
            planned.act(RESTORE)
        (subject.root / min(planned.names[0])).unlink()
        # Killed between its two steps: both names are there.
        for waiting in subject.waiting():
            os.link(waiting, subject.root / min(planned.names[0]))
        planned.act(RESTORE)
        assert (subject.content(), subject.marks(), where(planned)) == (content, marks, LIVE)

    def test_an_owner_overwrites_what_a_freeze_made_read_only(
        self, subject: FolderSubject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        freezing = ability(subject.store, SupportsFreeze)
        assert freezing is not None
        remembered = freezing.remember_writers([subject.ref], None)
        freezing.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
        planned = work(subject)
        planned.act(QUARANTINE)
        monkeypatch.setattr(store_module, "medium_of", disk)
        monkeypatch.setattr(os, "open", as_an_owner(os.open))
        assert dict(planned.act(PURGE).details)["bytes_overwritten"] != "0"
        assert where(planned) is GONE

    def test_content_is_overwritten_where_a_disk_writes_in_place(
        self, subject: FolderSubject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        planned = work(subject)
        planned.act_all(QUARANTINE)
        first, second = (
            max(one for one in subject.waiting() if number in str(one)) for number in ("-000000", "-000001")
        )
        with first.open("rb") as file, second.open("rb") as other:
            assert dict(planned.act(PURGE).details)["bytes_overwritten"] == "0"
            monkeypatch.setattr(store_module, "medium_of", disk)
            size = os.fstat(other.fileno()).st_size
            receipt = planned.act(PURGE, 1)
            assert dict(receipt.details)["bytes_overwritten"] == str(size)
            assert file.read(5) == b"%PDF-", "unlinked only"
            assert other.read() == bytes(size)

    def test_immutable_files_and_folders_are_blockers(self, subject: FolderSubject, tmp_path: Path) -> None:
        folder = tmp_path / "fixed"
        folder.mkdir()
        (folder / "a.pdf").write_bytes(b"%PDF-")
        if subprocess.run(["chattr", "+i", folder / "a.pdf"], check=False, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("chattr +i is not possible here: no right, or a file system without it")
        try:
            (found,) = FilesStore("fixed", root=tmp_path).discover().blockers
            assert (found.code, found.subject) == ("immutable-file", "fixed:fixed")
            assert found.next_step.startswith("chattr -i")
        finally:
            subprocess.run(["chattr", "-i", folder / "a.pdf"], check=True)
        assert FilesStore("fixed", root=tmp_path).discover().blockers == ()
        assert subject.store.discover().blockers == ()

    def test_what_is_mounted_inside_is_a_blocker_and_a_read_only_mount_too(self, subject: FolderSubject) -> None:
        inside = subject.root / FOLDER / "other"
        inside.mkdir()
        with mounted(inside, "-t", "tmpfs", "none"):
            (inside / "x.pdf").write_bytes(b"%PDF-")
            (found,) = subject.store.discover().blockers
            assert found.code == "mount-inside"
            assert subject.collection.record_count == 5
        with mounted(inside, "--bind", str(subject.root.parent)):
            assert [found.code for found in subject.store.discover().blockers] == ["mount-inside"]
        inside.rmdir()
        planned = work(subject)
        with mounted(subject.root, "--bind", str(subject.root), again="remount,ro,bind"):
            method = subject.store.method(subject.collection, Act.ERASE, whole=True)
            assert isinstance(method, Blocker)
            assert method.code == "read-only-mount"
            with pytest.raises(Refused, match="mounted read-only"):
                planned.act(QUARANTINE)
        planned.act(QUARANTINE)

    def test_sanitise_says_what_is_left_and_what_to_do(self, subject: FolderSubject) -> None:
        planned = work(subject)
        planned.act_all(QUARANTINE)
        planned.act(PURGE)
        planned.act(RESTORE, 1)
        store = ability(subject.store, SupportsSanitise)
        assert store is not None
        right = subject.desk.mint_for(Power.SANITISE, subject.ref.store)
        told = dict(store.sanitise(right, [subject.ref]).details)
        assert told["batches_in_quarantine"] == "0"
        assert "overwritten" not in told["nist_outcome"]
        assert "backups" in told["not_reached"]


def unknown(*_: object) -> None:
    raise OSError(22, "Invalid argument")


def disk(_: object) -> Medium:
    return Medium("ext4", "/dev/sda1", "/", Kind.ROTATING, discards=False)


@contextmanager
def mounted(folder: Path, *options: str, again: str = "") -> Iterator[None]:
    """Mount something; skipped, and said so at the end, where that is not allowed."""
    kind, source = (options[:2], options[2]) if options[0] == "-t" else (options[:1], options[1])
    if subprocess.run(["mount", *kind, source, folder], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        if again:
            subprocess.run(["mount", "-o", again, folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("subject", [CsvFiles], indirect=True)
class TestRewriting:
    def test_a_file_that_loses_every_row_goes_whole(self, subject: FolderSubject) -> None:
        names = [name for name in names_of(subject, read_all(subject)) if subject.key_of(name) == subject.keys()[0]]
        planned, content = work(subject, chosen=names, whole=True), subject.content()
        assert planned.order.method is Method.MOVE_FILE
        planned.act(QUARANTINE)
        assert subject.keys()[0] not in subject.live()
        planned.act(RESTORE)
        assert subject.content() == content

    def test_a_new_file_has_a_new_time_and_the_old_one_keeps_its_own(self, subject: FolderSubject) -> None:
        path = subject.root / subject.keys()[0]
        os.utime(path, ns=(1_000_000_000, 2_000_000_000))
        planned = work(subject)
        before = path.stat()
        planned.act(QUARANTINE)
        assert path.stat().st_mtime_ns > before.st_mtime_ns
        planned.act(RESTORE)
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)

    def test_all_names_of_a_file_show_the_new_one(self, subject: FolderSubject) -> None:
        path, other = subject.root / subject.keys()[0], subject.root / FOLDER / "z.csv"
        os.link(path, other)
        planned, content = work(subject), subject.live()
        planned.act_all(QUARANTINE)
        assert path.samefile(other)
        assert path.stat().st_nlink == 2
        assert subject.live() != content
        planned.act_all(RESTORE)
        assert subject.live() == content
        planned.act_all(QUARANTINE)
        planned.act_all(PURGE)
        assert where(planned) is GONE
        assert path.samefile(other)

    def test_modes_come_back_to_files_that_were_written_anew(self, subject: FolderSubject) -> None:
        (subject.root / subject.keys()[0]).chmod(0o666)
        before, store = subject.grants(), ability(subject.store, SupportsFreeze)
        assert store is not None
        remembered = store.remember_writers([subject.ref], None)
        store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
        planned = work(subject)
        planned.act_all(QUARANTINE)
        planned.act_all(PURGE)
        store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)
        assert subject.grants() == before

    @pytest.mark.parametrize("change", ["in place", "replaced", "removed"])
    def test_what_somebody_wrote_into_the_new_file_stays(self, subject: FolderSubject, change: str) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        path = subject.root / first_of(planned)
        if change == "in place":
            with path.open("ab") as file:
                file.write(b"99,x,y\r\n")
        elif change == "replaced":
            subject.put(first_of(planned), b"id,name\n99,x\n")
        else:
            path.unlink()
        content = subject.live()
        assert where(planned) is MIXED
        for power in (PURGE, RESTORE):
            with pytest.raises((Refused, Residual)):
                planned.act(power)
        assert subject.live() == content
        assert len(subject.waiting()) == len(planned.batches[0].keys)

    def test_a_file_system_that_cannot_swap_is_refused_before_anything_moves(
        self, subject: FolderSubject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rename, "_renameat2", unknown)
        planned, content = work(subject), subject.content()
        with pytest.raises(Refused, match="cannot let two files change places"):
            planned.act(QUARANTINE)
        assert (subject.content(), where(planned)) == (content, LIVE)

    def test_a_full_disk_leaves_the_old_file(self, subject: FolderSubject) -> None:
        planned, content = work(subject, size=99), subject.content()
        with mounted(subject.root.parent / "share", "-t", "tmpfs", "none"):
            subprocess.run(["mount", "-o", "remount,size=64k", subject.root], check=True)
            small = CsvFiles(subject.root, subject.desk)
            filler = subject.root / "filler"
            planned, content = work(small, size=99), small.content()
            fill(filler)
            with pytest.raises(Transient, match="no room left"):
                planned.act(QUARANTINE)
            filler.unlink()
            assert (small.content(), where(planned)) == (content, LIVE)
            planned.act(QUARANTINE)
            assert where(planned) is QUARANTINED


def fill(path: Path) -> None:
    """Write until there is no room."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(file, bytes(4096))
    os.close(file)


@pytest.mark.parametrize("subject", [WholeFiles], indirect=True)
class TestInspector:
    def test_bytes_are_searched_and_the_device_only_where_it_is_named(self, subject: FolderSubject) -> None:
        key, probe = f"{FOLDER}/b.pdf", f"{FOLDER}/b.pdf".encode()
        found = subject.inspector.search_bytes([probe, b"nowhere"])
        assert (found.reached, found.found, found.where) == (False, 1, (key,))
        assert "not the free space" in found.medium
        planned = work(subject, chosen=subject.keys(), size=9)
        planned.act(QUARANTINE)
        assert subject.inspector.search_bytes([probe]).found == 1, "quarantine is searched too"
        planned.act(PURGE)
        assert subject.inspector.search_bytes([probe]).found == 0
        device = subject.root.parent / "device"
        device.write_bytes(bytes(1 << 16) + probe)
        found = FilesInspector("share", root=subject.root, device=device).search_bytes([probe])
        assert (found.reached, found.found) == (True, 1)
        device.write_bytes(bytes(1 << 16))
        assert FilesInspector("share", root=subject.root, device=device).search_bytes([probe]).found == 0
        missing = FilesInspector("share", root=subject.root, device=device.with_name("none"))
        assert not missing.search_bytes([probe]).reached

    def test_what_stays_is_not_searched(self, subject: FolderSubject) -> None:
        probe = subject.keys()[0].encode()
        assert subject.inspector.search_bytes([probe], left_alone=[FOLDER]).found == 0

    def test_writers_are_told_by_mode(self, subject: FolderSubject) -> None:
        told = subject.inspector.writers([subject.ref])
        assert "every user of the machine" in told
        assert any(one.startswith("group ") for one in told)
        assert (subject.root.stat().st_uid != 0) or "owner 1234" in told
        missing = CollectionRef(subject.ref.store, f"{FOLDER}-gone")
        with pytest.raises(
            Transient, match=r"the inspector of store contract_share failed \(No such file or directory\)"
        ):
            subject.inspector.writers([missing])


def test_batches_end_by_bytes(root: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = WholeFiles(root, desk)
    monkeypatch.setattr("winddown.stores.files.keys.BATCH_BYTES", 60)
    planned = work(subject, chosen=subject.keys(), size=99)
    assert [batch.records for batch in planned.batches] == [1] * 5
    monkeypatch.setattr("winddown.stores.files.keys.BATCH_BYTES", 100)
    assert len(work(subject, chosen=subject.keys(), size=99).batches) < 5


def test_a_store_without_an_inspector_destroys_nothing(root: Path, desk: Desk) -> None:
    subject = WholeFiles(root, desk)
    store = FilesStore(subject.ref.store, root=root)
    method = store.method(subject.collection, Act.ERASE, whole=True)
    assert isinstance(method, Blocker)
    assert method.code == "cannot-erase-files"
    planned = work(subject)
    right = desk.mint(QUARANTINE, planned.order, planned.batches[0])
    with pytest.raises(Refused, match="only read"):
        store.quarantine(right, planned.order, planned.batches[0])


def test_a_journal_that_was_torn_is_read_as_far_as_it_goes(root: Path, desk: Desk) -> None:
    subject = CsvFiles(root, desk)
    planned, content = work(subject), subject.content()
    planned.act(QUARANTINE)
    (journal,) = (root / ".winddown-quarantine").glob("*.journal")
    journal.write_bytes(journal.read_bytes() + b'{"number": 0, "sta')
    assert where(planned) is QUARANTINED
    planned.act(RESTORE)
    assert subject.content() == content


def test_what_is_noted_behind_a_torn_line_counts(root: Path, desk: Desk) -> None:
    planned = work(CsvFiles(root, desk))
    planned.act(QUARANTINE)
    (journal,) = (root / ".winddown-quarantine").glob("*.journal")
    journal.write_bytes(journal.read_bytes() + b'{"purg')
    planned.act(PURGE)
    assert where(planned) is GONE
    planned.act(PURGE)
