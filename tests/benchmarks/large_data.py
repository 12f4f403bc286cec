"""A database of many sessions, made in the server in pieces: few and short texts, secondary indexes built afterwards.

For `bench_large`. Rows are what the pipeline leaves, spread over ninety days and ten companies; the newest requests wait, and
only their sessions have messages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text

from livedash_pipeline.analysis.rules.prompt import prompt_version
from livedash_pipeline.base.store.companies import Company, add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.kept_counts import recount
from tests.benchmarks.data import MODEL, fill_chats, sample_chats
from tests.benchmarks.site import Site, make_company

BATCH_LINES = 5_000
WAITING = 100_000
_COMPANIES = 10
_PIECE = 500_000
_QUESTIONS = 1_000
_DAYS = 90
_LARGE = (
    "session_imports",
    "session_processing_status",
    "sessions",
    "ai_processing_requests",
    "ai_request_attempts",
    "session_questions",
)


@dataclass(frozen=True)
class Filled:
    """What was made: the company of every other request that waits, requests that wait, and seconds that it took."""

    company: Company
    waiting: int
    seconds: float


def fill_large(site: Site, count: int) -> Filled:
    """Makes so many sessions, each with a request; a twentieth of those that were answered was tried twice."""
    begun = time.perf_counter()
    company = make_company(site)
    waiting = min(WAITING, count // 4)
    with _without_indexes(site):
        with site.engine.begin() as connection:
            values = _values(connection, company, count, waiting)
            connection.execute(_BATCHES, values)
            connection.execute(_ASKED, values)
        for first in range(0, count, _PIECE):
            _fill_piece(site, {**values, "first": first, "last": min(first + _PIECE, count) - 1})
        with site.engine.begin() as connection:
            _unchecked(connection)
            _fill_chats(connection, count, waiting)
            connection.execute(text("INSERT INTO spend_marks (batch_id) SELECT id FROM ai_batch_requests"))
            recount(connection)
    return Filled(company, waiting, time.perf_counter() - begun)


def _values(connection: Connection, company: Company, count: int, waiting: int) -> dict[str, object]:
    now = database_now(connection)
    others = [
        add_company(connection, f"company-{number}", CompanyChanges(csv_url="http://127.0.0.1:9/x.csv"), now=now)
        for number in range(1, _COMPANIES)
    ]
    return {
        "companies": [company.id, *(other.id for other in others)],
        "now": now,
        "done": count - waiting,
        # One more than there are requests for: what is tried twice ends in the next batch.
        "batches": -(-(count - waiting) // BATCH_LINES) + _COMPANIES,
        "lines": BATCH_LINES,
        "days": _DAYS,
        "model": MODEL,
        "prompt_version": prompt_version(),
        "questions": _QUESTIONS,
        "chats": len(sample_chats()),
    }


def _fill_piece(site: Site, values: dict[str, object]) -> None:
    with site.engine.begin() as connection:
        _unchecked(connection)
        fill_chats(connection)
        for statement in (_IMPORTS, _STAGES, _SESSIONS, _REQUESTS, _TRIES, _SECOND_TRIES, _SESSION_QUESTIONS):
            connection.execute(statement, values)


def _fill_chats(connection: Connection, count: int, waiting: int) -> None:
    """Messages of the sessions whose requests wait, since their lines are built of them."""
    fill_chats(connection)
    connection.execute(_MESSAGES, {"first": count - waiting, "last": count - 1, "chats": len(sample_chats())})


def _unchecked(connection: Connection) -> None:
    # Rows refer to rows that are made in the same transaction, so nothing is looked up for foreign keys.
    connection.execute(text("SET LOCAL session_replication_role = replica"))


@contextmanager
def _without_indexes(site: Site) -> Iterator[None]:
    """Drops indexes that no constraint needs, and builds them again at the end, which is quicker than keeping them.

    Triggers of the large ledger are off meanwhile: they would note each piece.
    """
    with site.engine.begin() as connection:
        indexes = connection.execute(_INDEXES, {"tables": list(_LARGE)}).all()
        for name, _ in indexes:
            connection.execute(text(f"DROP INDEX {name}"))
        connection.execute(text("ALTER TABLE ai_request_attempts DISABLE TRIGGER mark_new_tries"))
    yield
    with site.engine.begin() as connection:
        connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        for _, definition in indexes:
            connection.execute(text(definition.replace(":", "\\:")))
        connection.execute(text("ALTER TABLE ai_request_attempts ENABLE ALWAYS TRIGGER mark_new_tries"))


_INDEXES = text("""
    SELECT pg_class.relname, pg_get_indexdef(pg_index.indexrelid)
    FROM pg_index
    JOIN pg_class ON pg_class.oid = pg_index.indexrelid
    WHERE
        pg_index.indrelid = ANY(CAST(CAST(:tables AS text[]) AS regclass[]))
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE pg_constraint.conindid = pg_index.indexrelid)
    ORDER BY pg_class.relname
""")


def _id(kind: int, number: str = "n") -> str:
    """Ids grow with the number, as they do where rows are made one after another."""
    return f"CAST('01970000-0000-7000-800{kind}-' || lpad(to_hex({number}), 12, '0') AS uuid)"


_SERIES = "generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n"
# Requests of a batch are of one company; those that wait, of two.
_OWNER = """(CAST(:companies AS uuid[]))[
    1 + CAST(CASE WHEN n >= :done THEN n % 2 ELSE (n / CAST(:lines AS integer)) % 10 END AS integer)
]"""
_AT = (
    "CAST(:now AS timestamptz) - interval '1 hour'"
    " - make_interval(days => 1) * CAST(:days AS integer) * (1 - n::numeric / (CAST(:done AS bigint) + 1000000))"
)
_BATCH_AT = (
    "CAST(:now AS timestamptz) - interval '1 hour'"
    " - make_interval(days => 1) * CAST(:days AS integer) * (1 - number::numeric / (CAST(:batches AS bigint) + 1))"
)
_BATCHES = text(f"""
    INSERT INTO ai_batch_requests (
        id, company_id, model, status, openai_status, endpoint, key_fingerprint, openai_batch_id, request_count, body_bytes,
        token_estimate, created_at, submitted_at, status_changed_at, completed_at, processed_at, reported_total,
        reported_completed, reported_failed, lines_succeeded, lines_failed
    )
    SELECT
        {_id(3, "number")}, (CAST(:companies AS uuid[]))[1 + CAST(number % 10 AS integer)], :model, 'PROCESSED', 'completed',
        'api.openai.com/v1', 'f', 'batch_' || number, :lines, 1000, 1000, at, at, at + interval '50 minutes',
        at + interval '50 minutes', at + interval '50 minutes', :lines, :lines, 0, :lines, 0
    FROM (
        SELECT number, {_BATCH_AT} AS at FROM generate_series(0, CAST(:batches AS bigint) - 1) AS number
    ) AS spread
""")
_IMPORTS = text(f"""
    INSERT INTO session_imports (
        id, company_id, external_session_id, start_time_raw, end_time_raw, start_time, end_time, content_hash, created_at,
        updated_at
    )
    SELECT {_id(0)}, {_OWNER}, md5(n::text), '', '', {_AT}, {_AT}, md5('row' || n), {_AT}, {_AT}
    FROM {_SERIES}
""")
_STAGES = text(f"""
    INSERT INTO session_processing_status (import_id, stage, status, started_at, completed_at)
    SELECT
        {_id(0)}, stage,
        CASE WHEN stage = 'AI_ANALYSIS' AND n % 10 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, :now, :now
    FROM {_SERIES}
    CROSS JOIN unnest(ARRAY['CSV_IMPORT', 'SESSION_CREATION', 'AI_ANALYSIS']) AS stage
    WHERE n < :done OR stage <> 'AI_ANALYSIS'
""")
_SESSIONS = text(f"""
    INSERT INTO sessions (
        id, company_id, import_id, start_time, end_time, duration_seconds, messages_sent, row_hash, transcript_hash, language,
        sentiment, escalated, forwarded_hr, category, summary, analysed_at, created_at, updated_at
    )
    SELECT
        {_id(1)}, {_OWNER}, {_id(0)}, {_AT}, {_AT} + interval '10 minutes', 600, 3, md5('row' || n), chats.transcript_hash,
        (ARRAY['nl', 'en', 'de'])[1 + n % 3], (ARRAY['POSITIVE', 'NEUTRAL', 'NEGATIVE'])[1 + n % 3], n % 20 = 0, n % 30 = 0,
        (ARRAY['SCHEDULE_HOURS', 'LEAVE_VACATION', 'OTHER'])[1 + n % 3],
        'The employee asked question ' || n || ' about leave.', CASE WHEN n < :done THEN {_AT} END, {_AT}, {_AT}
    FROM {_SERIES} JOIN chats ON chats.number = n % :chats
    ORDER BY n
""")
_REQUESTS = text(f"""
    INSERT INTO ai_processing_requests (
        id, session_id, company_id, model, processing_status, batch_id, prompt_version, transcript_hash, input_hash, body_bytes,
        token_estimate, max_output_tokens, attempts, error_code, requested_at, completed_at, updated_at
    )
    SELECT
        {_id(2)}, {_id(1)}, {_OWNER}, :model,
        CASE
            WHEN n >= :done THEN 'PENDING_BATCHING' WHEN n % 10 = 0 THEN 'PROCESSING_FAILED' ELSE 'PROCESSING_COMPLETE'
        END,
        CASE WHEN n < :done THEN {_id(3, "n / CAST(:lines AS integer)")} END,
        :prompt_version, chats.transcript_hash, chats.input_hash, chats.body_bytes, chats.token_estimate,
        chats.max_output_tokens, CASE WHEN n < :done THEN 1 ELSE 0 END,
        CASE WHEN n < :done AND n % 10 = 0 THEN 'truncated' END, {_AT}, CASE WHEN n < :done THEN {_AT} END, {_AT}
    FROM {_SERIES} JOIN chats ON chats.number = n % :chats
    ORDER BY n
""")
_COLUMNS = """
    request_id, batch_id, created_at, settled_at, outcome, model, prompt_tokens, completion_tokens, total_tokens,
    prompt_cost_usd, completion_cost_usd, total_cost_usd, usd_eur, total_cost_eur, reserved_eur
"""
_TRIES = text(f"""
    INSERT INTO ai_request_attempts ({_COLUMNS})
    SELECT
        {_id(2)}, batches.id, batches.created_at, batches.processed_at,
        CASE WHEN n % 10 = 0 THEN 'truncated' ELSE 'parsed' END, :model, 900, 200, 1100, 0.0001, 0.0002, 0.0003,
        0.9, 0.00027, 0.001
    FROM {_SERIES}
    JOIN ai_batch_requests AS batches ON batches.id = {_id(3, "n / CAST(:lines AS integer)")}
    WHERE n < :done
""")
# Into the next batch of the same company.
_SECOND_TRIES = text(f"""
    INSERT INTO ai_request_attempts ({_COLUMNS})
    SELECT
        {_id(2)}, batches.id, batches.created_at, batches.processed_at, 'truncated', :model, 900, 200, 1100, 0.0001, 0.0002,
        0.0003, 0.9, 0.00027, 0.001
    FROM {_SERIES}
    JOIN ai_batch_requests AS batches ON batches.id = {_id(3, "n / CAST(:lines AS integer) + 10")}
    WHERE n < :done AND n % 20 = 0
""")
_ASKED = text("""
    INSERT INTO questions (company_id, content, created_at)
    SELECT companies.id, 'How many days of leave do I have left, asked way ' || number || '?', :now
    FROM companies CROSS JOIN generate_series(1, CAST(:questions AS integer)) AS number
""")
_SESSION_QUESTIONS = text(f"""
    INSERT INTO session_questions (session_id, position, question_id)
    SELECT {_id(1)}, 0, listed.id
    FROM {_SERIES}
    JOIN (
        SELECT id, company_id, row_number() OVER (PARTITION BY company_id ORDER BY id) AS number FROM questions
    ) AS listed ON listed.company_id = {_OWNER} AND listed.number = n % :questions + 1
    WHERE n < :done
""")
_MESSAGES = text(f"""
    INSERT INTO messages (session_id, position, role, content, sent_at)
    SELECT {_id(1)}, said.position, said.role, said.content, said.sent_at
    FROM {_SERIES} CROSS JOIN LATERAL (
        SELECT * FROM chat_messages WHERE chat_messages.number = n % :chats ORDER BY position OFFSET 0
    ) AS said
""")
