"""Three columns that nothing ever read are gone."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import shopapp.records.db

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    for table in ("listing", "shipment"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_constraint(op.f(f"uq_{table}_uid"), type_="unique")
            batch_op.drop_column("uid")
    with op.batch_alter_table("account_rules") as batch_op:
        batch_op.drop_column("switched_at")


def downgrade() -> None:
    with op.batch_alter_table("account_rules") as batch_op:
        batch_op.add_column(sa.Column("switched_at", shopapp.records.db.Moment(timezone=True), nullable=True))
    for table in ("listing", "shipment"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column("uid", sa.String(length=32), nullable=True))
        op.execute(sa.text(f"UPDATE {table} SET uid = 'again-' || id"))  # noqa: S608  # names of our own tables
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column("uid", existing_type=sa.String(length=32), nullable=False)
            batch_op.create_unique_constraint(op.f(f"uq_{table}_uid"), ["uid"])
