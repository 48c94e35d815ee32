"""Counts of days: what the marketplace lists, what we have, what Shopify has."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import shopapp.records.db

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "count_round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("began_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("page_token", sa.String(length=4000), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("checked_to", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.JSON(), nullable=False),
        sa.Column("sites", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("due_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=False),
        sa.Column("lease_until", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_count_round_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_count_round_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_count_round")),
        sa.UniqueConstraint("account_id", name=op.f("uq_count_round_account_id")),
    )
    with op.batch_alter_table("count_round", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_count_round_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_count_round_shop_id"), ["shop_id"], unique=False)

    op.create_table(
        "day_count",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("counted_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("again_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("in_shopify", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("ignored", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("earlier", sa.Integer(), nullable=False),
        sa.Column("fetched", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("extra", sa.Integer(), nullable=False),
        sa.Column("ids", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_day_count_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_day_count_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_count")),
        sa.UniqueConstraint("account_id", "day", name=op.f("uq_day_count_account_id_day")),
    )
    with op.batch_alter_table("day_count", schema=None) as batch_op:
        batch_op.create_index("ix_day_count_shop_day", ["shop_id", "day"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("day_count", schema=None) as batch_op:
        batch_op.drop_index("ix_day_count_shop_day")

    op.drop_table("day_count")
    with op.batch_alter_table("count_round", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_count_round_shop_id"))
        batch_op.drop_index(batch_op.f("ix_count_round_due_at"))

    op.drop_table("count_round")
