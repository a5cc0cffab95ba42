"""The clocks of a case as of today."""

from winddown.domain.case import Case
from winddown.domain.clocks import ClockResult, check_clocks
from winddown.domain.plan import Wave
from winddown.domain.situation import situation_of
from winddown.stages.deployment import Deployment, today


def wave_clocks(deployment: Deployment, case: Case, wave: Wave) -> tuple[ClockResult, ...]:
    """Everything that a wave waits for; raises Refused for a sector or a fact that the rules do not know."""
    situation = situation_of(case, deployment.rulebook)
    return check_clocks(situation, deployment.rulebook, wave=wave, as_of=today(deployment))
