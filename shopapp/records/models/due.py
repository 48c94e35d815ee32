"""What every row of work carries: when it is due, who holds it, how often it was tried. Claimed by `work.claim` only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped

from shopapp.records.db import Moment, plain


class Due:
    """Columns of work. `due_at` None means nothing to do; a lease is held while `lease_until` is in the future."""

    due_at: Mapped[datetime | None] = plain(Moment, index=True)
    lease_token: Mapped[str] = plain(String(32), default="")
    lease_until: Mapped[datetime | None] = plain(Moment)
    attempt: Mapped[int] = plain(default=0)
