"""The one place that calls a store's effects: what it refuses before, and what it makes of what came after."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown.control.authority import effect_of
from winddown.domain.authorization import Power
from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Act, Method, Order, Plan
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.evidence.entry import LedgerEntry
from winddown.stages.deployment import Deployment
from winddown.stages.effects import perform, settle_purge
from winddown.stages.manifests import batches
from winddown.stages.quarantine import restore
from winddown.stores.memory import Row

from .running import Running, running, visits

VISITS = 5


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    tables = visits(case_document, VISITS)
    made = running(deployment, case_folder, case_document, tables)
    made.approve(made.run().plan_id)
    return made


class Acting:
    """One order of one batch, with the store and the inspector that it is carried out and looked at with."""

    def __init__(self, company: Running) -> None:
        self.company, self.deployment = company, company.deployment
        (plan_id,) = self.deployment.control.plans("demo-1", state="open")
        self.plan: Plan = self.deployment.control.plan(plan_id)
        (self.order,) = self.plan.orders
        (self.batch,) = batches(self.deployment, "demo-1", self.order)
        systems = self.deployment.systems(self.deployment.case("demo-1"))
        self.store: Any = systems.stores["shop"]
        self.inspector: Any = systems.inspectors["shop"]
        self.acts: list[str] = []
        for name in ("quarantine", "purge", "restore"):
            setattr(self.store, name, self._counted(name, getattr(self.store, name)))

    def _counted(self, name: str, act: Callable[..., Receipt]) -> Callable[..., Receipt]:
        def counted(*given: Any) -> Receipt:
            self.acts.append(name)
            return act(*given)

        return counted

    def do(self, power: Power, *, order: Order | None = None, plan: Plan | None = None) -> Receipt:
        return perform(self.deployment, plan or self.plan, order or self.order, self.batch, power)

    def state(self, power: Power) -> str | None:
        return self.deployment.authority.state(effect_of(self.plan, self.order, self.batch, power))

    def intend(self, power: Power) -> None:
        """As a process leaves it that is killed before it acts."""
        self.deployment.authority.authorize(effect_of(self.plan, self.order, self.batch, power), actor="winddown")

    def told(self) -> list[tuple[str, Any]]:
        entries = map(LedgerEntry.parse, self.deployment.ledger.entries("demo-1"))
        return [(one.type, one.body.get("read_back")) for one in entries if one.type in {"intent", "done", "unknown"}]

    @property
    def visits(self) -> list[Row]:
        return self.company.tables["visits"].rows


@pytest.fixture
def acting(company: Running) -> Acting:
    return Acting(company)


def test_each_effect_is_intended_done_once_read_back_and_closed(acting: Acting) -> None:
    assert acting.plan.id == "demo-1-01-after-claims"
    earlier = len(acting.told())
    first = acting.do(Power.QUARANTINE)
    assert (first.power, first.records, acting.visits) == ("quarantine", VISITS, [])
    assert acting.do(Power.QUARANTINE) == first
    acting.company.pass_grace()
    gone = acting.do(Power.PURGE)
    assert (gone.power, gone.records) == ("purge", VISITS)
    acting.store.locate = lambda *_: Whereabouts.MIXED  # a purge that was read back needs no second look
    assert acting.do(Power.PURGE) == gone
    assert acting.do(Power.QUARANTINE) == first, "what is being purged is not quarantined again"
    assert acting.acts == ["quarantine", "purge"]
    assert acting.told()[earlier:] == [("intent", None), ("done", {"by": "inspector", "contradictions": 0})] * 2


def test_once_a_purge_is_intended_the_store_is_not_asked_for_a_quarantine(acting: Acting) -> None:
    first = acting.do(Power.QUARANTINE)
    acting.company.pass_grace()
    acting.intend(Power.PURGE)
    acting.store.locate = lambda *_: Whereabouts.LIVE  # whatever the store looks like
    assert acting.do(Power.QUARANTINE) == first
    assert acting.acts == ["quarantine"]


def test_a_purge_that_was_killed_after_its_commit_is_told_when_nothing_is_left_and_not_before(acting: Acting) -> None:
    def settled(order: Order = acting.order) -> bool:
        return settle_purge(acting.deployment, acting.plan, order, acting.batch)

    acting.do(Power.QUARANTINE)
    acting.company.pass_grace()
    assert not settled(), "nobody intended it"
    acting.intend(Power.PURGE)
    assert not settled(), "all of it is there"
    acting.store.locate = lambda *_: Whereabouts.GONE
    assert not settled(), "the inspector still sees it"
    del acting.store.locate
    effect = effect_of(acting.plan, acting.order, acting.batch, Power.PURGE)
    right = acting.deployment.authority.authorize(effect, actor="winddown")
    acting.store.purge(right, acting.order, acting.batch)
    assert not settled(replace(acting.order, leaves_locked=True)), "what is locked stays"
    acting.store.locate = lambda *_: Whereabouts.MIXED
    assert not settled(), "the store still knows of some"
    del acting.store.locate
    assert settled()
    assert (acting.state(Power.PURGE), acting.told()[-1]) == (
        "done",
        ("done", {"by": "inspector", "contradictions": 0}),
    )
    receipt = acting.deployment.authority.receipt(effect)
    assert receipt is not None
    assert (receipt.power, receipt.target, receipt.batch, receipt.records) == ("purge", acting.order.id, 0, VISITS)


# -- before ------------------------------------------------------------------------------------------------------------


def test_an_inspector_of_another_system_is_no_witness(acting: Acting) -> None:
    own = acting.inspector.identity
    for power in (Power.QUARANTINE, Power.PURGE, Power.RESTORE):
        acting.inspector.identity = lambda: "memory copy"
        acts = list(acting.acts)
        with pytest.raises(Refused, match="looks into another system: planned memory shop, found memory copy"):
            acting.do(power)
        assert (acting.acts, acting.state(power)) == (acts, None)
        acting.inspector.identity = own
        if power is Power.QUARANTINE:
            with pytest.raises(Refused, match="planned none, found memory shop"):
                acting.do(Power.QUARANTINE, plan=replace(acting.plan, identities=()))
            acting.do(Power.QUARANTINE)
            acting.company.pass_grace()


def test_a_blind_inspector_stops_quarantine_and_purge(acting: Acting) -> None:
    for power, look in ((Power.QUARANTINE, "unchanged"), (Power.PURGE, "set_aside")):
        seen, acts = getattr(acting.inspector, look), list(acting.acts)
        setattr(acting.inspector, look, lambda *_: VISITS - 1)
        with pytest.raises(Residual, match=rf"before {power} of .* batch 0 the inspector sees 4 of 5 records"):
            acting.do(power)
        assert (acting.acts, acting.state(power)) == (acts, None)
        setattr(acting.inspector, look, seen)
        acting.do(power)
        acting.company.pass_grace()


def test_what_nobody_here_intended_is_not_gone_on_with(acting: Acting) -> None:
    with pytest.raises(Refused, match="batch 0 is live") as refused:
        acting.do(Power.PURGE)
    assert refused.value.rule == "quarantine before purge"
    gone, mixed = Whereabouts.GONE, Whereabouts.MIXED
    found = [(Power.QUARANTINE, gone), (Power.QUARANTINE, mixed), (Power.QUARANTINE, Whereabouts.QUARANTINED)]
    for power, where in (*found, (Power.PURGE, mixed), (Power.PURGE, gone), (Power.RESTORE, gone)):
        acting.store.locate = lambda *_, where=where: where
        with pytest.raises(Residual, match=f"is {where} before its {power}, and nobody here intended that"):
            acting.do(power)
        assert (acting.acts, acting.state(power)) == ([], None)
    assert len(acting.visits) == VISITS


@pytest.mark.parametrize("where", [Whereabouts.MIXED, Whereabouts.GONE])
def test_half_a_purge_is_ours_to_finish_when_we_intended_it(acting: Acting, where: Whereabouts) -> None:
    acting.do(Power.QUARANTINE)
    acting.company.pass_grace()
    acting.intend(Power.PURGE)
    acting.store.locate = lambda *_: Whereabouts.LIVE
    with pytest.raises(Refused, match="batch 0 is live"):
        acting.do(Power.PURGE)
    acting.store.locate = lambda *_: where
    acting.inspector.set_aside = lambda *_: 0  # half of it cannot be seen whole any more
    acting.do(Power.PURGE)
    assert acting.state(Power.PURGE) == "done"


@pytest.mark.parametrize("where", [Whereabouts.QUARANTINED, Whereabouts.MIXED])
def test_half_a_quarantine_is_ours_to_finish_when_we_intended_it(acting: Acting, where: Whereabouts) -> None:
    acting.intend(Power.QUARANTINE)
    acting.store.locate = lambda *_: where
    acting.inspector.unchanged = lambda *_: 0
    acting.do(Power.QUARANTINE)
    assert acting.state(Power.QUARANTINE) == "done"


def test_a_first_quarantine_that_compares_in_the_act_needs_no_look_before_and_any_other_one_does(
    acting: Acting,
) -> None:
    def locate(*_: Any) -> Whereabouts:
        raise AssertionError("the store is not asked where the batch is")

    located, acting.store.locate = acting.store.locate, locate
    with pytest.raises(AssertionError):
        acting.do(Power.QUARANTINE)
    acting.inspector.unchanged, seen = (lambda *_: VISITS - 1), acting.inspector.unchanged
    for method in (Method.ESCROW_ROWS, Method.MOVE_ROWS, Method.MOVE_FIELDS):
        with pytest.raises(AssertionError):
            acting.do(Power.QUARANTINE, order=replace(acting.order, method=method))
    acting.inspector.unchanged = seen
    acting.do(Power.QUARANTINE, order=replace(acting.order, method=Method.MOVE_ROWS))
    with pytest.raises(AssertionError):  # it was intended before: somebody else may have changed what is there
        acting.do(Power.QUARANTINE, order=replace(acting.order, method=Method.MOVE_ROWS))
    acting.company.pass_grace()
    with pytest.raises(AssertionError):
        acting.do(Power.PURGE, order=replace(acting.order, method=Method.MOVE_ROWS))
    acting.store.locate = located
    acting.do(Power.PURGE)


@pytest.mark.parametrize("where", [Whereabouts.QUARANTINED, Whereabouts.MIXED, Whereabouts.LIVE])
def test_what_can_come_back_does_whoever_intended_what(acting: Acting, where: Whereabouts) -> None:
    acting.store.locate = lambda *_: where
    acting.do(Power.RESTORE)
    assert (acting.acts, acting.state(Power.RESTORE)) == (["restore"], "done")


def test_a_sentinel_that_is_hit_stops_what_destroys_and_not_what_brings_back(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any]
) -> None:
    tables = visits(case_document, VISITS)
    case_document["register"][0]["sentinels"] = [{"id": "C1"}]
    company = running(deployment, case_folder, case_document, tables)
    company.approve(company.run().plan_id)
    acting = Acting(company)
    acting.do(Power.QUARANTINE)
    company.pass_grace()
    tables["customers"].rows[1]["country"] = "JP"
    with pytest.raises(Residual, match="1 of 1 sentinels of shop:customers changed or gone: case demo-1 is halted"):
        acting.do(Power.PURGE)
    acting.do(Power.RESTORE)
    assert (acting.acts, len(acting.visits)) == (["quarantine", "restore"], VISITS)
    acting.deployment.switch.resume("demo-1", by="chen", reason="looked at", door="command")
    with pytest.raises(Residual, match="sentinels of shop:customers"):
        acting.do(Power.QUARANTINE)


# -- after -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power", "look", "answer", "found"),
    [
        (Power.QUARANTINE, "remaining", 2, 2),
        (Power.QUARANTINE, "set_aside", VISITS - 1, 1),
        (Power.PURGE, "remaining", 2, 2),
        (Power.PURGE, "leftovers", 3, 3),
    ],
)
def test_a_store_that_is_contradicted_leaves_an_unknown_that_nothing_goes_on_from(
    acting: Acting, power: Power, look: str, answer: int, found: int
) -> None:
    if power is Power.PURGE:
        acting.do(Power.QUARANTINE)
        acting.company.pass_grace()
    seen = getattr(acting.inspector, look)
    if look == "leftovers":
        acting.inspector.set_aside = lambda *_: VISITS  # which asks for leftovers here
    setattr(acting.inspector, look, lambda *_: answer)
    with pytest.raises(Residual, match=f"batch 0: {found} records or traces contradict the store"):
        acting.do(power)
    assert (acting.state(power), acting.told()[-1]) == (
        "unknown",
        ("unknown", {"by": "inspector", "contradictions": found}),
    )
    setattr(acting.inspector, look, seen)
    if power is Power.QUARANTINE:
        acting.company.pass_grace()
        with pytest.raises(Refused, match="has no quarantine receipt"):
            acting.do(Power.PURGE)
    acting.do(power)
    assert (acting.state(power), acting.told()[-1][0]) == ("done", "done")


def test_what_was_quarantined_and_never_closed_is_not_passed_over_when_all_comes_back(
    acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(acting.deployment.authority), "close", killed)
        with pytest.raises(KeyboardInterrupt):
            acting.do(Power.QUARANTINE)
    assert (acting.state(Power.QUARANTINE), acting.visits) == ("intent", [])
    acting.inspector.set_aside = lambda *_: 0  # what is set aside is damaged
    restore(acting.deployment, "demo-1", requested_by="chen")
    assert len(acting.visits) == VISITS


@pytest.mark.parametrize(
    ("told", "seen", "left"), [(2, 2, 0), (2, 1, 1), (1, 2, 1), (0, None, 0), (2, None, 2)]
)  # fmt: skip
def test_another_path_finds_as_many_locked_versions_as_the_store_tells(
    acting: Acting, told: int, seen: int | None, left: int
) -> None:
    acting.do(Power.QUARANTINE)
    acting.company.pass_grace()
    purge = acting.store.purge
    acting.store.purge = lambda *given: replace(purge(*given), details=(("locked", str(told)),))
    if seen is not None:  # an inspector that knows nothing of keys sees none
        for name in ("key_is_there", "open_without_key", "listed", "locked"):
            setattr(acting.inspector, name, lambda *_: seen)
    order = replace(acting.order, leaves_locked=True)
    if left:
        with pytest.raises(Residual, match=f"batch 0: {left} records or traces contradict the store"):
            acting.do(Power.PURGE, order=order)
    else:
        acting.do(Power.PURGE, order=order)
    assert acting.state(Power.PURGE) == ("unknown" if left else "done")


def test_what_was_brought_back_is_compared_with_the_plan(acting: Acting) -> None:
    acting.do(Power.QUARANTINE)
    acting.inspector.unchanged = lambda *_: VISITS - 1
    with pytest.raises(Residual, match=r"restore of .* batch 0: 1 records or traces contradict the store"):
        acting.do(Power.RESTORE)
    assert acting.state(Power.RESTORE) == "unknown"
    assert acting.state(Power.QUARANTINE) == "done", "only what is back loses its receipt"


def test_a_table_that_went_whole_and_was_never_seen_in_quarantine_is_brought_back_as_it_is(acting: Acting) -> None:
    acting.inspector.set_aside = lambda *_: VISITS - 1
    with pytest.raises(Residual):
        acting.do(Power.QUARANTINE)
    acting.inspector.unchanged = lambda *_: 0  # somebody wrote into it before it went
    with pytest.raises(Residual, match="5 records or traces"):
        acting.do(Power.RESTORE)
    for method in (Method.MOVE_TABLE, Method.DETACH_PARTITION):
        acting.inspector.leftovers, seen = (lambda *_: 1), acting.inspector.leftovers
        with pytest.raises(Residual, match="1 records or traces"):
            acting.do(Power.RESTORE, order=replace(acting.order, method=method))
        acting.inspector.leftovers = seen
    acting.do(Power.RESTORE, order=replace(acting.order, method=Method.DETACH_PARTITION))
    assert acting.told()[-1] == ("done", {"by": "inspector, in quarantine alone", "contradictions": 0})


def test_a_table_that_was_seen_in_quarantine_is_compared_when_it_comes_back(acting: Acting) -> None:
    acting.do(Power.QUARANTINE)
    acting.inspector.unchanged = lambda *_: VISITS - 1
    with pytest.raises(Residual, match="1 records or traces"):
        acting.do(Power.RESTORE, order=replace(acting.order, method=Method.MOVE_TABLE))


@pytest.mark.parametrize(
    ("generalised", "look"), [((), "set_aside"), ((("phone", "first:3"),), "leftovers")], ids=["emptied", "in part"]
)
def test_fields_that_came_back_leave_nothing_behind(
    acting: Acting, generalised: tuple[tuple[str, str], ...], look: str
) -> None:
    acting.do(Power.QUARANTINE)
    order = replace(acting.order, act=Act.MINIMISE, fields=("phone",), generalised=generalised)
    for name in ("set_aside", "leftovers"):
        setattr(acting.inspector, name, lambda *_: 0)
    setattr(acting.inspector, look, lambda *_: 2)
    acting.inspector.unchanged = lambda *_: 0  # what else of the rows was changed is none of ours
    acting.store.restore = lambda *_: Receipt("restore", str(order.id), 0, VISITS)
    with pytest.raises(Residual, match="2 records or traces"):
        acting.do(Power.RESTORE, order=order)
    setattr(acting.inspector, look, lambda *_: 0)
    acting.do(Power.RESTORE, order=order)
    assert acting.state(Power.RESTORE) == "done"


def test_restoring_looks_at_no_sentinel_and_waits_for_no_inspector_that_sees_all(acting: Acting) -> None:
    acting.do(Power.QUARANTINE)
    acting.deployment.switch.halt("demo-1", by="wu", reason="x", door="command")
    acting.inspector.set_aside = lambda *_: 0
    acting.do(Power.RESTORE)
    assert len(acting.visits) == VISITS
    assert acting.do(Power.RESTORE).records == VISITS
    assert acting.acts == ["quarantine", "restore"], "what is back is not brought back again"


def test_a_batch_is_the_approved_one(acting: Acting) -> None:
    other = Batch(0, "0" * 64, acting.batch.keys)
    with pytest.raises(Refused, match="is not the approved one"):
        perform(acting.deployment, acting.plan, acting.order, other, Power.QUARANTINE)
    assert len(acting.visits) == VISITS
