"""A connection that does not fit the kind of its store is refused before anything is opened or created."""

from pathlib import Path

import pymysql
import pytest

from winddown import bootstrap
from winddown.connections import ConnectionParameters
from winddown.domain.errors import Refused, Transient
from winddown.stores.sql.faults import translated


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
