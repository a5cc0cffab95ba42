"""Whole tables and partitions of PostgreSQL: they move to a schema of their own, come back exactly, or are dropped."""

from collections.abc import Iterator

import pytest

from .desk import Desk
from .postgresql_subject import Database
from .postgresql_tables_subject import PartitionSubject, WholeTableSubject
from .suite import AuthorizationSuite, EffectSuite, ReturnSuite


class TestPartitions(EffectSuite, AuthorizationSuite, ReturnSuite):
    """Two partitions go, one and the default partition stay."""

    @pytest.fixture
    def subject(self, database: Database, desk: Desk) -> Iterator[PartitionSubject]:
        found = PartitionSubject(database, desk)
        yield found
        found.drop()
