"""The production deployment gives each service what it needs and nothing else."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from winddown.control.approver_keys import listed_keys

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
LONG_RUNNING = sorted(set(SERVICES) - ONE_SHOT)
WORKERS = ("worker-ordinary", "worker-purge")
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)[^}]*\}")
TAG = re.compile(r"^[a-z0-9./-]+:[0-9]+\.[0-9]+[0-9.]*(-[a-z0-9.]+)*$")


def secrets_of(service: str) -> set[str]:
    return {found if isinstance(found, str) else found["source"] for found in SERVICES[service].get("secrets", [])}


def environment_of(service: str) -> dict[str, str]:
    found: dict[str, str] = SERVICES[service].get("environment", {})
    return found


def command_of(service: str) -> list[str]:
    return [str(part) for part in SERVICES[service]["command"]]


def test_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, ROOT / "docker-compose.yaml"], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout


# -- who gets which credential ---------------------------------------------------------------------------------------


def test_the_ordinary_worker_has_no_purge_credential() -> None:
    assert "purge" not in yaml.safe_dump(SERVICES["worker-ordinary"])
    assert {name for name in SERVICES if "connections_purge" in secrets_of(name)} == {"worker-purge"}
    assert "AIRFLOW_CONN_" not in TEXT  # a variable would be seen by every process of its container


def test_each_worker_listens_to_its_own_queue_alone() -> None:
    queues = {name: command_of(name)[command_of(name).index("--queues") + 1] for name in WORKERS}
    assert queues == {"worker-ordinary": "default", "worker-purge": "purge"}
    assert environment_of("worker-ordinary")["AIRFLOW__OPERATORS__DEFAULT_QUEUE"] == "default"


def test_the_purge_queue_is_the_one_that_tasks_name() -> None:
    tasks = (ROOT / "include/winddown/orchestration/tasks.py").read_text("utf-8")
    assert 'PURGE_QUEUE = "purge"' in tasks
    assert re.findall(r"@task\(queue=PURGE_QUEUE\)\ndef (\w+)", tasks) == [
        "purge",
        "sanitise",
        "destroy_keys_and_buckets",
    ]


def test_each_service_logs_in_to_the_control_database_as_itself() -> None:
    roles = {name: environment_of(name).get("WINDDOWN_CONTROL_ROLE") for name in SERVICES}
    assert {name: role for name, role in roles.items() if role} == {
        "migrate-control": "winddown_owner",
        "api-server": "winddown_api",
        "worker-ordinary": "winddown_worker",
        "worker-purge": "winddown_worker",
    }
    for name, role in roles.items():
        mounted = {secret for secret in secrets_of(name) if secret.startswith("control_")}
        if name != "postgres":  # it creates the roles
            assert mounted == ({f"{role.replace('winddown', 'control')}_password"} if role else set()), name


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_can_neither_write_airflows_metadata_nor_sign_in_as_somebody(name: str) -> None:
    assert secrets_of(name).isdisjoint({"airflow_database_password", "fernet_key", "jwt_secret", "people"})
    assert not [key for key in environment_of(name) if key.startswith(("AIRFLOW__DATABASE", "AIRFLOW__API_AUTH"))]
    assert "redis://" in environment_of(name)["AIRFLOW__CELERY__RESULT_BACKEND_CMD"]


def test_only_workers_reach_the_stores() -> None:
    assert {name for name, service in SERVICES.items() if "stores" in service["networks"]} == set(WORKERS)
    assert COMPOSE["networks"]["control"] == {"internal": True}
    assert not secrets_of("api-server") & {"connections_ordinary", "connections_purge"}


def test_only_the_api_server_has_the_list_of_approvers_keys() -> None:
    assert {name for name in SERVICES if "approver_keys" in yaml.safe_dump(SERVICES[name])} == {"api-server"}
    assert environment_of("api-server")["WINDDOWN_APPROVER_KEYS"] == "/run/secrets/approver_keys"
    assert {name for name in SERVICES if "WINDDOWN_APPROVER_KEYS" in environment_of(name)} == {"api-server"}


def test_the_list_of_approvers_keys_begins_empty(tmp_path: Path) -> None:
    subprocess.run(["sh", ROOT / "docker/make-secrets.sh", tmp_path / "secrets"], check=True, capture_output=True)
    assert listed_keys(tmp_path / "secrets" / "approver_keys") == {}


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_no_value_is_a_secret() -> None:
    for name, service in SERVICES.items():
        for key, value in environment_of(name).items():
            if re.search(r"PASSWORD|SECRET|KEY|TOKEN|CONN|BROKER|RESULT_BACKEND", key):
                where = str(value)
                assert (
                    where.startswith(("cat /run/secrets/", "secret-url "))
                    or "/run/secrets/" in where
                    or key.endswith(("_FILE", "SECRETS_BACKEND"))
                    or key == "WINDDOWN_CONTROL_ROLE"
                ), f"{name}: {key}"
        said = yaml.safe_dump({key: value for key, value in service.items() if key != "image"})
        assert not re.search(r"://[^\s/:@{}]*:[^\s/@{}]+@", said), f"{name}: a URL with a password"
        assert not re.search(r"\b[0-9a-fA-F]{32,}\b|[A-Za-z0-9+/_-]{43,}=", said), f"{name}: a literal key"


def test_every_mounted_secret_is_declared_and_made_or_described(tmp_path: Path) -> None:
    used = set().union(*(secrets_of(name) for name in SERVICES))
    assert used == set(COMPOSE["secrets"])
    subprocess.run(["sh", ROOT / "docker/make-secrets.sh", tmp_path / "secrets"], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").glob("[!.]*")}
    assert len(set(made.values())) == len(made)
    assert all(len(text.strip()) >= 44 for text in made.values())
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    deployment = (ROOT / "docs/deployment.md").read_text("utf-8")
    for declared in COMPOSE["secrets"].values():
        name = Path(declared["file"]).name
        assert name in made or name in deployment, name


def test_making_secrets_again_changes_none(tmp_path: Path) -> None:
    command = ["sh", str(ROOT / "docker/make-secrets.sh"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    subprocess.run(command, check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_every_variable_is_documented_and_every_documented_one_used() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    documented = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    assert set(VARIABLE.findall(TEXT)) == documented


# -- running -----------------------------------------------------------------------------------------------------------


def test_the_services_are_those_of_airflow_with_celery() -> None:
    commands = {name: " ".join(command_of(name)[:2]) for name in SERVICES if name not in {"postgres", "redis"}}
    assert commands == {
        "migrate-control": "python -m",
        "migrate-airflow": "airflow db",
        "api-server": "airflow api-server",
        "scheduler": "airflow scheduler",
        "dag-processor": "airflow dag-processor",
        "triggerer": "airflow triggerer",
        "worker-ordinary": "airflow celery",
        "worker-purge": "airflow celery",
    }
    assert {"migrate-control", "migrate-airflow"} == ONE_SHOT


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_long_running_service_is_watched_and_restarted(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_limited_and_unprivileged(name: str) -> None:
    service = SERVICES[name]
    assert {"cpus", "memory"} == set(service["deploy"]["resources"]["limits"])
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    if name != "postgres":  # its entrypoint changes from root to its own user
        assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"postgres", "redis"}))
def test_a_service_waits_for_what_it_needs(name: str) -> None:
    wanted = SERVICES[name]["depends_on"]
    assert all("condition" in found for found in wanted.values())
    if name not in ONE_SHOT:
        assert {wanted[one]["condition"] for one in ONE_SHOT} == {"service_completed_successfully"}


def test_images_are_pinned() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    own = re.search(r"^WINDDOWN_IMAGE=(\S+)$", example, re.MULTILINE)
    assert own is not None
    base = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert base is not None
    images = {
        service["image"] for service in SERVICES.values() if not service["image"].startswith("${WINDDOWN_IMAGE:?")
    }
    for image in (*images, own.group(1), base.group(1)):
        assert TAG.fullmatch(image), image


def test_only_the_user_interface_is_published_and_only_locally() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api-server"}
    assert all(port.startswith("127.0.0.1:") for port in published["api-server"])
