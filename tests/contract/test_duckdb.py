from pathlib import Path

import pytest

from .ability_suites import MinimiseSuite, SanitiseSuite
from .desk import Desk
from .duckdb_subject import BYTES_KEY, COMPOSITE, LABELS_KEY, DuckDbSubject
from .suite import FieldSuite, ReturnSuite, StoreSuite


@pytest.fixture(params=[COMPOSITE, BYTES_KEY, LABELS_KEY], ids=["composite_key", "bytes_key", "labels_key"])
def subject(request: pytest.FixtureRequest, tmp_path: Path, desk: Desk) -> DuckDbSubject:
    return DuckDbSubject(tmp_path, desk, request.param)


class TestDuckDb(StoreSuite, FieldSuite, ReturnSuite, SanitiseSuite, MinimiseSuite):
    pass
