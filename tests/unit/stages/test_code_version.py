"""What stands in a plan as the program that made it, and decides whether what was read earlier counts."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from winddown import bootstrap, program
from winddown.connections import FileConnections
from winddown.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(f"sqlite:///{tmp_path / 'control.sqlite'}", tmp_path / "workspace", None, "")


def code_version(settings: Settings) -> str:
    connections = settings.workspace.parent / "connections.json"
    connections.write_text("{}")
    connections.chmod(0o600)
    found = bootstrap.deploy(FileConnections(connections), settings=settings)
    found.control.engine.dispose()
    return found.code_version


def test_another_version_of_a_library_that_reads_is_another_program(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "duckdb":
            raise PackageNotFoundError(name)
        return "9.9" if name == "pyarrow" else "1.0"

    before = code_version(settings)
    assert before == code_version(settings)
    monkeypatch.setattr(program, "version", version)
    after = code_version(settings)
    assert after.split(" ")[0] == before.split(" ")[0], "the source is the same"
    assert {"pyarrow-9.9", "numba-1.0"} <= {*after.split(" ")}
    assert "duckdb" not in after
