"""The pace of a unit of work: it waits while a store is busy, and says how far it is, how fast, and until when.

A closing company's systems may still serve people. Before each batch the store is asked whether anybody waits for a
lock, and how far its replicas are behind; while either is too much, nothing is begun. The work is cut into batches
when the plan is made, the first ones small, so what a pace can do is to wait.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from winddown.domain.errors import Transient
from winddown.ports import Store, SupportsStrain, ability

WAITING_MAX = 3
"""Sessions of others that may wait for locks when a batch begins."""
LAG_SECONDS_MAX = 10.0
"""How far a replica may be behind when a batch begins."""
_PATIENCE_SECONDS = 600.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 15.0
_SAY_EVERY_SECONDS = 5.0


@dataclass(slots=True)
class Pace:
    """The pace of one unit.

    Attributes:
        total: records that the unit has to do, those included that an earlier run did.
        say: told how far the work is, every few seconds; in counts.
    """

    total: int
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _said: float = field(init=False)
    _done: int = field(default=0, init=False)
    _moved: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._began = self._said = self.seconds()

    def await_calm(self, store: Store) -> None:
        """Return when the store is not busy; raises Transient when it still is after ten minutes."""
        asked = ability(store, SupportsStrain)
        if asked is None:
            return
        wait, since = _FIRST_WAIT_SECONDS, self.seconds()
        while why := _why_busy(asked):
            if self.seconds() - since > _PATIENCE_SECONDS:
                raise Transient(f"store {store.name} is busy: {why}; the work goes on from here when it is tried again")
            self.say(f"{self._how_far()}; waits for store {store.name}: {why}")
            self.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def add(self, records: int, *, moved: bool) -> None:
        """Count a finished batch; one that was found done already is no measure of how fast the work goes."""
        self._done += records
        self._moved += records if moved else 0
        if self.seconds() - self._said >= _SAY_EVERY_SECONDS:
            self._said = self.seconds()
            self.say(self._how_far())

    def _how_far(self) -> str:
        elapsed = self.seconds() - self._began
        said = f"{self._done:,} of {self.total:,} records"
        if not self._moved or elapsed <= 0:
            return said
        rate = self._moved / elapsed
        return f"{said}, {rate:,.0f} a second, about {(self.total - self._done) / rate:,.0f} s left"


def _why_busy(store: SupportsStrain) -> str:
    strain = store.strain()
    reasons = []
    if strain.waiting > WAITING_MAX:
        reasons.append(f"{strain.waiting} sessions wait for locks, {WAITING_MAX} may")
    if strain.lag_seconds > LAG_SECONDS_MAX:
        reasons.append(f"a replica is {strain.lag_seconds:.0f} s behind, {LAG_SECONDS_MAX:.0f} s are the most")
    return " and ".join(reasons)
