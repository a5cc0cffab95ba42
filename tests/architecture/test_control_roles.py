"""The roles that the deployment creates can do their work, and a worker cannot approve: asked on a real PostgreSQL."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from winddown.bootstrap import deploy
from winddown.control.engine import open_control, upgrade
from winddown.demo.servers import EmbeddedPostgres, postgres_bin_dir
from winddown.settings import Settings

ROOT = Path(__file__).parents[2]
PASSWORDS = {
    "airflow": "airflow_database_password",
    "winddown_owner": "control_owner_password",
    "winddown_api": "control_api_password",
    "winddown_worker": "control_worker_password",
}
APPROVAL = "INSERT INTO approval VALUES ('plan', 'li', 'digest', 'officer', 'api_session', '2026-01-01T00:00:00Z')"


class NoConnections:
    def find(self, name: str) -> None:  # noqa: ARG002 - nothing is known here
        return None


@pytest.fixture(scope="module")
def server() -> Iterator[URL]:
    """A server as the deployment leaves it after its first start: databases and roles made, control migrated."""
    folder = Path(tempfile.mkdtemp(prefix="winddown-"))
    postgres = EmbeddedPostgres(folder / "data")
    address = make_url(postgres.start())
    try:
        (folder / "secrets").mkdir()
        for name in PASSWORDS.values():
            (folder / "secrets" / name).write_text(f"{name}'@/\n")
        environment = {
            "PATH": f"{postgres_bin_dir()}:/usr/bin:/bin",
            "PGHOST": address.host or "",
            "PGPORT": str(address.port),
            "PGPASSWORD": str(address.password),
            "POSTGRES_USER": "postgres",
            "SECRETS_DIR": str(folder / "secrets"),
        }
        subprocess.run(["sh", ROOT / "docker/initdb.sh"], env=environment, check=True, capture_output=True)
        engine = open_control(_url(address, "winddown_owner"))
        upgrade(engine)
        engine.dispose()
        yield address
    finally:
        postgres.stop()


def _url(address: URL, role: str, database: str = "winddown", driver: str = "postgresql+psycopg") -> str:
    password = f"{PASSWORDS[role]}'@/"
    return address.set(drivername=driver, database=database, username=role, password=password).render_as_string(
        hide_password=False
    )


def _run(address: URL, role: str, statement: str) -> None:
    with psycopg.connect(_url(address, role, driver="postgresql")) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("role", ["winddown_api", "winddown_worker"])
def test_starts_and_writes_the_ledger(server: URL, role: str, tmp_path: Path) -> None:
    settings = Settings(control_url=_url(server, role), workspace=tmp_path, connections=None, postgres_bin="")
    current = deploy(NoConnections(), settings=settings)
    assert current.ledger.append("case", "report_issued", {"entries": 0}, actor=role) >= 0
    current.control.set_progress("case", "case", "discover", state="running", message="")
    current.control.engine.dispose()


def test_the_api_server_may_approve_and_a_worker_may_only_read(server: URL) -> None:
    _run(server, "winddown_api", APPROVAL)
    _run(server, "winddown_worker", "SELECT * FROM approval")
    for statement in (
        APPROVAL,
        "UPDATE approval SET role = 'x'",
        "DELETE FROM approval",
        "DELETE FROM acknowledgement",
        "INSERT INTO acknowledgement VALUES ('plan', 'order', 'digest', 'content', 'he', '2026-01-01T00:00:00Z')",
        "DELETE FROM switch",
        "UPDATE switch SET reason = ''",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _run(server, "winddown_worker", statement)


@pytest.mark.parametrize("role", ["winddown_api", "winddown_worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_entry",
        "UPDATE ledger_entry SET body = ''",
        "UPDATE alembic_version SET version_num = '0000'",
        "DROP TABLE approval",
        "CREATE TABLE mine (id int)",
        "CREATE ROLE mine",
    ],
)
def test_nobody_but_the_owner_changes_history_or_schema(server: URL, role: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _run(server, role, statement)


@pytest.mark.parametrize(
    ("role", "database"),
    [("airflow", "winddown"), ("winddown_worker", "airflow"), ("winddown_api", "airflow")],
)
def test_the_two_databases_are_closed_to_each_others_roles(server: URL, role: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(_url(server, role, database, "postgresql"))
