"""Deletions of old audit entries are recorded like those of texts."""

from __future__ import annotations

from alembic import op

revision = "0006_audit_retention"
down_revision = "0005_index_analysed_sessions"
branch_labels = None
depends_on = None

NAME = "ck_prune_runs_kind_known"
BEFORE = "kind IN ('retention', 'erasure', 'dagster')"
AFTER = "kind IN ('retention', 'erasure', 'dagster', 'audit')"


def upgrade() -> None:
    op.drop_constraint(op.f(NAME), "prune_runs")
    op.create_check_constraint(op.f(NAME), "prune_runs", AFTER)


def downgrade() -> None:
    op.execute("DELETE FROM prune_runs WHERE kind = 'audit'")
    op.drop_constraint(op.f(NAME), "prune_runs")
    op.create_check_constraint(op.f(NAME), "prune_runs", BEFORE)
