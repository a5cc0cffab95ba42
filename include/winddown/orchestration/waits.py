"""Waits for the end of grace: deferred while it is near, left to ``watch_cases`` when it is far."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from winddown.orchestration.tasks import deployment
from winddown.stages.journey import grace_ends_at

_PATIENCE = timedelta(hours=1)


class GraceWait(BaseOperator):
    """Succeeds when the plan's grace has ended. It opens nothing: purging is authorised from the control database."""

    template_fields = ("plan_id",)

    def __init__(self, *, plan_id: str, **kwargs: Any) -> None:
        self.plan_id = plan_id
        super().__init__(**kwargs)

    def execute(self, context: Any, event: Any = None) -> str:  # noqa: ARG002 - Airflow passes both
        """Defer until grace ends; end the run when that is more than an hour away."""
        current = deployment()
        ends_at = grace_ends_at(current, self.plan_id)
        left = ends_at - current.clock.now()
        if left > _PATIENCE:
            raise AirflowSkipException(f"grace ends at {ends_at.isoformat()}; watch_cases continues the case then")
        if left > timedelta(0):
            self.defer(trigger=DateTimeTrigger(moment=ends_at + timedelta(seconds=1)), method_name="execute")
        return self.plan_id
