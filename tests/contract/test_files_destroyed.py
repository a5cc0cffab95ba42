"""Folders as a store that destroys: the behavioural suite, and what only a file system can get wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .ability_suites import FreezeSuite, SanitiseSuite
from .desk import Desk
from .files_subject import CsvFiles, FolderSubject, JsonFiles, WholeFiles
from .suite import AuthorizationSuite, EffectSuite, FieldSuite, ReadingSuite, ReturnSuite, StoreSuite


@pytest.fixture
def subject(request: pytest.FixtureRequest, tmp_path: Path, desk: Desk) -> Iterator[FolderSubject]:
    root = tmp_path / "share"
    root.mkdir()
    found: FolderSubject = request.param(root, desk)
    yield found


@pytest.mark.parametrize("subject", [WholeFiles], indirect=True)
class TestWholeFiles(StoreSuite, ReturnSuite, SanitiseSuite, FreezeSuite):
    pass


@pytest.mark.parametrize("subject", [CsvFiles, JsonFiles], indirect=True)
class TestRowsInFiles(ReadingSuite, FieldSuite, EffectSuite, SanitiseSuite):
    pass


@pytest.mark.parametrize("subject", [CsvFiles], indirect=True)
class TestRowsInFilesAreGuarded(AuthorizationSuite, FreezeSuite):
    """One door for all formats, so one format stands for them."""
