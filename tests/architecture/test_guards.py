"""Changes of the guards that no test can notice are listed by name, and the list names no other."""

import mutants
from mutant_edits import mutants as changes


def test_every_change_that_is_called_equivalent_is_one() -> None:
    known = [change for name in mutants.GUARDS for change in changes(mutants.SOURCE / name, name)]
    assert mutants.equivalents(known, mutants.GUARDS) <= {change.name for change in known}
