"""Failed requests put back to pending, all at once: 100,000 of them, whatever a larger database holds besides."""

from __future__ import annotations

from sqlalchemy import text

from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from tests.benchmarks.data import fill_requests
from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down

_FAILED = 100_000
_CODE = "artifact_unavailable"
# Every request of the database is over; the newest ones fail, and the analysis of their sessions with them.
_FAIL = text("""
    WITH failed AS (
        UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', error_code = :code
        WHERE id IN (SELECT id FROM ai_processing_requests ORDER BY id DESC LIMIT :count)
        RETURNING session_id
    )

    INSERT INTO session_processing_status (import_id, stage, status, error_message, started_at, completed_at)
    SELECT sessions.import_id, 'AI_ANALYSIS', 'FAILED', :code, sessions.created_at, sessions.created_at
    FROM failed JOIN sessions ON sessions.id = failed.session_id
""")


def measure(site: Site, size: int) -> list[Figure]:
    """The number is that of the goal, unless the size is smaller; first only counted, then done."""
    count = min(size, _FAILED)
    fill_requests(site, make_company(site), size, pending=0, messages=False)
    with site.engine.begin() as connection:
        connection.execute(_FAIL, {"count": count, "code": _CODE})
    settle_down(site)
    counted, done = Stopwatch(), Stopwatch()
    for watch, dry_run in ((counted, True), (done, False)):
        with watch.running():
            answer = requeue_requests(site.engine, KINDS, error_code=_CODE, dry_run=dry_run)
        require(answer["requeuedCount"] == count, str(answer))
    return [
        Figure("requeue", size, count, done.seconds, done.peak_mb, unit="s", goal=10),
        Figure("requeue: dry run", size, count, counted.seconds, counted.peak_mb, unit="s"),
    ]
