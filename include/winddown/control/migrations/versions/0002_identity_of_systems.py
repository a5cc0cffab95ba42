"""An authorization names the system that it is for, and the plan that it rests on: both are asked again when spent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Rights that were minted before name no system and are worthless, as they are after a minute anyway."""
    op.add_column("authorization", sa.Column("identity", sa.Text(), nullable=False, server_default=sa.text("'-'")))
    plan = sa.Column("plan_id", sa.String(length=100), nullable=False, server_default=sa.text("'-'"))
    op.add_column("authorization", plan)


def downgrade() -> None:
    """Undo."""
    op.drop_column("authorization", "plan_id")
    op.drop_column("authorization", "identity")
