"""Changes the source of the guards, one place at a time, and asks whether a test notices.

A guard is code that stops a destruction or makes the verifier say no; ``GUARDS`` lists the files. In ``control``: what
``authorize`` and ``redeem`` object to, which approvals and receipts the door lets in, holds, the kill switch, reasons
that people give, a plan that was changed. In ``stages``: caps and sentinels, holds as people place and release them,
backups that must restore, the one place that calls a store's effects and reads back, freezing, who may act, what
cannot be minimised, rows to which others refer, and that a plan leaves out what is blocked. In ``domain``: what a
blocker covers, which approvals count, what a signed approval says, what an authorization covers, scopes of holds,
roles, what an order may be, parts of values that stay, what is undecided or held. And the stand-alone verifier. What
finds persons and matches rules to them decides as well, but has measures of its own: golden files and the accuracy of
recognisers.

A change that no test notices is a survivor: a missing test, or code that nobody needs. ``mutants_equivalent.txt`` lists
those that change nothing that anybody could notice, each with why. Servers are left out: what only a test against
PostgreSQL would notice counts as not noticed.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from mutant_edits import Mutant, mutants
from mutant_trial import OPTIONS, ROOT, SOURCE, Trial

GUARDS = (
    "control/approvals.py",
    "control/authority.py",
    "control/door.py",
    "control/holds.py",
    "control/reasons.py",
    "control/repository.py",
    "control/switch.py",
    "domain/access.py",
    "domain/approval.py",
    "domain/approval_statement.py",
    "domain/authorization.py",
    "domain/blocker.py",
    "domain/disposition.py",
    "domain/hold.py",
    "domain/minimise.py",
    "domain/plan.py",
    "domain/undecided.py",
    "evidence/verify.py",
    "stages/check.py",
    "stages/effects.py",
    "stages/freeze.py",
    "stages/hold_file.py",
    "stages/holds.py",
    "stages/losing.py",
    "stages/people.py",
    "stages/plan.py",
    "stages/references.py",
    "stages/safeguards.py",
)
TESTS = (
    "tests/unit/control",
    "tests/unit/domain",
    "tests/unit/evidence",
    "tests/unit/stages",
    "tests/contract/test_authority.py",
    "tests/contract/test_files_destroyed.py",
    "tests/contract/test_memory.py",
    "tests/contract/test_sqlite.py",
    "tests/golden",
    "tests/web/test_web_access.py",
    "tests/web/test_web_holds.py",
    "tests/web/test_web_people.py",
    "include/winddown/domain",
)
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.txt")
CAUGHT_MIN = 95.0


def equivalents(known: Iterable[Mutant], files: Iterable[str]) -> set[str]:
    """Names of changes that change nothing; raises SystemExit when one of these files is not what any change is called.

    A line that begins with a blank says why, and stands below what it is about.
    """
    lines = EQUIVALENT.read_text("utf-8").splitlines()
    named = [line for line in lines if line and not line.startswith((" ", "#"))]
    about = {name for name in named if name.startswith(tuple(f"{file} " for file in files))}
    wrong = about - {mutant.name for mutant in known}
    wrong |= {one for one, after in zip(lines, [*lines[1:], ""], strict=True) if one in named and after[:1] != " "}
    wrong |= {name for name in named if named.count(name) > 1}
    if wrong:
        listed = "\n".join(sorted(wrong))
        raise SystemExit(f"{EQUIVALENT.name}: each is to match a change, once, and to say why:\n{listed}")
    return about


def main() -> int:
    """Make the changes, and print those that no test noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=GUARDS, choices=GUARDS, metavar="FILE", help="change these files")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="ask these tests")
    parser.add_argument("--every", type=int, default=1, help="make each Nth change only")
    options = parser.parse_args()
    known = [mutant for name in options.only for mutant in mutants(SOURCE / name, name)]
    same = equivalents(known, options.only)
    tried = [mutant for mutant in known if mutant.name not in same][:: options.every]
    trial = Trial(tried)
    status = pytest.main([*OPTIONS, f"--rootdir={ROOT}", *options.tests], plugins=[trial])
    if status or not trial.tests:
        raise SystemExit(f"pytest ended with {status}")
    caught = len(tried) - len(trial.survivors)
    share = 100 * caught / len(tried)
    print(f"context: {len(tried)} changes in {len(options.only)} files, {caught} noticed by {trial.tests} tests; "
          f"{len(same)} that change nothing are listed in {EQUIVALENT.name}")  # fmt: skip
    is_met = share >= CAUGHT_MIN
    name = "guards_mutated" if options.every == 1 else f"guards_mutated_one_in_{options.every}"
    print(f"figure={name} value={share:.4g} unit=% target=>={CAUGHT_MIN:g} met={'yes' if is_met else 'no'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
