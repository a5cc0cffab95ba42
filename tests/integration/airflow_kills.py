"""Kills in a real Airflow that is kept up: processes of tasks, and the scheduler, which is started again as it was."""

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from winddown.demo.airflow import AirflowClient
from winddown.demo.story import DAG
from winddown.domain.errors import WinddownError

Instance = tuple[str, str, int]
TARGETS = ("quarantine", "purge")
SCHEDULER_AFTER = (6, 14)  # kills of tasks
OF_ONE_INSTANCE_MAX = 1  # a killed scheduler takes tries as well, and no task is to run out of them
# A scheduler that is killed leaves tasks that nobody runs; the next one is to see that in less than five minutes.
SOON = {
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}


class Killer(threading.Thread):
    """Kills task processes at random moments: the first one of each target, or as many of any task as are wanted.

    Attributes:
        killed: how often each task instance was killed.
        schedulers: how often the scheduler was.
    """

    def __init__(self, client: AirflowClient, home: Path, *, wanted: int) -> None:
        super().__init__(daemon=True)
        self.killed: Counter[Instance] = Counter()
        self.schedulers = 0
        self._client, self._home, self._wanted = client, home, wanted
        self._done = threading.Event()
        self._random = random.Random(3)  # noqa: S311 - a reproducible moment
        self._restarted: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        while not self._done.is_set() and self.killed.total() < self._wanted:
            with suppress(WinddownError, ProcessLookupError):
                rows = self._client.get(f"{DAG}/dagRuns/~/taskInstances?state=running&limit=50")["task_instances"]
                for row in filter(self._is_wanted, rows):
                    time.sleep(self._random.uniform(0, 0.8))
                    os.kill(row["pid"], signal.SIGKILL)
                    self.killed[row["dag_run_id"], row["task_id"], row["map_index"]] += 1
            due = sum(self.killed.total() >= number for number in SCHEDULER_AFTER)
            if self._wanted > len(TARGETS) and self.schedulers < due:
                self._kill_scheduler()
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill nothing more."""
        self._done.set()
        if self.is_alive():
            self.join()

    def end_schedulers(self) -> None:
        """End those that took the place of killed ones."""
        for process in self._restarted:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def _is_wanted(self, row: dict[str, Any]) -> bool:
        if not row["pid"]:
            return False
        if self._wanted == len(TARGETS):
            return row["task_id"] in TARGETS and row["task_id"] not in {task for _, task, _ in self.killed}
        is_fresh = self.killed[row["dag_run_id"], row["task_id"], row["map_index"]] < OF_ONE_INSTANCE_MAX
        return is_fresh and (row["task_id"] in TARGETS or self._random.random() < 0.5)

    def _kill_scheduler(self) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                told = dict(
                    one.split("=", 1) for one in (folder / "environ").read_bytes().decode().split("\0") if "=" in one
                )
                if told.get("AIRFLOW_HOME") == str(self._home) and words[-2:-1] == [b"scheduler"]:
                    os.kill(int(folder.name), signal.SIGKILL)
                    self.schedulers += 1
                    time.sleep(self._random.uniform(0, 2))
                    log = (self._home / "airflow.log").open("ab")
                    self._restarted.append(
                        subprocess.Popen(
                            [word.decode() for word in words if word], env=told | SOON, cwd=self._home,
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                        )
                    )  # fmt: skip
                    log.close()
                    return
