"""A bucket that goes with what was in it: planned, deleted last and once, and missed by nobody afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from winddown.domain.authorization import Authorization, Power
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Method, Plan
from winddown.domain.receipt import Receipt
from winddown.ports import Discovery, Inspector
from winddown.stages import emptied, journey
from winddown.stages.certify import certify
from winddown.stages.deployment import Deployment, Systems
from winddown.stages.discover import take_inventory
from winddown.stages.report import report
from winddown.stores.memory import MemoryStore, Row

from .running import NONE, Running, TableInspector, require_sound, running, table

WHY = "the service ends with the company; memo of 2 May"


class BucketStore(MemoryStore):
    """Tables that lie in a bucket.

    Attributes:
        made: when it was made, or "" when there is none.
        left: what would be in it when it is to go.
        then: what happens when it was deleted.
    """

    made, left, deletions = "2020-01-01", "", 0
    then: Callable[[], None] = staticmethod(lambda: None)

    def discover(self) -> Discovery:
        if not self.made:
            raise Refused("there is no such bucket")
        return super().discover()

    def bucket_made(self) -> str:
        return self.made

    def delete_bucket(self, authorization: Authorization, *, made: str) -> Receipt:
        authorization.require(Power.SANITISE, store="shop", target="delete bucket of shop")
        self._unlock(authorization)
        if made != self.made:
            raise Refused("another bucket")
        if self.left:
            raise Residual(self.left)
        self.made, self.deletions = "", self.deletions + 1
        self.then()
        return Receipt("sanitise", "shop", 0, 1, (("bucket", "deleted"),))


class BucketInspector(TableInspector):
    store: BucketStore

    def bucket_is_there(self) -> bool:
        return bool(self.store.made)


@dataclass
class Company(Running):
    store: BucketStore = field(init=False)

    @property
    def plan(self) -> Plan:
        control = self.deployment.control
        return control.plan(control.plans("demo-1")[-1])

    def codes(self) -> set[str]:
        found = self.deployment.control.get("demo-1", "blockers", "after_claims", type_=tuple[Blocker, ...])
        return {blocker.code for blocker in found or ()}


@pytest.fixture
def company(
    deployment: Deployment, case_folder: Path, case_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Company:
    """Visits that all go from a store that is a bucket."""
    monkeypatch.setattr(emptied, "_WHOLE", {Method.SET_ASIDE})
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
    store = BucketStore("shop", tables=tables, unlock=deployment.authority.redeem)
    inspector = BucketInspector(tables)
    inspector.store = store
    systems = Systems({"shop": store}, {"shop": cast("Inspector", inspector)}, {})
    (declared,) = case_document["stores"]
    declared.update(kind="s3", bucket="shop", delete_bucket=WHY)
    found = Company(replace(made.deployment, systems=lambda _: systems), case_folder, case_document, tables, made.keys)
    found.store = store
    return found


def test_it_is_approved_with_the_order_that_empties_it_and_deleted_last(company: Company) -> None:
    halt = company.until("grace")
    says = [order for order in company.plan.orders if order.deletes_bucket]
    assert [order.deletes_bucket for order in says] == ["2020-01-01"]
    assert says[0].reason.endswith(f"when it is empty, the bucket is deleted for good: {WHY}")
    assert company.store.deletions == 0
    control, frozen = company.deployment.control, []
    company.store.then = lambda: frozen.append(control.get("demo-1", "freeze", "shop", type_=Receipt | None))
    company.until("finished")
    assert frozen != [None], "nobody wrote between the last look and the deletion"
    assert control.get("demo-1", "freeze", "shop", type_=Receipt | None) is None, "nothing is left to be given back"
    assert (company.store.deletions, company.store.made) == (1, "")
    rows = {row["id"]: row["exceptions"] for row in company.certificate(halt.plan_id)["orders"]}
    assert any("its bucket was deleted once it was empty, for the approved reason" in said for said in rows.values())
    require_sound(report(company.deployment, "demo-1"))
    found = take_inventory(company.deployment, company.deployment.case("demo-1"))
    assert (found.collections, found.blockers) == ((), ())
    assert company.run().reason == "finished", "nothing misses it"
    assert company.store.deletions == 1


def test_a_run_that_was_killed_after_the_deletion_goes_on(company: Company) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    company.store.then = die
    company.until("grace")
    company.pass_grace()
    with pytest.raises(KeyboardInterrupt):
        company.run()
    assert company.until("finished")
    assert company.deployment.control.get("demo-1", "freeze", "shop", type_=Receipt | None) is None
    assert (company.store.deletions, company.store.made) == (1, "")


def test_a_bucket_that_somebody_made_anew_is_not_touched(company: Company) -> None:
    def anew() -> None:
        company.store.made = "2026-12-01"

    company.store.then = anew
    company.until("grace")
    company.pass_grace()
    with pytest.raises(Residual, match="still there"):
        company.run()
    with pytest.raises(Refused, match="another one"):
        company.run()
    assert (company.store.deletions, company.store.made) == (1, "2026-12-01")
    assert company.deployment.control.plan_state(company.plan.id) == "open", "nothing is certified"


def test_a_bucket_that_was_exchanged_keeps_its_policy_too(company: Company) -> None:
    company.until("grace")
    company.pass_grace()
    company.store.made = "2026-12-01"
    with pytest.raises(Refused, match="another one than the one made at 2020-01-01"):
        company.run()
    assert company.store.deletions == 0
    assert company.deployment.control.get("demo-1", "freeze", "shop", type_=Receipt | None) is not None, "not thawed"


@pytest.mark.parametrize(
    ("made", "left", "said"), [("", "", "nobody here intended"), ("x", "3 versions", "3 versions")]
)
def test_it_is_deleted_only_when_it_is_there_and_empty(company: Company, made: str, left: str, said: str) -> None:
    company.until("grace")
    company.pass_grace()
    company.store.left = left
    plan_id, planned = company.plan.id, company.store.made
    journeyed = journey.verify

    def verify(deployment: Deployment, found: str) -> str:
        message = journeyed(deployment, found)
        company.store.made = made and planned
        return message

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journey, "verify", verify)
        with pytest.raises(Residual, match=said):
            company.run()
    with pytest.raises(Refused, match=r"open effects|not carried out: .*the bucket of shop"):
        certify(company.deployment, plan_id)
    is_frozen = company.deployment.control.get("demo-1", "freeze", "shop", type_=Receipt | None) is not None
    assert is_frozen is not bool(left), "whoever has to move what is in it can"
    company.store.left = ""
    if made:
        company.until("finished")
        assert company.store.deletions == 1


def test_a_bucket_in_which_something_stays_is_named_and_left(company: Company) -> None:
    company.tables["reports"] = table("no", rows=[{"no": "1", "total": "12"}])
    company.document["register"].append(
        {"collection": "shop:reports", "category": "company_own", "purpose": "x", "steward": "li"}
    )
    company.until("finished")
    assert "bucket-stays" in company.codes()
    assert (company.store.deletions, company.store.made) == (0, "2020-01-01")


def test_without_a_reason_it_stays(company: Company) -> None:
    company.document["stores"][0].pop("delete_bucket")
    company.until("finished")
    assert (company.store.deletions, company.codes()) == (0, set())
