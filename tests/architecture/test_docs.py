"""What people meet is documented: blockers, settings, stages, rules, DAGs, commands. And what documents name exists."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from blocker_codes import emitted_codes

from winddown.rules.loader import load_rulebook
from winddown.stages.case_model import _Store
from winddown.stages.journey import PREPARATION

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "winddown"
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "CHANGELOG.md"])


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def first_cells(name: str) -> list[str]:
    """The code-quoted first cells of all table rows of a page."""
    return re.findall(r"^\| `([^`]+)` \|", page(name), re.MULTILINE)


def test_every_blocker_has_a_row_and_every_row_a_blocker() -> None:
    assert sorted(first_cells("blockers.md")) == sorted(emitted_codes(PACKAGE))


def test_blockers_say_who_resolves_them_and_how() -> None:
    rows = [line for line in page("blockers.md").splitlines() if line.startswith("| `")]
    assert all(len(row.split(" | ")) == 4 and all(len(cell) > 3 for cell in row.split(" | ")) for row in rows)


def test_blocker_codes_are_kebab_case() -> None:
    assert [code for code in emitted_codes(PACKAGE) if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


def test_a_new_blocker_is_found(tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text('def f(x):\n    return Blocker("brand-new", x, "e", "r", "n")\n')
    assert emitted_codes(tmp_path) == {"brand-new"}


def test_a_blocker_whose_code_cannot_be_traced_is_found(tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text('def f(x):\n    return Blocker(x.code, x, "e", "r", "n")\n')
    with pytest.raises(AssertionError, match=r"x\.code"):
        emitted_codes(tmp_path)


def test_every_setting_is_documented() -> None:
    read = set(re.findall(r'env\.get\("(WINDDOWN_[A-Z_]+)"', (PACKAGE / "settings.py").read_text("utf-8")))
    assert read
    assert read <= set(first_cells("deployment.md"))


def test_where_bytes_remain_is_said_of_every_database_that_is_destroyed_in() -> None:
    text = page("forensics.md")
    kinds = get_args(_Store.model_fields["kind"].annotation)
    assert sorted(first_cells("forensics.md")) == sorted({*kinds} - {"s3", "files"})
    measured = re.findall(r"^\| ([^|`]+) \| sanitise \| (\d+) of", text, re.MULTILINE)
    figures = re.findall(r"^figure=residue_(\w+) value=(\d+)", text, re.MULTILINE)
    assert [found for _, found in measured] == [found for _, found in figures]
    assert {name.partition("_")[0] for name, _ in figures} >= {"postgresql", "mariadb", "sqlite", "duckdb"}
    for name, _ in measured:
        rows = re.findall(rf"^\| {re.escape(name)} \| ([^|]+) \|", text, re.MULTILINE)
        assert rows == ["planted, checkpoint", "plain DELETE, checkpoint", "quarantine", "purge", "sanitise"]


def stages() -> list[str]:
    """Names under which the journey records its stages, in the source's order."""
    tree = ast.parse((PACKAGE / "stages" / "journey.py").read_text("utf-8"))
    found = list(PREPARATION)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "recorded":
            name = call.args[3]
            if isinstance(name, ast.Constant):
                found.append(str(name.value))
    return [*found, "quarantine", "purge"]  # both are recorded under the power's name


def test_every_stage_is_documented_and_no_other() -> None:
    rows = page("architecture.md").partition("## Stages")[2].partition("## Layers")[0]
    documented = re.findall(r"^\| `([a-z_]+)` \|", rows, re.MULTILINE)
    # Approving is not recorded as a stage's progress, but people see it as one.
    assert sorted({*documented} - {"approve"}) == sorted({*stages()} - {"approve"})


def test_rules_and_their_schema_are_those_of_all_packs() -> None:
    packs = sorted(path.parent.name for path in (PACKAGE / "rules").glob("*/pack.yaml"))
    assert {"cn", "eu", "hk", "us"} <= set(packs)
    assert sorted(first_cells("rules.md")) == sorted(load_rulebook(packs).rules)
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"],
        env={"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_every_dag_is_documented() -> None:
    for path in (ROOT / "dags").glob("*.py"):
        assert f"`{path.stem}`" in page("architecture.md"), path.stem


def test_every_command_is_documented() -> None:
    source = (PACKAGE / "__main__.py").read_text("utf-8")
    commands = set(re.findall(r'^    "([a-z]+)": [_a-z]', source, re.MULTILINE)) | {"rules"}
    assert {"halt", "approve", "restore", "explain"} <= commands
    said = page("operations.md") + page("architecture.md")
    ways = ("wd", "api", "winddown")
    missing = [name for name in commands - {"continue"} if not any(f"{way} {name}" in said for way in ways)]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_named_files_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / target).exists(), target
    for target in re.findall(r"`((?:docker|include|docs|tests|dags|secrets)/[\w./-]+\.(?:py|sh|md|yaml))`", text):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("path", sorted((DOCS / "decisions").glob("*.md")), ids=lambda path: path.stem)
def test_a_decision_record_is_complete_and_short(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert re.fullmatch(rf"# {path.stem[:4]} .+", lines[0])
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]
    (status,) = [line for line in lines if line.startswith("Status: ")]
    assert re.fullmatch("Status: (accepted|superseded by [0-9]{4})", status)
    assert len(lines) <= 45


def test_decision_records_are_numbered_without_gaps() -> None:
    numbers = [int(path.stem[:4]) for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
