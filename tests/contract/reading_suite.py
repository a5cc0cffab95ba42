"""What everyone who takes an inventory and classifies relies on, whatever the engine."""

import contextlib
import threading
import time
from typing import Any

import pyarrow as pa
import pytest

from winddown.detectors import Profiler
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Transient, WinddownError
from winddown.domain.inventory import Collection
from winddown.domain.plan import Act
from winddown.ports import CUT
from winddown.stages.manifests import split
from winddown.stores.sql.reading import BATCH_BYTES

from .reading_subject import (
    CHILD,
    KEYLESS,
    LONG,
    LONG_CHARS,
    MANY,
    MANY_ROWS,
    NAMES,
    ROWS,
    TABLE,
    TEXTS,
    VIEW,
    ReadingSubject,
)
from .subject import keys_of


def collection(subject: ReadingSubject, name: str) -> Collection:
    return subject.found(subject.store.discover(), name)


def read(subject: ReadingSubject, name: str, fields: tuple[str, ...] | None = None) -> pa.Table:
    return pa.Table.from_batches(list(subject.store.read(collection(subject, name), fields=fields)))


class DiscoverySuite:
    def test_tables_are_found_once_with_fields_in_order_and_exact_counts(self, subject: ReadingSubject) -> None:
        found = collection(subject, TABLE)
        assert found.field_names() == NAMES
        assert (found.key, found.record_count, found.format) == (("id",), len(ROWS), "table")
        nullable = {field.name: field.nullable for field in found.fields}
        assert not nullable["id"]
        assert nullable["a:b"]

    def test_a_unique_key_that_is_never_empty_names_rows(self, subject: ReadingSubject) -> None:
        found = subject.store.discover()
        assert set(subject.found(found, CHILD).key) == {"a", "b"}
        assert str(subject.ref(CHILD)) not in {blocker.subject for blocker in found.blockers}

    def test_foreign_keys_are_found(self, subject: ReadingSubject) -> None:
        (link,) = collection(subject, CHILD).foreign_keys
        assert (link.fields, link.target, link.target_fields) == (("parent",), subject.ref(TABLE), ("id",))

    def test_rows_that_nothing_names_are_a_blocker(self, subject: ReadingSubject) -> None:
        found = subject.store.discover()
        codes = {blocker.code for blocker in found.blockers if blocker.subject == str(subject.ref(KEYLESS))}
        if subject.numbers_rows:
            assert (subject.found(found, KEYLESS).key, codes) == (("rowid",), set())
        else:
            assert (subject.found(found, KEYLESS).key, codes) == ((), {"no-primary-key"})

    def test_a_view_is_a_fact_and_no_collection(self, subject: ReadingSubject) -> None:
        found = subject.store.discover()
        assert subject.ref(VIEW) not in {entry.ref for entry in found.collections}
        facts = {fact.name: fact.value for fact in found.facts if fact.subject == str(subject.ref(VIEW))}
        assert facts
        if subject.tells_view_tables:
            assert facts["reads"] == subject.ref(TABLE).name
        else:
            assert "not" in facts["view"]

    def test_the_same_catalogue_has_the_same_fingerprint(self, subject: ReadingSubject) -> None:
        first = {entry.ref: entry.fingerprint for entry in subject.store.discover().collections}
        assert first == {entry.ref: entry.fingerprint for entry in subject.store.discover().collections}

    def test_a_store_that_refuses_us_says_so_without_the_password(self, subject: ReadingSubject) -> None:
        with pytest.raises(Refused) as refused:
            subject.refusing().discover()
        assert "wrong" not in str(refused.value)
        assert refused.value.__cause__ is None

    def test_a_store_that_is_down_is_transient(self, subject: ReadingSubject) -> None:
        store = subject.unreachable()
        if store is None:
            pytest.skip("a file is never down")
        with pytest.raises(Transient):
            store.discover()


class ReadingSuite:
    def test_text_comes_as_it_was_written_and_null_is_not_empty(self, subject: ReadingSubject) -> None:
        found = {row["id"]: row for row in read(subject, TABLE).to_pylist()}
        expected = {str(row[0]): dict(zip(NAMES, row, strict=True)) for row in ROWS}
        assert found.keys() == expected.keys()
        for key, row in expected.items():
            assert {name: found[key][name] for name in TEXTS} == {name: row[name] for name in TEXTS}
            assert found[key]["amount"] == row["amount"]
            assert found[key]["born"] == row["born"]
            assert (found[key]["seen"] or "")[:19] == (row["seen"] or "")
            assert (found[key]["photo"] is None) == (row["photo"] is None)

    def test_everything_read_is_text_with_the_key_first(self, subject: ReadingSubject) -> None:
        table = read(subject, TABLE, ("a:b", "50% %s"))
        assert table.column_names == ["id", "a:b", "50% %s"]
        assert {str(kind) for kind in table.schema.types} == {"string"}

    def test_cells_are_every_field_in_order_and_typed(self, subject: ReadingSubject) -> None:
        (batch,) = subject.store.cells(collection(subject, TABLE))
        assert batch.schema.names == list(NAMES)
        assert pa.types.is_integer(batch.schema.field("id").type)
        assert pa.types.is_floating(batch.schema.field("ratio").type)
        assert pa.types.is_binary(batch.schema.field("photo").type)
        found = {row["id"]: (row["a:b"], row["photo"]) for row in batch.to_pylist()}
        assert found == {row[0]: (row[2], row[6]) for row in ROWS}

    def test_the_profiler_takes_the_cells(self, subject: ReadingSubject) -> None:
        profiler = Profiler(NAMES)
        for batch in subject.store.cells(collection(subject, TABLE)):
            profiler.feed(batch)
        profiles = profiler.profiles()
        assert {profiles[name].cells for name in NAMES} == {len(ROWS)}
        assert profiles["a:b"].matches["mobile"] == len(ROWS)
        assert profiles["line\nbreak"].nulls == 1
        assert {name for name in NAMES if profiles[name].unread} <= {"photo"}

    def test_an_empty_table_yields_no_record(self, subject: ReadingSubject) -> None:
        assert sum(batch.num_rows for batch in subject.store.cells(collection(subject, CHILD))) == 0
        assert sum(batch.num_rows for batch in subject.store.read(collection(subject, CHILD))) == 0

    def test_batches_are_bounded_and_nothing_is_lost(self, subject: ReadingSubject) -> None:
        subject.fill_many()
        found = collection(subject, MANY)
        for batches in (list(subject.store.cells(found)), list(subject.store.read(found))):
            assert max(batch.nbytes for batch in batches) <= 2 * BATCH_BYTES
            assert sum(batch.num_rows for batch in batches) == MANY_ROWS == found.record_count
            numbers = pa.chunked_array([batch.column("id") for batch in batches]).cast(pa.int64())
            assert sorted(numbers.to_pylist()) == list(range(MANY_ROWS))

    def test_a_value_too_long_is_read_at_its_beginning_and_said_so(self, subject: ReadingSubject) -> None:
        subject.fill_long()
        found = collection(subject, LONG)
        batches = list(subject.store.cells(found))
        cut = {(field.name, int(field.metadata[CUT])) for batch in batches for field in batch.schema if cut_in(field)}
        assert cut == {("t", 1), ("b", 1)}
        assert max(len(value) for batch in batches for value in batch.column("t").to_pylist()) < LONG_CHARS
        lengths = [len(value) for batch in subject.store.read(found) for value in batch.column("t").to_pylist()]
        assert sorted(lengths) == [400_000, LONG_CHARS]

    def test_a_table_altered_since_it_was_discovered_is_refused(self, subject: ReadingSubject) -> None:
        found = collection(subject, TABLE)
        subject.run(f"ALTER TABLE {subject.table(KEYLESS)} ADD COLUMN more {subject.types.text}")
        keyless = collection(subject, KEYLESS)
        subject.run(f"ALTER TABLE {subject.table(KEYLESS)} DROP COLUMN more")
        for reading in (subject.store.cells, subject.store.read):
            with pytest.raises(Refused, match="altered"):
                list(reading(keyless))
            assert sum(batch.num_rows for batch in reading(found)) == len(ROWS)

    def test_a_table_dropped_since_it_was_discovered_is_refused(self, subject: ReadingSubject) -> None:
        found = collection(subject, KEYLESS)
        subject.run(f"DROP TABLE {subject.table(KEYLESS)}")
        for reading in (subject.store.cells, subject.store.read):
            with pytest.raises(Refused, match="no longer exists"):
                list(reading(found))

    def test_a_table_altered_while_it_is_read_is_never_half_read(self, subject: ReadingSubject) -> None:
        subject.fill_many()
        batches = iter(subject.store.cells(collection(subject, MANY)))
        records = next(batches).num_rows
        statement = f"ALTER TABLE {subject.table(MANY)} DROP COLUMN mobile"
        change = threading.Thread(target=_quietly, args=(subject, statement))
        change.start()
        time.sleep(0.3)
        try:
            for batch in batches:
                records += batch.num_rows
                assert batch.schema.names == ["id", "mobile"]
            assert records == MANY_ROWS
        except WinddownError:
            pass
        finally:
            change.join(timeout=60)
        assert not change.is_alive()

    def test_an_abandoned_reading_leaves_no_session(self, subject: ReadingSubject) -> None:
        subject.fill_many()
        batches = iter(subject.store.cells(collection(subject, MANY)))
        next(batches)
        batches = _closed(batches)
        deadline = time.monotonic() + 10
        while subject.sessions() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert subject.sessions() == 0

    def test_a_batch_of_keys_fetches_its_records(self, subject: ReadingSubject) -> None:
        found = collection(subject, TABLE)
        located = pa.Table.from_batches(list(subject.store.read(found, fields=(), bound=True)))
        batch = next(iter(split([keys_of(subject.store, found, located, size=2)])))
        wanted = batch.keys.column("id").to_pylist()
        rows = [row for part in subject.store.fetch(found, batch, fields=["id", "a:b"]) for row in part.to_pylist()]
        assert [row["id"] for row in rows] == wanted
        by_key = {str(row[0]): row[2] for row in ROWS}
        assert [row["a:b"] for row in rows] == [by_key[key] for key in wanted]


class KeptSuite:
    """Stores in which nothing is destroyed yet."""

    def test_every_act_is_answered_with_a_blocker(self, subject: ReadingSubject) -> None:
        found = collection(subject, TABLE)
        for act in (Act.ERASE, Act.MINIMISE):
            answer = subject.store.method(found, act, whole=True)
            assert isinstance(answer, Blocker)
            assert (answer.code, answer.subject) == ("cannot-destroy-here-yet", str(found.ref))

    @pytest.mark.parametrize("effect", ["quarantine", "restore", "purge"])
    def test_effects_are_refused(self, subject: ReadingSubject, effect: str) -> None:
        order: Any = type("Order", (), {"id": "o"})()
        with pytest.raises(Refused, match="nothing is destroyed"):
            getattr(subject.store, effect)(None, order, None)


def cut_in(field: "pa.Field[Any]") -> bool:
    return CUT in (field.metadata or {})


def _quietly(subject: ReadingSubject, statement: str) -> None:
    with contextlib.suppress(Exception):
        subject.run(statement)


def _closed(batches: Any) -> None:
    """Drop the last reference, as a consumer that fails does."""
    del batches
