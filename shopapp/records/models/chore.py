"""Chore: work of the whole installation that comes round again (rates, notices, retention). A due row like all else."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped

from shopapp.records.db import Base, Moment, plain
from shopapp.records.models.due import Due


class Chore(Due, Base):
    """One recurring duty, known by name. A lease makes a second scheduler harmless."""

    __tablename__ = "chore"

    id: Mapped[int] = plain(primary_key=True)
    name: Mapped[str] = plain(String(64), unique=True)
    done_at: Mapped[datetime | None] = plain(Moment)
    words: Mapped[str] = plain(String(500), default="")
