"""An index over the orders that still know their buyer, which are the ones that are looked at to forget him."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    still = sa.text("purged_at IS NULL")
    with op.batch_alter_table("order") as batch_op:
        batch_op.create_index("ix_order_unpurged", ["id"], sqlite_where=still, postgresql_where=still)


def downgrade() -> None:
    with op.batch_alter_table("order") as batch_op:
        batch_op.drop_index("ix_order_unpurged")
