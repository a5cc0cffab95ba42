"""What only MySQL and MariaDB have: character sets, dates that are none, BIT, spatial values, grants."""

from collections.abc import Iterator
from typing import Any

import pytest

from winddown.domain.errors import Refused, Transient

from .reading_engines import MariaReading
from .reading_subject import TABLE
from .reading_suite import collection

pytestmark = pytest.mark.servers


@pytest.fixture
def subject(mariadb_url: str) -> Iterator[MariaReading]:
    found = MariaReading(mariadb_url)
    yield found
    found.close()


def cells(subject: MariaReading, name: str) -> list[dict[str, Any]]:
    return [row for batch in subject.store.cells(collection(subject, name)) for row in batch.to_pylist()]


def texts(subject: MariaReading, name: str) -> list[dict[str, Any]]:
    return [row for batch in subject.store.read(collection(subject, name)) for row in batch.to_pylist()]


def facts(subject: MariaReading, name: str) -> dict[str, str]:
    return {fact.name: fact.value for fact in subject.store.discover().facts if fact.subject == str(subject.ref(name))}


@pytest.mark.parametrize("charset", ["gbk", "gb2312", "latin1", "utf8mb3", "big5", "ucs2"])
def test_every_character_set_is_read_right(subject: MariaReading, charset: str) -> None:
    word = "Zoë" if charset == "latin1" else "中文"
    subject.run(f"CREATE TABLE {subject.table('old')} (id int PRIMARY KEY, t varchar(20), l text) CHARSET {charset}")
    subject.run(f"INSERT INTO {subject.table('old')} VALUES (?, ?, ?)", [(1, word, word)])
    assert [(row["t"], row["l"]) for row in cells(subject, "old")] == [(word, word)]
    assert [(row["t"], row["l"]) for row in texts(subject, "old")] == [(word, word)]


def test_dates_that_are_none_bits_json_and_spatial_values_are_read(subject: MariaReading) -> None:
    subject.run("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'")
    subject.run(
        f"CREATE TABLE {subject.table('odd')} (id bigint unsigned PRIMARY KEY, a date, b datetime, c bit(10), d json, "
        "e point, f enum('是', '否'), g set('x', 'y'), h decimal(30, 10), i year, j time, k binary(3), l tinyint(1)) "
        "CHARSET utf8mb4"
    )
    subject.run(
        f"INSERT INTO {subject.table('odd')} VALUES (18446744073709551615, '0000-00-00', '2024-00-00 00:00:00', "
        "b'101', '{\"k\": \"值\"}', POINT(1, 2), '是', 'x,y', 0.5, 2024, '-838:59:59', 'a', 1)"
    )
    for row in (cells(subject, "odd")[0], texts(subject, "odd")[0]):
        assert str(row["id"]) == "18446744073709551615"
        assert (row["a"], row["b"]) == ("0000-00-00", "2024-00-00 00:00:00")
        assert (str(row["c"]), row["d"], row["e"]) == ("5", '{"k": "值"}', "POINT(1 2)")
        assert (row["f"], row["g"], row["h"], str(row["i"])) == ("是", "x,y", "0.5000000000", "2024")
        assert (row["j"], str(row["l"])) == ("-838:59:59", "1")
    assert cells(subject, "odd")[0]["k"] == b"a\0\0"
    assert texts(subject, "odd")[0]["k"] == "YQAA"


def test_partitions_triggers_grants_and_comments_are_told(subject: MariaReading) -> None:
    subject.run(
        f"CREATE TABLE {subject.table('parts')} (id int NOT NULL COMMENT '编号', PRIMARY KEY (id)) COMMENT '分区' "
        "PARTITION BY HASH (id) PARTITIONS 3"
    )
    subject.run(
        f"CREATE TRIGGER {subject.table('acts')} BEFORE DELETE ON {subject.table('keyless')} FOR EACH ROW SET @x = 1"
    )
    subject.run(f"GRANT TRIGGER ON {subject.schema}.* TO '{subject.schema}'@'%'")
    found = collection(subject, "parts")
    assert (found.comment, found.fields[0].comment, found.key) == ("分区", "编号", ("id",))
    assert facts(subject, "parts")["partitions"] == "3: p0, p1, p2"
    assert facts(subject, "keyless")["triggers"] == "acts"
    assert facts(subject, TABLE)["read_by_view"] == subject.ref("shown").name
    of_database = [fact for fact in subject.store.discover().facts if fact.subject.endswith(f":{subject.schema}")]
    assert [subject.schema in fact.value for fact in of_database if fact.name == "readers"] == [True]


def test_a_key_over_beginnings_or_nullable_fields_names_no_rows(subject: MariaReading) -> None:
    subject.run(f"CREATE TABLE {subject.table('loose')} (a varchar(50) NOT NULL, b int, UNIQUE (a(3)), UNIQUE (b))")
    assert collection(subject, "loose").key == ()


def test_a_view_whose_owner_is_gone_and_a_table_of_another_engine_stop_nothing_else(subject: MariaReading) -> None:
    subject.run(f"CREATE TABLE {subject.table('memory')} (id int PRIMARY KEY) ENGINE = MyISAM")
    assert facts(subject, "memory")["engine"] == "MyISAM"


def test_a_killed_session_is_transient_and_a_dropped_right_is_refused(subject: MariaReading) -> None:
    subject.run(f"CREATE TABLE {subject.table('much')} (id int PRIMARY KEY AUTO_INCREMENT, t varchar(2000))")
    subject.run(f"INSERT INTO {subject.table('much')} (t) VALUES (?)", [("13800000000" * 100,)] * 20_000)
    found = collection(subject, "much")
    batches = iter(subject.store.cells(found))
    next(batches)
    with subject._admin.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE user = %s", (subject.schema,))
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {number}")
    with pytest.raises(Transient) as broken:
        list(batches)
    assert "1380" not in str(broken.value)
    subject.run(f"REVOKE SELECT, SHOW VIEW, TRIGGER ON {subject.schema}.* FROM '{subject.schema}'@'%'")
    with pytest.raises(Refused):
        list(subject.store.cells(found))


def test_a_locked_table_blocks_itself_alone(subject: MariaReading) -> None:
    subject.run(f"CREATE TABLE {subject.table('held')} (id int PRIMARY KEY)")
    subject.run(f"LOCK TABLES {subject.table('held')} WRITE")
    try:
        found = subject.store.discover()
    finally:
        subject.run("UNLOCK TABLES")
    assert [one.code for one in found.blockers if one.subject == str(subject.ref("held"))] == ["changed-while-read"]
    assert subject.ref("keyless") in {one.ref for one in found.collections}
