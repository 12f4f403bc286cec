"""Finds open costs through an index: of tries that may have been charged at a cost that nobody knows, and of unusual tiers.

An amount that somebody stated for a line counts no more once the line's answer has shown.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0017_open_costs"
down_revision = "0014_money"
branch_labels = None
depends_on = None

# Each change of the view `cost_entries`, as it was and as it is. A planner sees through a conjunction, and not through a CASE, that
# an index of open costs is enough.
_LINE_WAS = """    CASE
        WHEN tries.outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable')
            AND tries.total_cost_eur IS NULL AND mended.id IS NULL
            THEN
                NOT EXISTS (
                    SELECT 1 FROM ai_request_attempts AS late
                    WHERE late.request_id = tries.request_id AND late.batch_id = tries.batch_id AND late.is_late AND NOT tries.is_late
                )
                AND NOT (
                    tries.prompt_tokens IS NULL AND tries.completion_tokens IS NULL AND tries.total_tokens IS NULL
                    AND EXISTS (
                        SELECT 1 FROM ai_cost_adjustments AS rest
                        LEFT JOIN ai_cost_adjustments AS filled ON filled.adjustment_id = rest.id
                        WHERE rest.batch_id = tries.batch_id AND (rest.cost_eur IS NOT NULL OR filled.id IS NOT NULL)
                    )
                )
        ELSE FALSE
    END AS is_open,
"""
_LINE_IS = """    tries.outcome IS NOT NULL
    AND tries.outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable')
    AND tries.total_cost_eur IS NULL
    AND mended.id IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM ai_request_attempts AS late
        WHERE late.request_id = tries.request_id AND late.batch_id = tries.batch_id AND late.is_late AND NOT tries.is_late
    )
    AND (
        tries.prompt_tokens IS NOT NULL OR tries.completion_tokens IS NOT NULL OR tries.total_tokens IS NOT NULL
        OR NOT EXISTS (
            SELECT 1 FROM ai_cost_adjustments AS rest
            LEFT JOIN ai_cost_adjustments AS filled ON filled.adjustment_id = rest.id
            WHERE rest.batch_id = tries.batch_id AND (rest.cost_eur IS NOT NULL OR filled.id IS NOT NULL)
        )
    ) AS is_open,
"""
_CALL_WAS = """    tries.is_call AND tries.total_cost_eur IS NULL AND mended.id IS NULL
    AND coalesce(tries.outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable'), FALSE),
"""
_CALL_IS = """    tries.is_call
    AND tries.outcome IS NOT NULL
    AND tries.outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable')
    AND tries.total_cost_eur IS NULL
    AND mended.id IS NULL,
"""
_COSTS_WERE = """    CASE WHEN mended.id IS NULL THEN tries.total_cost_usd ELSE coalesce(tries.total_cost_usd, 0) + mended.cost_usd END AS cost_usd,
    CASE WHEN mended.id IS NULL THEN tries.total_cost_eur ELSE coalesce(tries.total_cost_eur, 0) + mended.cost_eur END AS cost_eur
"""
# What was stated for a line is given up for the row of its late answer, which has the true figures.
_COSTS_ARE = """    CASE
        WHEN mended.id IS NULL OR EXISTS (
            SELECT 1 FROM ai_request_attempts AS late
            WHERE late.request_id = tries.request_id AND late.batch_id = tries.batch_id AND late.is_late AND NOT tries.is_late
        ) THEN tries.total_cost_usd
        ELSE coalesce(tries.total_cost_usd, 0) + mended.cost_usd
    END AS cost_usd,
    CASE
        WHEN mended.id IS NULL OR EXISTS (
            SELECT 1 FROM ai_request_attempts AS late
            WHERE late.request_id = tries.request_id AND late.batch_id = tries.batch_id AND late.is_late AND NOT tries.is_late
        ) THEN tries.total_cost_eur
        ELSE coalesce(tries.total_cost_eur, 0) + mended.cost_eur
    END AS cost_eur
"""
_CHANGES = ((_LINE_WAS, _LINE_IS), (_CALL_WAS, _CALL_IS), (_COSTS_WERE, _COSTS_ARE))
TABLE = "ai_request_attempts"
INDEXES = (
    (
        "ix_ai_request_attempts_open_cost",
        "batch_id",
        "total_cost_eur IS NULL AND outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable')",
    ),
    (
        "ix_ai_request_attempts_other_tier",
        "settled_at",
        "batch_id IS NOT NULL AND lower(btrim(service_tier)) NOT IN ('', 'auto', 'default', 'standard', 'batch')",
    ),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, column, where in INDEXES:
            # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
            op.drop_index(name, TABLE, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, TABLE, [column], postgresql_where=sa.text(where), postgresql_concurrently=True)
    op.execute(_view(new=True))


def downgrade() -> None:
    op.execute(_view(new=False))
    with op.get_context().autocommit_block():
        for name, _, _ in INDEXES:
            op.drop_index(name, TABLE, if_exists=True, postgresql_concurrently=True)


def _view(*, new: bool) -> str:
    """The view as revision 0014 made it, or with the changes of this one; its columns stay."""
    view: str = context.script.get_revision("0014_money").module.COST_ENTRIES  # type: ignore[union-attr]
    for was, is_now in _CHANGES if new else ():
        if view.count(was) != 1:
            raise AssertionError("the view of revision 0014 is another one")
        view = view.replace(was, is_now)
    return view.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
