"""Lists, counters and searches of listings among hundreds of thousands."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

PATTERN = {"title_key": "text_pattern_ops"}


def upgrade() -> None:
    op.add_column("listing", sa.Column("title_key", sa.String(length=100), server_default="", nullable=False))
    with op.batch_alter_table("listing") as batch_op:
        batch_op.drop_index("ix_listing_shop_account")
        batch_op.create_index("ix_listing_shop_account", ["shop_id", "account_id", "id"])
        batch_op.create_index("ix_listing_shop_counts", ["shop_id", "live", "account_id", "status"])
        batch_op.create_index("ix_listing_shop_title", ["shop_id", "title_key"], postgresql_ops=PATTERN)


def downgrade() -> None:
    with op.batch_alter_table("listing") as batch_op:
        batch_op.drop_index("ix_listing_shop_title")
        batch_op.drop_index("ix_listing_shop_counts")
        batch_op.drop_index("ix_listing_shop_account")
        batch_op.create_index("ix_listing_shop_account", ["shop_id", "account_id", "sku", "id"])
        batch_op.drop_column("title_key")
