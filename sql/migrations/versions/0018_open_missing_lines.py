"""A line that stands in neither file may have been charged: where its batch states no usage, its cost is open.

Such a try counted as free, and against no cap, although its request is not bought again for the very reason that it may be paid.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018_open_missing_lines"
down_revision = "0015_open_costs"
branch_labels = None
depends_on = None

# The view is taken as it stands, and only the first list of outcomes in it is changed, which is that of tries in batches: a call
# has no files to be missing from.
_WAS = "'artifact_unavailable'::text]"
_IS = "'artifact_unavailable'::text, 'missing'::text]"

TABLE, INDEX = "ai_request_attempts", "ix_ai_request_attempts_open_cost"
OUTCOMES = "'parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable'"


def upgrade() -> None:
    # The index comes first, since it is built outside of a transaction and may have to be built again.
    _index(f"{OUTCOMES}, 'missing'")
    _replace(_WAS, _IS)


def downgrade() -> None:
    _index(OUTCOMES)
    _replace(_IS, _WAS)


def _replace(was: str, is_now: str) -> None:
    view = op.get_bind().execute(sa.text("SELECT pg_get_viewdef('cost_entries'::regclass)")).scalar_one()
    if was not in view:
        raise AssertionError(f"The view cost_entries does not hold {was!r} any more.")
    op.get_bind().exec_driver_sql("CREATE OR REPLACE VIEW cost_entries AS " + view.replace(was, is_now, 1))


def _index(outcomes: str) -> None:
    """Builds the index anew for the outcomes that the view asks for, without which a planner does not use it."""
    where = sa.text(f"total_cost_eur IS NULL AND outcome IN ({outcomes})")
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, TABLE, if_exists=True, postgresql_concurrently=True)
        op.create_index(INDEX, TABLE, ["batch_id"], postgresql_where=where, postgresql_concurrently=True)
