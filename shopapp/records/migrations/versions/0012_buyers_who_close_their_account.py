"""What a channel calls the buyer of an order, and when it said that the buyer is to be forgotten."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shopapp.records.db import Moment

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    known = sa.text("buyer_ref <> ''")
    with op.batch_alter_table("order") as batch_op:
        batch_op.add_column(sa.Column("buyer_ref", sa.String(length=255), server_default="", nullable=False))
        batch_op.add_column(sa.Column("forget_at", Moment(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_order_buyer_ref", ["channel", "buyer_ref"], sqlite_where=known, postgresql_where=known
        )


def downgrade() -> None:
    with op.batch_alter_table("order") as batch_op:
        batch_op.drop_index("ix_order_buyer_ref")
        batch_op.drop_column("forget_at")
        batch_op.drop_column("buyer_ref")
