"""Two cases in one database: what one of them clears, the other one may be in the middle of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from winddown.archive.escrow import Escrow
from winddown.domain.authorization import Power
from winddown.domain.plan import Act, Method, OrderId
from winddown.domain.receipt import Whereabouts
from winddown.ports import SupportsSanitise, ability
from winddown.stores.sql.copy_then_delete import JOURNAL

from .desk import Desk
from .every_engine import ENGINES, subject_on
from .postgresql_subject import PostgresSubject
from .subject import Work, work
from .table_subject import Shape

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE
SHAPE = Shape(
    "(id integer PRIMARY KEY, name varchar(40), mobile varchar(40))",
    ("id",),
    ("id", "name", "mobile"),
    tuple((number, f"客户{number}", f"1380000000{number}") for number in range(6)),
    ("name", "mobile"),
)
CLEARED = [engine for engine in ENGINES if engine != "generic"]


@pytest.fixture(params=CLEARED)
def subject(request: pytest.FixtureRequest, desk: Desk, folder: Path) -> Iterator[Any]:
    with subject_on(request.param, request, desk, folder, SHAPE) as found:
        yield found


def sanitise(subject: Any, *settled: OrderId) -> None:
    store = ability(subject.store, SupportsSanitise)
    assert store is not None
    right = subject.desk.mint_for(Power.SANITISE, subject.ref.store)
    store.sanitise(right, [subject.ref], settled=settled)


def where(planned: Work) -> Whereabouts:
    return planned.subject.store.locate(planned.order, planned.batches[0])


def has_journal(subject: Any) -> bool:
    if isinstance(subject, PostgresSubject):
        return subject._run("SELECT to_regnamespace('winddown_quarantine')::text") != [(None,)]
    table = {
        "SqliteSubject": f"sqlite_master WHERE name = '{JOURNAL}'",
        "DuckDbSubject": f"information_schema.tables WHERE table_name = '{JOURNAL}'",
        "MySqlSubject": "information_schema.schemata WHERE schema_name LIKE 'winddown%'",
    }[type(subject).__name__]
    return bool(subject.run(f"SELECT 1 FROM {table}"))


@pytest.mark.parametrize("act", [Act.ERASE, Act.MINIMISE])
def test_another_case_that_clears_up_leaves_what_a_repeated_purge_asks_for(subject: Any, act: Act) -> None:
    """The worker was killed after its commit: nobody has closed the purge yet, and it comes again."""
    theirs, ours = work(subject, chosen=["0", "1"], act=act), work(subject, chosen=["2", "3"], act=act)
    for planned in (theirs, ours):
        planned.act(QUARANTINE)
        planned.act(PURGE)
    sanitise(subject, ours.order.id)
    assert where(theirs) is Whereabouts.GONE
    assert theirs.act(PURGE).records == 2
    assert has_journal(subject)
    sanitise(subject, ours.order.id, theirs.order.id)
    assert not has_journal(subject), "the last one takes it away"


def test_a_file_that_a_killed_purge_left_goes_with_its_repeat_whoever_cleared_up(
    subject: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = work(subject, chosen=["0", "1"]), work(subject, chosen=["2", "3"])
    assert theirs.order.method is Method.ESCROW_ROWS
    for planned in (theirs, ours):
        planned.act(QUARANTINE)
    with monkeypatch.context() as patched:
        patched.setattr(Escrow, "destroy", lambda *_: None)
        theirs.act(PURGE)
    ours.act(PURGE)
    monkeypatch.setattr(Escrow, "names", _of(ours, Escrow.names))  # the other case's files are in its own folder
    sanitise(subject, ours.order.id)
    monkeypatch.undo()
    assert where(theirs) is Whereabouts.MIXED
    theirs.act(PURGE)
    assert (where(theirs), theirs.leftovers()) == (Whereabouts.GONE, 0)


def test_what_is_in_quarantine_is_never_forgotten(subject: Any) -> None:
    planned, content = work(subject, chosen=["0", "1"]), subject.content()
    planned.act(QUARANTINE)
    sanitise(subject, planned.order.id)
    planned.act(RESTORE)
    assert subject.content() == content


def _of(planned: Work, names: Any) -> Any:
    return lambda escrow, order_id, index: names(escrow, order_id, index) if order_id == planned.order.id else ()
