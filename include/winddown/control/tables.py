"""Tables of the control database. SQLite embedded, PostgreSQL in production.

Times are ISO 8601 text in UTC, so that both engines keep them alike. Documents are canonical JSON text, so that a
digest taken when they were written can be taken again when they are read.
"""

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, UniqueConstraint, text

metadata = MetaData()

document = Table(
    "document",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("recorded_at", String(40), nullable=False),
    comment="Values that one stage hands to the next: case, inventory, findings, decisions, checks, certificates.",
)

plan = Table(
    "plan",
    metadata,
    Column("plan_id", String(100), primary_key=True),
    Column("case_id", String(64), nullable=False),
    Column("wave", String(40), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(20), nullable=False, comment="open, withdrawn, certified or superseded"),
    Column("recorded_at", String(40), nullable=False),
)

approval = Table(
    "approval",
    metadata,
    Column("plan_id", String(100), primary_key=True),
    Column("person", String(100), primary_key=True),
    Column("plan_digest", String(64), nullable=False),
    Column("role", String(60), nullable=False),
    Column("door", String(40), nullable=False),
    Column("approved_at", String(40), nullable=False),
    Column("note", Text, nullable=False, server_default=text("''")),
    comment="Written by the API server alone; worker roles may only read.",
)

acknowledgement = Table(
    "acknowledgement",
    metadata,
    Column("plan_id", String(100), primary_key=True),
    Column("order_id", String(100), primary_key=True),
    Column("archive_digest", String(64), nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("person", String(100), nullable=False),
    Column("acknowledged_at", String(40), nullable=False),
    comment="A custodian's receipt for one archive; written by the API server alone.",
)

hold = Table(
    "hold",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("hold_id", String(100), primary_key=True),
    Column("body", Text, nullable=False),
    Column("released_at", String(40), nullable=True),
    Column("placed_by", String(100), nullable=False, server_default=text("''")),
    Column("placed_at", String(40), nullable=False, server_default=text("''")),
    Column("released_by", String(100), nullable=False, server_default=text("''")),
    Column("release_evidence", String(64), nullable=False, server_default=text("''")),
    Column("release_reason", Text, nullable=False, server_default=text("''")),
)

authorization = Table(
    "authorization",
    metadata,
    Column("nonce", String(64), primary_key=True),
    Column("case_id", String(64), nullable=False),
    Column("power", String(20), nullable=False),
    Column("store", String(100), nullable=False),
    Column("target", String(200), nullable=False),
    Column("batch_digest", String(64), nullable=False),
    Column("identity", Text, nullable=False, server_default=text("'-'")),
    Column("plan_id", String(100), nullable=False, server_default=text("'-'")),
    Column("expires_at", String(40), nullable=False),
    Column("redeemed_at", String(40), nullable=True),
)

effect = Table(
    "effect",
    metadata,
    Column("effect_id", String(200), primary_key=True),
    Column("case_id", String(64), nullable=False),
    Column("plan_id", String(100), nullable=False),
    Column("order_id", String(200), nullable=False),
    Column("power", String(20), nullable=False),
    Column("batch", Integer, nullable=False),
    Column("state", String(20), nullable=False, comment="intent, done or unknown"),
    Column("records", Integer, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("changed_at", String(40), nullable=False),
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("leaf_hash", String(64), nullable=False),
    UniqueConstraint("case_id", "leaf_hash"),
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("last_at", String(40), nullable=False),
    Column("frontier", Text, nullable=False),
    comment="One row a case; locked before each append, so that entries are contiguous and in commit order.",
)

switch = Table(
    "switch",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("halted_by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("halted_at", String(40), nullable=False),
    comment="The kill switch: while a case has a row here, nothing is authorised but restoring.",
)

progress = Table(
    "progress",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("wave", String(40), primary_key=True),
    Column("stage", String(200), primary_key=True),
    Column("state", String(20), nullable=False, comment="running, done or waiting"),
    Column("message", Text, nullable=False),
    Column("started_at", String(40), nullable=False),
    Column("finished_at", String(40), nullable=True),
)
