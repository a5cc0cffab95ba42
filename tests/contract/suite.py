"""What every store must do, whatever it keeps its records in. Adapters subclass and provide the fixture ``subject``."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from winddown.domain.authorization import Authorization, Power
from winddown.domain.errors import Refused, Residual
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.stores.dry_run import DryRunStore

from .subject import Subject, Work, names_of, read_all, work

LIVE, QUARANTINED, GONE, MIXED = Whereabouts.LIVE, Whereabouts.QUARANTINED, Whereabouts.GONE, Whereabouts.MIXED
QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE


def without(content: dict[str, object], names: frozenset[str]) -> dict[str, object]:
    return {name: value for name, value in content.items() if name not in names}


def where(planned: Work, index: int = 0) -> Whereabouts:
    return planned.subject.store.locate(planned.order, planned.batches[index])


class ReadingSuite:
    """Reading, naming and batching."""

    def test_discover_finds_the_collection_with_exact_counts(self, subject: Subject) -> None:
        found = subject.store.discover()
        collection = subject.collection
        assert found.blockers == ()
        assert collection.record_count == len(names_of(subject, read_all(subject)))
        assert set(subject.name_fields) <= set(collection.field_names()) | set(subject.store.locators(collection))
        assert collection.fingerprint == subject.collection.fingerprint, "nothing changed, so neither may this"
        subject.spoil(names_of(subject, read_all(subject))[0])
        assert collection.fingerprint != subject.collection.fingerprint

    def test_read_yields_the_locators_first_and_every_record_once(self, subject: Subject) -> None:
        collection = subject.collection
        locators = subject.store.locators(collection)
        table = read_all(subject)
        assert tuple(table.column_names[: len(locators)]) == locators
        rows = [tuple(row[name] for name in locators) for row in table.to_pylist()]
        assert len(set(rows)) == len(rows) == collection.record_count
        assert set(names_of(subject, table)) <= subject.content().keys()

    def test_batches_partition_the_selection(self, subject: Subject) -> None:
        planned = work(subject, size=2)
        assert [batch.index for batch in planned.batches] == list(range(len(planned.batches)))
        assert len(planned.batches) > 1
        assert len({batch.digest for batch in planned.batches}) == len(planned.batches)
        assert sum(map(len, planned.names)) == len(planned.chosen), "no record is in two batches"
        assert planned.chosen == set(sorted(names_of(subject, read_all(subject)))[::2])
        assert [batch.records for batch in planned.batches] == [len(names) for names in planned.names]
        assert work(subject, size=2).batches[0].digest == planned.batches[0].digest, "planned again, named the same"


class FieldSuite:
    """Of records that have fields."""

    def test_fetch_yields_what_read_yielded(self, subject: Subject) -> None:
        collection = subject.collection
        fields = collection.field_names()
        read = Counter(
            tuple(row[name] for name in fields) for batch in subject.store.read(collection) for row in batch.to_pylist()
        )
        planned = work(subject, chosen=names_of(subject, read_all(subject)), size=3)
        fetched = Counter(
            tuple(row[name] for name in fields)
            for batch in planned.batches
            for found in subject.store.fetch(collection, batch, fields=fields)
            for row in found.to_pylist()
        )
        assert fetched == read


class EffectSuite:
    """Quarantine, restore and purge, seen by the store, by the inspector and by the test itself."""

    def test_quarantine_hides_exactly_the_batch(self, subject: Subject) -> None:
        planned, content, marks = work(subject), subject.content(), subject.marks()
        assert [where(planned, index) for index in range(len(planned.batches))] == [LIVE] * len(planned.batches)
        assert planned.remaining() == planned.batches[0].records
        receipt = planned.act(QUARANTINE)
        assert (receipt.power, receipt.target, receipt.batch) == ("quarantine", planned.order.id, 0)
        assert receipt.records == planned.batches[0].records
        assert subject.content() == without(content, planned.names[0])
        kept = subject.marks()
        assert subject.rewrites_what_stays or {name: mark for name, mark in marks.items() if name in kept} == kept
        assert where(planned) is QUARANTINED
        assert where(planned, 1) is LIVE
        assert planned.remaining() == 0
        assert planned.leftovers() > 0
        assert planned.remaining(1) == planned.batches[1].records

    @pytest.mark.any_key
    def test_quarantine_twice_is_quarantine_once(self, subject: Subject) -> None:
        planned = work(subject)
        first = planned.act(QUARANTINE)
        content, left = subject.content(), planned.leftovers()
        assert planned.act(QUARANTINE) == first
        assert (subject.content(), planned.leftovers(), where(planned)) == (content, left, QUARANTINED)

    def test_restore_brings_back_exactly_what_was(self, subject: Subject) -> None:
        planned, content, marks = work(subject), subject.content(), subject.marks()
        planned.act_all(QUARANTINE)
        assert subject.content() == without(content, planned.chosen)
        for index in reversed(range(len(planned.batches))):
            receipt = planned.act(RESTORE, index)
            assert receipt.records == planned.batches[index].records
            assert where(planned, index) is LIVE
            assert planned.remaining(index) == planned.batches[index].records
        assert subject.content() == content
        if subject.marks_survive_restore:
            assert subject.marks() == marks
        assert planned.act(RESTORE).records == planned.batches[0].records
        assert subject.content() == content

    @pytest.mark.any_key
    def test_restore_of_what_is_live_changes_nothing(self, subject: Subject) -> None:
        planned, content, marks = work(subject), subject.content(), subject.marks()
        planned.act(RESTORE)
        assert (subject.content(), subject.marks(), where(planned)) == (content, marks, LIVE)

    def test_purge_destroys_the_batch_and_nothing_else(self, subject: Subject) -> None:
        planned, content = work(subject), subject.content()
        planned.act_all(QUARANTINE)
        first = planned.act(PURGE)
        assert first.records == planned.batches[0].records
        assert (where(planned), where(planned, 1)) == (GONE, QUARANTINED)
        assert (planned.remaining(), planned.leftovers()) == (0, 0)
        assert planned.leftovers(1) > 0
        again = planned.act(PURGE)
        assert (again.records, where(planned)) == (first.records, GONE)
        for index in range(1, len(planned.batches)):
            planned.act(RESTORE, index)
        assert subject.content() == without(content, planned.names[0])

    def test_purge_of_a_live_batch_is_refused(self, subject: Subject) -> None:
        planned, content, marks = work(subject), subject.content(), subject.marks()
        with pytest.raises(Refused, match="not in quarantine"):
            planned.act(PURGE)
        planned.act(QUARANTINE)
        planned.act(RESTORE)
        with pytest.raises(Refused, match="not in quarantine"):
            planned.act(PURGE)
        assert (subject.content(), where(planned)) == (content, LIVE)
        if subject.marks_survive_restore:
            assert subject.marks() == marks

    def test_what_was_restored_can_be_quarantined_and_purged(self, subject: Subject) -> None:
        planned, content = work(subject), subject.content()
        for power in (QUARANTINE, RESTORE, QUARANTINE, PURGE):
            planned.act_all(power)
        assert {where(planned, index) for index in range(len(planned.batches))} == {GONE}
        assert sum(planned.leftovers(index) + planned.remaining(index) for index in range(len(planned.batches))) == 0
        assert subject.content() == without(content, planned.chosen)

    @pytest.mark.any_key
    def test_what_was_purged_is_never_reported_as_restored(self, subject: Subject) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        planned.act(PURGE)
        content = subject.content()
        with pytest.raises(Residual):
            planned.act(RESTORE)
        assert (subject.content(), where(planned)) == (content, GONE)

    def test_a_stale_plan_is_refused_and_loses_nothing(self, subject: Subject) -> None:
        planned = work(subject)
        subject.spoil(min(planned.names[0]))
        content, marks = subject.content(), subject.marks()
        with pytest.raises(Refused):
            planned.act(QUARANTINE)
        assert (subject.content(), subject.marks()) == (content, marks)
        assert where(planned) in {MIXED, GONE}
        with pytest.raises(Refused):
            planned.act(PURGE)
        assert subject.content() == content

    def test_a_record_that_changed_after_the_plan_is_refused_whole(self, subject: Subject) -> None:
        planned = work(subject)
        subject.alter(min(planned.names[0]))
        content = subject.content()
        assert where(planned) is MIXED
        with pytest.raises(Refused):
            planned.act(QUARANTINE)
        assert subject.content() == content

    @pytest.mark.any_key
    def test_another_system_under_the_same_connection_is_refused(self, subject: Subject) -> None:
        planned, content, marks = work(subject), subject.content(), subject.marks()
        store = subject.ref.store
        identity = subject.desk.identities[store]
        assert subject.inspector.identity() == identity
        for power in (QUARANTINE, PURGE, RESTORE):
            for other in ("", "another system"):
                subject.desk.identities[store] = other
                with pytest.raises(Refused, match="is now another system"):
                    planned.act(power)
        subject.desk.identities[store] = identity
        right = subject.desk.mint(QUARANTINE, planned.order, planned.batches[0])
        with pytest.raises(Refused, match="unknown, spent or expired"):
            subject.store.quarantine(replace(right, identity="another system"), planned.order, planned.batches[0])
        assert (subject.content(), subject.marks(), where(planned)) == (content, marks, LIVE)

    def test_the_inspector_sees_every_record_where_it_is(self, subject: Subject) -> None:
        planned = work(subject)
        count = planned.batches[0].records
        assert (planned.unchanged(), planned.set_aside()) == (count, 0)
        planned.act(QUARANTINE)
        assert (planned.unchanged(), planned.set_aside()) == (0, count)
        planned.act(RESTORE)
        assert (planned.unchanged(), planned.set_aside()) == (count, 0)
        planned.act(QUARANTINE)
        planned.act(PURGE)
        assert (planned.unchanged(), planned.set_aside()) == (0, 0)

    @pytest.mark.any_key
    def test_two_workers_at_once_have_one_effect(self, subject: Subject) -> None:
        planned, content = work(subject), subject.content()
        assert len(set(at_once(planned, QUARANTINE))) == 1
        assert (where(planned), planned.remaining()) == (QUARANTINED, 0)
        assert subject.content() == without(content, planned.names[0])
        planned.act(RESTORE)
        assert (where(planned), subject.content()) == (LIVE, content)
        at_once(planned, QUARANTINE)
        assert {receipt.records for receipt in at_once(planned, PURGE)} == {planned.batches[0].records}
        assert (where(planned), planned.remaining(), planned.leftovers()) == (GONE, 0, 0)
        assert subject.content() == without(content, planned.names[0])

    def test_the_inspector_sees_what_comes_back_behind_the_stores_back(self, subject: Subject) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        subject.bring_back(min(planned.names[0]))
        content, left = subject.content(), planned.leftovers()
        assert planned.remaining() > 0
        assert where(planned) is MIXED
        if subject.keeps_history or subject.is_known_by_content:
            planned.act(RESTORE)
            assert planned.unchanged() == planned.batches[0].records, "older versions lie below the newer one"
        else:
            with pytest.raises((Refused, Residual)):
                planned.act(RESTORE)
        assert planned.leftovers() <= left, "only markers may have gone"
        assert subject.content().items() >= content.items(), "what was written meanwhile is never overwritten"

    @pytest.mark.any_key
    def test_a_dry_run_tells_the_receipt_and_does_nothing(self, subject: Subject) -> None:
        planned, content, marks = work(subject), subject.content(), subject.marks()
        dry = DryRunStore(subject.store)
        worthless = replace(subject.desk.mint(QUARANTINE, planned.order, planned.batches[0]), nonce="unknown")
        batch = planned.batches[0]
        told = dry.quarantine(worthless, planned.order, batch)
        with pytest.raises(Refused, match="dry run"):
            dry.purge(worthless, planned.order, batch)
        assert (subject.content(), subject.marks(), where(planned)) == (content, marks, LIVE)
        done = planned.act(QUARANTINE)
        assert told == replace(done, details=(*done.details, ("dry_run", "true")))
        dry.restore(worthless, planned.order, batch)
        assert dry.purge(worthless, planned.order, batch).records == batch.records
        assert (where(planned), planned.leftovers() > 0) == (QUARANTINED, True)


class ReturnSuite:
    """Of stores where a record that comes back after its purge has a place to be looked for.

    Rows inside files have none: once the planned version is gone, only the search in raw bytes can tell.
    """

    def test_the_inspector_sees_what_comes_back_after_the_purge(self, subject: Subject) -> None:
        planned = work(subject)
        planned.act(QUARANTINE)
        planned.act(PURGE)
        subject.bring_back(min(planned.names[0]))
        assert planned.remaining() == 1
        assert where(planned) is MIXED


def at_once(planned: Work, power: Power) -> list[Receipt]:
    """Two workers with an authorization each start together."""
    barrier = Barrier(2)
    batch = planned.batches[0]

    def act(authorization: Authorization) -> Receipt:
        barrier.wait()
        receipt: Receipt = getattr(planned.subject.store, power.value)(authorization, planned.order, batch)
        return replace(receipt, details=())

    with ThreadPoolExecutor(2) as pool:
        rights = [planned.subject.desk.mint(power, planned.order, batch) for _ in range(2)]
        return list(pool.map(act, rights))


def _spent(planned: Work, power: Power) -> Authorization:
    right = planned.subject.desk.mint(power, planned.order, planned.batches[0])
    planned.subject.desk.authority.redeem(right)
    return right


def _expired(planned: Work, power: Power) -> Authorization:
    right = planned.subject.desk.mint(power, planned.order, planned.batches[0])
    planned.subject.desk.clock.ahead += timedelta(seconds=61)
    return right


def _prolonged(planned: Work, power: Power) -> Authorization:
    return replace(_expired(planned, power), expires_at=datetime.now(UTC) + timedelta(days=1))


def _foreign(planned: Work, power: Power) -> Authorization:
    return planned.subject.desk.mint(power, planned.order, planned.batches[0], store="elsewhere")


def _relabelled(planned: Work, power: Power) -> Authorization:
    return replace(_foreign(planned, power), store=planned.subject.ref.store)


def _for_another_batch(planned: Work, power: Power) -> Authorization:
    return planned.subject.desk.mint(power, planned.order, planned.batches[1])


def _moved_to_this_batch(planned: Work, power: Power) -> Authorization:
    return replace(_for_another_batch(planned, power), batch_digest=planned.batches[0].digest)


def _for_another_act(planned: Work, power: Power) -> Authorization:
    other = RESTORE if power is not RESTORE else QUARANTINE
    return planned.subject.desk.mint(other, planned.order, planned.batches[0])


def _promoted(planned: Work, power: Power) -> Authorization:
    return replace(_for_another_act(planned, power), power=power)


def _unknown(planned: Work, power: Power) -> Authorization:
    return replace(planned.subject.desk.mint(power, planned.order, planned.batches[0]), nonce="0" * 32)


WORTHLESS = [
    _spent,
    _expired,
    _prolonged,
    _foreign,
    _relabelled,
    _for_another_batch,
    _moved_to_this_batch,
    _for_another_act,
    _promoted,
    _unknown,
]


@pytest.mark.any_key
class AuthorizationSuite:
    """No effect without the right to exactly this effect."""

    @pytest.mark.parametrize("worthless", WORTHLESS, ids=lambda found: str(found.__name__).strip("_"))
    def test_no_effect_without_its_authorization(
        self, subject: Subject, worthless: Callable[[Work, Power], Authorization]
    ) -> None:
        planned, content, marks = work(subject), subject.content(), subject.marks()
        with pytest.raises(Refused):
            subject.store.quarantine(worthless(planned, QUARANTINE), planned.order, planned.batches[0])
        assert (subject.content(), subject.marks(), where(planned)) == (content, marks, LIVE)
        planned.act(QUARANTINE)
        hidden, left = subject.content(), planned.leftovers()
        for power, effect in ((PURGE, subject.store.purge), (RESTORE, subject.store.restore)):
            with pytest.raises(Refused):
                effect(worthless(planned, power), planned.order, planned.batches[0])
            assert (subject.content(), planned.leftovers(), where(planned)) == (hidden, left, QUARANTINED)

    def test_an_authorization_is_good_for_one_effect(self, subject: Subject) -> None:
        planned = work(subject)
        right = subject.desk.mint(QUARANTINE, planned.order, planned.batches[0])
        subject.store.quarantine(right, planned.order, planned.batches[0])
        with pytest.raises(Refused, match="spent"):
            subject.store.quarantine(right, planned.order, planned.batches[0])


class StoreSuite(ReadingSuite, EffectSuite, AuthorizationSuite):
    """All that every store must do."""
