"""A report is final only when every recipient abroad has confirmed deletion; the evidence itself never waits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.border import Means
from winddown.domain.transfer import Count, TransferCheck, TransferPath
from winddown.evidence.entry import LedgerEntry
from winddown.evidence.page import PAGE_NAME, verifier_page
from winddown.stages import journey
from winddown.stages.case_file import read_case_file
from winddown.stages.check import Checks
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case

CHECK = TransferCheck(
    TransferPath("XB-1", "XB-EX-5-4", "令16第五条", needs_filing=False, sentence=""), "Carrier", "JP", Means.PROVIDED,
    date(2026, 11, 23), Count(0, 0), Count(5, 5), (), (), None, is_ahead=False,
)  # fmt: skip


@pytest.fixture
def signing(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any]) -> Deployment:
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    return deployment


def report(deployment: Deployment, *checks: TransferCheck) -> tuple[str, list[str], list[str]]:
    """What the stage says, the bundles that lie there, and what the ledger says the report waits for."""
    deployment.control.put("demo-1", "checks", "before", Checks((), checks, (), ()), type_=Checks)
    said = journey.report(deployment, "demo-1")
    bundles = [path.name for path in deployment.folder("demo-1", "evidence").glob("*.zip")]
    entries = [LedgerEntry.parse(raw) for raw in deployment.ledger.entries("demo-1")]
    return said, bundles, [entry for entry in entries if entry.type == "report_issued"][-1].body["waits_for"]


def test_without_a_confirmation_the_report_is_an_interim_one(signing: Deployment) -> None:
    said, bundles, waits_for = report(signing, CHECK)
    assert "no final report before recipients confirm deletion: XB-1" in said
    assert (bundles, waits_for) == (["demo-1-interim-bundle.zip"], ["XB-1"])
    # The confirmation arrives: the final report takes the place of the interim one.
    said, bundles, waits_for = report(signing, replace(CHECK, confirmed_on=date(2026, 11, 20)))
    assert "no final report" not in said
    assert (bundles, waits_for) == (["demo-1-bundle.zip"], [])
    assert (signing.folder("demo-1", "evidence") / PAGE_NAME).read_bytes() == verifier_page()


def test_a_custodian_abroad_keeps_and_has_nothing_to_confirm(signing: Deployment) -> None:
    _, bundles, waits_for = report(signing, replace(CHECK, means=Means.CUSTODY))
    assert (bundles, waits_for) == (["demo-1-bundle.zip"], [])
