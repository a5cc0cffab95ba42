"""The demonstration on the command line: ``python -m winddown.demo run|up|generate|stop|compare --dir FOLDER``.

``run`` is the whole story and stops what it started; ``up`` leaves company, stores and Airflow running.
``generate`` leaves its two servers running (their data are in ``FOLDER/servers``), ``stop`` ends them, which empties
the S3 service, and ``compare`` ends with status 1 when a record came out wrong.
"""

import argparse
import sys
from pathlib import Path

from winddown.demo.company import generate
from winddown.demo.compare import compare, read_connections
from winddown.demo.servers import EmbeddedPostgres, EmbeddedS3
from winddown.demo.story import Story, run, up
from winddown.demo.tally import AFTER
from winddown.domain.errors import Refused, WinddownError


def servers(directory: Path) -> tuple[EmbeddedPostgres, EmbeddedS3]:
    """Return the servers of a demonstration folder, running or not."""
    return EmbeddedPostgres(directory / "servers" / "postgres"), EmbeddedS3(directory / "servers" / "s3")


def run_generate(directory: Path, *, customers: int, seed: int) -> int:
    """Start the servers and generate a company; the servers go on running unless that fails."""
    if (directory / "case.yaml").exists():
        raise Refused("the folder holds a case already", next_step="name another folder")
    postgres, files = servers(directory)
    try:
        company = generate(
            customers=customers,
            seed=seed,
            postgres_admin_url=postgres.start(),
            s3=files.start(),
            directory=directory,
        )
    except BaseException:
        files.stop()
        postgres.stop()
        raise
    print(f"{customers} customers, {company.records} records, {len(company.cast.held)} customers held")
    return 0


def run_stop(directory: Path) -> int:
    """Stop the servers, and Airflow if it runs."""
    Story(directory, customers=0, seed=0).stop()
    return 0


def run_compare(directory: Path, *, after: str) -> int:
    """Print the comparison; 1 when something came out wrong."""
    outcome = compare(directory, read_connections(directory), after=after)
    print(
        f"{outcome.records} records: {outcome.wrongly_destroyed} wrongly destroyed, "
        f"{outcome.wrongly_kept} wrongly kept, {outcome.wrongly_changed} wrongly changed"
    )
    for example in outcome.examples:
        print(f"  {example}")
    return 0 if outcome.is_clean else 1


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status; 2 when it was refused or failed."""
    parser = argparse.ArgumentParser(prog="python -m winddown.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("generate", help="start servers and generate a company")
    running = commands.add_parser("run", help="generate a company and wind it down through Airflow")
    upping = commands.add_parser("up", help="start company, stores and Airflow, and leave them running")
    for command in (making, running, upping):
        command.add_argument("--customers", type=int, default=200)
        command.add_argument("--seed", type=int, default=1)
    stopping = commands.add_parser("stop", help="stop the servers")
    comparing = commands.add_parser("compare", help="compare the stores with the truth")
    comparing.add_argument("--after", choices=AFTER, default="all")
    for command in (running, upping):
        command.add_argument("--postgres-url", default="", help="superuser's URL of a running server, 15 or newer")
        command.add_argument("--s3-url", default="", help="http://ACCESS:SECRET@host:port of a running service")
    for command in (making, running, upping, stopping, comparing):
        command.add_argument("--dir", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "generate":
            return run_generate(chosen.dir, customers=chosen.customers, seed=chosen.seed)
        if chosen.command in {"run", "up"}:
            story = Story(
                chosen.dir.absolute(),
                customers=chosen.customers,
                seed=chosen.seed,
                postgres_url=chosen.postgres_url,
                s3_url=chosen.s3_url,
            )
            return (run if chosen.command == "run" else up)(story)
        if chosen.command == "stop":
            return run_stop(chosen.dir.absolute())
        return run_compare(chosen.dir, after=chosen.after)
    except WinddownError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
