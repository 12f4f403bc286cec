"""The record of what was deleted: counts, never what it said.

Add what has to be remembered about deletions. The rules that say how long texts are kept are columns of `companies`.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.store.tables.base import company_column, id_column, metadata, moment, not_before

prune_runs = Table(
    "prune_runs",
    metadata,
    id_column(),
    company_column(nullable=True),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="What was deleted: texts by age, on request or as archived, Dagster's run records, or audit entries.",
    ),
    moment("started_at", "When the deletion began.", nullable=False),
    moment("finished_at", "When the deletion ended; null: it runs, or was interrupted."),
    Column(
        "counts", JSONB, nullable=False, server_default=text("'{}'"), comment="What was deleted, as counts by kind."
    ),
    CheckConstraint("kind IN ('retention', 'erasure', 'dagster', 'audit', 'archive')", name="kind_known"),
    not_before("finished_at", "started_at"),
    Index("ix_prune_runs_company_id_started_at", "company_id", "started_at"),
    comment="One row per deletion of texts of a company, of Dagster's records, or of audit entries.",
)
