"""Servers, started once a session, and the desk that mints authorizations.

``WINDDOWN_TEST_POSTGRES_URL`` and ``WINDDOWN_TEST_MARIADB_URL`` (a superuser's) and ``WINDDOWN_TEST_S3_ENDPOINT``
(``http://access:secret@host:port``, or without keys and these in ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``)
name other servers to run the same suite against.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from ceph_gateway import Gateway, ceph_gateway, lacking

from winddown.control.engine import open_control, upgrade
from winddown.demo.bucket import connect
from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3, S3Address

from .desk import Desk
from .mariadb_server import mariadb
from .postgresql_schema import Schema
from .postgresql_subject import Database, create_database


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    engine = open_control(f"sqlite:///{tmp_path_factory.mktemp('control') / 'control.sqlite'}")
    upgrade(engine)
    return Desk(engine, tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    # Its database and roles are made anew, so only one of several workers may use the server that is given.
    is_first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    url = os.environ.get("WINDDOWN_TEST_POSTGRES_URL") if is_first else None
    server = None if url else EmbeddedPostgres(Path(tempfile.mkdtemp(prefix="winddown-")) / "data")
    found = create_database(url or (server.start() if server else ""))
    yield found
    found.admin.close()
    if server is not None:
        server.stop()


@pytest.fixture
def schema(database: Database) -> Iterator[Schema]:
    found = Schema(database)
    yield found
    found.run(f"DROP SCHEMA {found.name} CASCADE; RESET search_path")


def given_endpoint() -> S3Address | None:
    """The service that the environment names."""
    url = os.environ.get("WINDDOWN_TEST_S3_ENDPOINT")
    if not url:
        return None
    parts = urlsplit(url)
    return S3Address(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        unquote(parts.username or os.environ.get("AWS_ACCESS_KEY_ID", "")),
        unquote(parts.password or os.environ.get("AWS_SECRET_ACCESS_KEY", "")),
    )


@pytest.fixture(scope="session")
def s3_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Address]:
    given = given_endpoint()
    if given is not None:
        yield given
        return
    server = EmbeddedS3(tmp_path_factory.mktemp("s3"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def client(s3_address: S3Address) -> Iterator[Any]:
    """A client of the service that the stores are tried on."""
    found = connect(s3_address)
    yield found
    found.close()


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    """A Ceph RGW; skips where it is not installed."""
    missing = lacking()
    if missing:
        said = f"needs {', '.join(missing)} on the PATH (Debian: radosgw ceph-mon ceph-osd ceph-common)"
        if os.environ.get("WINDDOWN_REQUIRE_SERVERS") == "1":
            pytest.fail(said)
        pytest.skip(said)
    with ceph_gateway() as found:
        yield found


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    with mariadb() as url:
        yield url
