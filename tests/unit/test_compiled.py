"""Compiled code is kept where it can be, and never found by another version of what is compiled."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import winddown
from winddown.compiled import SOURCES

FOLDER = "import numba; from winddown.compiled import _folder; print(_folder()); print(numba.config.CACHE_DIR)"


@pytest.fixture
def include(tmp_path: Path) -> Path:
    target = tmp_path / "include"
    source = Path(winddown.__file__).parent
    shutil.copytree(source, target / "winddown", ignore=shutil.ignore_patterns("__pycache__"))
    return target


def folder(include: Path, cache: Path) -> str:
    environment = {"PYTHONPATH": str(include), "NUMBA_CACHE_DIR": str(cache), "HOME": "/dev/null"}
    command = [sys.executable, "-B", "-c", FOLDER]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    chosen, used = done.stdout.split()
    assert chosen in {used, "None"}
    return chosen


@pytest.mark.parametrize(
    "changed", ["detectors/walk.py", "detectors/classes.py", "detectors/kinds/email.py", "stores/sql/copy_cells.py"]
)
def test_code_goes_to_another_folder_when_any_file_changes(include: Path, tmp_path: Path, changed: str) -> None:
    # ``look`` takes in what stands in ``walk`` and ``classes``, and Numba does not notice when these change.
    before = folder(include, tmp_path / "cache")
    assert before == folder(include, tmp_path / "cache")
    assert Path(before).parent == tmp_path / "cache"
    with (include / "winddown" / changed).open("a") as file:
        file.write("# changed\n")
    assert folder(include, tmp_path / "cache") != before


def test_code_is_kept_beside_the_sources_or_nowhere(include: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    beside = include / "winddown" / "__pycache__"
    assert Path(folder(include, tmp_path / "cache")).parent == beside
    shutil.rmtree(beside)
    beside.write_text("the same")
    assert folder(include, tmp_path / "cache") == "None"


def test_every_file_with_compiled_code_goes_into_the_digest() -> None:
    package = Path(winddown.__file__).parent
    compiling = {path for path in package.rglob("*.py") if "@compiled\n" in path.read_text("utf-8")}
    assert compiling
    assert compiling <= {path for pattern in SOURCES for path in package.glob(pattern)}
