"""One PostgreSQL and one S3 service for all tests of the demo, and one company generated on them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from winddown.demo.company import Company, generate
from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3, S3Address

CUSTOMERS = 60
SEED = 7


@pytest.fixture(scope="session")
def admin_url() -> Iterator[str]:
    server = EmbeddedPostgres(Path(tempfile.mkdtemp(prefix="winddown-")) / "data")
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Address]:
    server = EmbeddedS3(tmp_path_factory.mktemp("s3"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def company(admin_url: str, s3: S3Address, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """An untouched company; tests that change it use ``destroyed`` of their own module instead."""
    directory = tmp_path_factory.mktemp("company")
    return generate(customers=CUSTOMERS, seed=SEED, postgres_admin_url=admin_url, s3=s3, directory=directory)
