"""What a marketplace must be told to ask for the results of a document may be longer than a line."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("listing_feed") as batch_op:
        batch_op.alter_column("ticket", existing_type=sa.String(length=255), type_=sa.Text(), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("listing_feed") as batch_op:
        batch_op.alter_column("ticket", existing_type=sa.Text(), type_=sa.String(length=255), existing_nullable=False)
