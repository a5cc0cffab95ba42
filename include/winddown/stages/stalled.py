"""Cases in which nothing has happened for too long: told once, then every day until something does.

Each look remembers since when a case has been where it is. What runs by itself, a period of the law or the grace before
a purge, is no stall. A case that only has to go on is one: the watch starts each state once a day, and when that run
failed, nobody would notice. What a failed run or a reader enters into the ledger is no step forward (see ``progress``).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from winddown.stages.deadlines import Notice
from winddown.stages.deployment import CHINA, Deployment
from winddown.stages.progress import progress_mark
from winddown.stages.standing import Standing, standing

_PEOPLE, _HALTED, _WORK, _DESTRUCTION = timedelta(days=3), timedelta(days=1), timedelta(hours=6), timedelta(hours=1)
_AGAIN = timedelta(days=1)
_NEXT = {
    "approvals": "the approvers answer on the plan's page, or refuse",
    "receipts": "the receivers acknowledge what was handed over",
    "halt": "restore the plan, or resume the case",
    "holds": "restore the plan, so that the next run plans again",
    "nothing": "read the log of the last run's failed task, do what its `next:` says, and clear it",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """Where a case was seen, since when it has been there, and when people were told that it stands still."""

    state: str
    since: datetime
    told_at: datetime | None = None


Untold = tuple[tuple[Standing, Watched], ...]
"""Stalled cases of which people were not told within a day."""


def stalled_notice(untold: Untold) -> Notice:
    """What people are to be told of these cases."""
    lines = [
        f"{stands.case_id} stands since {seen.since.astimezone(CHINA):%Y-%m-%d %H:%M} (UTC+8): {stands.message} "
        f"| next: {_NEXT[stands.waits_for]}"
        for stands, seen in untold
    ]
    return Notice(f"winddown: {len(lines)} stalled", tuple(lines))


def remember_told(deployment: Deployment, untold: Untold) -> None:
    """Record that people were told of these; who tells in vain does not call this, and tells again at the next look."""
    for stands, seen in untold:
        _remember(deployment, stands.case_id, replace(seen, told_at=deployment.clock.now()))


def look_for_stalled(deployment: Deployment) -> Untold:
    """Look at every case. People have days, a begun destruction an hour."""
    now, found = deployment.clock.now(), []
    for case_id in deployment.control.cases():
        stands, seen = _seen(deployment, case_id)
        patience = _patience(deployment, stands)
        is_stalled = patience is not None and now - seen.since >= patience
        if is_stalled and (seen.told_at is None or now - seen.told_at >= _AGAIN):
            found.append((stands, seen))
    return tuple(found)


def _seen(deployment: Deployment, case_id: str) -> tuple[Standing, Watched]:
    """Where a case is, and since when as far as anybody has looked."""
    stands = standing(deployment, case_id)
    state = f"{stands.waits_for} {stands.plan_id} {progress_mark(deployment, case_id)}"
    seen: Watched | None = deployment.control.get(case_id, "watch", "stalled", type_=Watched)
    if seen is None or seen.state != state:
        seen = Watched(state, deployment.clock.now())
        _remember(deployment, case_id, seen)
    return stands, seen


def _remember(deployment: Deployment, case_id: str, seen: Watched) -> None:
    deployment.control.put(case_id, "watch", "stalled", seen, type_=Watched)


def _patience(deployment: Deployment, stands: Standing) -> timedelta | None:
    """How long a case may stand where it is; None for as long as it likes."""
    if stands.waits_for not in _NEXT:
        return None
    if stands.waits_for in {"approvals", "receipts"}:
        return _PEOPLE
    if stands.waits_for in {"halt", "holds"}:
        return _HALTED
    has_begun = stands.plan_id and deployment.control.effects(stands.plan_id)
    return _DESTRUCTION if has_begun else _WORK
