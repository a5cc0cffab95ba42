"""The demonstration: a company is generated, wound down through a real scheduler, and compared with its truth.

Every person acts through the authenticated API with a password of their own; nothing is approved behind its back.
"""

import base64
import json
import shutil
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from winddown.archive.content import content_digest
from winddown.archive.custody import open_as_custodian
from winddown.demo.airflow import OPERATOR, AirflowAddress, AirflowClient, EmbeddedAirflow
from winddown.demo.company import fill, found
from winddown.demo.compare import compare, read_connections
from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3, S3Address
from winddown.domain.errors import Refused, Transient, WinddownError

PROJECT = Path(__file__).resolve().parents[3]
MARK = "this-is-a-winddown-demo"
DAG = "/api/v2/dags/deregister_company"
DEADLINE_SECONDS = 900
TRIGGER_AGAIN_SECONDS = 10
QUESTION_EVERY = 3  # looks; each question takes time from the tasks, and what went wrong can wait


class Story:
    """One demonstration in one folder, which it empties first."""

    def __init__(
        self,
        directory: Path,
        *,
        customers: int,
        seed: int,
        say: Callable[[str], None] = print,
        postgres_url: str = "",
        s3_url: str = "",
    ) -> None:
        self.directory = directory
        self._customers = customers
        self._seed = seed
        self._say = say
        self._postgres_url = postgres_url
        self._s3_url = s3_url
        self._started = time.monotonic()
        self._address: AirflowAddress | None = None
        self._case: dict[str, Any] = {}
        self._told: set[tuple[str, str, str]] = set()

    # -- servers -------------------------------------------------------------------------------------------------

    def start(self) -> AirflowAddress:
        """Start the servers, generate the company, start Airflow."""
        self._clear()
        postgres, files = self._servers()
        database = "a PostgreSQL that runs already" if self._postgres_url else "PostgreSQL from a wheel"
        objects = "an S3 service that runs already" if self._s3_url else "a demonstration S3 (it enforces nothing)"
        self._tell("servers", f"{database} and {objects}")
        premises = found(
            customers=self._customers,
            seed=self._seed,
            postgres_admin_url=self._postgres_url or postgres.start(),
            s3=s3_address(self._s3_url) if self._s3_url else files.start(),
            directory=self.directory,
        )
        self._case = yaml.safe_load((self.directory / "case.yaml").read_text("utf-8"))
        airflow = self._airflow()
        airflow.launch()
        with ThreadPoolExecutor(1) as beside:  # it comes up while the company is filled
            ready = beside.submit(airflow.wait)
            try:
                company = fill(premises)
            except BaseException:
                airflow.stop()  # or leaving would wait until it is up
                raise
            self._tell("company", f"{self._customers:,} customers, {company.records:,} records in two stores")
            self._address = ready.result()
        self._tell("airflow", f"scheduler, triggerer and API are up at {self._address.url}")
        return self._address

    def stop(self) -> None:
        """Stop everything that was started in this folder."""
        self.stop_airflow()
        postgres, files = self._servers()
        files.stop()
        postgres.stop()

    def stop_airflow(self) -> None:
        """Stop Airflow alone, if it was started."""
        if (self.directory / "case.yaml").exists():
            self._airflow().stop()

    def _clear(self) -> None:
        if self.directory.exists():
            if any(self.directory.iterdir()) and not (self.directory / MARK).exists():
                raise Refused(f"{self.directory.name} is not a demonstration's folder", next_step="name another folder")
            self.stop()
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True)
        (self.directory / MARK).touch()

    def _servers(self) -> tuple[EmbeddedPostgres, EmbeddedS3]:
        return EmbeddedPostgres(self.directory / "servers" / "postgres"), EmbeddedS3(self.directory / "servers" / "s3")

    def _airflow(self) -> EmbeddedAirflow:
        case = self._case or yaml.safe_load((self.directory / "case.yaml").read_text("utf-8"))
        return EmbeddedAirflow(
            self.directory / "airflow",
            project=PROJECT,
            people=tuple(person["id"] for person in case["people"]),
            connections=json.loads((self.directory / "connections.json").read_text()),
            workspace=self.directory / "winddown",
        )

    # -- the case ------------------------------------------------------------------------------------------------

    def trigger(self) -> None:
        """Trigger the main job with the case file, as the operator."""
        run = f"demonstration-{time.time_ns()}"
        body = {"dag_run_id": run, "logical_date": None, "conf": {"case_file": str(self.directory / "case.yaml")}}
        operator = self._client(OPERATOR)
        try:
            operator.post(f"{DAG}/dagRuns", body)
        except Transient:  # its answer was lost, or its database was held: the name tells whether the run exists
            time.sleep(TRIGGER_AGAIN_SECONDS)
            if run not in {found["dag_run_id"] for found in operator.get(f"{DAG}/dagRuns?limit=50")["dag_runs"]}:
                operator.post(f"{DAG}/dagRuns", body)
        self._tell("trigger", f"deregister_company was triggered by {OPERATOR}")

    def pause_watch(self) -> None:
        """Let nothing else start runs of the case: it is accompanied, and each run triggers the next."""
        self._client(OPERATOR).patch("/api/v2/dags/watch_cases", {"is_paused": True})

    def accompany(self, *, until: Callable[[dict[str, Any]], bool] = lambda _: False) -> dict[str, Any]:
        """Show progress and act for the demo people until the case is finished; return its last state.

        Stops early when ``until`` says so. Raises Refused when a run fails, with the failing tasks.
        """
        operator = self._client(OPERATOR)
        deadline = time.monotonic() + DEADLINE_SECONDS
        look = 0
        while time.monotonic() < deadline:
            look += 1
            asks = look % QUESTION_EVERY == 0
            state = self._state(operator)
            self._show(state)
            if state.get("waits_for") == "finished" and not self._active(operator):
                return state
            if until(state):
                return state
            if state.get("waits_for") == "approvals":
                self._approve(state["plan_id"])
            elif state.get("waits_for") == "receipts":
                self._acknowledge(state["plan_id"])
            if asks:
                self._refuse_failed(operator)
            time.sleep(0.7)
        raise Refused(f"the case was not finished within {DEADLINE_SECONDS} s; see the Airflow log")

    def _state(self, operator: AirflowClient) -> dict[str, Any]:
        try:
            found: dict[str, Any] = operator.get(f"/winddown/api/cases/{self._case['case']}")
        except WinddownError:
            return {}  # the case is opened by the first task
        return found

    def _show(self, state: dict[str, Any]) -> None:
        for row in state.get("stages", []):
            key = (row["wave"], row["stage"], row["message"])
            if row["state"] == "done" and key not in self._told:
                self._told.add(key)
                name = row["stage"].split(" ")[0]
                self._tell(name if row["wave"] == "case" else f"{row['wave']}: {name}", row["message"])

    def _approve(self, plan_id: str) -> None:
        for person in self._case["approvers"]:
            client = self._client(person)
            plan = client.get(f"/winddown/api/plans/{plan_id}")
            if person not in {row["person"] for row in plan["approvals"]}:
                client.post(f"/winddown/api/plans/{plan_id}/approvals", {"plan_digest": plan["digest"]})
                self._tell("people", f"{person} read plan {plan_id} and approved digest {plan['digest'][:12]}")

    def _acknowledge(self, plan_id: str) -> None:
        custodian = self._client(self._case["custodian"]["person"])
        key = (self.directory / "custodian" / "custodian.key").read_bytes()
        archives = self.directory / "winddown" / self._case["case"] / "archives"
        for row in custodian.get(f"/winddown/api/plans/{plan_id}")["archives"]:
            if row["acknowledged"]:
                continue
            _, table = open_as_custodian(archives / row["file"], private_key_pem=key)
            receipt = {
                "order_id": row["order_id"],
                "archive_sha256": row["archive_sha256"],
                "content_sha256": content_digest(table.to_batches()),
            }
            custodian.post(f"/winddown/api/plans/{plan_id}/receipts", receipt)
            self._tell("people", f"{custodian.person} opened {row['file']} and acknowledged {table.num_rows:,} records")

    def _active(self, operator: AirflowClient) -> bool:
        runs = operator.get(f"{DAG}/dagRuns?limit=50")["dag_runs"]
        return any(run["state"] in {"queued", "running"} for run in runs)

    def _refuse_failed(self, operator: AirflowClient) -> None:
        failed = [run["dag_run_id"] for run in operator.get(f"{DAG}/dagRuns?state=failed")["dag_runs"]]
        for run in failed:
            tasks = operator.get(f"{DAG}/dagRuns/{run}/taskInstances?state=failed&limit=50")["task_instances"]
            names = ", ".join(sorted({task["task_id"] for task in tasks}))
            raise Refused(f"run {run} failed in {names}; its task logs are in {self.directory / 'airflow' / 'logs'}")

    def _client(self, person: str) -> AirflowClient:
        return AirflowClient(self._address or self._airflow().address(), person)

    def _tell(self, what: str, message: str) -> None:
        self._say(f"[{time.monotonic() - self._started:5.0f} s] {what:<28} {message}")

    # -- the end -------------------------------------------------------------------------------------------------

    def summary(self) -> int:
        """Print what became of everything, verify the bundle, compare with the truth; 0 when all is as it should be."""
        evidence = self.directory / "winddown" / self._case["case"] / "evidence"
        done: dict[str, int] = {}
        documents = [_predicate(path) for path in sorted(evidence.glob("certificate-*.json"))]
        documents.sort(key=lambda document: document["ledger_size"])
        names = {"erase": "destroyed", "minimise": "minimised", "seal": "handed over"}
        for document in documents:
            for order in document["orders"]:
                done[names[order["act"]]] = done.get(names[order["act"]], 0) + order["records"]
        remaining = documents[-1]["remaining"]
        kept = sum(row["records"] for row in remaining)
        self._say("")
        self._say(f"found        {kept + done['destroyed']:>10,} records")
        self._say(f"handed over  {done['handed over']:>10,} records sealed for the custodian, then erased here")
        self._say(f"destroyed    {done['destroyed']:>10,} records")
        self._say(f"minimised    {done['minimised']:>10,} records lost the fields that no duty needs")
        self._say(f"kept         {kept:>10,} records:")
        for text, count in sorted(_remaining(remaining).items()):
            self._say(f"             {count:>10,} {text}")
        for row in documents[-1]["residual_until"]:
            self._say(f"residual     until {row['until'] or 'somebody acts'}: {row['what']}")
        bundle, key = next(evidence.glob("*-bundle.zip")), evidence / "winddown.pub"
        self._say("")
        self._say(f"certificates {', '.join(str(path) for path in sorted(evidence.glob('certificate*.pdf')))}")
        self._say(f"registers    {evidence / 'registers.xlsx'}")
        self._say(f"bundle       {bundle}")
        command = [sys.executable, "-m", "winddown.evidence.verify", str(bundle), "--policy", str(key)]
        self._say(f"verify with  {' '.join(command)}")
        verified = subprocess.run(command, capture_output=True, text=True, check=False)
        self._say(f"verified     {'yes' if verified.returncode == 0 else 'NO: ' + verified.stdout[-500:]}")
        outcome = compare(self.directory, read_connections(self.directory))
        self._say(
            f"truth        {outcome.records:,} records compared: {outcome.wrongly_destroyed} wrongly destroyed, "
            f"{outcome.wrongly_kept} wrongly kept, {outcome.wrongly_changed} wrongly changed"
        )
        return 0 if verified.returncode == 0 and outcome.is_clean else 1


def _predicate(path: Path) -> dict[str, Any]:
    """What a signed certificate states; the demonstration knows the published formats, not the product."""
    statement = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
    predicate: dict[str, Any] = statement["predicate"]
    return predicate


def _remaining(rows: list[dict[str, Any]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in rows:
        until = f"until {row['until']}" if row["until"] else "until a person decides"
        if row["disposition"] == "held":
            until = "until the legal hold is released"
        text = f"{row['disposition'].replace('_', ' ')} {until}"
        totals[text] = totals.get(text, 0) + row["records"]
    return totals


def s3_address(url: str) -> S3Address:
    """Read ``http://ACCESS:SECRET@host:port``; raises Refused on anything else."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"} or not (parts.hostname and parts.username and parts.password):
        raise Refused("the S3 URL is not of the form http://ACCESS:SECRET@host:port")
    host = parts.hostname + (f":{parts.port}" if parts.port else "")
    return S3Address(f"{parts.scheme}://{host}", parts.username, parts.password)


def run(story: Story) -> int:
    """The whole demonstration; everything that it started is stopped at the end, whatever happens."""
    try:
        story.start()
        story.pause_watch()
        story.trigger()
        story.accompany()
        with ThreadPoolExecutor(1) as beside:  # nothing is left for Airflow to do, and it takes its time to go
            beside.submit(story.stop_airflow)
            return story.summary()
    finally:
        story.stop()


def up(story: Story) -> int:
    """Start everything and leave it running; print where to log in."""
    try:
        address = story.start()
    except BaseException:
        story.stop()
        raise
    print(f"\nAirflow     {address.url}\ncases       {address.url}/winddown/")
    for person, password in address.passwords.items():
        print(f"login       {person:<18} {password}")
    print(f"trigger     deregister_company with case_file = {story.directory / 'case.yaml'}")
    print("stop with   make down")
    return 0
