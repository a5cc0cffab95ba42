"""First tables, and who may write them.

On PostgreSQL the roles ``winddown_api`` (the API server) and ``winddown_worker`` (tasks), where they exist, get their
grants here: a worker can read approvals and acknowledgements and cannot write them. SQLite knows no roles; the
embedded mode cannot defend against its own OS user, and its certificates say so.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "acknowledgement",
        sa.Column("plan_id", sa.String(length=100), nullable=False),
        sa.Column("order_id", sa.String(length=100), nullable=False),
        sa.Column("archive_digest", sa.String(length=64), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=100), nullable=False),
        sa.Column("acknowledged_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "order_id"),
        comment="A custodian's receipt for one archive; written by the API server alone.",
    )
    op.create_table(
        "approval",
        sa.Column("plan_id", sa.String(length=100), nullable=False),
        sa.Column("person", sa.String(length=100), nullable=False),
        sa.Column("plan_digest", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=60), nullable=False),
        sa.Column("door", sa.String(length=40), nullable=False),
        sa.Column("approved_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "person"),
        comment="Written by the API server alone; worker roles may only read.",
    )
    op.create_table(
        "authorization",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("power", sa.String(length=20), nullable=False),
        sa.Column("store", sa.String(length=100), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("batch_digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.String(length=40), nullable=False),
        sa.Column("redeemed_at", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("nonce"),
    )
    op.create_table(
        "document",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "kind", "name"),
        comment="Values that one stage hands to the next: case, inventory, findings, decisions, checks, certificates.",
    )
    op.create_table(
        "effect",
        sa.Column("effect_id", sa.String(length=200), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("plan_id", sa.String(length=100), nullable=False),
        sa.Column("order_id", sa.String(length=200), nullable=False),
        sa.Column("power", sa.String(length=20), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False, comment="intent, done or unknown"),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("effect_id"),
    )
    op.create_table(
        "hold",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("hold_id", sa.String(length=100), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("released_at", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "hold_id"),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("leaf_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "seq"),
        sa.UniqueConstraint("case_id", "leaf_hash"),
    )
    op.create_table(
        "ledger_head",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.String(length=40), nullable=False),
        sa.Column("frontier", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
        comment="One row a case; locked before each append, so that entries are contiguous and in commit order.",
    )
    op.create_table(
        "plan",
        sa.Column("plan_id", sa.String(length=100), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("wave", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False, comment="open, withdrawn, certified or superseded"),
        sa.Column("requested_by", sa.String(length=100), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("plan_id"),
    )
    op.create_table(
        "progress",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("wave", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False, comment="running, done or waiting"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("started_at", sa.String(length=40), nullable=False),
        sa.Column("finished_at", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "wave", "stage"),
    )
    op.create_table(
        "switch",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("stopped_by", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stopped_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
        comment="The kill switch: while a case has a row here, nothing is authorised but restoring.",
    )
    if op.get_bind().dialect.name == "postgresql":
        _grant()


def downgrade() -> None:
    """Revert."""
    op.drop_table("switch")
    op.drop_table("progress")
    op.drop_table("plan")
    op.drop_table("ledger_head")
    op.drop_table("ledger_entry")
    op.drop_table("hold")
    op.drop_table("effect")
    op.drop_table("document")
    op.drop_table("authorization")
    op.drop_table("approval")
    op.drop_table("acknowledgement")


_BY_API_ALONE = ("approval", "acknowledgement")
_APPEND_ONLY = ("ledger_entry",)


def _grant() -> None:
    bind = op.get_bind()
    present = {row[0] for row in bind.execute(sa.text("SELECT rolname FROM pg_roles"))}
    tables = [
        row[0]
        for row in bind.execute(
            sa.text(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'alembic_version'"
            )
        )
    ]
    for role in {"winddown_api", "winddown_worker"} & present:
        for table in tables:
            if role == "winddown_worker" and table in _BY_API_ALONE:
                rights = "SELECT"
            elif table in _APPEND_ONLY:
                rights = "SELECT, INSERT"
            else:
                rights = "SELECT, INSERT, UPDATE, DELETE"
            op.execute(f'GRANT {rights} ON "{table}" TO {role}')
        # Every start compares the schema's version with the program's; only the owner may change either.
        op.execute(f"GRANT SELECT ON alembic_version TO {role}")
