"""Counters of orders, and indices for lists and searches among a million of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import shopapp.records.db

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FILL_TALLIES = """
INSERT INTO order_tally (shop_id, account_id, state, reason, orders)
SELECT shop_id, account_id, state,
  CASE WHEN state = 'failed' THEN cause WHEN state = 'held' THEN held_reason ELSE '' END, count(*)
FROM "order" GROUP BY 1, 2, 3, 4
"""
FILL_SLOTS = """
INSERT INTO order_slot (shop_id, starts_at, standing, orders)
SELECT shop_id, {quarter},
  CASE WHEN state IN ('imported', 'failed') THEN state ELSE 'waiting' END, count(*)
FROM "order" WHERE state IN ('imported', 'failed', 'received', 'sending', 'held') GROUP BY 1, 2, 3
"""
QUARTER = {
    "postgresql": "date_bin(interval '15 minutes', remote_created_at, timestamptz 'epoch')",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000',"
    " CAST(strftime('%s', remote_created_at) AS INTEGER) / 900 * 900, 'unixepoch')",
}
PATTERN = "text_pattern_ops"


def _partial(name: str, where: str, columns: list[str], pattern: str = "") -> None:
    ops = {pattern: PATTERN} if pattern else {}
    with op.batch_alter_table("order") as batch_op:
        batch_op.create_index(
            name,
            columns,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
            postgresql_ops=ops,
        )


def upgrade() -> None:
    op.create_table(
        "order_tally",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_order_tally_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_order_tally_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_tally")),
        sa.UniqueConstraint(
            "shop_id", "account_id", "state", "reason", name=op.f("uq_order_tally_shop_id_account_id_state_reason")
        ),
    )
    op.create_table(
        "order_slot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_order_slot_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_slot")),
        sa.UniqueConstraint("shop_id", "starts_at", "standing", name=op.f("uq_order_slot_shop_id_starts_at_standing")),
    )
    op.execute(sa.text(FILL_TALLIES))
    op.execute(sa.text(FILL_SLOTS.format(quarter=QUARTER[op.get_bind().dialect.name]).replace(":", "\\:")))
    # A constant default, so that PostgreSQL need not write every row anew; the names follow where there are some.
    op.add_column("order", sa.Column("buyer_key", sa.String(length=255), nullable=False, server_default=""))
    op.execute("UPDATE \"order\" SET buyer_key = lower(buyer_name) WHERE buyer_name <> ''")
    with op.batch_alter_table("order") as batch_op:
        batch_op.drop_index("ix_order_shop_state")
        batch_op.drop_index("ix_order_account_state")
        batch_op.drop_index("ix_order_shop_remote")
        batch_op.create_index("ix_order_shop_state", ["shop_id", "state", "remote_created_at", "id"])
        batch_op.create_index("ix_order_shop_account", ["shop_id", "account_id", "remote_created_at", "id"])
        batch_op.create_index(
            "ix_order_shop_remote", ["shop_id", "remote_order_id"], postgresql_ops={"remote_order_id": PATTERN}
        )
    with op.batch_alter_table("order_line") as batch_op:
        batch_op.drop_index("ix_order_line_shop_sku")
        batch_op.create_index("ix_order_line_shop_sku", ["shop_id", "sku", "order_id"])
    with op.batch_alter_table("usage_entry") as batch_op:
        batch_op.drop_index("ix_usage_entry_shop_at")
        batch_op.create_index("ix_usage_entry_shop_at", ["shop_id", "at", "credited_at", "gmv_minor"])
    with op.batch_alter_table("incident") as batch_op:
        batch_op.create_index("ix_incident_shop_resolved", ["shop_id", "resolved_at"])
    unread = sa.text("read_at IS NULL")
    with op.batch_alter_table("inbox_message") as batch_op:
        batch_op.create_index("ix_inbox_message_unread", ["shop_id"], sqlite_where=unread, postgresql_where=unread)
    _partial("ix_order_failed", "state = 'failed'", ["shop_id", "cause", "remote_created_at", "id"])
    _partial("ix_order_held", "state = 'held'", ["shop_id", "held_reason", "remote_created_at", "id"])
    _partial("ix_order_shop_name", "shopify_name <> ''", ["shop_id", "shopify_name"])
    _partial("ix_order_shop_buyer", "buyer_key <> ''", ["shop_id", "buyer_key"], "buyer_key")


def downgrade() -> None:
    with op.batch_alter_table("inbox_message") as batch_op:
        batch_op.drop_index("ix_inbox_message_unread")
    with op.batch_alter_table("incident") as batch_op:
        batch_op.drop_index("ix_incident_shop_resolved")
    with op.batch_alter_table("usage_entry") as batch_op:
        batch_op.drop_index("ix_usage_entry_shop_at")
        batch_op.create_index("ix_usage_entry_shop_at", ["shop_id", "at"])
    with op.batch_alter_table("order_line") as batch_op:
        batch_op.drop_index("ix_order_line_shop_sku")
        batch_op.create_index("ix_order_line_shop_sku", ["shop_id", "sku"])
    with op.batch_alter_table("order") as batch_op:
        for name in (
            "ix_order_shop_buyer", "ix_order_shop_name", "ix_order_held", "ix_order_failed", "ix_order_shop_remote",
            "ix_order_shop_account", "ix_order_shop_state",
        ):  # fmt: skip
            batch_op.drop_index(name)
        batch_op.create_index("ix_order_shop_state", ["shop_id", "state", "remote_created_at"])
        batch_op.create_index("ix_order_account_state", ["account_id", "state"])
        batch_op.create_index("ix_order_shop_remote", ["shop_id", "remote_order_id"])
    op.drop_column("order", "buyer_key")
    op.drop_table("order_slot")
    op.drop_table("order_tally")
