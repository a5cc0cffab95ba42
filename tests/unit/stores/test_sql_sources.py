"""A connection that does not fit the kind of its store is refused before anything is opened or created."""

import ssl
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import certifi
import pymysql
import pytest

from winddown import bootstrap
from winddown.archive.tokens import Tokens
from winddown.connections import ConnectionParameters
from winddown.domain.case import StoreDeclaration
from winddown.domain.errors import Refused, Transient
from winddown.ports import Store
from winddown.stores.sql.duckdb_store import DuckDbStore
from winddown.stores.sql.faults import translated
from winddown.stores.sql.generic_store import GenericStore
from winddown.stores.sql.mysql_driver import DriverConnection
from winddown.stores.sql.readable import ReadableStore
from winddown.stores.sql.sqlite_store import SqliteStore


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("sqlite", "mysql://root:hidden@db/shop"),
        ("sqlite", "sqlite://"),
        ("duckdb", "sqlite:////data/shop.db"),
        ("mysql", "postgresql://root:hidden@db/shop"),
        ("mysql", "hidden"),
        ("sql", "nobody+knows://root:hidden@db/shop"),
        ("sql", "oracle+oracledb://root:hidden@db/shop"),
    ],
)
def test_a_url_of_another_kind_is_refused_without_its_password(kind: str, url: str) -> None:
    with pytest.raises(Refused, match="store crm") as refused:
        bootstrap._source("crm", kind, ConnectionParameters(url=url))
    assert "hidden" not in str(refused.value)


def test_reflection_never_creates_a_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="its kind is sqlite"):
        bootstrap._source("crm", "sql", ConnectionParameters(url=f"sqlite:///{tmp_path / 'new'}"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1045, Refused), (1142, Refused), (2013, Transient), (1205, Transient), (1062, Refused), (1146, Refused)],
)
def test_errors_of_mysql_are_told_apart_without_their_text(number: int, expected: type[Exception]) -> None:
    with pytest.raises(expected) as raised, translated("crm", "reading"):
        raise pymysql.err.OperationalError(number, "Duplicate entry '13800000000' for key 'mobile'")
    assert "1380" not in str(raised.value)
    assert str(number) in str(raised.value)


@dataclass(frozen=True, slots=True)
class Known:
    found: dict[str, ConnectionParameters]

    def find(self, name: str) -> ConnectionParameters | None:
        return self.found.get(name)


@pytest.mark.parametrize(
    ("kind", "url", "store_type"),
    [
        ("sqlite", "sqlite:////data/a%20b.db", SqliteStore),
        ("duckdb", "duckdb:////data/a.duckdb", DuckDbStore),
        ("sql", "postgresql+psycopg://user:hidden@db/shop", GenericStore),
    ],
)
def test_a_store_is_only_read_where_nobody_could_read_back(kind: str, url: str, store_type: type[Store]) -> None:
    declaration = StoreDeclaration("crm", kind=kind, connection="crm_db", region="")
    authority: Any = None
    made = partial(bootstrap._database, declaration, escrow=cast("Any", lambda: None), tokens=Tokens(lambda: b""))
    reading = {"crm_db": ConnectionParameters(url=url)}
    store, inspector = made(Known(reading), authority)
    assert (type(store), inspector) == (ReadableStore, None)
    whole = reading | {"crm_db__inspect": ConnectionParameters(url=url)}
    store, inspector = made(Known(whole), authority)
    assert type(store) is store_type
    assert inspector is not None


def test_certificate_authorities_are_read_once_where_nothing_is_verified() -> None:
    first, second = (DriverConnection(defer_connect=True) for _ in range(2))
    assert first.ctx is second.ctx
    plain = pymysql.Connection(defer_connect=True).ctx
    assert (first.ctx.verify_mode, first.ctx.check_hostname) == (plain.verify_mode, plain.check_hostname)


def test_a_connection_that_shall_verify_its_server_has_its_own_context() -> None:
    strict = DriverConnection(
        defer_connect=True, ssl_verify_cert=True, ssl_verify_identity=True, ssl_ca=certifi.where()
    )
    assert (strict.ctx.verify_mode, strict.ctx.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert DriverConnection(defer_connect=True).ctx.verify_mode is ssl.CERT_NONE
