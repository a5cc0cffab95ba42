"""What only PostgreSQL has: kinds of relations, types, replication, and how a reading breaks off."""

import time

import psycopg
import pytest

from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Transient
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act, Method

from .postgresql_schema import Schema, facts_of
from .postgresql_subject import STORE


def cells(schema: Schema, name: str) -> list[dict[str, object]]:
    return [row for batch in schema.store.cells(schema.collection(name)) for row in batch.to_pylist()]


# -- kinds of relations ------------------------------------------------------------------------------------------------


def test_a_partitioned_table_is_one_collection(schema: Schema) -> None:
    schema.run(
        "CREATE TABLE orders (region text NOT NULL, id int, PRIMARY KEY (region, id)) PARTITION BY LIST (region)"
    )
    schema.run("CREATE TABLE north PARTITION OF orders FOR VALUES IN ('secret-bound') PARTITION BY RANGE (id)")
    schema.run("CREATE TABLE north_1 PARTITION OF north DEFAULT; CREATE TABLE rest PARTITION OF orders DEFAULT")
    schema.run("INSERT INTO orders VALUES ('secret-bound', 1), ('x', 2)")
    found = schema.collection("orders")
    assert (found.format, found.record_count, found.key) == ("partitioned-table", 2, ("region", "id"))
    assert found.byte_count > 0
    assert {row["id"] for row in cells(schema, "orders")} == {1, 2}
    assert schema.facts("orders")["partitions"] == "2: north_1, rest"
    discovery = schema.discover()
    assert not [one for one in discovery.collections if one.ref.name.startswith(f"{schema.name}.north")]
    assert "secret-bound" not in str(discovery)
    assert schema.store.method(found, Act.ERASE, whole=False) is Method.ESCROW_ROWS
    assert discovery.blockers == ()
    schema.run("CREATE TABLE refers (region text, id int PRIMARY KEY, FOREIGN KEY (region, id) REFERENCES orders)")
    (link,) = schema.collection("refers").foreign_keys
    assert link.target == found.ref, "not once more for every partition"


def test_a_materialised_view_is_a_copy_that_is_read_and_stays(schema: Schema) -> None:
    schema.run("CREATE TABLE base (id int PRIMARY KEY, mobile text); INSERT INTO base VALUES (1, '13800000000')")
    schema.run("CREATE VIEW shown AS SELECT * FROM base; CREATE MATERIALIZED VIEW copy AS SELECT mobile FROM shown")
    found = schema.collection("copy")
    assert (found.format, found.record_count) == ("materialised-view", 1)
    assert cells(schema, "copy") == [{"mobile": "13800000000"}]
    assert isinstance(schema.store.method(found, Act.ERASE, whole=True), Blocker)
    assert schema.facts("shown")["reads"] == f"{schema.name}.base"
    assert schema.facts("copy")["reads"] == f"{schema.name}.shown"
    assert schema.facts("base")["read_by_views"] == f"{schema.name}.copy, {schema.name}.shown"


def test_what_cannot_be_read_is_a_blocker_of_its_own(schema: Schema) -> None:
    schema.run("CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS a WITH NO DATA")
    schema.run("CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere")
    try:
        schema.run("CREATE FOREIGN TABLE elsewhere (id int) SERVER far")
        schema.run("CREATE TABLE hidden (id int PRIMARY KEY); REVOKE SELECT ON hidden FROM winddown_contract_reader")
        assert set(schema.blockers("unfilled")) == {"unsupported-relation"}
        assert set(schema.blockers("elsewhere")) == {"foreign-table"}
        assert set(schema.blockers("hidden")) == {"no-read-access"}
        assert schema.facts("elsewhere")["foreign_server"] == "far"
        assert facts_of(schema.discover().facts, STORE)["foreign_servers"] == "far"
    finally:
        schema.run("DROP FOREIGN DATA WRAPPER nowhere CASCADE")


def test_a_schema_that_may_not_be_used_blocks_its_tables_and_nothing_else(schema: Schema) -> None:
    schema.run("CREATE TABLE shut (id int PRIMARY KEY)")
    schema.run(f"REVOKE USAGE ON SCHEMA {schema.name} FROM winddown_contract_reader")
    assert set(schema.blockers("shut")) == {"no-read-access"}


def test_a_schema_with_a_dot_is_told_apart_from_no_other(schema: Schema) -> None:
    schema.run('CREATE SCHEMA "dotted.x"; CREATE TABLE "dotted.x".t (id int PRIMARY KEY)')
    try:
        found = schema.discover()
        assert "dotted-schema" in {one.code for one in found.blockers if one.subject == f"{STORE}:dotted.x.t"}
        assert not [one for one in found.collections if one.ref.name.startswith("dotted")]
    finally:
        schema.run('DROP SCHEMA "dotted.x" CASCADE')


def test_inheritance_and_rules_are_hazards_on_every_table_concerned(schema: Schema) -> None:
    schema.run("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent)")
    schema.run("CREATE TABLE ruled (id int PRIMARY KEY); CREATE RULE no AS ON DELETE TO ruled DO INSTEAD NOTHING")
    assert "inheritance" in schema.blockers("parent")
    assert "inheritance" in schema.blockers("child")
    assert set(schema.blockers("ruled")) == {"rule"}


def test_only_a_complete_unique_index_without_nulls_names_rows(schema: Schema) -> None:
    schema.run("CREATE TABLE covered (a int NOT NULL, b text); CREATE UNIQUE INDEX ON covered (a) INCLUDE (b)")
    schema.run("CREATE TABLE partial (a int NOT NULL); CREATE UNIQUE INDEX ON partial (a) WHERE a > 0")
    schema.run("CREATE TABLE computed (a text NOT NULL); CREATE UNIQUE INDEX ON computed (lower(a))")
    schema.run("CREATE TABLE nullable (a int UNIQUE)")
    schema.run("CREATE TABLE late (a int NOT NULL UNIQUE DEFERRABLE)")
    schema.run("CREATE TABLE doubled (b int NOT NULL UNIQUE, id int, note text, PRIMARY KEY (id) INCLUDE (note))")
    assert schema.collection("covered").key == ("a",)
    assert "key_without_primary" in schema.facts("covered")
    assert schema.collection("doubled").key == ("id",)
    for name in ("partial", "computed", "nullable", "late"):
        assert schema.collection(name).key == ()
        assert set(schema.blockers(name)) == {"no-primary-key"}


def test_who_can_read_and_what_is_published_are_facts(schema: Schema) -> None:
    schema.run("CREATE UNLOGGED TABLE seen (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)")
    schema.run("GRANT SELECT (id) ON seen TO contract_clerk; ALTER ROLE contract_clerk LOGIN")
    schema.run("CREATE TABLE sent (id int PRIMARY KEY); CREATE PUBLICATION out FOR TABLE sent")
    try:
        found = schema.facts("seen")
        assert {"contract_clerk", "winddown_contract_reader"} <= set(found["readers"].split(", "))
        assert (found["generated"], found["unlogged"]) == ("twice", "yes")
        assert schema.facts("sent")["published_by"] == "out"
        assert facts_of(schema.discover().facts, STORE)["publications"] == "out"
    finally:
        schema.run("DROP PUBLICATION out; ALTER ROLE contract_clerk NOLOGIN")


def test_large_objects_are_counted_and_block_themselves_alone(schema: Schema) -> None:
    schema.run("CREATE TABLE fine (id int PRIMARY KEY)")
    row = schema.database.admin.execute("SELECT lo_from_bytea(0, '\\x0102')").fetchone()
    assert row is not None
    try:
        found = schema.discover()
        (blocker,) = [one for one in found.blockers if one.code == "large-objects"]
        assert not blocker.covers(f"{STORE}:{schema.name}.fine")
        assert facts_of(found.facts, STORE)["large_objects"].startswith("1 in ")
    finally:
        schema.database.admin.execute("SELECT lo_unlink(%s)", row)


def test_a_table_that_somebody_locks_blocks_itself_alone(schema: Schema) -> None:
    schema.run("CREATE TABLE held (id int PRIMARY KEY); CREATE TABLE free (id int PRIMARY KEY)")
    with psycopg.connect(schema.database.url) as other:
        other.execute(f"LOCK TABLE {schema.name}.held IN ACCESS EXCLUSIVE MODE".encode())
        found = schema.discover()
    assert "changed-while-read" in {one.code for one in found.blockers if one.subject.endswith(f"{schema.name}.held")}
    assert [one.ref.name for one in found.collections if one.ref.name.startswith(schema.name)] == [
        f"{schema.name}.free"
    ]


# -- values ------------------------------------------------------------------------------------------------------------


def test_every_type_is_read_and_written_as_the_server_writes_it(schema: Schema) -> None:
    schema.run("CREATE TYPE mood AS ENUM ('好'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN phone AS text")
    schema.run(
        "CREATE TABLE types (id int PRIMARY KEY, a numeric, b int[], c jsonb, d uuid, e mood, f inet, g int4range, "
        "h pair, i phone, j char(4), k interval, l money, m bit(3), n tsvector, p date, q timestamptz, r time, "
        "s numeric(4, 1), t real, u boolean)"
    )
    schema.run(
        "INSERT INTO types VALUES (1, 'NaN', '{1,NULL}', '{\"k\": \"值\"}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', "
        "'好', '10.0.0.1/8', '[1,3)', '(1,x)', '13800000000', 'ab', '1 day', 2, '101', 'a b', 'infinity', "
        "'-infinity', '24:00', -0.5, 'NaN', true); INSERT INTO types (id) VALUES (2)"
    )
    first, second = cells(schema, "types")
    assert [first[name] for name in "abcdefghij"] == [
        *("NaN", "{1,NULL}", '{"k": "值"}', "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "好", "10.0.0.1/8", "[1,3)"),
        *("(1,x)", "13800000000", "ab"),
    ]
    assert [first[name] for name in "kmnrs"] == ["1 day", "101", "'a' 'b'", "24:00:00", "-0.5"]
    assert str(first["p"]) == "9999-12-30"
    assert str(first["q"])[:9] == "0001-01-0"
    assert first["u"] is True
    assert {name for name, value in second.items() if value is not None} == {"id"}
    texts = [row for part in schema.store.read(schema.collection("types")) for row in part.to_pylist()]
    assert (texts[0]["p"], texts[0]["q"], texts[0]["t"]) == ("infinity", "-infinity", "NaN")


def test_a_table_without_fields_or_rows_yields_nothing(schema: Schema) -> None:
    schema.run("CREATE TABLE bare (); CREATE TABLE empty (id int PRIMARY KEY)")
    assert cells(schema, "bare") == []
    assert cells(schema, "empty") == []


# -- breaking off ------------------------------------------------------------------------------------------------------


def long_table(schema: Schema) -> Collection:
    schema.run("CREATE TABLE much AS SELECT i AS id, repeat('13800000000', 50) AS t FROM generate_series(1, 60000) i")
    return schema.collection("much")


@pytest.mark.parametrize(("function", "error"), [("pg_terminate_backend", Transient), ("pg_cancel_backend", Refused)])
def test_a_reading_that_breaks_off_is_never_a_success(schema: Schema, function: str, error: type[Exception]) -> None:
    batches = iter(schema.store.cells(long_table(schema)))
    next(batches)
    schema.run(
        f"SELECT {function}(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%much%' AND pid <> pg_backend_pid()"
    )
    with pytest.raises(error) as broken:
        list(batches)
    assert "1380" not in str(broken.value)
    assert broken.value.__cause__ is None


def test_nothing_idles_in_a_transaction_while_a_table_is_read(schema: Schema) -> None:
    batches = iter(schema.store.cells(long_table(schema)))
    next(batches)
    query = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    assert schema.database.admin.execute(query).fetchone() == (0,)
    list(batches)


def test_a_short_statement_timeout_of_the_role_does_not_stop_a_long_reading(schema: Schema) -> None:
    found = long_table(schema)
    schema.run("ALTER ROLE winddown_contract_reader SET statement_timeout = '400ms'")
    try:
        batches = iter(schema.store.cells(found))
        records = next(batches).num_rows
        time.sleep(0.8)
        assert records + sum(batch.num_rows for batch in batches) == 60_000
    finally:
        schema.run("ALTER ROLE winddown_contract_reader RESET statement_timeout")


def test_what_keeps_a_field_from_being_emptied_is_found(schema: Schema) -> None:
    schema.run(
        "CREATE DOMAIN five AS text CHECK (length(value) = 5);"
        "CREATE TABLE card (id int PRIMARY KEY, free text, one text NOT NULL UNIQUE, many text UNIQUE, "
        "low text NOT NULL, part text CHECK (part <> ''), code five, shown text NOT NULL, "
        "joined text GENERATED ALWAYS AS (free || shown) STORED, fixed text GENERATED ALWAYS AS ('x') STORED);"
        "CREATE UNIQUE INDEX card_lower ON card (lower(low));"
        "ALTER TABLE card ADD CONSTRAINT card_shown UNIQUE (shown);"
        "CREATE TABLE follower (shown text CONSTRAINT follows REFERENCES card (shown), "
        "many text REFERENCES card (many))"
    )
    found = {field.name: field for field in schema.collection("card").fields}
    assert {name: field.tied for name, field in found.items() if field.tied} == {
        "id": "unique index card_pkey",
        "one": "unique index card_one_key",
        "many": "constraint follower_many_fkey",
        "low": "unique index card_lower",
        "part": "constraint card_part_check",
        "code": "constraint five_check",
        "shown": "constraint follows, unique index card_shown",
        "fixed": "a computation",
    }
    assert {name: field.computed_from for name, field in found.items() if field.computed_from} == {
        "joined": ("free", "shown")
    }
