"""Every effectful method of the ports has its place in every wrapper, and none slips through by accident."""

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pyarrow as pa
import pytest

from winddown import ports
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Residual, Transient, WinddownError
from winddown.domain.inventory import CollectionRef
from winddown.domain.plan import Act, Method, Order, OrderId
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.domain.selection import Selection
from winddown.stores import dry_run, retrying
from winddown.stores.dry_run import DryRunStore
from winddown.stores.memory import MemoryStore, MemoryTable
from winddown.stores.retrying import Backoff, RetryingStore

REF = CollectionRef("shop", "customers")
KEYS = pa.table({"id": ["0", "1"]})
BATCH = Batch(0, "d" * 64, KEYS)
ORDER = Order(OrderId("o-1"), REF, "all", Act.ERASE, Method.SET_ASIDE, Selection("m", "0" * 64, 2, ("d" * 64,)), 0, 2)
RIGHT = Authorization(
    Power.QUARANTINE, "case", "shop", "o-1", "d" * 64, "memory shop", "nonce", datetime.now(UTC), lambda _: None
)
REMEMBERED = Receipt("freeze", "shop", 0, 1, (("grants", "[]"),))
ARGUMENTS: dict[str, Any] = {
    "authorization": RIGHT,
    "order": ORDER,
    "batch": BATCH,
    "remembered": REMEMBERED,
    "earlier": None,
    "notes": None,
    "collections": [REF],
    "settled": [ORDER.id],
    "collection": None,
    "located": KEYS,
    "fields": (),
    "bound": True,
    "size": 2,
    "act": Act.ERASE,
    "whole": True,
    "going": 1,
    "made": "2020-01-01",
    "fingerprint": "f" * 64,
}
ABILITIES: list[type] = [
    found for name, found in vars(ports).items() if name.startswith("Supports") and inspect.isclass(found)
]


def methods(protocol: type) -> dict[str, Any]:
    return {name: found for name, found in vars(protocol).items() if inspect.isfunction(found) and name[0] != "_"}


def effectful(protocol: type) -> list[str]:
    return [name for name, found in methods(protocol).items() if Authorization in get_type_hints(found).values()]


def call(target: Any, name: str) -> Any:
    """Call a method with what its parameters ask for, and read it to its end."""
    signature = inspect.signature(getattr(target, name))
    positional = [ARGUMENTS[key] for key, found in signature.parameters.items() if found.kind is not found.KEYWORD_ONLY]
    named = {key: ARGUMENTS[key] for key, found in signature.parameters.items() if found.kind is found.KEYWORD_ONLY}
    answer = getattr(target, name)(*positional, **named)
    return list(answer) if isinstance(answer, Iterator) else answer


def never(*_: object) -> None:
    pytest.fail("this must not be called")


class Everything:
    """A store with every ability, which writes down what it is asked for and fails as often as it is told."""

    name = "shop"

    def __init__(self, *, failures: int = 0, error: type[WinddownError] = Transient) -> None:
        self.asked: list[str] = []
        self._failures, self._error = failures, error
        self.whereabouts = Whereabouts.QUARANTINED

    def ability(self, protocol: type[Any]) -> Any:
        return self if protocol in ABILITIES else None

    def _answer(self, name: str, answer: Any) -> Any:
        self.asked.append(name)
        if self._failures:
            self._failures -= 1
            raise self._error("told to fail")
        return answer


def _recorded(name: str) -> Any:
    streams = {"read": pa.RecordBatch, "fetch": pa.RecordBatch, "content": bytes, "batch_keys": pa.Table}

    def method(self: Everything, *_arguments: Any, **_named: Any) -> Any:
        if name in streams:
            return iter(self._answer(name, [name, name]))
        if name == "locate":
            return self._answer(name, self.whereabouts)
        return self._answer(name, REMEMBERED if name in {"remember_writers", "freeze", "thaw"} else name)

    return method


PROTOCOLS: list[type] = [ports.Store, *ABILITIES]

for _protocol in PROTOCOLS:
    for _name, _found in methods(_protocol).items():
        _method = _recorded(_name)
        _method.__signature__ = inspect.signature(_found)
        setattr(Everything, _name, _method)

WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "dry_run": DryRunStore,
    "retrying": lambda store: RetryingStore(store, backoff=Backoff(sleep=lambda _: None)),
}
LAYERS: dict[str, dict[type, Any]] = {"dry_run": dry_run.LAYERS, "retrying": retrying.LAYERS}


def test_the_ports_have_the_effects_that_this_test_is_about() -> None:
    assert effectful(ports.Store) == ["quarantine", "restore", "purge"]
    assert {name for protocol in ABILITIES for name in effectful(protocol)} >= {"freeze", "thaw", "sanitise"}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_every_method_of_a_store_is_declared(wrapper: str) -> None:
    declared = vars(type(WRAPPERS[wrapper](Everything())))
    assert methods(ports.Store).keys() <= declared.keys()
    assert isinstance(WRAPPERS[wrapper](Everything()), ports.Layered)


@pytest.mark.parametrize("protocol", ABILITIES)
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_every_ability_shows_through_in_a_declared_form(wrapper: str, protocol: type) -> None:
    store: Any = Everything()
    layered = WRAPPERS[wrapper](store)
    found = ports.ability(layered, protocol)
    assert protocol in LAYERS[wrapper], "an ability that a wrapper does not know is lost behind it"
    assert isinstance(found, protocol)
    for name in effectful(protocol):
        assert found is not store
        assert name in vars(type(found)), "an effect must be declared, not inherited or delegated"
    assert not isinstance(layered, protocol), "the wrapper itself has no ability, so nobody gets an unwrapped one"


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_an_ability_that_nobody_declared_does_not_show_through(wrapper: str) -> None:
    class SupportsExplosion(ports.SupportsSanitise):
        pass

    assert ports.ability(WRAPPERS[wrapper](Everything()), SupportsExplosion) is None
    plain = MemoryStore("shop", tables={}, unlock=repr)
    assert ports.ability(WRAPPERS[wrapper](plain), ports.SupportsContent) is None
    assert ports.ability(WRAPPERS[wrapper](plain), ports.SupportsFreeze) is not None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_dry_run_never_reaches_an_effect(protocol: type) -> None:
    store: Any = Everything()
    found: Any = DryRunStore(store) if protocol is ports.Store else ports.ability(DryRunStore(store), protocol)
    for name in methods(protocol):
        answer = call(found, name)
        if name in effectful(protocol):
            assert dict(answer.details)["dry_run"] == "true"
    effects = {name for every in PROTOCOLS for name in effectful(every)}
    assert not effects & set(store.asked)
    assert set(methods(protocol)) - effects <= set(store.asked), "reading goes through"


@pytest.mark.parametrize(
    ("whereabouts", "refused"),
    [
        (Whereabouts.LIVE, {"purge": Refused}),
        (Whereabouts.QUARANTINED, {}),
        (Whereabouts.GONE, {"quarantine": Refused, "restore": Residual}),
        (Whereabouts.MIXED, {"quarantine": Refused, "restore": Residual, "purge": Refused}),
    ],
)
def test_a_dry_run_refuses_what_the_store_would(
    whereabouts: Whereabouts, refused: dict[str, type[WinddownError]]
) -> None:
    store: Any = Everything()
    store.whereabouts = whereabouts
    for name in effectful(ports.Store):
        if name in refused:
            with pytest.raises(refused[name]):
                call(DryRunStore(store), name)
        else:
            assert call(DryRunStore(store), name).records == BATCH.records


READS = ["discover", "read", "batch_keys", "fetch", "locate"]
ABLE_READS = [("remember_writers", ports.SupportsFreeze), ("content", ports.SupportsContent)]


@pytest.mark.parametrize(("name", "protocol"), [*((name, ports.Store) for name in READS), *ABLE_READS])
def test_reads_are_tried_again_when_the_world_fails(name: str, protocol: type) -> None:
    slept: list[float] = []
    backoff = Backoff(sleep=slept.append, attempts=4, first_seconds=1, cap_seconds=3)

    def behind(store: Any) -> Any:
        layered = RetryingStore(store, backoff=backoff)
        return layered if protocol is ports.Store else ports.ability(layered, protocol)

    store: Any = Everything(failures=3)
    assert call(behind(store), name) == call(Everything(), name)
    assert store.asked == [name] * 4
    assert slept == [1, 2, 3]
    for failures, error, attempts in ((9, Transient, 4), (1, Refused, 1), (1, Residual, 1)):
        store = Everything(failures=failures, error=error)
        with pytest.raises(error):
            call(behind(store), name)
        assert store.asked == [name] * attempts


@pytest.mark.parametrize("protocol", [ports.Store, ports.SupportsFreeze, ports.SupportsSanitise])
def test_effects_are_tried_once(protocol: type) -> None:
    for name in effectful(protocol):
        store: Any = Everything(failures=1)
        layered = RetryingStore(store, backoff=Backoff(sleep=never))
        found: Any = layered if protocol is ports.Store else ports.ability(layered, protocol)
        with pytest.raises(Transient):
            call(found, name)
        assert store.asked == [name]
        assert call(found, name) == call(Everything(), name)


def test_a_stream_that_broke_in_the_middle_is_not_started_again() -> None:
    starts: list[int] = []

    def broken() -> Iterator[str]:
        starts.append(1)
        yield "first"
        yield "second"
        raise Transient("lost")

    stream = Backoff(sleep=never).stream(broken)
    assert [next(stream), next(stream)] == ["first", "second"]
    with pytest.raises(Transient):
        next(stream)
    assert len(starts) == 1
    assert list(Backoff(sleep=never).stream(lambda: iter(()))) == []


def test_waits_stay_under_the_cap_however_often_it_failed() -> None:
    backoff = Backoff(sleep=never, first_seconds=0.5, cap_seconds=20)
    assert [backoff.wait_seconds(failed) for failed in (1, 2, 6, 7, 5000)] == [0.5, 1, 16, 20, 20]
    with pytest.raises(Refused):
        Backoff(sleep=never, attempts=0)
    with pytest.raises(Refused):
        Backoff(sleep=never, first_seconds=5, cap_seconds=1)


def test_layers_can_be_stacked_and_the_dry_one_still_holds() -> None:
    table = MemoryTable(key=("id",), rows=[{"id": "0"}], writers={"app"})
    inner = MemoryStore("shop", tables={"customers": table}, unlock=never)
    for stacked in (
        RetryingStore(DryRunStore(inner), backoff=Backoff(sleep=never)),
        DryRunStore(RetryingStore(inner, backoff=Backoff(sleep=never))),
    ):
        freezing = ports.ability(stacked, ports.SupportsFreeze)
        assert freezing is not None
        freezing.freeze(RIGHT, freezing.remember_writers([REF], None))
        assert table.writers == {"app"}


def test_no_record_shows_in_a_representation() -> None:
    table = MemoryTable(key=("id",), rows=[{"id": "0", "name": "欧阳娜娜"}])
    table.aside["o", 0] = [{"id": "1", "name": "欧阳娜娜"}]
    assert "欧阳" not in repr(table)
