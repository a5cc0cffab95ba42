"""``python -m winddown hold``: exit status, what is said, and what only happens when it is allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from winddown import __main__ as command_line
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case

Wind = Callable[..., tuple[int, str, str]]


@pytest.fixture
def wd(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> Wind:  # fmt: skip
    """Run a command on an opened case; its exit status, output and complaints."""
    case_document["people"].append({"id": "zhou", "name": "zhou", "role": "legal"})
    open_case(deployment, read_case_file(write_case(case_document)), requested_by="chen")
    monkeypatch.setattr(command_line, "deploy", lambda: deployment)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = command_line.main(["hold", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def hold_file(case_folder: Path) -> Path:
    path = case_folder / "hold.yaml"
    raw = {
        "id": "H-2", "matter": "dispute with a supplier", "ground": "private_dispute", "placed_on": "2026-11-20",
        "review_on": "2026-11-22", "steward": "li", "collections": ["shop:orders"],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(raw), "utf-8")
    return path


def ids(deployment: Deployment) -> list[str]:
    return [hold.id for hold in deployment.control.holds("demo-1")]


def test_place_list_release(wd: Wind, deployment: Deployment, hold_file: Path, case_folder: Path) -> None:
    status, said, _ = wd("place", "demo-1", str(hold_file), "--by", "li")
    assert (status, said) == (0, "hold H-2 is in force over shop:orders; the next run plans again\n")
    evidence = str(case_folder / "evidence" / "event.txt")
    assert wd("release", "demo-1", "H-2", "--by", "zhou", "--reason", "settled", "--evidence", evidence)[0] == 0
    assert ids(deployment) == ["H-1"]
    assert len(deployment.control.recorded_holds("demo-1")[1].release_evidence) == 64
    status, said, _ = wd("list", "demo-1")
    first, second = said.splitlines()
    assert status == 0
    assert first.startswith("H-1 in force over 1 persons; placed by chen; hold H-1, matter matter 1 (示例人民法院")
    assert second.startswith("H-2 released at 2026-11-23T02:00:00.000000Z by zhou: settled")


def test_the_list_says_what_is_overdue_and_what_is_no_statutory_hold(wd: Wind, hold_file: Path) -> None:
    wd("place", "demo-1", str(hold_file), "--by", "li")
    said = wd("list", "demo-1")[1].splitlines()[1]
    assert "overdue for review since 2026-11-22" in said
    assert "no statutory hold" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("release", "demo-1", "H-1", "--by", "li", "--reason", "x"), "li may not release holds"),
        (("release", "demo-1", "H-1", "--by", "chen", "--reason", "x"), "chen placed hold H-1"),
        (("release", "demo-1", "H-1", "--by", "zhou", "--reason", " "), "without a reason"),
        (("release", "demo-1", "H-1", "--by", "zhou", "--reason", "11010519491231002X paid"), "say it without numbers"),
        (("release", "demo-1", "H-9", "--by", "zhou", "--reason", "x"), "hold H-9 of case demo-1 is not in force"),
        (("release", "demo-2", "H-1", "--by", "zhou", "--reason", "x"), "case demo-2 has no case"),
        (("release", "demo-1", "H-1", "--by", "zhou", "--reason", "x", "--evidence", "none"), "evidence none cannot"),
        (("place", "demo-1", "none.yaml", "--by", "li"), "hold_file: none.yaml cannot be read"),
    ],
)
def test_what_is_not_allowed_is_said_and_not_done(
    wd: Wind, deployment: Deployment, arguments: tuple[str, ...], said: str
) -> None:
    status, out, complaint = wd(*arguments)
    assert (status, out) == (2, "")
    assert said in complaint
    assert ids(deployment) == ["H-1"]


@pytest.mark.parametrize("arguments", [("release", "demo-1", "H-1", "--by", "zhou"), ("place", "demo-1", "x"), ()])
def test_a_command_without_a_reason_or_a_person_is_none(wd: Wind, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        wd(*arguments)
