"""Human gates. The answer is a signal to the run; what counts is what the authenticated door wrote, checked afterwards.

Only the people of the case may answer, there is no default answer, and a rejection halts the case and fails the run.
The texts carry ids and counts, never personal data. A gate parks without a worker; after an hour without an answer the
run ends, and ``watch_cases`` starts the next one when the people have acted.
"""

from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from winddown.control.authority import AIRFLOW
from winddown.domain.errors import Refused
from winddown.orchestration.tasks import deployment
from winddown.stages.deployment import Deployment
from winddown.stages.journey import missing_approvals
from winddown.stages.seal import receivers

_PATIENCE = timedelta(hours=1)


class _Gate(ApprovalOperator):
    template_fields = (*ApprovalOperator.template_fields, "plan_id")
    asked_for: ClassVar[str]

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

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Take the answer; a rejection halts the case, or the next run would go on as if nobody had said no."""
        try:
            return super().execute_complete(context, event)
        except HITLRejectException:
            current = deployment()
            case_id = current.control.plan(self.plan_id).case
            by = (event["responded_by_user"] or {}).get("id") or AIRFLOW
            reason = f"{self.asked_for} of plan {self.plan_id} was rejected"
            halted = current.switch.halt(case_id, by=by, reason=reason, door="airflow_answer")
            raise Refused(
                f"plan {self.plan_id} was rejected; case {case_id} is {halted}",
                rule="people decide",
                next_step=f"settle why; then `python -m winddown restore {case_id} --by PERSON` takes back what was "
                "done, or `resume` lets the case go on, with `again` in the trigger where a plan has to be made anew",
            ) from None

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """End the run quietly when nobody answered in time; everything else fails it."""
        if event["error_type"] == "timeout":
            raise AirflowSkipException("nobody answered within an hour; watch_cases continues the case later")
        super().process_trigger_event_error(event)


class PlanApproval(_Gate):
    """Waits until the approvers have approved the plan on its page."""

    asked_for = "approval"

    def people(self, current: Deployment) -> list[str]:
        """The case's approvers, while an approval is missing."""
        if not missing_approvals(current, self.plan_id):
            return []
        return list(current.case(current.control.plan(self.plan_id).case).approvers)


class CustodianReceipt(_Gate):
    """Waits until the custodian, or whom the law names, has opened and acknowledged every archive."""

    asked_for = "receipt of the archives"

    def people(self, current: Deployment) -> list[str]:
        """Those whose receipts are missing."""
        return list(receivers(current, self.plan_id))
