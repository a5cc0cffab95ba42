"""What the company's scans say is found in them, and every record still ends as the truth wants."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from winddown.domain.finding import Finding, Status
from winddown.stages import plan
from winddown.stages.classify import Coverage

if TYPE_CHECKING:
    from tests.conftest import CompanyCase

SCANS = "shop_files:id-scans"


def test_positions_and_numbers_are_found_in_scans_that_go_whole(company_case: Callable[..., "CompanyCase"]) -> None:
    company = company_case(customers=200)
    company.run_until("approvals")
    control = company.deploy().control
    findings = control.require(company.case_id, "findings", "findings", type_=tuple[Finding, ...])
    own = {found.field: found for found in findings if str(found.collection) == SCANS}
    assert set(own) == {"gps", "text"}
    assert (own["gps"].kind, own["gps"].status, own["gps"].sensitive) == ("gps_position", Status.CONFIRMED, True)
    assert (own["text"].kind, own["text"].status) == ("resident_id", Status.STEWARD)
    assert dict(own["text"].embedded)["resident_id"] == own["text"].cells > 0
    coverage = control.require(company.case_id, "coverage", "coverage", type_=tuple[Coverage, ...])
    (scans,) = (found for found in coverage if found.collection == SCANS)
    keys = company.keys("id-scans/")
    photos = sum(key.endswith(".jpg") for key in keys)
    assert scans.records == len(keys)
    assert scans.cells == own["gps"].cells + own["text"].cells
    assert scans.unread == f"opaque: {photos} JPEG images, of which only EXIF is read"
    said = [reason.says for decision in company.decisions(SCANS) for reason in decision.reasons]
    assert any("as a steward declared for these objects, and confirmed in gps, text" in each for each in said)
    company.run_until("finished")
    found = company.compare()
    assert (found.wrongly_destroyed, found.wrongly_changed, found.wrongly_kept) == (0, 0, 0), found.examples


@pytest.mark.thorough
def test_scans_that_were_read_are_not_fetched_again_for_the_next_plan(
    company_case: Callable[..., "CompanyCase"], monkeypatch: pytest.MonkeyPatch
) -> None:
    company = company_case(customers=400)
    monkeypatch.setattr("winddown.archive.notes.secrets.randbelow", lambda _: 100)  # none is tried
    fetched: list[str] = []
    watching: list[str] = []
    call = BaseClient._make_api_call

    def watched(name: str) -> Any:
        step = getattr(plan, name)

        def run(*arguments: Any, **named: Any) -> Any:
            watching.append(name)
            try:
                return step(*arguments, **named)
            finally:
                watching.pop()

        return run

    def counted(client: Any, operation: str, request: dict[str, Any]) -> Any:
        if watching and operation == "GetObject":
            fetched.append(request["Key"])
        return call(client, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    before = company.keys("id-scans/")
    company.run_until("grace")
    for name in ("take_inventory", "classify_inventory", "label_and_decide"):
        monkeypatch.setattr(plan, name, watched(name))
    (late,) = company.keys("id-scans-unsorted/")[:1]
    company.put(late, company.get(late) + b"\0")
    company.run_until("approvals", wave="after-claims")
    keys = company.keys("id-scans/")
    assert len(keys) < len(before), "the first wave took children's scans away"
    assert {key for key in fetched if key.startswith("id-scans")} == {late}
    control = company.deploy().control
    coverage = control.require(company.case_id, "coverage", "coverage", type_=tuple[Coverage, ...])
    (scans,) = (found for found in coverage if found.collection == SCANS)
    photos = sum(key.endswith(".jpg") for key in keys)
    assert (scans.records, scans.unread) == (len(keys), f"opaque: {photos} JPEG images, of which only EXIF is read")
    findings = control.require(company.case_id, "findings", "findings", type_=tuple[Finding, ...])
    text = next(found for found in findings if str(found.collection) == SCANS and found.field == "text")
    assert text.cells == len(keys) - photos
