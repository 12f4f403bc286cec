"""The record of what was deleted: counts, never what it said.

Add what has to be remembered about deletions. The rules that say how long texts are kept are columns of `companies`.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.store.tables.base import id_column, metadata, moment, not_before, reference

prune_runs = Table(
    "prune_runs",
    metadata,
    id_column(),
    # Null: not one company's, such as Dagster's own runs.
    reference("company_id", "companies.id", nullable=True),
    # By age, on request for named sessions, of Dagster's run records, or of audit entries.
    Column("kind", Text, nullable=False),
    moment("started_at", nullable=False),
    moment("finished_at"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("kind IN ('retention', 'erasure', 'dagster', 'audit')", name="kind_known"),
    not_before("finished_at", "started_at"),
    Index("ix_prune_runs_company_id_started_at", "company_id", "started_at"),
)
