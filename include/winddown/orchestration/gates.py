"""Human gates. The answer is a signal to the run; what counts is what the authenticated door wrote, checked afterwards.

Only the people of the case may answer, there is no default answer, and a rejection fails the run. The texts carry ids
and counts, never personal data. A gate parks without a worker; after an hour without an answer the run ends, and
``watch_cases`` starts the next one when the people have acted.
"""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from winddown.orchestration.tasks import deployment
from winddown.stages.deployment import Deployment
from winddown.stages.journey import missing_approvals
from winddown.stages.seal import receivers

_PATIENCE = timedelta(hours=1)


class _Gate(ApprovalOperator):
    template_fields = (*ApprovalOperator.template_fields, "plan_id")

    def __init__(self, *, plan_id: str, **kwargs: Any) -> None:
        self.plan_id = plan_id
        super().__init__(response_timeout=_PATIENCE, fail_on_reject=True, **kwargs)

    def people(self, current: Deployment) -> list[str]:
        """Ids of those who may answer; empty when nothing is left to ask."""
        raise NotImplementedError

    def execute(self, context: Any) -> Any:
        """Park until one of the people answers; pass at once when nothing is left to ask."""
        people = self.people(deployment())
        if not people:
            return None
        self.assigned_users = [{"id": person, "name": person} for person in people]
        return super().execute(context)

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """End the run quietly when nobody answered in time; everything else fails it."""
        if event["error_type"] == "timeout":
            raise AirflowSkipException("nobody answered within an hour; watch_cases continues the case later")
        super().process_trigger_event_error(event)


class PlanApproval(_Gate):
    """Waits until the approvers have approved the plan on its page."""

    def people(self, current: Deployment) -> list[str]:
        """The case's approvers, while an approval is missing."""
        if not missing_approvals(current, self.plan_id):
            return []
        return list(current.case(current.control.plan(self.plan_id).case).approvers)


class CustodianReceipt(_Gate):
    """Waits until the custodian, or whom the law names, has opened and acknowledged every archive."""

    def people(self, current: Deployment) -> list[str]:
        """Those whose receipts are missing."""
        return list(receivers(current, self.plan_id))
