"""A key that goes with what lies under it: planned, destroyed last and once, and only with what the plan knows."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from winddown.archive.customer_key import CustomerKey
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.inventory import Fact, Inventory
from winddown.domain.plan import Method, Order, Plan, Wave
from winddown.domain.receipt import Receipt
from winddown.ports import Discovery, Inspector
from winddown.runner import Halt
from winddown.stages import crypto_erase, emptied, journey
from winddown.stages.certify import certify
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.destroy_keys_and_buckets import destroy_keys_and_buckets
from winddown.stages.discover import take_inventory
from winddown.stages.endings import key_of
from winddown.stages.report import report
from winddown.stores.memory import MemoryStore, Row

from .running import NONE, Running, TableInspector, require_sound, running, table

WHY, COPIES = "the archive ends with the company; memo of 2 May", "the safe's copy was shredded on 3 May"
UNTIL = "2031-05-06"


class KeyStore(MemoryStore):
    """Tables that lie under a key; of the visits the service locks some versions.

    Attributes:
        locked: versions that a retention keeps; ``mode`` is that of the fact.
        others: versions that are under no key or another one.
        strange: versions that somebody wrote meanwhile.
        opened: versions that can be read without the key.
        before, then: what happens at the destruction, before and after it.
    """

    key: CustomerKey
    locked, others, strange, opened, mode = 2, 0, 0, 0, "compliance"
    stops: tuple[Blocker, ...] = ()
    before: Callable[[], None] = staticmethod(lambda: None)
    then: Callable[[], None] = staticmethod(lambda: None)

    def discover(self) -> Discovery:
        self.key.fingerprint()
        found = super().discover()
        name, value = f"{self.mode}-retention", f"{self.locked} versions until {UNTIL}"
        stop = Blocker("compliance-retention", "shop:visits", value, "officer", "wait")
        stops = (stop,) if self.mode == "compliance" else ()
        facts = (Fact("shop:visits", name, value),) if self.locked else ()
        return Discovery(found.collections, (*self.stops, *(stops if self.locked else ())), facts, found.identity)

    def purge(self, authorization: Authorization, order: Order, batch: Batch) -> Receipt:
        receipt = super().purge(authorization, order, batch)
        told = (("locked", str(self.locked)), ("locked_until", UNTIL)) if order.leaves_locked else ()
        return replace(receipt, details=told)

    def key_fingerprint(self) -> str:
        return self.key.fingerprint()

    def not_under_key(self) -> int:
        return self.others

    def destroy_key(self, authorization: Authorization, *, fingerprint: str) -> Receipt:
        authorization.require(Power.SANITISE, store="shop", target="destroy key of shop", batch_digest=fingerprint)
        self._unlock(authorization)
        self.before()
        self.key.destroy(fingerprint)
        self.then()
        return Receipt("sanitise", "shop", 0, 1, (("key", "unlinked"), ("fingerprint", fingerprint)))


class KeyInspector(TableInspector):
    store: KeyStore

    def key_is_there(self) -> bool:
        return self.store.key.path.exists()

    def open_without_key(self) -> int:
        return self.store.opened

    def listed(self) -> int:
        return self.store.locked + self.store.strange

    def locked(self, order: Order, batch: Batch) -> int:  # noqa: ARG002 - there is one batch
        return self.store.locked if order.leaves_locked else 0


@dataclass
class Company(Running):
    store: KeyStore = field(init=False)

    def until(self, reason: str) -> Halt:
        """Let people act until the case waits for this."""
        while (halt := self.run()).reason != reason:
            if halt.reason == "approvals":
                self.approve(halt.plan_id)
            else:
                assert halt.reason == "grace", halt
                self.pass_grace()
        return halt

    def at_the_end(self) -> None:
        self.until("grace")
        self.pass_grace()

    @property
    def path(self) -> Path:
        return self.store.key.path

    @property
    def plan(self) -> Plan:
        control = self.deployment.control
        return control.plan(control.plans("demo-1")[-1])

    def blockers(self) -> dict[str, set[str]]:
        """Subjects of blockers by code."""
        found = self.deployment.control.get("demo-1", "blockers", "after_claims", type_=tuple[Blocker, ...])
        told: dict[str, set[str]] = {}
        for blocker in found or ():
            told.setdefault(blocker.code, set()).add(blocker.subject)
        return told

    def state(self) -> str | None:
        key = key_of(self.plan, "shop")
        assert key is not None
        return self.deployment.authority.state(key.effect)


def write_key(path: Path, content: bytes) -> CustomerKey:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)
    return CustomerKey("shop", path.as_uri())


@pytest.fixture
def company(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Company:
    """Visits and customers that all go from a store whose objects lie under a key; some visits are locked."""
    monkeypatch.setattr(emptied, "_WHOLE", {Method.SET_ASIDE})
    monkeypatch.setattr(journey, "report", lambda *_: "")
    visits: list[Row] = [{"no": f"V{n}", "phone": f"1380013{n:04d}", "customer": "C0"} for n in range(3)]
    customers: list[Row] = [{"id": "C0", "born_on": "1980-01-01", "country": "CN", "phone": "13800139999"}]
    tables = {"customers": table("id", rows=customers), "visits": table("no", rows=visits)}
    case_document["accepted_dates"] = []
    phone = {"phone": {"kind": "mobile", "because": "seen"}}
    others = dict.fromkeys(("id", "born_on", "country"), NONE)
    common = {"category": "customer_service", "purpose": "service", "steward": "li"}
    case_document["register"] = [
        {"collection": "shop:customers", **common, "subject": {"field": "id"}, "fields": phone | others},
        {"collection": "shop:visits", **common, "subject": {"field": "customer"}, "fields": phone},
    ]
    made = running(deployment, case_folder, case_document, tables)
    store = KeyStore("shop", tables=tables, unlock=deployment.authority.redeem)
    store.key = write_key(case_folder / "keys" / "shop.key", b"k" * 32)
    inspector = KeyInspector(tables)
    inspector.store = store
    systems = Systems({"shop": store}, {"shop": cast("Inspector", inspector)}, {})
    (declared,) = case_document["stores"]
    declared.update(kind="s3", bucket="shop", customer_key="shop_key", destroy_key=WHY, key_copies=COPIES)
    found = Company(replace(made.deployment, systems=lambda _: systems), case_folder, case_document, tables, made.keys)
    found.store = store
    return found


def test_it_is_approved_with_what_it_makes_unreadable_and_destroyed_last(company: Company) -> None:
    fingerprint = company.store.key.fingerprint()
    halt = company.until("grace")
    orders = {str(order.collection): order for order in company.plan.orders}
    (says,) = [order for order in orders.values() if order.destroys_key]
    assert says.destroys_key == fingerprint
    assert f"the key with fingerprint {fingerprint} is destroyed for good: {WHY}" in says.reason
    assert says.reason.endswith(f"of its copies: {COPIES}")
    assert {name for name, order in orders.items() if order.leaves_locked} == {"shop:visits"}
    assert (
        f"leaves locked what the service retains, unreadable: 2 versions until {UNTIL}" in orders["shop:visits"].reason
    )
    assert company.path.exists()
    company.until("finished")
    assert not company.path.exists()
    certificate = company.certificate(halt.plan_id)
    rows = {row["collection"]: row for row in certificate["orders"]}
    assert {row["outcome"] for row in rows.values()} == {"purge"}
    key = {"technique": "crypto_erase", "fingerprint": fingerprint, "copies": COPIES}
    assert rows["shop:visits"]["key"] == key | {"locked_versions": 2, "locked_until": UNTIL}
    assert rows["shop:customers"]["key"] == key | {"locked_versions": 0, "locked_until": None}
    (left,) = [row for row in certificate["residual_until"] if row["collection"] == "shop:visits"]
    assert left["what"].startswith(
        "2 versions stay locked, unreadable since their key was destroyed (crypto_erase; NIST"
    )
    assert "names, sizes, metadata and tags stay in clear" in left["what"]
    assert (left["until"], left["next"]["on"]) == (UNTIL, "2031-05-07")
    assert any("nothing is claimed of copies of the key" in said for said in certificate["not_claimed"])
    require_sound(report(company.deployment, "demo-1"))
    found = take_inventory(company.deployment, company.deployment.case("demo-1"))
    assert (found.collections, found.blockers) == ((), ())
    assert company.run().reason == "finished", "nothing misses it"


def test_a_store_without_locks_is_covered_as_well(company: Company) -> None:
    company.store.locked = 0
    halt = company.until("grace")
    assert not any(order.leaves_locked for order in company.plan.orders)
    company.until("finished")
    assert not company.path.exists()
    certificate = company.certificate(halt.plan_id)
    assert {row["outcome"] for row in certificate["orders"]} == {"purge"}
    assert not any("crypto_erase" in row["what"] for row in certificate["residual_until"])


@pytest.mark.parametrize("when", ["before", "then"])
def test_a_run_that_was_killed_around_the_destruction_goes_on(company: Company, when: str) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    setattr(company.store, when, die)
    company.at_the_end()
    with pytest.raises(KeyboardInterrupt):
        company.run()
    assert company.state() == "intent"
    assert company.path.exists() == (when == "before")
    company.store.before = company.store.then = lambda: None
    company.until("finished")
    assert (company.state(), company.path.exists()) == ("done", False)


def test_a_second_worker_finds_it_done(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.at_the_end()
    require = crypto_erase.require_fit
    first: list[bool] = []

    def overtaken(deployment: Deployment, *given: Any) -> None:
        require(deployment, *given)
        if not first:
            first.append(True)
            destroy_keys_and_buckets(deployment, company.plan.id)

    monkeypatch.setattr("winddown.stages.destroy_keys_and_buckets.require_fit", overtaken)
    with pytest.raises(Transient, match="done by another worker"):
        company.run()
    assert (company.state(), company.path.exists()) == ("done", False)
    company.until("finished")


def test_another_key_in_its_place_is_not_touched(company: Company) -> None:
    company.at_the_end()
    write_key(company.path, b"another key of thirty-two bytes.")
    with pytest.raises(Refused, match="another one, with fingerprint"):
        company.run()
    assert (company.state(), company.path.exists()) == (None, True)
    with pytest.raises(Refused, match="not carried out: the key of shop"):
        certify(company.deployment, company.plan.id)


def test_a_key_that_was_gone_before_is_an_error(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.at_the_end()
    verify = journey.verify

    def then_gone(deployment: Deployment, plan_id: str) -> str:
        said = verify(deployment, plan_id)
        company.path.unlink()
        return said

    monkeypatch.setattr(journey, "verify", then_gone)
    with pytest.raises(Residual, match="the key of store shop is gone, and nobody here intended that"):
        company.run()
    assert company.state() is None


def test_a_file_that_came_back_or_a_body_that_can_be_read_closes_nothing(company: Company) -> None:
    company.at_the_end()
    company.store.then = lambda: cast("None", write_key(company.path, b"k" * 32))
    with pytest.raises(Residual, match="still there"):
        company.run()
    assert company.state() == "unknown"
    company.store.then = lambda: setattr(company.store, "opened", 1)
    with pytest.raises(Residual, match="1 versions can be read without it"):
        company.run()
    with pytest.raises(Refused, match="open effects"):
        certify(company.deployment, company.plan.id)
    company.store.opened = 0
    company.until("finished")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("others", "1 versions that are not under the key"),
        ("strange", "1 versions that the plan did not leave locked"),
        ("opened", "1 versions that are not refused to somebody without the key"),
    ],
)
def test_it_stays_while_something_came_under_it(company: Company, what: str, said: str) -> None:
    company.at_the_end()
    setattr(company.store, what, 1)
    with pytest.raises(Refused, match=said):
        company.run()
    assert (company.state(), company.path.exists()) == (None, True)
    setattr(company.store, what, 0)
    company.until("finished")
    assert not company.path.exists()


def test_what_the_inspector_finds_locked_must_be_what_the_store_left(company: Company) -> None:
    company.at_the_end()
    locked = KeyInspector.locked
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeyInspector, "locked", lambda *given: locked(*given) and 1)
        with pytest.raises(Residual, match="1 records or traces contradict the store"):
            company.run()
    company.until("finished")


def keep_a_table(company: Company) -> None:
    company.tables["reports"] = table("no", rows=[{"no": "1", "total": "12"}])
    company.document["register"].append(
        {"collection": "shop:reports", "category": "company_own", "purpose": "x", "steward": "li"}
    )


def stop(company: Company) -> None:
    company.store.stops = (Blocker("object-legal-hold", "shop:old", "1 versions", "officer", "have it lifted"),)


@pytest.mark.parametrize(
    "against",
    [keep_a_table, stop, lambda company: setattr(company.store, "others", 3)],
    ids=["stays", "held", "others"],
)
def test_where_something_stands_against_it_nothing_locked_is_planned(
    company: Company, against: Callable[[Company], None]
) -> None:
    against(company)
    halt = company.until("grace")
    assert company.blockers()["key-stays"] == {"shop", "shop:visits"}
    assert [str(order.collection) for order in company.plan.orders] == ["shop:customers"]
    assert not any(order.destroys_key or order.leaves_locked for order in company.plan.orders)
    company.until("finished")
    assert company.path.exists()
    assert len(company.tables["visits"].rows) == 3
    remaining = {row["collection"]: row for row in company.certificate(halt.plan_id)["remaining"]}
    assert remaining["shop:visits"]["disposition"] == "blocked"
    assert remaining["shop:visits"]["reasons"][0].startswith("key-stays: ")


def test_before_the_last_wave_what_is_locked_waits_without_a_blocker(company: Company) -> None:
    company.until("approvals")
    control, case = company.deployment.control, company.deployment.case("demo-1")
    inventory: Inventory = control.require("demo-1", "inventory", Wave.AFTER_CLAIMS, type_=Inventory)
    orders = tuple(replace(order, leaves_locked=False, destroys_key="") for order in company.plan.orders)
    company.store.others = 1
    left, stuck = crypto_erase.destroying_keys(
        company.deployment, case, Wave.AT_ONCE, inventory=inventory, orders=orders, blockers=()
    )
    assert ([str(order.collection) for order in left], stuck) == (["shop:customers"], [])


def test_a_key_that_another_store_lies_under_stays(company: Company) -> None:
    """The other one is down, so that nothing else of it matters."""

    class Other(KeyStore):
        def discover(self) -> Discovery:
            raise Transient("down")

    other = Other("copies", tables={}, unlock=company.deployment.authority.redeem)
    other.key = company.store.key
    systems = company.deployment.systems(cast("Any", None))
    both = Systems(
        {**systems.stores, "copies": other}, {**systems.inspectors, "copies": systems.inspectors["shop"]}, {}
    )
    company.deployment = replace(company.deployment, systems=lambda _: both)
    (declared,) = company.document["stores"]
    copies = {name: value for name, value in declared.items() if name not in {"destroy_key", "key_copies"}}
    company.document["stores"].append({**copies, "name": "copies", "bucket": "copies"})
    company.until("grace")
    assert company.blockers()["key-stays"] == {"shop", "shop:visits"}
    other.key = write_key(company.path.with_name("other.key"), b"o" * 32)
    found = crypto_erase._unfit(
        company.deployment, company.deployment.case("demo-1"), company.deployment.case("demo-1").stores[0]
    )
    assert found == []
    other.key.path.unlink()
    (said,) = crypto_erase._unfit(
        company.deployment, company.deployment.case("demo-1"), company.deployment.case("demo-1").stores[0]
    )
    assert said.startswith("whether store copies is under the same key is not known")


def test_governance_retention_needs_no_reason_where_the_key_goes(company: Company) -> None:
    company.store.mode = "governance"
    company.until("grace")
    assert {str(order.collection) for order in company.plan.orders if order.leaves_locked} == {"shop:visits"}


def test_what_may_be_bypassed_is_not_left(company: Company) -> None:
    company.store.mode = "governance"
    company.document["register"][1]["bypass_governance"] = "set by default"
    company.until("grace")
    assert {str(order.collection) for order in company.plan.orders if order.bypasses_governance} == {"shop:visits"}
    assert not any(order.leaves_locked for order in company.plan.orders)


def test_without_a_reason_it_stays_and_retention_blocks(company: Company) -> None:
    for name in ("destroy_key", "key_copies"):
        company.document["stores"][0].pop(name)
    with pytest.raises(Refused, match="shop:visits: compliance-retention"):
        company.run()
    assert company.path.exists()


def test_a_hold_that_comes_after_the_purge_keeps_the_key(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.at_the_end()
    verify = journey.verify

    def then_held(deployment: Deployment, plan_id: str) -> str:
        said = verify(deployment, plan_id)
        monkeypatch.setattr("winddown.control.authority.holds_digest", lambda _: "0" * 64)
        return said

    monkeypatch.setattr(journey, "verify", then_held)
    with pytest.raises(Refused, match="the holds changed after plan"):
        company.run()
    assert (company.state(), company.path.exists()) == (None, True)


def test_a_right_to_destroy_another_key_is_not_given(company: Company) -> None:
    company.at_the_end()
    key = key_of(company.plan, "shop")
    assert key is not None
    with pytest.raises(Refused, match="does not say that this key is destroyed"):
        company.deployment.authority.authorize(replace(key.effect, batch_digest="0" * 64), actor="winddown")
