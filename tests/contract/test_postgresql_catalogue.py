"""What a PostgreSQL schema may hold besides plain tables: each is respected, named as a blocker, or told as a fact."""

from collections.abc import Iterator

import pytest

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.domain.inventory import ForeignKey

from .desk import Desk
from .postgresql_schema import Schema, facts_of
from .postgresql_subject import STORE, Database, PostgresSubject, Shape
from .subject import work

PLAIN = Shape("(id int PRIMARY KEY, name text)", ("id",), ("id", "name"), tuple((n, f"值{n}") for n in range(1, 7)))


@pytest.fixture
def subject(database: Database, desk: Desk) -> Iterator[PostgresSubject]:
    found = PostgresSubject(database, desk, PLAIN)
    yield found
    found.drop()


# -- what would happen beside an order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["ON DELETE CASCADE", "ON DELETE SET NULL", "ON DELETE SET DEFAULT"])
def test_a_cascade_is_named_with_the_rows_that_it_may_reach(schema: Schema, action: str) -> None:
    schema.run("CREATE TABLE above (id int PRIMARY KEY); INSERT INTO above VALUES (1), (2)")
    schema.run(f'CREATE TABLE "Be low" (id int PRIMARY KEY, "Up" int DEFAULT 2 REFERENCES above {action})')
    schema.run('INSERT INTO "Be low" VALUES (1, 1), (2, 1), (3, NULL)')
    (blocker,) = schema.blockers("above").values()
    assert blocker.code == "cascade"
    assert blocker.explanation.endswith(f': 2 rows of {schema.name}."Be low" refer to it')
    assert schema.blockers("Be low") == {}
    schema.run('REVOKE SELECT ON "Be low" FROM winddown_contract_reader')
    assert schema.blockers("above")["cascade"].explanation.endswith(f'{schema.name}."Be low", which is not read')


def test_what_follows_changes_is_a_hazard_unless_it_follows_the_primary_key(schema: Schema) -> None:
    schema.run("CREATE TABLE above (id int, part int, code text NOT NULL UNIQUE, PRIMARY KEY (id, part))")
    schema.run("CREATE TABLE below (a int, b int, FOREIGN KEY (b, a) REFERENCES above (part, id) ON UPDATE CASCADE)")
    assert schema.blockers("above") == {}
    schema.run("CREATE TABLE named (code text REFERENCES above (code) ON UPDATE SET NULL)")
    assert set(schema.blockers("above")) == {"cascade"}


def test_a_cascade_into_a_partitioned_table_is_named_once(schema: Schema) -> None:
    schema.run("CREATE TABLE above (id int PRIMARY KEY)")
    schema.run(
        "CREATE TABLE below (id int, up int REFERENCES above ON DELETE CASCADE, PRIMARY KEY (id)) "
        "PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF below FOR VALUES FROM (0) TO (9);"
        "CREATE TABLE high PARTITION OF below FOR VALUES FROM (9) TO (99)"
    )
    found = [one for one in schema.discover().blockers if one.subject == f"{STORE}:{schema.name}.above"]
    assert [one.code for one in found] == ["cascade"]


def test_triggers_and_row_security_that_are_switched_off_stop_nothing(schema: Schema) -> None:
    schema.run("CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$")
    schema.run("CREATE TABLE watched (id int PRIMARY KEY); ALTER TABLE watched ENABLE ROW LEVEL SECURITY")
    schema.run("CREATE TRIGGER t AFTER DELETE ON watched FOR EACH ROW EXECUTE FUNCTION noop()")
    assert set(schema.blockers("watched")) == {"trigger", "row-security"}
    schema.run("ALTER TABLE watched DISABLE ROW LEVEL SECURITY, DISABLE TRIGGER t")
    assert schema.blockers("watched") == {}


def test_a_constraint_that_was_never_validated_is_named_because_its_rows_might_not_come_back(schema: Schema) -> None:
    schema.run("CREATE TABLE above (id int PRIMARY KEY); CREATE TABLE below (id int PRIMARY KEY, up int, n int)")
    schema.run("INSERT INTO below VALUES (1, 7, -1)")
    schema.run("ALTER TABLE below ADD CONSTRAINT up_exists FOREIGN KEY (up) REFERENCES above NOT VALID")
    assert "up_exists" in schema.blockers("below")["unvalidated-constraint"].explanation
    assert schema.blockers("above") == {}
    schema.run("INSERT INTO above VALUES (7); ALTER TABLE below VALIDATE CONSTRAINT up_exists")
    assert schema.blockers("below") == {}
    schema.run("ALTER TABLE below ADD CONSTRAINT positive CHECK (n > 0) NOT VALID")
    assert "positive" in schema.blockers("below")["unvalidated-constraint"].explanation


# -- replication -------------------------------------------------------------------------------------------------------


def test_a_published_table_that_the_server_would_not_delete_from_is_named(schema: Schema) -> None:
    schema.run("CREATE TABLE sent (id int NOT NULL UNIQUE, n int)")
    schema.run("CREATE TABLE kept (id int PRIMARY KEY, n int)")
    name = f"{schema.name}_out"
    schema.run(f"CREATE PUBLICATION {name} FOR TABLE sent, kept")
    try:
        assert set(schema.blockers("sent")) == {"no-replica-identity"}
        assert schema.blockers("kept") == {}
        schema.run("ALTER TABLE sent REPLICA IDENTITY FULL; ALTER TABLE kept REPLICA IDENTITY NOTHING")
        assert schema.blockers("sent") == {}
        assert set(schema.blockers("kept")) == {"no-replica-identity"}
        schema.run("ALTER TABLE kept REPLICA IDENTITY DEFAULT")
        schema.run(f"ALTER PUBLICATION {name} SET TABLE kept WHERE (n > 1)")
        assert set(schema.blockers("kept")) == {"no-replica-identity"}
        schema.run(f"ALTER PUBLICATION {name} SET (publish = 'insert')")
        assert schema.blockers("kept") == {}
    finally:
        schema.run(f"DROP PUBLICATION {name}")


def test_a_publication_of_everything_stops_the_store_and_an_order_that_is_older(
    subject: PostgresSubject, schema: Schema
) -> None:
    planned, content = work(subject), subject.content()
    name = f"{schema.name}_all"
    schema.run(f"CREATE PUBLICATION {name} FOR ALL TABLES")
    try:
        (blocker,) = [one for one in schema.discover().blockers if one.subject == STORE]
        assert (blocker.code, name in blocker.explanation) == ("everything-published", True)
        assert blocker.covers(str(subject.ref))
        with pytest.raises(Refused, match=f"everything-published {name} came to the table after the plan was made"):
            planned.act(Power.QUARANTINE)
        assert subject.content() == content
    finally:
        schema.run(f"DROP PUBLICATION {name}")


# -- references --------------------------------------------------------------------------------------------------------


def test_a_reference_from_a_table_that_is_not_read_is_named(schema: Schema) -> None:
    schema.run("CREATE TABLE above (id int PRIMARY KEY); CREATE TABLE shut (id int PRIMARY KEY REFERENCES above)")
    assert schema.blockers("above") == {}
    schema.run("REVOKE SELECT ON shut FROM winddown_contract_reader")
    assert f"{schema.name}.shut" in schema.blockers("above")["unread-reference"].explanation


def test_references_from_and_to_single_partitions_count_as_those_of_the_whole_table(schema: Schema) -> None:
    schema.run("CREATE TABLE people (id int PRIMARY KEY)")
    schema.run("CREATE TABLE paid (id int PRIMARY KEY, by int) PARTITION BY RANGE (id)")
    schema.run("CREATE TABLE early (by int, id int PRIMARY KEY, CHECK (id < 9 AND id >= 0))")
    schema.run("ALTER TABLE early ADD FOREIGN KEY (by) REFERENCES people")
    schema.run("ALTER TABLE paid ATTACH PARTITION early FOR VALUES FROM (0) TO (9)")
    schema.run("CREATE TABLE notes (id int PRIMARY KEY, about int REFERENCES early)")
    people, paid, notes = (schema.collection(name) for name in ("people", "paid", "notes"))
    assert paid.foreign_keys == (ForeignKey(("by",), people.ref, ("id",)),)
    assert notes.foreign_keys == (ForeignKey(("about",), paid.ref, ("id",)),)


def test_a_deferred_key_refuses_the_batch_when_it_ends_and_nothing_of_it_moves(subject: PostgresSubject) -> None:
    subject._run(
        "ALTER TABLE {t} ADD above int; ALTER TABLE {t} ADD CONSTRAINT later FOREIGN KEY (above) REFERENCES {t} "
        "DEFERRABLE INITIALLY DEFERRED; UPDATE {t} SET above = id - 1 WHERE id IN (2, 4)"
    )
    content = subject.content()
    children = work(subject, chosen={"2", "4"})
    parents = work(subject, chosen={"1", "3"})
    with pytest.raises(Refused, match=r"SQLSTATE 23503 .*later"):
        parents.act(Power.QUARANTINE)
    assert subject.content() == content
    children.act(Power.QUARANTINE)
    parents.act(Power.QUARANTINE)
    with pytest.raises(Refused, match="SQLSTATE 23503"):
        children.act(Power.RESTORE)
    parents.act(Power.RESTORE)
    children.act(Power.RESTORE)
    assert subject.content() == content


def test_rows_under_an_exclusion_come_back_unless_another_took_their_place(subject: PostgresSubject) -> None:
    subject._run("ALTER TABLE {t} ADD span int4range")
    subject._run("UPDATE {t} SET span = int4range(id, id + 1)")
    subject._run("ALTER TABLE {t} ADD CONSTRAINT apart EXCLUDE USING gist (span WITH &&)")
    content, planned = subject.content(), work(subject, chosen={"1", "2"})
    planned.act(Power.QUARANTINE)
    subject._run("INSERT INTO {t} VALUES (99, 'another', '[1,3)')")
    with pytest.raises(Refused, match=r"SQLSTATE 23P01 .*apart"):
        planned.act(Power.RESTORE)
    subject._run("DELETE FROM {t} WHERE id = 99")
    planned.act(Power.RESTORE)
    assert subject.content() == content


# -- what keeps a field from being emptied -----------------------------------------------------------------------------


def test_what_binds_a_field_through_its_type_the_whole_row_or_a_computation_is_found(schema: Schema) -> None:
    schema.run(
        "CREATE DOMAIN short AS text CHECK (length(value) < 9); CREATE DOMAIN code AS short;"
        "CREATE DOMAIN never_null AS date NOT NULL; CREATE DOMAIN born AS never_null;"
        "CREATE TABLE card (id int PRIMARY KEY, code code, born born, a text, b text, c text,"
        " size int GENERATED ALWAYS AS (length(a)) STORED NOT NULL,"
        " low text GENERATED ALWAYS AS (lower(b)) STORED CHECK (low <> ''))"
    )
    fields = {field.name: field for field in schema.collection("card").fields}
    tied = {name: field.tied for name, field in fields.items() if name != "id"}
    assert tied == {
        "code": "constraint short_check",
        "born": "",
        "a": "size, which is never empty",
        "b": "constraint card_low_check on low",
        "c": "",
        "size": "",
        "low": "constraint card_low_check",
    }
    assert (fields["born"].nullable, fields["code"].nullable) == (False, True)
    schema.run("ALTER TABLE card ADD CONSTRAINT whole CHECK (card IS NOT NULL)")
    assert all("constraint whole" in field.tied for field in schema.collection("card").fields)


# -- facts -------------------------------------------------------------------------------------------------------------


def test_functions_that_name_a_table_are_facts_of_it(schema: Schema) -> None:
    schema.run('CREATE TABLE bills (id int PRIMARY KEY); CREATE TABLE "Bill (old)" (id int PRIMARY KEY)')
    schema.run("CREATE TABLE bill (id int PRIMARY KEY)")
    schema.run("CREATE FUNCTION sums() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT 1 FROM Bills); END'")
    schema.run("CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM bills; END")
    schema.run("CREATE FUNCTION olds() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM \"Bill (old)\"'")
    assert schema.facts("bills")["named_in_functions"] == f"{schema.name}.counts, {schema.name}.sums"
    assert schema.facts("Bill (old)")["named_in_functions"] == f"{schema.name}.olds"
    assert schema.facts("bill").get("named_in_functions") == f"{schema.name}.olds", "a text is only a hint"


def test_event_triggers_are_facts_of_the_store(schema: Schema) -> None:
    schema.run("CREATE FUNCTION noop() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$")
    schema.run(f"CREATE EVENT TRIGGER {schema.name}_ddl ON ddl_command_end EXECUTE FUNCTION noop()")
    try:
        assert facts_of(schema.discover().facts, STORE)["event_triggers"] == f"{schema.name}_ddl"
        schema.run(f"ALTER EVENT TRIGGER {schema.name}_ddl DISABLE")
        assert "event_triggers" not in facts_of(schema.discover().facts, STORE)
    finally:
        schema.run(f"DROP EVENT TRIGGER {schema.name}_ddl")
