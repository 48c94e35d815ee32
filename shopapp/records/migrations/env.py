"""Alembic's environment: runs on the engine it is handed, with a lock time-out so that a migration never hangs."""

from alembic import context
from sqlalchemy import text

from shopapp.records import models  # noqa: F401  # fills the metadata
from shopapp.records.db import Base

connectable = context.config.attributes["engine"]

with connectable.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # Machines that are started together migrate one after the other: the later ones find it done.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('shopapp migrations'))"))
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))  # the connection goes back to where it came from
        context.run_migrations()
