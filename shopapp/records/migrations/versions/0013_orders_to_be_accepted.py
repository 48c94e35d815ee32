"""The acceptance of orders, the merchant's rule about it, and when the state of a seller account was looked at last."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shopapp.records.db import Moment

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("order", sa.Column("accept_asked_at", Moment(timezone=True), nullable=True))
    op.add_column("order", sa.Column("accepted_at", Moment(timezone=True), nullable=True))
    switched_on: sa.Column[bool] = sa.Column("accept_orders", sa.Boolean(), server_default=sa.true(), nullable=False)
    op.add_column("account_rules", switched_on)
    op.add_column("account", sa.Column("looked_at", Moment(timezone=True), nullable=True))


def downgrade() -> None:
    # In place: SQLite would have to make the tables anew, which others refer to.
    op.drop_column("account", "looked_at")
    op.drop_column("account_rules", "accept_orders")
    op.drop_column("order", "accepted_at")
    op.drop_column("order", "accept_asked_at")
