"""Airflow's deadline alert for the law's deadlines: a run that is still open when one passes tells the people.

The reference is evaluated by the scheduler when a run is made. A run must not fail because its deadline cannot be told:
then it has no alert, and ``watch_deadlines`` tells the deadline anyway.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import BaseDeadlineReference, DeadlineAlert
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from winddown.domain.errors import WinddownError
from winddown.orchestration.tasks import deployment
from winddown.stages.deadlines import due_notice, next_due_at


class NextLegalDeadline(BaseDeadlineReference):
    """The end of the last day of the next duty of the run's case; None when there is none, or no case yet."""

    required_kwargs = frozenset(("dag_id", "run_id"))

    def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str, **_kwargs: Any) -> datetime | None:
        from airflow.models import DagRun  # noqa: PLC0415 - Airflow's core is there in the scheduler alone

        query = select(DagRun.conf).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        return next_deadline(session.scalars(query).one_or_none() or {})


def next_deadline(conf: Mapping[str, Any]) -> datetime | None:
    """The next deadline of the case that a trigger names; None when it names a file, or a case that is not open."""
    inline = conf.get("case")
    case_id = conf.get("case_id") or (inline.get("case") if isinstance(inline, Mapping) else None)
    if not isinstance(case_id, str):
        return None
    try:
        current = deployment()
        return next_due_at(current, case_id) if case_id in current.control.cases() else None
    except (WinddownError, SQLAlchemyError, OSError):
        return None


def tell_deadlines(**_context: Any) -> None:
    """Tell what is overdue and what is due soon; called by Airflow when a run's deadline has passed."""
    current = deployment()
    notice = due_notice(current)
    if notice.lines:
        current.notifier.tell(notice.subject, notice.lines)


LEGAL_DEADLINE = DeadlineAlert(
    name="next legal deadline",
    reference=NextLegalDeadline(),
    interval=timedelta(0),
    callback=SyncCallback("winddown.orchestration.deadline_alert.tell_deadlines"),
)
