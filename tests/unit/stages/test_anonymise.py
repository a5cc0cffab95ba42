"""A case in which the law lets records be made anonymous: the extract is written and judged, then the source goes."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from winddown.domain.authorization import Power
from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused, Residual
from winddown.domain.plan import Act, Order
from winddown.domain.rule import Period, RuleKind
from winddown.runner import Halt
from winddown.stages import anonymise as anonymising
from winddown.stages import journey
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.quarantine import restore
from winddown.stages.report import report, summary
from winddown.stores.memory import Row
from winddown.web.fates import fates

from .running import NONE, Running, require_sound, rule, running, table, with_rules

MOBILE = {"kind": "mobile", "because": "seen"}
SPEC = {"city": "keep", "visited_on": "month", "amount": "band:100", "phone": "drop"}
PERSONS = 12


def mobile(number: int) -> str:
    return f"1380013{number:04d}"


def visit(number: int, person: int, city: str, on: str) -> Row:
    return {
        "no": f"V{number}", "customer": f"C{person}", "phone": mobile(person), "city": city, "visited_on": on,
        "amount": f"{number % 90}.50",
    }  # fmt: skip


@pytest.fixture
def company(deployment: Deployment, case_folder: Path, case_document: dict[str, Any]) -> Running:
    """Six persons in 上海 and five in 北京, in one month; one alone in 拉萨; 20 visits of one person in 天津."""
    customers: list[Row] = [{"id": f"C{n}", "born_on": "1980-01-01", "country": "CN"} for n in range(PERSONS)]
    cities = ["上海"] * 6 + ["北京"] * 5 + ["拉萨"]
    visits = [visit(n, n, city, f"2025-03-{n + 1:02d}") for n, city in enumerate(cities)]
    visits += [visit(100 + n, 0, "天津", "2025-03-01") for n in range(20)]
    tables = {"customers": table("id", rows=customers), "visits": table("no", rows=visits)}
    case_document["accepted_dates"] = []
    case_document["register"] = [
        {"collection": "shop:customers", "category": "company_own", "purpose": "x", "steward": "li"},
        {
            "collection": "shop:visits", "category": "customer_service", "purpose": "service", "steward": "li",
            "subject": {"field": "customer"},
            "fields": {"phone": MOBILE, **dict.fromkeys(("no", "customer", "city", "visited_on", "amount"), NONE)},
            "anonymise": {"fields": SPEC, "k": 5},
        },
    ]  # fmt: skip
    either = rule(
        "DEL-NDSR-24", RuleKind.MUST_DELETE_OR_ANONYMISE, ("personal_information",), "service_stopped",
        period=Period.parse("P0D"),
    )  # fmt: skip
    return running(
        replace(deployment, rulebook=with_rules(deployment.rulebook, either)), case_folder, case_document, tables
    )


def register(company: Running) -> dict[str, Any]:
    found: dict[str, Any] = company.document["register"][1]
    return found


def extract_order(company: Running, plan_id: str) -> Order:
    (order,) = [one for one in company.deployment.control.plan(plan_id).orders if one.act is Act.ANONYMISE]
    return order


def extract_path(company: Running, order: Order) -> Path:
    return company.deployment.folder("demo-1", "evidence", "anonymous") / f"{order.id}.parquet"


def approved(company: Running) -> str:
    plan_id = company.run().plan_id
    company.approve(plan_id)
    return plan_id


# -- the case --------------------------------------------------------------------------------------------------------


def test_an_extract_is_written_and_judged_before_its_source_goes(company: Running) -> None:
    plan_id = approved(company)
    plan = company.deployment.control.plan(plan_id)
    assert [order.act for order in plan.orders] == [Act.ANONYMISE, Act.ERASE]
    assert plan.orders[1].requires == (plan.orders[0].id,)
    assert company.run().reason == "grace"
    assert company.tables["visits"].rows == []
    company.pass_grace()
    assert company.run().reason == "finished"
    order = extract_order(company, plan_id)
    with pq.ParquetFile(extract_path(company, order)) as file:
        rows = file.read(use_threads=False).to_pylist()
    assert rows == [
        {"amount": "[0,100)", "city": city, "visited_on": "2025-03"} for city in ["上海"] * 6 + ["北京"] * 5
    ]
    row = company.certificate(plan_id)["orders"][0]
    assert {name: row["extract"][name] for name in ("selected", "written", "suppressed", "smallest", "k")} == {
        "selected": 32, "written": 11, "suppressed": 21, "smallest": 5, "k": 5
    }  # fmt: skip
    assert row["extract"]["sha256"] == hashlib.sha256(extract_path(company, order).read_bytes()).hexdigest()
    assert row["extract"]["probes"] == PERSONS
    assert any("no l-diversity" in said for said in company.certificate(plan_id)["not_claimed"])
    written = report(company.deployment, "demo-1")
    require_sound(written)
    page = written.certificates[0].read_text("utf-8")
    assert "11 rows written, 21 left out" in page
    assert "visited_on → year and month" in page
    assert summary(company.deployment, "demo-1")["done"] == {
        "destroyed": 32, "minimised": 0, "handed over": 0, "anonymised": 32
    }  # fmt: skip


def test_nothing_of_who_they_were_is_in_the_file(company: Running) -> None:
    plan_id = approved(company)
    company.run()
    content = extract_path(company, extract_order(company, plan_id)).read_bytes()
    for hidden in ("1380013", "C1", "V1", "拉萨", "天津", "customer", "ARROW:schema", "pandas"):
        assert hidden.encode() not in content, hidden


def test_ten_records_of_one_person_hide_nobody(company: Running) -> None:
    plan_id = approved(company)
    company.run()
    with pq.ParquetFile(extract_path(company, extract_order(company, plan_id))) as file:
        cities = set(file.read(use_threads=False).column("city").to_pylist())
    assert cities == {"上海", "北京"}  # 20 records of 天津 are one person's


def test_the_order_of_the_source_does_not_show(company: Running) -> None:
    company.tables["visits"].rows.reverse()
    plan_id = approved(company)
    company.run()
    order = extract_order(company, plan_id)
    with pq.ParquetFile(extract_path(company, order)) as file:
        rows = [tuple(row.values()) for row in file.read(use_threads=False).to_pylist()]
    assert rows == sorted(rows)
    assert order.fields == ("amount", "city", "visited_on")


def test_a_plans_page_shows_it(company: Running) -> None:
    plan = company.deployment.control.plan(company.run().plan_id)
    (row,) = [found for found in fates(plan, company.deployment.rulebook, ()) if found["collection"] == "shop:visits"]
    assert [label["fate"] for label in row["labels"]] == ["anonymise"]
    assert row["goes"] == 32
    assert row["orders"][0]["generalised"] == [["amount", "band:100"], ["city", "keep"], ["visited_on", "month"]]


# -- killed, repeated, changed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["write_atomically", "check_extract", "_problem"])
def test_killed_and_repeated_it_ends_the_same(company: Running, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    plan_id = approved(company)
    with monkeypatch.context() as patch:

        def die(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(anonymising, where, die)
        with pytest.raises(KeyboardInterrupt):
            journey.anonymise(company.deployment, plan_id)
    assert len(company.tables["visits"].rows) == 32
    (first,) = anonymising.anonymise(company.deployment, plan_id)
    again = anonymising.anonymise(company.deployment, plan_id)
    assert again == (first,)
    path = extract_path(company, extract_order(company, plan_id))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == first.sha256
    assert company.run().reason == "grace"


def test_without_the_extract_nothing_of_the_source_is_touched(company: Running) -> None:
    plan_id = approved(company)
    plan = company.deployment.control.plan(plan_id)
    with pytest.raises(Refused):
        journey.carry_out(company.deployment, plan_id, (plan.orders[1].id,), Power.QUARANTINE, say=print)
    journey.anonymise(company.deployment, plan_id)
    extract_path(company, plan.orders[0]).write_bytes(b"changed")
    with pytest.raises(Residual, match="missing or changed"):
        journey.carry_out(company.deployment, plan_id, (plan.orders[1].id,), Power.QUARANTINE, say=print)
    assert len(company.tables["visits"].rows) == 32


def test_the_control_database_asks_for_the_extract_whatever_a_task_says(
    company: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = approved(company)
    plan = company.deployment.control.plan(plan_id)
    monkeypatch.setattr("winddown.stages.quarantine.require_extracts", lambda *_: None)
    with pytest.raises(Refused, match=f"waits for the checked extract of {plan.orders[0].id}"):
        journey.carry_out(company.deployment, plan_id, (plan.orders[1].id,), Power.QUARANTINE, say=print)


def test_an_extract_that_does_not_pass_is_thrown_away(company: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_id = approved(company)
    honest = anonymising._coarser

    def leaking(values: Any, how: str) -> Any:
        return honest(values, "keep") if how == "month" else honest(values, how)

    monkeypatch.setattr(anonymising, "_coarser", leaking)
    with pytest.raises(Residual, match="a combination occurs 0 times"):
        journey.anonymise(company.deployment, plan_id)
    assert not extract_path(company, extract_order(company, plan_id)).exists()
    states = {found.state for found in company.deployment.control.effects(plan_id)}
    assert states == {"unknown"}
    monkeypatch.undo()
    restore(company.deployment, "demo-1", requested_by="chen")
    register(company)["anonymise"]["fields"].pop("visited_on")
    company.approve(company.run().plan_id)
    assert company.run().reason == "grace"


def test_the_extract_of_a_plan_that_was_given_up_goes_when_another_is_made(company: Running) -> None:
    first = approved(company)
    journey.anonymise(company.deployment, first)
    given_up = extract_path(company, extract_order(company, first))
    company.deployment.control.set_plan_state(first, "superseded")
    second = approved(company)
    journey.anonymise(company.deployment, second)
    assert second != first
    assert not given_up.exists()
    assert extract_path(company, extract_order(company, second)).exists()


# -- what is refused -------------------------------------------------------------------------------------------------


def stopped(company: Running) -> str:
    """Why the collection got no plan."""
    halt: Halt | None = None
    try:
        halt = company.run()
    except Refused as error:
        assert "cannot-anonymise" in error.message  # noqa: PT017
    assert halt is None or halt.reason != "approvals"
    (found,) = company.deployment.control.require("demo-1", "blockers", "after_claims", type_=tuple[Blocker, ...])
    assert (found.code, found.subject) == ("cannot-anonymise", "shop:visits")
    return str(found.explanation)


def test_personal_information_may_not_be_kept_as_it_is(company: Running) -> None:
    register(company)["anonymise"]["fields"] = {"phone": "keep", "city": "keep"}
    assert stopped(company) == "phone holds personal information and may not be kept as it is"


def test_what_was_due_and_stopped_is_certified_as_blocked_and_by_what(company: Running) -> None:
    company.tables["calls"] = table(
        "no", rows=[{"no": f"L{n}", "customer": f"C{n}", "phone": mobile(n)} for n in (1, 2)]
    )
    calls = register(company) | {"collection": "shop:calls"}
    calls["fields"] = {"phone": MOBILE, "no": NONE, "customer": NONE}
    del calls["anonymise"]
    company.document["register"].append(calls)
    register(company)["anonymise"]["fields"] = {"town": "keep"}
    plan_id = approved(company)
    company.run()
    company.pass_grace()
    company.run()
    document = company.certificate(plan_id)
    assert [row["collection"] for row in document["orders"]] == ["shop:calls"]
    (row,) = [row for row in document["remaining"] if row["collection"] == "shop:visits"]
    assert (row["disposition"], row["records"], row["next"]["what"]) == ("blocked", 32, "decide")
    assert row["reasons"][0].startswith("cannot-anonymise: there is no field town")


def test_a_field_that_is_not_there_is_named(company: Running) -> None:
    register(company)["anonymise"]["fields"] = {"town": "keep"}
    assert stopped(company) == "there is no field town"


def test_an_extract_that_would_be_empty_is_not_planned(company: Running) -> None:
    register(company)["anonymise"]["k"] = 7
    assert stopped(company) == "no combination is shared by 7 persons"


def test_a_kept_field_in_which_personal_values_stand_is_not_planned(company: Running) -> None:
    for row in company.tables["visits"].rows:
        if row["city"] == "上海":
            row["city"] = f"call {mobile(1)}"
    assert stopped(company) == "1 of 12 values of personal fields would stand in the extract"


@pytest.mark.parametrize(
    ("spec", "k", "said"),
    [
        ({"city": "hash"}, 5, "'hash' is no generalisation"),
        ({"city": "first:0"}, 5, "'first:0' is no generalisation"),
        ({"city": "first:99"}, 5, "no sensible size"),
        ({"city": "region:3"}, 5, "no sensible size"),
        ({"city": "keep:2"}, 5, "no sensible size"),
        ({"city": "keep"}, 4, "greater than or equal to 5"),
        ({"city": "drop"}, 5, "nothing would be left"),
        ({}, 5, "nothing would be left"),
    ],
)
def test_a_bad_wish_is_refused_with_the_case_file(
    company: Running, write_case: Callable[[Any], Path], spec: dict[str, str], k: int, said: str
) -> None:
    register(company)["anonymise"] = {"fields": spec, "k": k}
    with pytest.raises(Refused, match=f"register.1.anonymise.*{said}"):
        read_case_file(write_case(company.document))
