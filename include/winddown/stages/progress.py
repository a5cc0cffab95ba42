"""How far a case has come, as a mark that changes only with a step forward, and what of it is tried how often.

A run that fails writes entries into the ledger as well, e.g. another inventory or another intent, and so does whoever
reads evidence. By the ledger's size such a case would look as if it went on. Both the alert of stalled cases and the
watch that starts runs go by this mark.
"""

from dataclasses import dataclass
from datetime import UTC

from winddown.domain.canonical import digest
from winddown.stages.deployment import Deployment
from winddown.stages.journey import CASE, PREPARATION, is_closed, waves

# What people did, and what is entered once. What was done counts by its effect, which is one however often it is
# repeated; readings, checks and intents are entered anew by every run that fails behind them.
_STEPS = (
    "approval_given",
    "case_opened",
    "certificate_issued",
    "halted",
    "handover_acknowledged",
    "hold_placed",
    "hold_released",
    "plan_made",
    "restored",
    "resumed",
    "scheduler_cleared",
)
_HEX = 12


@dataclass(frozen=True, slots=True)
class _LookedThrough:
    """How many entries of a ledger were looked through, and the position of the last step among them, or -1."""

    size: int
    last: int


def progress_mark(deployment: Deployment, case_id: str) -> str:
    """A short text that stays the same until the case comes further.

    Steps are the ledger's entries of ``_STEPS``, each effect that is done, and each stage that was reached for the
    first time, or ended for good, since the case was last read.
    """
    reached = deployment.control.progress(case_id)
    # Stages of a wave begin and end with every run; those before the first wave, and a wave's last one, end once.
    ended = sum((found.wave, found.state) == (CASE, "done") and found.stage in PREPARATION for found in reached)
    closed = sum(is_closed(deployment, case_id, wave) for wave in waves(deployment, case_id))
    begun_at = max((found.started_at for found in reached), default="")
    facts = [_last_step(deployment, case_id), deployment.control.effects_done(case_id)]
    return digest([*facts, len(reached), begun_at, ended, closed])[:_HEX]


def attempt(deployment: Deployment, case_id: str) -> str:
    """What a case is tried with once: its progress, the program with its rules, and the day.

    The day, so that what failed because a store was down, or has been set right without a word to us, is tried again.
    It begins at midnight in UTC, which is eight in the morning in China: systems are not under repair, and people come
    in.
    """
    program = digest([deployment.code_version, deployment.rulebook.digest])[:_HEX]
    day = deployment.clock.now().astimezone(UTC).date()
    return f"{progress_mark(deployment, case_id)}-{program}-{day}"


def _last_step(deployment: Deployment, case_id: str) -> int:
    """Position of the last entry that is a step. Each entry is looked at once, because a ledger may have a million."""
    size = deployment.ledger.size(case_id)
    known: _LookedThrough | None = deployment.control.get(case_id, "watch", "ledger", type_=_LookedThrough)
    seen = _LookedThrough(0, -1) if known is None else known
    if seen.size < size:
        found = deployment.ledger.last_of(case_id, _STEPS, since=seen.size)
        seen = _LookedThrough(size, seen.last if found is None else found)
        deployment.control.put(case_id, "watch", "ledger", seen, type_=_LookedThrough)
    return seen.last
