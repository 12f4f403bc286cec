"""Ninety days of a pipeline that was at work: analysed sessions, batches, tries with costs, questions and rejects, made by SQL.

For benches of what people look at. What is claimed and sent starts from `data.fill_requests` alone.
"""

from __future__ import annotations

from sqlalchemy import text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from tests.benchmarks.data import MODEL, fill_requests
from tests.benchmarks.site import Site

BATCH_LINES = 5_000
_QUESTIONS = 1_000
_REJECT_EVERY = 100
_WAITING_SHARE = 20

# Spread evenly over ninety days, in the order of their ids.
_ANALYSED = text("""
    UPDATE sessions SET
        start_time = :now - interval '90 days' * ((numbered.number % 1000000) / 1000000.0) - interval '1 hour',
        end_time = :now - interval '90 days' * ((numbered.number % 1000000) / 1000000.0) - interval '50 minutes',
        duration_seconds = 600,
        language = (ARRAY['nl', 'en', 'de'])[1 + numbered.number % 3],
        sentiment = (ARRAY['POSITIVE', 'NEUTRAL', 'NEGATIVE'])[1 + numbered.number % 3],
        escalated = numbered.number % 20 = 0,
        forwarded_hr = numbered.number % 30 = 0,
        category = (ARRAY['SCHEDULE_HOURS', 'LEAVE_VACATION', 'SALARY_COMPENSATION', 'OTHER'])[1 + numbered.number % 4],
        summary = 'The employee asked question ' || numbered.number || ' about leave and was helped.',
        analysed_at = :now - interval '1 hour'
    FROM (SELECT id, (row_number() OVER (ORDER BY id))::bigint * 7919 AS number FROM sessions) AS numbered
    WHERE sessions.id = numbered.id
""")
_BATCHES = text("""
    INSERT INTO ai_batch_requests (
        company_id, model, status, openai_status, endpoint, key_fingerprint, openai_batch_id, request_count, body_bytes,
        token_estimate, created_at, status_changed_at, completed_at, processed_at, lines_succeeded, lines_failed
    )
    SELECT
        :company_id, :model, 'PROCESSED', 'completed', 'api.openai.com/v1', 'f', 'batch_' || number, :lines, 1000, 1000,
        at, at + interval '1 hour', at + interval '1 hour', at + interval '1 hour', :lines, 0
    FROM (
        SELECT number, :now - interval '90 days' * (number / (:batches + 1.0)) - interval '2 hours' AS at
        FROM generate_series(1, :batches) AS number
    ) AS spread
""")
_TRIES = text("""
    INSERT INTO ai_request_attempts (
        request_id, batch_id, created_at, settled_at, outcome, model, prompt_tokens, completion_tokens, total_tokens,
        total_cost_usd, usd_eur, total_cost_eur, reserved_eur
    )
    SELECT
        listed.id, batches.id, batches.created_at, batches.processed_at,
        CASE WHEN listed.processing_status = 'PROCESSING_FAILED' THEN 'truncated' ELSE 'parsed' END,
        :model, 900, 200, 1100, 0.0003, 0.9, 0.00027, 0.001
    FROM (
        SELECT id, processing_status, 1 + (row_number() OVER (ORDER BY id) - 1) / :lines AS batch
        FROM ai_processing_requests WHERE processing_status <> 'PENDING_BATCHING'
    ) AS listed
    JOIN (
        SELECT id, created_at, processed_at, row_number() OVER (ORDER BY id) AS number FROM ai_batch_requests
    ) AS batches ON batches.number = listed.batch
""")
_REQUESTS = text("""
    UPDATE ai_processing_requests SET
        batch_id = tries.batch_id, attempts = 1, completed_at = tries.settled_at, requested_at = tries.created_at,
        error_code = CASE WHEN tries.outcome = 'truncated' THEN 'truncated' END
    FROM ai_request_attempts AS tries
    WHERE tries.request_id = ai_processing_requests.id
""")
_ADD_QUESTIONS = text("""
    INSERT INTO questions (company_id, content, created_at)
    SELECT :company_id, 'How many days of leave do I have left, asked way ' || number || '?', :now
    FROM generate_series(1, :questions) AS number
""")
_ASKED = text("""
    INSERT INTO session_questions (session_id, position, question_id)
    SELECT numbered.id, 0, listed.id
    FROM (SELECT id, row_number() OVER (ORDER BY id) % :questions + 1 AS number FROM sessions) AS numbered
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS number FROM questions) AS listed USING (number)
""")
_IMPORTS = text("""
    INSERT INTO import_runs (company_id, source_url, status, started_at, finished_at, rows, rows_new, rows_rejected)
    SELECT :company_id, 'http://127.0.0.1:9/x.csv', 'COMPLETED', at, at + interval '1 minute', 1000, 1000, 10
    FROM (SELECT :now - interval '1 day' * number AS at FROM generate_series(0, 89) AS number) AS days
""")
_REJECTS = text("""
    INSERT INTO import_rejects (company_id, import_run_id, line_number, raw_text, reason)
    SELECT :company_id, runs.id, numbers.number, 'chat-1,30.02.2026', (ARRAY['bad_date', 'column_count'])[1 + numbers.number % 2]
    FROM generate_series(1, :rejects) AS numbers (number)
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM import_runs) AS runs ON runs.place = 1 + numbers.number % 90
""")


def fill_history(site: Site, company: Company, count: int) -> None:
    """Makes sessions with a request each: a twentieth waits, a tenth of the others failed, the rest is analysed and paid for."""
    fill_requests(site, company, count, pending=count // _WAITING_SHARE, messages=False)
    batches = -(-count // BATCH_LINES)
    with site.engine.begin() as connection:
        values = {
            "company_id": company.id,
            "now": database_now(connection),
            "model": MODEL,
            "lines": BATCH_LINES,
            "batches": batches,
            "questions": min(_QUESTIONS, count),
            "rejects": count // _REJECT_EVERY,
        }
        for statement in (_ANALYSED, _BATCHES, _TRIES, _REQUESTS, _ADD_QUESTIONS, _ASKED, _IMPORTS, _REJECTS):
            connection.execute(statement, values)
