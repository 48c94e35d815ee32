"""Indices for what an account waits to push, what was wished lately, and who sold a variant."""

from collections.abc import Sequence

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index("ix_listing_account_due", "listing", ["account_id", "due_at"], unique=False)
    op.create_index("ix_listing_account_wished", "listing", ["account_id", "wished_at"], unique=False)
    op.create_index("ix_order_line_shop_variant", "order_line", ["shop_id", "variant_gid"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_order_line_shop_variant", table_name="order_line")
    op.drop_index("ix_listing_account_wished", table_name="listing")
    op.drop_index("ix_listing_account_due", table_name="listing")
