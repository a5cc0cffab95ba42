"""Migrations lead from nothing to exactly the tables that the code declares, and back."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from winddown.control import tables
from winddown.control.engine import migration_config, open_control, upgrade


def test_from_nothing_to_the_declared_tables_and_no_difference_remains(bare_url: str) -> None:
    engine = open_control(bare_url)
    assert inspect(engine).get_table_names() == []
    upgrade(engine)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
        assert context.get_current_heads() == ("0003",)
    assert set(inspect(engine).get_table_names()) == {*tables.metadata.tables, "alembic_version"}
    engine.dispose()


def test_upgrading_again_changes_nothing_and_loses_nothing(bare_url: str) -> None:
    engine = open_control(bare_url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            tables.switch.insert().values(case_id="c-1", stopped_by="chen", reason="", stopped_at="2026-11-23")
        )
    upgrade(engine)
    with engine.begin() as connection:
        assert connection.execute(tables.switch.select()).one().stopped_by == "chen"
    engine.dispose()


def test_downgrading_removes_every_table(bare_url: str) -> None:
    engine = open_control(bare_url)
    upgrade(engine)
    config = migration_config(bare_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
