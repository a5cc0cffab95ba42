"""Halts that a worker cannot take back, approvals with the approver's own signature, requesters inside the plan.

On PostgreSQL the workers' role may turn a case's kill switch on, and neither change nor remove what turned it on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_RENAMED = (("stopped_by", "halted_by"), ("stopped_at", "halted_at"))


def upgrade() -> None:
    """Apply. Who requested a plan stands in the plan itself, so that its digest covers it."""
    for old, new in _RENAMED:
        op.execute(f"ALTER TABLE switch RENAME COLUMN {old} TO {new}")
    op.add_column("approval", sa.Column("note", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.drop_column("plan", "requested_by")
    for role in _workers():
        op.execute(f"REVOKE UPDATE, DELETE ON switch FROM {role}")


def downgrade() -> None:
    """Undo."""
    for role in _workers():
        op.execute(f"GRANT UPDATE, DELETE ON switch TO {role}")
    requested = sa.Column("requested_by", sa.String(length=100), nullable=False, server_default=sa.text("''"))
    op.add_column("plan", requested)
    op.drop_column("approval", "note")
    for old, new in _RENAMED:
        op.execute(f"ALTER TABLE switch RENAME COLUMN {new} TO {old}")


def _workers() -> tuple[str, ...]:
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return ()
    found = bind.execute(sa.text("SELECT rolname FROM pg_roles WHERE rolname = 'winddown_worker'"))
    return tuple(row.rolname for row in found)
