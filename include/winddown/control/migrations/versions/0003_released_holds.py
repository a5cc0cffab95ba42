"""Holds have a scope and a ground of a closed list, and keep who placed them, and who released them when and why."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ADDED = (
    ("placed_by", 100),
    ("placed_at", 40),
    ("released_by", 100),
    ("release_evidence", 64),
)


def upgrade() -> None:
    """Apply. Holds from before go on holding the same persons."""
    for name, length in _ADDED:
        op.add_column("hold", sa.Column(name, sa.String(length=length), nullable=False, server_default=sa.text("''")))
    op.add_column("hold", sa.Column("release_reason", sa.Text(), nullable=False, server_default=sa.text("''")))
    _rewrite(_with_scope)


def downgrade() -> None:
    """Undo. What cannot be said without a scope would silently hold less, so it stops here."""
    rows = op.get_bind().execute(sa.text("SELECT hold_id, body FROM hold WHERE released_at IS NULL"))
    scoped = sorted(row.hold_id for row in rows if not _is_persons_alone(json.loads(row.body)["scope"]))
    if scoped:
        raise RuntimeError(f"holds {', '.join(scoped)} cover more than persons, which the older schema cannot say")
    _rewrite(_without_scope)
    op.drop_column("hold", "release_reason")
    for name, _ in reversed(_ADDED):
        op.drop_column("hold", name)


def _rewrite(change: Any) -> None:
    bind = op.get_bind()
    for row in bind.execute(sa.text("SELECT case_id, hold_id, body FROM hold")).all():
        body = change(json.loads(row.body))
        values = {"body": json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))}
        where = "WHERE case_id = :case_id AND hold_id = :hold_id"
        key = {"case_id": row.case_id, "hold_id": row.hold_id}
        bind.execute(sa.text(f"UPDATE hold SET body = :body {where}"), values | key)
        if "scope" in body:
            bind.execute(sa.text(f"UPDATE hold SET placed_by = :by {where}"), {"by": body["steward"]} | key)


def _with_scope(body: dict[str, Any]) -> dict[str, Any]:
    """The older ground was free text and no order was named, so it may not pass for a statutory one."""
    persons = {name: body.pop(name) for name in ("subjects_manifest", "subjects_digest", "subject_count")}
    scope = {"company": False, "collections": [], "since": None, "until": None, **persons}
    return body | {
        "matter": f"{body['matter']} ({body['ground']})",
        "ground": "private_dispute",
        "authority": "",
        "document_number": "",
        "scope": scope,
    }


def _without_scope(body: dict[str, Any]) -> dict[str, Any]:
    scope = body.pop("scope")
    del body["authority"], body["document_number"]
    return body | {name: scope[name] for name in ("subjects_manifest", "subjects_digest", "subject_count")}


def _is_persons_alone(scope: dict[str, Any]) -> bool:
    return bool(scope["subject_count"]) and not (scope["collections"] or scope["since"] or scope["until"])
