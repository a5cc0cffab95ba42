"""The image is built from the lock, runs as nobody special, and its lock can run Celery."""

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from winddown.connections import ConnectionParameters, FileConnections

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
LOCK = (ROOT / "requirements.txt").read_text("utf-8")


def locked(package: str) -> str:
    found = re.search(rf"^{package}==([0-9.]+)", LOCK, re.MULTILINE)
    assert found is not None, package
    return found.group(1)


def test_installs_the_lock_by_hash_and_nothing_else() -> None:
    installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
    assert len(installs) == 1
    assert "--require-hashes --no-deps" in installs[0]
    unhashed = re.findall(r"^[a-z0-9][^\s]*==[^\s]+(?: ; [^\\\n]+)?$", LOCK, re.MULTILINE)
    assert unhashed == []


def test_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["50000:50000"]
    assert DOCKERFILE.index("USER 50000") > DOCKERFILE.index("pip install")


def test_every_copied_path_exists_and_reaches_the_builder() -> None:
    ignore = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    sources = re.findall(r"^COPY (?:--\S+ )?(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for source in " ".join(sources).split():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignore, source
    assert "*" in ignore  # everything else, secrets and cases first, stays outside
    assert not [
        line for line in ignore if line.startswith("!") and "secret" in line and line != "!docker/secret_url.py"
    ]


def test_is_of_the_airflow_that_is_asked_for() -> None:
    assert locked("apache-airflow") == "3.3.2"
    assert "PYTHONPATH=/opt/winddown/include" in DOCKERFILE


def test_the_lock_holds_a_celery_that_the_provider_can_import() -> None:
    # Provider 3.26.0 imports celery.backends.database.retry, which 5.7 no longer has.
    if locked("apache-airflow-providers-celery") == "3.26.0":
        assert tuple(map(int, locked("celery").split("."))) < (5, 7)


@pytest.mark.skipif(
    importlib.metadata.version("celery") != locked("celery"), reason="this environment is not the locked one"
)
@pytest.mark.filterwarnings("ignore")  # Airflow's own, at import
def test_the_celery_executor_can_be_imported() -> None:
    importlib.import_module("airflow.providers.celery.executors.celery_executor")


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "docker").glob("*.sh")))
def test_shell_scripts_parse_and_may_be_executed(name: str) -> None:
    path = ROOT / "docker" / name
    subprocess.run(["sh", "-n", path], check=True)
    assert path.stat().st_mode & 0o111
    assert "set -eu" in path.read_text("utf-8")


def test_a_secret_is_percent_encoded_into_its_url(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss/wörd\n")
    script = (ROOT / "docker/secret_url.py").read_text("utf-8").replace("/run/secrets", str(tmp_path))
    (tmp_path / "secret_url.py").write_text(script)
    command = [sys.executable, str(tmp_path / "secret_url.py"), "redis://:{}@redis:6379/0", "password"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "redis://:p%40ss%2Fw%C3%B6rd@redis:6379/0"


def test_the_command_line_finds_the_connections_that_airflow_was_given(tmp_path: Path) -> None:
    source, target = tmp_path / "airflow.json", tmp_path / "connections.json"
    aws = {
        "conn_type": "aws",
        "login": "id",
        "password": "key",
        "extra": {"endpoint_url": "https://s3", "region_name": "r"},
    }
    source.write_text(json.dumps({"crm": "postgresql://reader:p%40ss@db:5432/crm", "files": aws}))
    command = [sys.executable, str(ROOT / "docker/connections_file.py"), str(source), str(target)]
    for _ in range(2):  # a container that is started again
        subprocess.run(command, check=True, capture_output=True)
    assert target.stat().st_mode & 0o777 == 0o600
    found = FileConnections(target)
    assert found.find("crm") == ConnectionParameters(url="postgresql://reader:p%40ss@db:5432/crm")
    assert found.find("files") == ConnectionParameters(
        endpoint_url="https://s3", access_key="id", secret_key="key", region="r"
    )
    assert found.find("crm__purge") is None


def test_a_connection_of_unknown_form_stops_the_container_without_being_shown(tmp_path: Path) -> None:
    (tmp_path / "airflow.json").write_text(json.dumps({"mail": {"conn_type": "smtp", "password": "hidden-value"}}))
    command = [
        sys.executable,
        str(ROOT / "docker/connections_file.py"),
        str(tmp_path / "airflow.json"),
        str(tmp_path / "x"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "connection mail" in done.stderr
    assert "hidden-value" not in done.stderr
