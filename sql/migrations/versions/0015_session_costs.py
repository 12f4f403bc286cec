"""The cost of a session is looked up by its requests: the view read the whole ledger once for each session."""

from __future__ import annotations

from alembic import op

revision = "0015_session_costs"
down_revision = "0014_money"
branch_labels = None
depends_on = None

SESSION_ANALYSIS = """
CREATE OR REPLACE VIEW session_analysis AS
SELECT
    companies.slug AS company,
    session_imports.external_session_id,
    sessions.id AS session_id,
    sessions.start_time,
    sessions.end_time,
    sessions.duration_seconds,
    sessions.country,
    sessions.messages_sent,
    sessions.avg_response_time,
    sessions.initial_msg,
    sessions.language,
    sessions.sentiment,
    sessions.escalated,
    sessions.forwarded_hr,
    sessions.category,
    sessions.summary,
    coalesce(asked.questions, '{}') AS questions,
    sessions.analysed_at,
    coalesce(analysis.status, 'PENDING') AS analysis_status,
    cost.total_cost_eur
FROM sessions
JOIN companies ON companies.id = sessions.company_id
JOIN session_imports ON session_imports.id = sessions.import_id
LEFT JOIN session_processing_status AS analysis
    ON analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS'
LEFT JOIN LATERAL (
    SELECT array_agg(questions.content ORDER BY session_questions.position) AS questions
    FROM session_questions
    JOIN questions ON questions.id = session_questions.question_id
    WHERE session_questions.session_id = sessions.id
) AS asked ON true
"""

# The sum stands within the inner query, so that the condition on the request reaches the tables below `cost_entries`.
# The cost of a session is null where any part of it is unknown: a sum without it would be wrong.
SESSION_COST = """
LEFT JOIN LATERAL (
    SELECT CASE WHEN NOT bool_or(paid.is_open) THEN sum(paid.cost_eur) END AS total_cost_eur
    FROM ai_processing_requests
    CROSS JOIN LATERAL (
        SELECT bool_or(entries.is_open) AS is_open, sum(entries.cost_eur) AS cost_eur
        FROM cost_entries AS entries
        WHERE entries.request_id = ai_processing_requests.id
    ) AS paid
    WHERE ai_processing_requests.session_id = sessions.id
) AS cost ON true
"""
OLD_SESSION_COST = """
LEFT JOIN LATERAL (
    SELECT CASE WHEN NOT bool_or(entries.is_open) THEN sum(entries.cost_eur) END AS total_cost_eur
    FROM ai_processing_requests
    JOIN cost_entries AS entries ON entries.request_id = ai_processing_requests.id
    WHERE ai_processing_requests.session_id = sessions.id
) AS cost ON true
"""


def upgrade() -> None:
    op.execute(SESSION_ANALYSIS + SESSION_COST)


def downgrade() -> None:
    op.execute(SESSION_ANALYSIS + OLD_SESSION_COST)
