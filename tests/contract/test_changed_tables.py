"""A table that became something else after the plan: nothing of it moves, and the reason is said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from winddown.domain.authorization import Power
from winddown.domain.errors import Refused
from winddown.domain.plan import Act

from .desk import Desk
from .every_engine import ENGINES, subject_on
from .mysql_subject import MySqlSubject
from .postgresql_subject import PostgresSubject
from .subject import work
from .table_subject import Shape

SHAPE = Shape(
    "(id integer PRIMARY KEY, mobile varchar(20) NOT NULL, note varchar(20))",
    ("id",),
    ("id", "mobile", "note"),
    tuple((number, f"1380000000{number}", "x") for number in range(4)),
    ("mobile", "note"),
)


@pytest.fixture(params=ENGINES)
def subject(request: pytest.FixtureRequest, desk: Desk, folder: Path) -> Iterator[Any]:
    with subject_on(request.param, request, desk, folder, SHAPE) as found:
        yield found


def run(subject: Any, statement: str) -> None:
    if isinstance(subject, PostgresSubject):
        subject._run(
            statement.replace("RENAME TO {e}", "RENAME TO earlier"), e=sql.Identifier(subject.schema, "earlier")
        )
        return
    database = subject.ref.name.partition(".")[0]
    earlier = f'"{database}".earlier' if isinstance(subject, MySqlSubject) else "earlier"
    subject.run(statement.format(t=subject.table, e=earlier))


@pytest.mark.parametrize("act", [Act.ERASE, Act.MINIMISE])
@pytest.mark.parametrize(
    "changes",
    [
        ("ALTER TABLE {t} RENAME TO {e}", "CREATE VIEW {t} AS SELECT * FROM {e}"),
        ("ALTER TABLE {t} RENAME TO {e}", "CREATE TABLE {t} AS SELECT * FROM {e}"),
        (
            "ALTER TABLE {t} RENAME TO {e}",
            "CREATE TABLE {t} (id integer NOT NULL, mobile varchar(20) PRIMARY KEY, note varchar(20))",
            "INSERT INTO {t} SELECT * FROM {e}",
        ),
    ],
    ids=["a view", "without a key", "another key"],
)
def test_a_table_with_another_key_or_none_is_not_the_planned_one(
    subject: Any, act: Act, changes: tuple[str, ...]
) -> None:
    planned = work(subject, chosen=("1", "2"), act=act)
    for statement in changes:
        run(subject, statement)
    if isinstance(subject, PostgresSubject):
        subject._run("GRANT ALL ON {t} TO PUBLIC")
    with pytest.raises(Refused, match="has another key than the plan"):
        subject.store.locate(planned.order, planned.batches[0])
    with pytest.raises(Refused, match="has another key than the plan"):
        planned.act(Power.QUARANTINE)


@pytest.mark.parametrize("power", [Power.RESTORE, Power.PURGE])
def test_what_is_in_quarantine_of_a_table_that_was_dropped_needs_it_again(subject: Any, power: Power) -> None:
    planned, content = work(subject, chosen=subject.content().keys(), size=10), subject.content()
    planned.act(Power.QUARANTINE)
    run(subject, "DROP TABLE {t}")
    with pytest.raises(Refused, match=r"no longer exists .* make the table again as it was, without rows"):
        planned.act(power)
    run(subject, f"CREATE TABLE {{t}} {SHAPE.ddl}")
    if isinstance(subject, PostgresSubject):
        subject._run("GRANT ALL ON {t} TO PUBLIC")
    planned.act(power)
    assert subject.content() == (content if power is Power.RESTORE else {})
    assert planned.leftovers() == 0
