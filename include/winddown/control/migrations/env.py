"""Alembic's entry: runs migrations on the connection that ``control.engine`` hands over."""

from alembic import context

from winddown.control.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
