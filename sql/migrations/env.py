"""Alembic's environment: runs migrations on the connection that `livedash_pipeline.base.store.migrate` hands over.

Every migration waits at most `LOCK_TIMEOUT` for a lock, so that an upgrade beside a running pipeline fails and is tried
again instead of queueing everybody behind it. Index builds on large tables go into an autocommit block, CONCURRENTLY.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from livedash_pipeline.base.store.tables import metadata

LOCK_TIMEOUT = "10s"

connection = context.config.attributes["connection"]
connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
connection.commit()
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
