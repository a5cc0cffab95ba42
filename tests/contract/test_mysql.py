"""MySQL and MariaDB as a store: the whole suite, and what only they can do wrong."""

from collections.abc import Iterator

import pytest

from .ability_suites import FreezeSuite, MinimiseSuite, SanitiseSuite, WatchSuite
from .desk import Desk
from .mysql_subject import BYTES_KEY, COMPOSITE, DECIMAL_KEY, TEXT_KEY, MySqlSubject
from .suite import FieldSuite, ReturnSuite, StoreSuite

pytestmark = pytest.mark.servers


SHAPES = {"composite_key": COMPOSITE, "bytes_key": BYTES_KEY, "decimal_key": DECIMAL_KEY, "text_key": TEXT_KEY}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def subject(request: pytest.FixtureRequest, mariadb_url: str, desk: Desk) -> Iterator[MySqlSubject]:
    found = MySqlSubject(mariadb_url, desk, request.param)
    yield found
    found.drop()


class TestMySql(StoreSuite, FieldSuite, ReturnSuite, FreezeSuite, SanitiseSuite, MinimiseSuite, WatchSuite):
    pass
