"""Which failures are tried again: what the world did, never what a rule or a person said."""

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="winddown.domain.errors.Refused", action=RetryAction.FAIL, reason="a rule or a person says no"
        ),
        # Tried again, a gate would ask anew, and whoever answers next could overrule the rejection.
        RetryRule(
            exception="airflow.providers.standard.exceptions.HITLRejectException",
            action=RetryAction.FAIL,
            reason="a person rejected it",
        ),
        RetryRule(exception="winddown.domain.errors.Residual", action=RetryAction.FAIL, reason="a person must look"),
        RetryRule(
            exception="winddown.domain.errors.Transient", action=RetryAction.RETRY, retry_delay=timedelta(seconds=20)
        ),
    ]
)

# A killed worker raises nothing: its task is retried because effects are idempotent.
TASK_DEFAULTS = {"retries": 3, "retry_delay": timedelta(seconds=5), "retry_policy": RETRY_POLICY}
