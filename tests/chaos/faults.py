"""Disks that are full, and clocks that jump, while a case is carried on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner_process import REFUSED, WAITING, Jump, Runner
from traced import Call, run_traced

if TYPE_CHECKING:
    from tests.small_company import SmallCompany

Fault = Call | Jump | None


def endure(company: "SmallCompany", faults: Sequence[Fault]) -> int:
    """Carry a case to its end, with one fault at most between any two acts of people; how often it was refused.

    After each fault there is room again and the clock is right, and the case is carried on until somebody has to act.
    """
    number, refused, status = 0, 0, WAITING
    while status:
        fault = faults[number] if number < len(faults) else None
        number += 1
        status = _run(company, fault)
        said = Runner(company).last_words()
        assert "Traceback" not in said, said
        assert status in {0, WAITING, REFUSED}, said
        if status == REFUSED:
            assert " | next: " in said.strip().splitlines()[-1], said
            refused += 1
            status = _run(company, None)
        assert status in {0, WAITING}, Runner(company).last_words()
        if status == WAITING:
            company.act_as_asked()
    return refused


def _run(company: "SmallCompany", fault: Fault) -> int:
    if isinstance(fault, Call):
        return run_traced(company, company.directory.with_suffix(".strace"), full_at=fault)
    runner = Runner(company)
    runner.start(jump=fault)
    return runner.wait()
