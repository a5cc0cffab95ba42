"""What a store must do when it has an ability: freeze and thaw, sanitise, minimise."""

from abc import abstractmethod
from dataclasses import replace

import pytest

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Act
from winddown.domain.receipt import ACTED, Whereabouts
from winddown.ports import SupportsFreeze, SupportsSanitise, ability
from winddown.stores.dry_run import DryRunStore

from .subject import Subject, work


class FreezableSubject(Subject):
    """A subject whose writers the test can look at."""

    @abstractmethod
    def grants(self) -> object:
        """Who may write, in full."""

    @abstractmethod
    def can_write(self) -> bool:
        """Whether an application still may."""


class WatchableSubject(Subject):
    """A subject whose engine has triggers."""

    @abstractmethod
    def watch(self, event: str = "INSERT") -> None:
        """Have a trigger ``noted`` note every row that is inserted, or changed by ``UPDATE``."""

    @abstractmethod
    def noted(self) -> int:
        """How many rows it noted."""


@pytest.mark.any_key
class WatchSuite:
    """Undo does not wait for a trigger that came in grace; that it saw the records is said."""

    def test_a_trigger_that_came_in_grace_is_named_when_records_come_back(self, subject: WatchableSubject) -> None:
        planned, content = work(subject), subject.content()
        planned.act(Power.QUARANTINE)
        subject.watch()
        receipt = planned.act(Power.RESTORE)
        assert subject.content() == content
        assert subject.noted() == planned.batches[0].records
        assert receipt.details == ((ACTED, "trigger noted"),)
        assert planned.act(Power.RESTORE) == receipt, "killed before it was recorded, and repeated"

    def test_a_trigger_on_changes_stops_no_erasure_and_binds_what_would_be_emptied(
        self, subject: WatchableSubject
    ) -> None:
        subject.watch("UPDATE")
        found = [one.code for one in subject.store.discover().blockers if one.subject == str(subject.ref)]
        assert found == []
        fields = {field.name: field.tied for field in subject.collection.fields}
        assert all("trigger noted" in tied for tied in fields.values())
        planned, content = work(subject), subject.content()
        planned.act_all(Power.QUARANTINE)
        planned.act_all(Power.RESTORE)
        assert subject.content() == content
        planned.act_all(Power.QUARANTINE)
        planned.act_all(Power.PURGE)
        assert subject.noted() == 0, "it has nothing to act on"

    def test_a_trigger_on_changes_that_came_after_the_plan_stops_the_emptying(self, subject: WatchableSubject) -> None:
        planned, content = work(subject, act=Act.MINIMISE), subject.content()
        subject.watch("UPDATE")
        with pytest.raises(Refused, match="trigger noted came to the table after the plan"):
            planned.act(Power.QUARANTINE)
        assert (subject.content(), subject.noted()) == (content, 0)


@pytest.mark.any_key
class FreezeSuite:
    """Writes stop, and come back exactly."""

    def test_thaw_gives_back_exactly_what_freeze_took(self, subject: FreezableSubject) -> None:
        store, before = ability(subject.store, SupportsFreeze), subject.grants()
        assert store is not None
        assert subject.can_write()
        assert subject.inspector.writers([subject.ref]) != ()
        remembered = store.remember_writers([subject.ref], None)
        assert subject.grants() == before, "remembering takes nothing"
        receipt = store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), remembered)
        assert receipt.records > 0
        assert not subject.can_write()
        assert subject.inspector.writers([subject.ref]) == ()
        # Killed and run again: what the first run took is not forgotten.
        again = store.remember_writers([subject.ref], remembered)
        store.freeze(subject.desk.mint_for(Power.FREEZE, subject.ref.store), again)
        assert not subject.can_write()
        store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), again)
        assert subject.grants() == before
        assert subject.can_write()
        store.thaw(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)
        assert subject.grants() == before

    def test_freeze_and_thaw_need_their_own_authorization(self, subject: FreezableSubject) -> None:
        store, before = ability(subject.store, SupportsFreeze), subject.grants()
        assert store is not None
        remembered = store.remember_writers([subject.ref], None)
        with pytest.raises(Refused):
            store.freeze(subject.desk.mint_for(Power.RESTORE, subject.ref.store), remembered)
        with pytest.raises(Refused):
            store.freeze(subject.desk.mint_for(Power.FREEZE, "elsewhere"), remembered)
        right = subject.desk.mint_for(Power.FREEZE, subject.ref.store)
        with pytest.raises(Refused):
            store.freeze(replace(right, nonce="unknown"), remembered)
        assert subject.grants() == before
        store.freeze(right, remembered)
        frozen = subject.grants()
        with pytest.raises(Refused):
            store.thaw(right, remembered)
        assert subject.grants() == frozen

    def test_a_dry_run_freezes_nothing(self, subject: FreezableSubject) -> None:
        before = subject.grants()
        dry = ability(DryRunStore(subject.store), SupportsFreeze)
        assert dry is not None
        remembered = dry.remember_writers([subject.ref], None)
        right = subject.desk.mint_for(Power.FREEZE, subject.ref.store)
        assert dict(dry.freeze(right, remembered).details)["dry_run"] == "true"
        dry.thaw(right, remembered)
        assert subject.grants() == before


@pytest.mark.any_key
class SanitiseSuite:
    """What purged records leave behind is cleared; what lives is not touched."""

    def test_sanitise_keeps_what_lives_and_what_is_in_quarantine(self, subject: Subject) -> None:
        planned, content = work(subject), subject.content()
        planned.act_all(Power.QUARANTINE)
        planned.act(Power.PURGE)
        store = ability(subject.store, SupportsSanitise)
        assert store is not None
        for wrong in (Power.PURGE, Power.QUARANTINE):
            with pytest.raises(Refused):
                store.sanitise(subject.desk.mint_for(wrong, subject.ref.store), [subject.ref])
        receipt = store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
        assert "not_reached" in dict(receipt.details)
        assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.GONE
        planned.act(Power.RESTORE, 1)
        hidden = planned.chosen - planned.names[1]
        assert subject.content() == {name: value for name, value in content.items() if name not in hidden}


class MinimiseSuite:
    """Fields lose their values, records stay."""

    def test_minimise_empties_the_fields_and_restore_brings_them_back(self, subject: Subject) -> None:
        planned, content, marks = work(subject, act=Act.MINIMISE), subject.content(), subject.marks()
        assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.LIVE
        assert planned.remaining() > 0
        for _ in range(2):
            assert planned.act(Power.QUARANTINE).records == planned.batches[0].records
            self._are_empty(subject, planned.names[0], content)
            assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.QUARANTINED
            assert planned.remaining() == 0
            assert planned.leftovers() == planned.batches[0].records or subject.keeps_history
        others = {name: mark for name, mark in marks.items() if name not in planned.names[0]}
        assert {name: mark for name, mark in subject.marks().items() if name in others} == others
        planned.act(Power.RESTORE)
        assert subject.content() == content
        assert planned.leftovers() == 0 or subject.keeps_history

    def test_minimised_values_can_be_purged_and_stay_empty(self, subject: Subject) -> None:
        planned, content = work(subject, act=Act.MINIMISE), subject.content()
        with pytest.raises(Refused):
            planned.act(Power.PURGE)
        planned.act_all(Power.QUARANTINE)
        planned.act_all(Power.PURGE)
        self._are_empty(subject, planned.chosen, content)
        assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.GONE
        assert (planned.remaining(), planned.leftovers()) == (0, 0)

    def test_a_field_that_is_written_anew_during_grace_is_not_overwritten(self, subject: Subject) -> None:
        planned = work(subject, act=Act.MINIMISE)
        planned.act(Power.QUARANTINE)
        subject.alter(min(planned.names[0]))
        content, left = subject.content(), planned.leftovers()
        if subject.keeps_history:
            planned.act(Power.RESTORE)
            assert subject.content() == content, "what was written meanwhile lies on top"
            return
        with pytest.raises(Residual):
            planned.act(Power.RESTORE)
        assert (subject.content(), planned.leftovers()) == (content, left)
        assert planned.unchanged() < planned.batches[0].records

    def _are_empty(self, subject: Subject, names: frozenset[str], before: dict[str, object]) -> None:
        now = subject.content()
        assert now.keys() == before.keys()
        for name, row in now.items():
            assert isinstance(row, dict)
            whole = before[name]
            assert isinstance(whole, dict)
            if name not in names:
                assert row == whole
                continue
            emptied = set(subject.minimise_fields)
            assert {row[field] for field in emptied} <= {None, ""}
            assert {key: value for key, value in row.items() if key not in emptied} == {
                key: value for key, value in whole.items() if key not in emptied
            }
