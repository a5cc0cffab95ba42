"""Migrations lead from nothing to exactly the tables that the code declares, and back."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from winddown.control import tables
from winddown.control.engine import migration_config, open_control, upgrade
from winddown.control.holds import load_holds, put_hold_within, recorded_holds
from winddown.domain.hold import Ground, LegalHold, Scope


def test_from_nothing_to_the_declared_tables_and_no_difference_remains(bare_url: str) -> None:
    engine = open_control(bare_url)
    assert inspect(engine).get_table_names() == []
    upgrade(engine)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
        assert context.get_current_heads() == ("0005",)
    assert set(inspect(engine).get_table_names()) == {*tables.metadata.tables, "alembic_version"}
    engine.dispose()


def test_upgrading_again_changes_nothing_and_loses_nothing(bare_url: str) -> None:
    engine = open_control(bare_url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            tables.switch.insert().values(case_id="c-1", halted_by="chen", reason="", halted_at="2026-11-23")
        )
    upgrade(engine)
    with engine.begin() as connection:
        assert connection.execute(tables.switch.select()).one().halted_by == "chen"
    engine.dispose()


def test_threads_of_a_server_may_open_databases_at_once(tmp_path: Path) -> None:
    def opened(number: int) -> bool:
        engine = open_control(f"sqlite:///{tmp_path}/{number % 4}.sqlite")
        upgrade(engine)
        found = inspect(engine).has_table("ledger_entry")
        engine.dispose()
        return found

    with ThreadPoolExecutor(8) as beside:
        assert all(beside.map(opened, range(24)))


def test_downgrading_removes_every_table(bare_url: str) -> None:
    engine = open_control(bare_url)
    upgrade(engine)
    config = migration_config(bare_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


OLD_HOLD = (
    '{"ground":"civil litigation","id":"H-1","matter":"matter 1","placed_on":"2026-06-01","review_on":"2027-06-01",'
    '"steward":"chen","subject_count":2,"subjects_digest":"%s","subjects_manifest":"hold-H-1"}' % ("a" * 64)
)


def test_a_hold_from_before_grounds_and_scopes_goes_on_holding_the_same_persons(bare_url: str) -> None:
    engine = open_control(bare_url)
    config = migration_config(bare_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(text("INSERT INTO hold VALUES ('c-1', 'H-1', :body, NULL)"), {"body": OLD_HOLD})
    upgrade(engine)
    with engine.begin() as connection:
        (found,) = recorded_holds(connection, "c-1")
        assert load_holds(connection, "c-1") == (found.hold,)
    scope = Scope(subjects_manifest="hold-H-1", subjects_digest="a" * 64, subject_count=2)
    assert (found.hold.scope, found.placed_by, found.is_in_force) == (scope, "chen", True)
    # No order was named, so that it passes for no statutory hold; what was said stays readable.
    assert (found.hold.ground, found.hold.matter) == (Ground.PRIVATE_DISPUTE, "matter 1 (civil litigation)")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        body = connection.execute(text("SELECT body FROM hold")).scalar_one()
        assert json.loads(body)["subjects_manifest"] == "hold-H-1"
    engine.dispose()


def test_a_hold_that_the_older_schema_cannot_say_is_not_silently_made_smaller(bare_url: str) -> None:
    engine = open_control(bare_url)
    upgrade(engine)
    hold = LegalHold(
        "H-1", "m", Ground.COURT, "court", "1", "li", date(2026, 6, 1), date(2027, 6, 1), Scope(company=True)
    )  # fmt: skip
    clock = SimpleNamespace(now=lambda: datetime(2026, 11, 23, tzinfo=UTC))
    with engine.begin() as connection:
        put_hold_within(connection, "c-1", hold, by="li", clock=clock)
    config = migration_config(bare_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(RuntimeError, match="holds H-1 cover more than persons"):
            command.downgrade(config, "0002")
    engine.dispose()
