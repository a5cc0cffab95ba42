"""An authorization names the system that it is for, so that another one under the same connection is refused."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Rights that were minted before name no system and are worthless, as they are after a minute anyway."""
    op.add_column("authorization", sa.Column("identity", sa.Text(), nullable=False, server_default=sa.text("'-'")))


def downgrade() -> None:
    """Undo."""
    op.drop_column("authorization", "identity")
