"""The shop's locations by name, for the choice whose stock counts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("shop", sa.Column("locations", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("shop", "locations")
