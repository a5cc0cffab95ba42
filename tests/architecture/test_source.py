"""What import-linter cannot say of the source: who reads the environment, how long and how named modules are."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "winddown"
SOURCES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "dags").glob("*.py"), *(ROOT / "plugins").glob("*.py")])
PRODUCT = [path for path in SOURCES if "demo" not in path.parts]
LINES_MAX = 520

# Where people are refused something that they ask for themselves.
MEETS_PEOPLE = [
    *(path for name in ("control", "web") for path in sorted((PACKAGE / name).rglob("*.py"))),
    *(PACKAGE / "stages" / f"{name}.py" for name in ("holds", "journey", "people")),
]

# Other readers of the environment, each with its reason.
MAY_READ_ENVIRONMENT = {
    "settings.py": "it is the reader of settings",
    "stores/sql/drill.py": "pg_restore inherits the environment (PATH, locale, certificates) plus its own PG variables",
    "inspection/backup.py": "it sets, before Great Expectations is imported, that nothing is reported to anybody",
    "demo/servers.py": "embedded servers inherit PATH",
    "demo/airflow.py": "the embedded Airflow inherits PATH, and is configured by its environment",
    "demo/company.py": "pg_dump inherits PATH",
}

# Modules above the limit, each with its own limit and reason.
MAY_BE_LONGER = {
    "evidence/verify.py": (1793, "it must run alone, years later, as one file, with the curve that its package lacks")
}


def names(paths: list[Path]) -> list[Any]:
    return [
        pytest.param(path, id=str(path.relative_to(PACKAGE if PACKAGE in path.parents else ROOT))) for path in paths
    ]


def reads_environment(tree: ast.Module) -> bool:
    found = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "os"
        for alias in node.names
    }
    forbidden = {"environ", "environb", "getenv", "getenvb", "putenv"}
    return bool({f"os.{name}" for name in forbidden} & found or forbidden & taken)


@pytest.mark.parametrize("path", names(SOURCES))
def test_only_settings_reads_the_environment(path: Path) -> None:
    name = str(path.relative_to(PACKAGE)) if PACKAGE in path.parents else path.name
    assert reads_environment(ast.parse(path.read_text("utf-8"))) == (name in MAY_READ_ENVIRONMENT), (
        f"{name}: take it from Settings, or give a reason here; an exception without a use is removed"
    )


@pytest.mark.parametrize("text", ["import os\nos.environ['A']", "from os import getenv", "import os\nos.getenv('A')"])
def test_a_reader_of_the_environment_is_found(text: str) -> None:
    assert reads_environment(ast.parse(text))


@pytest.mark.parametrize("path", names([path for path in PRODUCT if PACKAGE in path.parents]))
def test_a_module_fits_in_the_head(path: Path) -> None:
    limit, _ = MAY_BE_LONGER.get(str(path.relative_to(PACKAGE)), (LINES_MAX, ""))
    assert len(path.read_text("utf-8").splitlines()) <= limit


def test_the_median_module_is_short() -> None:
    sizes = sorted(len(path.read_text("utf-8").splitlines()) for path in PRODUCT if path.name != "__init__.py")
    assert sizes[len(sizes) // 2] <= 110


def without_next_step(tree: ast.Module) -> list[int]:
    """Lines of refusals that do not say what their reader can do."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refused"]
    return [call.lineno for call in calls if "next_step" not in {given.arg for given in call.keywords}]


@pytest.mark.parametrize("path", names(MEETS_PEOPLE))
def test_who_is_refused_is_told_what_to_do_next(path: Path) -> None:
    assert without_next_step(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("raise Refused('no')", [1]),
        ("\nraise Refused('no', rule='r') from None", [2]),
        ("error = Refused('no')\nraise error", [1]),
        ("raise Refused('no', next_step='ask')", []),
        ("raise Transient('no')", []),
    ],
)
def test_a_refusal_that_leaves_its_reader_alone_is_found(text: str, lines: list[int]) -> None:
    assert without_next_step(ast.parse(text)) == lines


def test_no_module_has_an_empty_name() -> None:
    assert [path for path in SOURCES if path.stem in {"utils", "util", "helpers", "helper", "manager", "common"}] == []


def test_the_package_is_imported_by_its_own_name() -> None:
    for path in [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [module]
            assert not [name for name in imported if name.partition(".")[0] == "include"], path


def test_the_verifier_needs_nothing_of_this_package() -> None:
    tree = ast.parse((PACKAGE / "evidence" / "verify.py").read_text("utf-8"))
    roots = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}


def test_exactly_one_plugin_file() -> None:
    # Airflow executes every file under plugins and registers it by its bare name.
    assert [path.name for path in (ROOT / "plugins").rglob("*.py")] == ["winddown_plugin.py"]


def test_the_layers_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": "include"}, capture_output=True, check=False, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("path", names(PRODUCT))
def test_parquet_is_read_without_arrows_threads(path: Path) -> None:
    # One of them that lets go of Python's memory while the process ends, aborts it: one run of a command in fifty.
    tree = ast.parse(path.read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    assert not [call for call in calls if call.func.attr == "read_table"]  # type: ignore[attr-defined]
    reading = [call for call in calls if call.func.attr in {"read_row_group", "iter_batches"}]  # type: ignore[attr-defined]
    assert all(any(word.arg == "use_threads" for word in call.keywords) for call in reading)


_HEAVY = {"numba", "duckdb", "boto3", "openpyxl", "pypdfium2", "great_expectations"}
_POSTGRESQL = "winddown.stores.sql.postgresql, winddown.inspection.postgresql"
_MYSQL = "winddown.stores.sql.mysql_store, winddown.inspection.mysql"


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("winddown.bootstrap", {*_HEAVY, "polars", "pymysql", "psycopg"}),
        (f"winddown.stages.quarantine, {_POSTGRESQL}", _HEAVY),
        (f"winddown.stages.quarantine, {_MYSQL}", _HEAVY),
    ],
)
def test_a_process_imports_only_what_its_stores_need(modules: str, heavy: set[str]) -> None:
    code = f"import sys, {modules}; print(*sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
