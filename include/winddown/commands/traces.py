"""Commands for what winddown and its scheduler hold of a case: ask that it goes, say that the scheduler's is gone."""

import argparse
from typing import Any

from winddown.stages.deployment import Deployment
from winddown.stages.journey import report
from winddown.stages.own_traces import ask_for_erasure, clear_scheduler
from winddown.stages.standing import standing

TRACE_COMMANDS = ("erase-traces", "clear-scheduler")


def add_trace_commands(commands: Any) -> None:
    """Add both to the command line."""
    for name in TRACE_COMMANDS:
        command = commands.add_parser(name)
        command.add_argument("case")
        command.add_argument("--by", required=True)
        if name == "erase-traces":
            command.add_argument("--scheduler-by", default="")


def run_trace_command(deployment: Deployment, chosen: argparse.Namespace) -> int:
    """Run one of them."""
    if chosen.command == "erase-traces":
        ask_for_erasure(deployment, chosen.case, by=chosen.by, scheduler_by=chosen.scheduler_by)
        found = standing(deployment, chosen.case)
        print(f"asked for; {chosen.case} waits for {found.waits_for}: {found.message} {found.plan_id}".rstrip())
        return 0
    clear_scheduler(deployment, chosen.case, by=chosen.by)
    # No run may write it: that would leave its own log and XComs.
    print(f"entered; the evidence was written anew: {report(deployment, chosen.case)}")
    return 0
