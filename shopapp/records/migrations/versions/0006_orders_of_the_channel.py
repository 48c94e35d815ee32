"""Orders that the marketplace ships itself, and whether a cancelled order's stock is put back."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("order", sa.Column("by_channel", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("order", sa.Column("restock", sa.String(length=8), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("order", "restock")
    op.drop_column("order", "by_channel")
