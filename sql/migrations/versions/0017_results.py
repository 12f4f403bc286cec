"""Views with what analyses found, by company and day, and an index for sessions of all companies, newest first."""

from __future__ import annotations

from alembic import op

revision = "0017_results"
down_revision = "0016_console"
branch_labels = None
depends_on = None

INDEX = "ix_sessions_start_time_id"

# A day is one of the company's own calendar. What is known of a session is not null; a rate is one of what is known.
SESSION_RESULTS = """
CREATE VIEW session_results AS
SELECT
    companies.slug AS company,
    sessions.company_id,
    sessions.id AS session_id,
    sessions.start_time,
    sessions.start_time AT TIME ZONE companies.time_zone AS local_start_time,
    CAST(sessions.start_time AT TIME ZONE companies.time_zone AS date) AS day,
    sessions.duration_seconds,
    sessions.messages_sent AS messages,
    sessions.analysed_at IS NOT NULL AS is_analysed,
    sessions.language,
    sessions.sentiment,
    sessions.category,
    sessions.escalated,
    sessions.forwarded_hr
FROM sessions
JOIN companies ON companies.id = sessions.company_id
"""
DAILY_RESULTS = """
CREATE VIEW daily_results AS
SELECT
    company,
    company_id,
    day,
    count(*) AS sessions,
    count(*) FILTER (WHERE is_analysed) AS analysed,
    count(sentiment) AS sentiment_known,
    count(*) FILTER (WHERE sentiment = 'POSITIVE') AS positive,
    count(*) FILTER (WHERE sentiment = 'NEUTRAL') AS neutral,
    count(*) FILTER (WHERE sentiment = 'NEGATIVE') AS negative,
    count(escalated) AS escalation_known,
    count(*) FILTER (WHERE escalated) AS escalated,
    round(count(*) FILTER (WHERE escalated) / CAST(nullif(count(escalated), 0) AS numeric), 4) AS escalation_rate,
    count(forwarded_hr) AS forwarding_known,
    count(*) FILTER (WHERE forwarded_hr) AS forwarded_hr,
    round(count(*) FILTER (WHERE forwarded_hr) / CAST(nullif(count(forwarded_hr), 0) AS numeric), 4) AS forwarding_rate,
    count(messages) AS messages_known,
    coalesce(sum(messages), 0) AS messages,
    round(avg(messages), 1) AS average_messages,
    sum(duration_seconds) AS duration_seconds,
    round(avg(duration_seconds), 1) AS average_duration_seconds,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) AS median_duration_seconds
FROM session_results
GROUP BY company, company_id, day
"""
DAILY_CATEGORIES = """
CREATE VIEW daily_categories AS
SELECT
    company,
    company_id,
    day,
    category,
    count(*) AS sessions
FROM session_results
WHERE category IS NOT NULL
GROUP BY company, company_id, day, category
"""
DAILY_LANGUAGES = """
CREATE VIEW daily_languages AS
SELECT
    company,
    company_id,
    day,
    language,
    count(*) AS sessions
FROM session_results
WHERE language IS NOT NULL
GROUP BY company, company_id, day, language
"""
# A session asks a question once at most, which a constraint keeps so: the sessions are how often it was asked, too.
DAILY_QUESTIONS = """
CREATE VIEW daily_questions AS
SELECT
    session_results.company,
    session_results.company_id,
    session_results.day,
    session_questions.question_id,
    questions.content AS question,
    count(*) AS sessions,
    count(*) FILTER (WHERE session_questions.position = 0) AS asked_first
FROM session_results
JOIN session_questions ON session_questions.session_id = session_results.session_id
JOIN questions ON questions.id = session_questions.question_id
GROUP BY
    session_results.company, session_results.company_id, session_results.day, session_questions.question_id, questions.content
"""
VIEWS = (SESSION_RESULTS, DAILY_RESULTS, DAILY_CATEGORIES, DAILY_LANGUAGES, DAILY_QUESTIONS)


def upgrade() -> None:
    # First, since it ends the transaction: an upgrade that is interrupted here has made no view yet.
    with op.get_context().autocommit_block():
        # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
        op.drop_index(INDEX, "sessions", if_exists=True, postgresql_concurrently=True)
        op.create_index(INDEX, "sessions", ["start_time", "id"], postgresql_concurrently=True)
    for view in VIEWS:
        op.execute(view)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "sessions", if_exists=True, postgresql_concurrently=True)
    for name in ("daily_questions", "daily_languages", "daily_categories", "daily_results", "session_results"):
        op.execute(f"DROP VIEW {name}")
