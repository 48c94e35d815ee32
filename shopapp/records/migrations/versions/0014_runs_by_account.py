"""Reads and other runs over listings are found by their account: the chore that queues them looks every minute."""

from collections.abc import Sequence

from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index("ix_listing_run_account", "listing_run", ["account_id", "kind", "site", "asked_at"])


def downgrade() -> None:
    op.drop_index("ix_listing_run_account", "listing_run")
