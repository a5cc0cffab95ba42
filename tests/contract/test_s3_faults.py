"""A service that fails in every way that services fail: the end state is the same, and every version is accounted for.

``WINDDOWN_TEST_EXAMPLES`` is the number of seeds, one by default; whole objects, which are quick, take six times as
many.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tallied import tally
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual, Transient
from winddown.domain.receipt import Receipt, Whereabouts
from winddown.ports import SupportsSanitise, ability

from .desk import Desk
from .s3_services import FAULTS, Faulty
from .s3_subject import BucketSubject, CsvFiles, WholeObjects
from .subject import Subject, Work, work

EXAMPLES = int(os.environ.get("WINDDOWN_TEST_EXAMPLES", "1"))
SEEDS = {WholeObjects: range(6 * EXAMPLES), CsvFiles: range(EXAMPLES)}
QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE
MOST = 200
RATES = {WholeObjects: 0.15, CsvFiles: 0.04}  # of each fault, a request; a batch of rewrites takes many requests
met: Counter[str] = Counter()


@pytest.fixture
def subject(request: pytest.FixtureRequest, client: Any, desk: Desk) -> Iterator[BucketSubject]:
    found: BucketSubject = request.param(client, desk)
    yield found
    found.acting = client
    found.bucket.remove()


def act(planned: Work, power: Power) -> Receipt:
    """Try as the pipeline does: again and again after a passing failure, and after a person looked at any other."""
    for _ in range(MOST):
        try:
            receipt = planned.act(power)
        except (Transient, Residual):
            continue
        except Refused as error:
            # A stale listing may show a version as gone or as another's; nothing may have been lost by it.
            if not {"rule: a writer wins", "rule: quarantine first"} & set(str(error).split(" | ")):
                raise
        else:
            sweep(planned.subject)
            return receipt
    raise AssertionError("it never succeeded")


def sweep(subject: Subject) -> None:
    """Let sanitising remove what trials left behind that could not be cleaned up."""
    assert isinstance(subject, BucketSubject)
    faulty, subject.acting = subject.acting, subject.bucket.client
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    store.sanitise(subject.desk.mint_for(Power.SANITISE, subject.ref.store), [subject.ref])
    subject.acting = faulty


@pytest.mark.parametrize(
    ("subject", "seed"), [(kind, seed) for kind, seeds in SEEDS.items() for seed in seeds], indirect=["subject"]
)
def test_whatever_fails_the_end_is_the_same(subject: BucketSubject, seed: int) -> None:
    planned, content, history = work(subject, size=10), subject.content(), subject.bucket.history()
    faulty = Faulty(subject.acting, seed, rate=RATES[type(subject)])
    subject.acting = faulty
    act(planned, QUARANTINE)
    gone = subject.content()
    assert gone == {name: value for name, value in content.items() if name not in planned.chosen}
    act(planned, RESTORE)
    assert subject.content() == content
    assert subject.bucket.history() == history
    act(planned, QUARANTINE)
    receipt = dict(act(planned, PURGE).details)
    assert int(receipt["ordered"]) == sum(len(key["versions"]) for key in planned.batches[0].keys.to_pylist())
    assert receipt["purged"] == receipt["ordered"]
    assert subject.store.locate(planned.order, planned.batches[0]) is Whereabouts.GONE
    assert (planned.remaining(), planned.leftovers()) == (0, 0)
    assert subject.content() == gone
    met.update(faulty.met)
    tally("faults", sum(faulty.met.values()))


def test_every_fault_was_met() -> None:
    assert set(met) == set(FAULTS)
    assert all(met.values())
