"""The clocks of a case as of today."""

from winddown.domain.case import Case
from winddown.domain.clocks import ClockResult, check_clocks
from winddown.domain.inventory import Inventory
from winddown.domain.plan import Wave
from winddown.domain.situation import Situation, situation_of
from winddown.stages.deployment import Deployment, today
from winddown.stages.labelled import customers_counted


def situation(deployment: Deployment, case: Case) -> Situation:
    """The case's situation with the customers that were counted: a size class is reached by them, declared or not."""
    inventory: Inventory | None = deployment.control.get(case.id, "inventory", "first", type_=Inventory)
    return situation_of(case, deployment.rulebook, persons=customers_counted(case, inventory))


def wave_clocks(deployment: Deployment, case: Case, wave: Wave) -> tuple[ClockResult, ...]:
    """Everything that a wave waits for; raises Refused for a sector or a fact that the rules do not know."""
    return check_clocks(situation(deployment, case), deployment.rulebook, wave=wave, as_of=today(deployment))
