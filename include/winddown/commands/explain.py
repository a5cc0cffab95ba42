"""``explain CASE COLLECTION [--record KEY…] [--lang zh|en]``: why the records of a collection go or stay."""

import argparse
from typing import Any

from winddown.commands.why_text import Language, explanation_text, label_lines
from winddown.domain.inventory import CollectionRef
from winddown.stages.deployment import Deployment
from winddown.stages.explain import explain, explain_one
from winddown.stages.record import find_record


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser("explain", help="why the records of a collection go or stay")
    parser.add_argument("case")
    parser.add_argument("collection", type=CollectionRef.parse, help="store:collection")
    parser.add_argument(
        "--record", nargs="+", metavar="KEY", help="field=value for each field of the key, or object#row"
    )
    parser.add_argument("--lang", choices=("zh", "en"), help="both when it is left out")


def run(deployment: Deployment, chosen: argparse.Namespace) -> int:
    """Print the explanation. The key of a record is used and not repeated: it stays in the caller's own command."""
    lang = Language(chosen.lang or "both")
    if not chosen.record:
        print(explanation_text(explain(deployment, chosen.case, chosen.collection), lang))
        return 0
    found = find_record(deployment, chosen.case, chosen.collection, chosen.record)
    for label in found.labels:
        print("\n".join(label_lines(explain_one(deployment, chosen.case, chosen.collection, label), lang)).strip())
    return 0
