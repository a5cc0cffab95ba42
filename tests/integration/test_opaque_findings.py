"""What the company's scans say is found in them, and every record still ends as the truth wants."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from winddown.domain.finding import Finding, Status
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
