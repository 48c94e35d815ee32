"""The product chosen for one order's line, uploads of SKU mappings."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import shopapp.records.db

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "sku_upload",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("made_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_sku_upload_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sku_upload")),
        sa.UniqueConstraint("shop_id", name=op.f("uq_sku_upload_shop_id")),
    )
    op.create_index("ix_sku_mapping_shop", "sku_mapping", ["shop_id", "id"], unique=False)
    op.add_column("order_line", sa.Column("chosen_gid", sa.String(length=64), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("order_line", "chosen_gid")
    op.drop_index("ix_sku_mapping_shop", table_name="sku_mapping")
    op.drop_table("sku_upload")
