"""A settled month to Parquet, its texts deleted, and put back; beside it, the same rows through COPY to a file.

Sizes are told, too: of the tables that hold texts before and after, vacuumed, and of the files.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from sqlalchemy import Engine, text

from livedash_pipeline.archive.steps.create import CreateRequest, create
from livedash_pipeline.archive.steps.restore import restore
from tests.benchmarks.data import fill_requests
from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, Stopwatch, make_company, peak_mb, require, settle_down

_MEGABYTE = 1_000_000
_MONTH = "2025-05"
_TEXTS = ("session_imports", "transcripts", "sessions", "messages", "ai_processing_requests")
# Chats that repeat would compress as no real ones do: each message has the words of a sample, eight times as many, in an order of
# its own, which is some 540 characters.
_SHUFFLED = text("""
    UPDATE messages
    SET content = (
        SELECT string_agg(word, ' ' ORDER BY md5(word || messages.session_id || place || number))
        FROM regexp_split_to_table(messages.content, ' ') WITH ORDINALITY AS words (word, place)
        CROSS JOIN generate_series(1, 8) AS number
    )
""")
# As a source serves them: a line a message.
_TRANSCRIPTS = text(r"""
    INSERT INTO transcripts (import_id, url, row_hash, status, content, sha256, fetched_at, updated_at)
    SELECT
        sessions.import_id, 'http\://127.0.0.1\:9/x.txt', sessions.row_hash, 'FETCHED', said.content, md5(said.content),
        sessions.created_at, sessions.created_at
    FROM sessions
    CROSS JOIN LATERAL (
        SELECT string_agg(
            '[' || to_char(messages.sent_at, 'DD.MM.YYYY HH24\:MI\:SS') || '] ' || messages.role || ': ' || messages.content,
            E'\n' ORDER BY messages.position
        ) AS content
        FROM messages WHERE messages.session_id = sessions.id
    ) AS said
""")
_FOUND = text("""
    UPDATE sessions
    SET
        transcript_sha256 = transcripts.sha256, language = 'nl', sentiment = 'NEUTRAL', category = 'SCHEDULE_HOURS',
        summary = 'The user asks where the roster of next week is, and number ' || md5(sessions.id::text) || ' is told.',
        analysed_at = sessions.created_at
    FROM transcripts WHERE transcripts.import_id = sessions.import_id
""")
_STAGES = text("""
    INSERT INTO session_processing_status (import_id, stage, status, started_at, completed_at)
    SELECT sessions.import_id, stage, 'COMPLETED', sessions.created_at, sessions.created_at
    FROM sessions CROSS JOIN unnest(ARRAY['AI_ANALYSIS', 'QUESTION_EXTRACTION']) AS stage
""")
_ANSWERS = text("""
    UPDATE ai_processing_requests AS requests
    SET parsed_answer = jsonb_build_object(
        'session_id', requests.session_id, 'language', 'nl', 'sentiment', 'NEUTRAL', 'escalated', false,
        'forwarded_hr', false, 'category', 'SCHEDULE_HOURS', 'questions', jsonb_build_array('Where is my roster?'),
        'summary', sessions.summary
    )
    FROM sessions WHERE sessions.id = requests.session_id
""")
_ATTEMPTS = text("""
    INSERT INTO ai_request_attempts (
        request_id, is_call, created_at, settled_at, outcome, model, prompt_tokens, completion_tokens, total_tokens,
        total_cost_usd, usd_eur, total_cost_eur
    )
    SELECT
        requests.id, true, requests.requested_at, requests.requested_at, 'parsed', requests.model, 900, 100, 1000,
        0.0003, 0.9, 0.00027
    FROM ai_processing_requests AS requests
""")
# What the files hold, as text.
_COPIES = (
    "COPY (SELECT sessions.*, transcripts.content FROM sessions JOIN transcripts USING (import_id)"
    " ORDER BY sessions.start_time, sessions.id) TO STDOUT",
    "COPY (SELECT * FROM messages ORDER BY session_id, position) TO STDOUT",
    "COPY (SELECT * FROM ai_processing_requests ORDER BY session_id) TO STDOUT",
    "COPY (SELECT * FROM ai_request_attempts ORDER BY request_id) TO STDOUT",
)


def measure(site: Site, size: int) -> list[Figure]:
    """Writing with the yardstick, deleting with its comparison to the letter, restoring; then megabytes."""
    fill_requests(site, make_company(site), size, pending=0)
    with site.engine.begin() as connection:
        for statement in (_SHUFFLED, _TRANSCRIPTS, _FOUND, _STAGES, _ANSWERS, _ATTEMPTS):
            connection.execute(statement)
    _rewrite(site.engine)
    settle_down(site)
    before = _table_bytes(site.engine)
    copied, written, deleted, restored = Stopwatch(), Stopwatch(), Stopwatch(), Stopwatch()
    with copied.running():
        _copy(site.engine, site.scratch / "yardstick")
    root = site.scratch / "archive"
    with written.running():
        report = create(site.engine, CreateRequest(_MONTH, root, "bench", dry_run=False))["acme"]
    require(report.settled == size, str(report))
    settle_down(site)
    with deleted.running():
        done = create(site.engine, CreateRequest(_MONTH, root, "bench", delete_texts=True, dry_run=False))["acme"]
    require(done.deletion.sessions == size, str(done))
    _rewrite(site.engine)
    after = _table_bytes(site.engine)
    with restored.running():
        back = restore(site.engine, report.parts, dry_run=False)
    require(sum(each.sessions for each in back) == size, str(back))
    copy_seconds = copied.seconds
    return [
        Figure("archive", size, size, written.seconds, written.peak_mb, yardstick=copy_seconds, goal=6),
        Figure("archive: deleting texts", size, size, deleted.seconds, deleted.peak_mb, unit="s"),
        Figure("archive: restoring", size, size, restored.seconds, restored.peak_mb, unit="s"),
        _megabytes("archive: files", size, report.part_bytes, written),
        _megabytes("archive: tables before", size, before, written),
        _megabytes("archive: tables after", size, after, deleted),
    ]


def _megabytes(name: str, size: int, count: int, watch: Stopwatch) -> Figure:
    return Figure(name, size, size, watch.seconds, peak_mb(), value=count / _MEGABYTE, unit="MB")


def _copy(engine: Engine, place: Path) -> None:
    with engine.connect() as connection, place.open("wb") as file:
        driver = connection.connection.dbapi_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError("not psycopg")
        for statement in _COPIES:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for chunk in copy:
                    file.write(chunk)


def _rewrite(engine: Engine) -> None:
    """Gives dead rows back to the system, as `VACUUM FULL` does."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in _TEXTS:
            connection.execute(text(f"VACUUM (FULL, ANALYZE) {table}"))


def _table_bytes(engine: Engine) -> int:
    with engine.connect() as connection:
        return sum(
            connection.execute(text(f"SELECT pg_total_relation_size('{table}')")).scalar_one() for table in _TEXTS
        )
