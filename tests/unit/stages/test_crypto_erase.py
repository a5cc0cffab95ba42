"""A key that goes with what lies under it: planned, destroyed last and once, and only with what the plan knows."""

from collections.abc import Callable, Sequence
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
from winddown.ports import ByteSearch, Discovery, Inspector
from winddown.stages import crypto_erase, emptied, journey
from winddown.stages.certify import certify
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.destroy_keys_and_buckets import destroy_keys_and_buckets
from winddown.stages.discover import take_inventory
from winddown.stages.endings import Ending, key_of
from winddown.stages.report import report
from winddown.stores.memory import MemoryStore, Row

from .running import NONE, Running, TableInspector, require_sound, running, table

WHY, COPIES = "the archive ends with the company; memo of 2 May", "the safe's copy was shredded on 3 May"
UNTIL = "2031-05-06"


class KeyStore(MemoryStore):
    """Tables that lie under a key; of the visits the service locks some versions.

    Attributes:
        locked: versions that a retention keeps.
        others: versions that are under no key or another one.
        strange: versions that somebody wrote meanwhile.
        opened: versions that can be read without the key.
        before, then: what happens at the destruction, before and after it.
    """

    key: CustomerKey
    locked, others, strange, opened = 2, 0, 0, 0
    before: Callable[[], None] = staticmethod(lambda: None)
    then: Callable[[], None] = staticmethod(lambda: None)

    def discover(self) -> Discovery:
        self.key.fingerprint()
        found = super().discover()
        name, value = "compliance-retention", f"{self.locked} versions until {UNTIL}"
        stop = Blocker(name, "shop:visits", value, "officer", "wait")
        return Discovery(found.collections, (stop,), (Fact("shop:visits", name, value),), found.identity)

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

    def search_bytes(self, probes: Sequence[bytes], *, left_alone: Sequence[str] = (), **_: object) -> ByteSearch:
        """What is locked can still be read, and so its values are found wherever they are looked for."""
        found = 0 if "visits" in left_alone else min(self.store.locked, len(probes))
        return ByteSearch(reached=True, medium="objects", bytes_read=1, probes=len(probes), found=found)

    def listed(self) -> int:
        return self.store.locked + self.store.strange

    def locked(self, order: Order, batch: Batch) -> int:  # noqa: ARG002 - there is one batch
        return self.store.locked if order.leaves_locked else 0


@dataclass
class Company(Running):
    store: KeyStore = field(init=False)

    def at_the_end(self) -> None:
        self.until("grace")
        self.pass_grace()

    def end(self) -> None:
        """Once the wave is verified."""
        destroy_keys_and_buckets(self.deployment, self.plan.id)

    @property
    def key(self) -> Ending:
        found = key_of(self.plan, "shop")
        assert found is not None
        return found

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
        return self.deployment.authority.state(self.key.effect)


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
    validations = {name: row["validation"] for name, row in rows.items()}
    assert validations == {"shop:visits": "limited", "shop:customers": "passed"}
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


def test_it_stays_while_anything_stands_against_it(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is intended and nothing touched; when it is cleared up, the key goes."""
    company.at_the_end()
    locked, key, original = KeyInspector.locked, company.path.read_bytes(), company.store.key.fingerprint()
    with monkeypatch.context() as patch:
        patch.setattr(KeyInspector, "locked", lambda *given: locked(*given) and 1)
        with pytest.raises(Residual, match="1 records or traces contradict the store"):
            company.run()  # it is at the purge, of which the store says that two were left
    company.store.others = 1
    with pytest.raises(Refused, match="1 versions that are not under the key"):
        company.run()
    refuse(company, "1 versions that are not under the key")
    company.store.others, company.store.strange = 0, 1
    refuse(company, "1 versions that the plan did not leave locked")
    company.store.strange, company.store.opened = 0, 1
    refuse(company, "1 versions that are not refused to somebody without the key")
    company.store.opened = 0
    write_key(company.path, b"another key of thirty-two bytes.")
    refuse(company, "another one, with fingerprint")
    company.path.unlink()
    with pytest.raises(Residual, match="the key of store shop is gone, and nobody here intended that"):
        company.end()
    write_key(company.path, key)
    with monkeypatch.context() as patch:
        patch.setattr("winddown.control.authority.holds_digest", lambda _: "0" * 64)
        refuse(company, "the holds changed after plan")
    forged = replace(company.key.effect, batch_digest="0" * 64)
    with pytest.raises(Refused, match="does not say that this key is destroyed"):
        company.deployment.authority.authorize(forged, actor="winddown")
    assert (company.state(), company.store.key.fingerprint()) == (None, original)
    with pytest.raises(Refused, match="not carried out: the key of shop"):
        certify(company.deployment, company.plan.id)
    company.end()
    assert (company.state(), company.path.exists()) == ("done", False)


def refuse(company: Company, said: str) -> None:
    with pytest.raises(Refused, match=said):
        company.end()
    assert (company.state(), company.path.exists()) == (None, True)


def test_killed_and_repeated_it_goes_once_and_what_contradicts_closes_nothing(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    company.at_the_end()
    key = company.path.read_bytes()
    company.store.before = die
    with pytest.raises(KeyboardInterrupt):
        company.run()
    assert (company.state(), company.path.exists()) == ("intent", True)
    company.store.before, company.store.then = (lambda: None), lambda: cast("None", write_key(company.path, key))
    with pytest.raises(Residual, match="still there"):
        company.run()
    assert company.state() == "unknown"
    company.store.then = lambda: setattr(company.store, "opened", 1)
    with pytest.raises(Residual, match="1 versions can be read without it"):
        company.end()
    with pytest.raises(Refused, match="open effects"):
        certify(company.deployment, company.plan.id)
    company.store.opened = 0
    write_key(company.path, key)
    require, first = crypto_erase.require_fit, list[bool]()

    def overtaken(deployment: Deployment, *given: Any) -> None:
        require(deployment, *given)
        if not first:
            first.append(True)
            company.store.then = die
            with pytest.raises(KeyboardInterrupt):
                company.end()  # another worker, killed when the key is gone
            company.store.then = lambda: None
            company.end()  # and run again
            assert (company.state(), company.path.exists()) == ("done", False)

    monkeypatch.setattr("winddown.stages.destroy_keys_and_buckets.require_fit", overtaken)
    with pytest.raises(Transient, match="done by another worker"):
        company.end()
    company.end()
    assert company.state() == "done"
    assert company.until("finished")


def test_where_something_stays_in_the_store_nothing_locked_is_planned(company: Company) -> None:
    company.tables["reports"] = table("no", rows=[{"no": "1", "total": "12"}])
    company.document["register"].append(
        {"collection": "shop:reports", "category": "company_own", "purpose": "x", "steward": "li"}
    )
    halt = company.until("grace")
    assert company.blockers()["key-stays"] == {"shop", "shop:visits"}
    assert [str(order.collection) for order in company.plan.orders] == ["shop:customers"]
    assert not any(order.destroys_key or order.leaves_locked for order in company.plan.orders)
    company.until("finished")
    assert company.path.exists()
    assert len(company.tables["visits"].rows) == 3
    certificate = company.certificate(halt.plan_id)
    remaining = {row["collection"]: row for row in certificate["remaining"]}
    assert remaining["shop:visits"]["disposition"] == "blocked"
    assert remaining["shop:visits"]["reasons"][0].startswith("key-stays: ")
    assert {row["outcome"] for row in certificate["orders"]} == {"clear"}


def test_what_decides_of_a_plan(company: Company) -> None:
    """Asked of one plan's orders, with other inventories, blockers, waves and stores."""
    company.until("approvals")
    control, case = company.deployment.control, company.deployment.case("demo-1")
    inventory: Inventory = control.require("demo-1", "inventory", Wave.AFTER_CLAIMS, type_=Inventory)
    orders = tuple(replace(order, leaves_locked=False, destroys_key="") for order in company.plan.orders)

    def asked(wave: Wave = Wave.AFTER_CLAIMS, **given: Any) -> tuple[set[str], set[str], set[str]]:
        """Collections of orders and of those that leave what is locked, and subjects of blockers."""
        found, stuck = crypto_erase.destroying_keys(
            company.deployment, given.pop("case", case), wave,
            **{"inventory": inventory, "orders": orders, "blockers": ()} | given,
        )  # fmt: skip
        assert {blocker.code for blocker in stuck} <= {"key-stays"}
        assert all(order.destroys_key for order in found[-1:]) != bool(stuck or wave is Wave.AT_ONCE)
        leaving = {str(order.collection) for order in found if order.leaves_locked}
        return {str(order.collection) for order in found}, leaving, {blocker.subject for blocker in stuck}

    both, visits = {"shop:customers", "shop:visits"}, {"shop:visits"}
    stays = ({"shop:customers"}, set[str](), {"shop", "shop:visits"})
    assert asked() == (both, visits, set())
    governed = replace(inventory, facts=(Fact("shop:visits", "governance-retention", f"2 versions until {UNTIL}"),))
    assert asked(inventory=governed) == (both, visits, set())
    bypassing = tuple(replace(order, bypasses_governance=True) for order in orders)
    assert asked(inventory=governed, orders=bypassing) == (both, set(), set()), "what may be bypassed is not left"
    assert asked(inventory=replace(inventory, facts=())) == (both, set(), set()), "covered without locks as well"
    held = Blocker("object-legal-hold", "shop:old", "1 versions", "officer", "have it lifted")
    assert asked(blockers=(held,)) == stays
    company.store.others = 1
    assert asked() == stays
    assert asked(Wave.AT_ONCE) == (*stays[:2], set()), "it may still go with the last wave"
    company.store.others = 0
    company.path.chmod(0o644)
    assert asked() == stays
    company.path.chmod(0o600)
    copies = replace(case.stores[0], name="copies", destroy_key="", key_copies="")
    twice = replace(case, stores=(*case.stores, copies))
    systems = company.deployment.systems(case)
    other = KeyStore("copies", tables={}, unlock=company.deployment.authority.redeem)
    both_stores = Systems({**systems.stores, "copies": other}, systems.inspectors, {})
    company.deployment = replace(company.deployment, systems=lambda _: both_stores)
    other.key = company.store.key
    assert asked(case=twice) == stays, "the other store would become unreadable too"
    other.key = write_key(company.path.with_name("other.key"), b"o" * 32)
    assert asked(case=twice) == (both, visits, set())
    other.key.path.unlink()
    assert asked(case=twice) == stays, "nobody knows whether it is the same"


def test_without_a_reason_it_stays_and_retention_blocks(company: Company) -> None:
    for name in ("destroy_key", "key_copies"):
        company.document["stores"][0].pop(name)
    with pytest.raises(Refused, match="shop:visits: compliance-retention"):
        company.run()
    assert company.path.exists()
