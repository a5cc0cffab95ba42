"""The decisions of six companies, line by line as a lawyer reads them against the law.

``companies/NAME.txt`` is the promise. A change of a rule or of the deciding code shows here as a difference that a
person reads and accepts, by running the test once with ``WINDDOWN_UPDATE_GOLDEN=1`` and reading the change of the file.
"""

import difflib
import os
from itertools import groupby

import pytest

from winddown.domain.decision import Decision, Disposition

from .companies import FOLDER, decisions, names

UPDATE = "WINDDOWN_UPDATE_GOLDEN"
LEAST = 30


def readable(found: Decision) -> str:
    """One decision with its reasons, winners first marked ``+``, losers ``-``."""
    outcome = [found.disposition.value.upper()]
    outcome += [f"to {found.recipient}"] if found.recipient else []
    outcome += ["OPEN"] if found.is_open else []
    outcome += ["in place"] if found.in_place else []
    outcome += ["at once"] if found.at_once else []
    lines = [f"{found.collection.name} | {found.label} | {', '.join(outcome)}"]
    lines += [f"    keeps {', '.join(term.fields)} until {term.until or 'no end'}" for term in found.terms]
    for reason in found.reasons:
        cited = f" [{reason.citation}]" if reason.citation else ""
        step = f" {reason.step}" if reason.step else ""
        lines.append(f"    {'+' if reason.prevails else '-'} {reason.rule}{cited}{step}: {reason.says}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", names())
def test_the_decisions_of_a_company_are_the_agreed_ones(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    now = "\n\n".join(readable(found) for found in decisions(name)) + "\n"
    if os.environ.get(UPDATE) == "1":
        path.write_text(now, "utf-8")
    agreed = path.read_text("utf-8")
    if now != agreed:
        lines = difflib.unified_diff(agreed.splitlines(), now.splitlines(), "agreed", "now", lineterm="", n=3)
        pytest.fail("\n".join([f"{name}: decisions changed; to accept, run with {UPDATE}=1", *lines]), pytrace=False)


@pytest.mark.parametrize("name", names())
def test_a_company_is_large_enough_and_names_each_set_of_records_once(name: str) -> None:
    found = [(str(one.collection), one.label) for one in decisions(name)]
    assert len(found) == len(set(found)) >= LEAST


def test_together_they_show_every_outcome_and_every_step_of_the_precedence() -> None:
    found = [one for name in names() for one in decisions(name)]
    assert {one.disposition for one in found} == set(Disposition)
    steps = {reason.step for one in found for reason in one.reasons}
    assert {"P1", "P2", "P3", "P4", "P5", "P6", "P7"} <= steps
    assert len([*groupby(sorted(names()))]) >= 6  # a shop, payments, a clinic, travel, a school, software
