"""A stage of the preparation runs once; what failed runs again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.errors import Refused
from winddown.evidence.entry import LedgerEntry
from winddown.stages import journey
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case


@pytest.fixture
def case_id(deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any) -> str:
    shop.put("customers", {"id": ["C-held"], "born_on": [None], "country": [None]}, key=("id",))
    return open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")


def test_the_preparation_is_these_stages_in_this_order() -> None:
    assert journey.PREPARATION == ("discover", "classify", "decide", "check", "freeze")


def test_a_stage_runs_once_and_says_the_same_again(deployment: Deployment, case_id: str, shop: Any) -> None:
    said = journey.prepare(deployment, case_id, "discover")
    assert said.startswith("1 collections, 1 records")
    assert journey.prepare(deployment, case_id, "discover") == said
    assert shop.discoveries == 1
    kinds = [LedgerEntry.parse(line).type for line in deployment.ledger.entries(case_id)]
    assert kinds == ["case_opened", "hold_placed", "snapshot_taken"]
    (progress,) = deployment.control.progress(case_id)
    assert (progress.wave, progress.stage, progress.state, progress.message) == ("case", "discover", "done", said)


def test_a_stage_that_failed_stays_unfinished_and_runs_again(deployment: Deployment, case_id: str, shop: Any) -> None:
    shop.is_down = True
    with pytest.raises(Refused, match=r"no collection was found.*shop: the server does not answer"):
        journey.prepare(deployment, case_id, "discover")
    (progress,) = deployment.control.progress(case_id)
    assert (progress.state, progress.finished_at) == ("running", None)
    shop.is_down = False
    assert journey.prepare(deployment, case_id, "discover").startswith("1 collections")
    assert shop.discoveries == 2


def test_after_a_change_of_the_case_every_stage_runs_again(
    deployment: Deployment, case_id: str, shop: Any, write_case: Callable[[Any], Path], case_document: dict[str, Any]
) -> None:
    journey.prepare(deployment, case_id, "discover")
    case_document["grace"]["reason"] = "another"
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="operator")
    journey.prepare(deployment, case_id, "discover")
    assert shop.discoveries == 2


def test_a_stage_that_needs_an_earlier_one_says_so(deployment: Deployment, case_id: str) -> None:
    with pytest.raises(Refused, match=r"has no inventory 'first' yet.*run the earlier stages first"):
        journey.prepare(deployment, case_id, "classify")
