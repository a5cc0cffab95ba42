"""The commands of ``python -m winddown hold``: place, release, list."""

import argparse
import hashlib
from pathlib import Path

from winddown.control.holds import RecordedHold
from winddown.domain.errors import Refused
from winddown.stages.deployment import Deployment, today
from winddown.stages.hold_file import read_hold_file
from winddown.stages.holds import place_hold, release_hold


def add_hold_commands(parser: argparse.ArgumentParser) -> None:
    """Declare the commands and their arguments."""
    commands = parser.add_subparsers(dest="hold_command", required=True)
    place = commands.add_parser("place")
    place.add_argument("case")
    place.add_argument("hold_file", type=Path)
    place.add_argument("--by", required=True)
    release = commands.add_parser("release")
    release.add_argument("case")
    release.add_argument("hold")
    release.add_argument("--by", required=True)
    release.add_argument("--reason", required=True)
    release.add_argument("--evidence", type=Path)
    commands.add_parser("list").add_argument("case")


def run_hold_command(deployment: Deployment, chosen: argparse.Namespace) -> int:
    """Run one of them; 0 when it is done."""
    case = deployment.case(chosen.case)
    if chosen.hold_command == "place":
        print(place_hold(deployment, case.id, read_hold_file(chosen.hold_file, case), by=chosen.by))
    elif chosen.hold_command == "release":
        evidence = _sha256(chosen.evidence) if chosen.evidence else ""
        print(
            release_hold(deployment, case.id, chosen.hold, by=chosen.by, reason=chosen.reason, evidence_sha256=evidence)
        )
    else:
        for found in deployment.control.recorded_holds(case.id):
            print(_line(deployment, found))
    return 0


def _line(deployment: Deployment, found: RecordedHold) -> str:
    hold = found.hold
    if not found.is_in_force:
        return f"{hold.id} released at {found.released_at} by {found.released_by}: {found.release_reason}"
    return f"{hold.id} in force over {hold.scope}; placed by {found.placed_by}; {hold.says(today(deployment))}"


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Refused(f"evidence {path.name} cannot be read ({error.strerror})") from None
