from collections.abc import Iterator
from pathlib import Path

import pytest

from .postgresql_subject import Database
from .reading_engines import DuckReading, GenericReading, MariaReading, PostgresReading, SqliteReading
from .reading_subject import ReadingSubject
from .reading_suite import DiscoverySuite, KeptSuite, ReadingSuite


class TestPostgres(DiscoverySuite, ReadingSuite):
    @pytest.fixture
    def subject(self, database: Database) -> Iterator[ReadingSubject]:
        found = PostgresReading(database)
        yield found
        found.close()


class TestGeneric(DiscoverySuite, ReadingSuite, KeptSuite):
    @pytest.fixture
    def subject(self, database: Database) -> Iterator[ReadingSubject]:
        found = GenericReading(database)
        yield found
        found.close()


@pytest.mark.servers
class TestMariaDb(DiscoverySuite, ReadingSuite, KeptSuite):
    @pytest.fixture
    def subject(self, mariadb_url: str) -> Iterator[ReadingSubject]:
        found = MariaReading(mariadb_url)
        yield found
        found.close()


class TestSqlite(DiscoverySuite, ReadingSuite, KeptSuite):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Iterator[ReadingSubject]:
        found = SqliteReading(tmp_path)
        yield found
        found.close()


class TestDuckDb(DiscoverySuite, ReadingSuite, KeptSuite):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Iterator[ReadingSubject]:
        found = DuckReading(tmp_path)
        yield found
        found.close()
