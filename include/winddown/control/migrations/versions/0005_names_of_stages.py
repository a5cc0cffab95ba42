"""Room for a stage's name, which holds an order's id, and that the case's: PostgreSQL refused longer ones."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("progress") as table:
        table.alter_column("stage", existing_type=sa.String(40), type_=sa.String(200), existing_nullable=False)


def downgrade() -> None:
    """Undo; raises when a longer name is there."""
    with op.batch_alter_table("progress") as table:
        table.alter_column("stage", existing_type=sa.String(200), type_=sa.String(40), existing_nullable=False)
